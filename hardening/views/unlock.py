"""The way out of a wait by mail: asking for the link, and what the link opens.

Programs that look through mails follow links, so opening one changes nothing: its page has a
button. That posts the token as a field; in the path it would stand in the logs of a request that
fails.

The traps: the answer to a name must not tell whether anybody has it, nor by the time it takes, so
everything that depends on the name is done when the answer is on its way. And ``no-referrer`` on
the page of the link would make its own form look foreign (``Origin: null``); what the browser says
of this page stays on this site.
"""

from __future__ import annotations

import functools
import logging
import os
from typing import TYPE_CHECKING

from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from hardening import answers, browser_cookie, host, origin
from hardening.flows import unlock
from hardening.forms import UnlockForm
from hardening.views.page import HTTP_GONE, PageView, StepHead

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse

log = logging.getLogger("hardening")


class _LinkView(PageView):
    """What both pages do with a link that does not work."""

    def gone(self) -> HttpResponse:
        """Say that the link does not work (any more), whyever, and how to get another."""
        text = _(
            "It was used already, a newer one was sent, or its time is over. Nothing was changed."
        )
        return self.show(
            "done.html",
            status=HTTP_GONE,
            heading=_("This link does not work any more"),
            text=text,
            link_url=resolve_url("hardening:unlock"),
            link_text=_("Ask for a new link"),
            payload={"detail": text},
        )


class UnlockView(_LinkView):
    """Ask for a link, or use one."""

    template_name = "unlock.html"
    rate = "20/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        del request
        return self._form(UnlockForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Have a link mailed, or end the wait by one."""
        token = self.data.get("token")
        if token is not None:
            return self._spent(request, str(token))
        form = UnlockForm(self.data)
        if not form.is_valid():
            return self._form(form)
        response = self.show("unlock_sent.html", minutes=_minutes(), login_url=answers.login_page())
        answers.afterwards(
            response,
            self._sending(request, form.cleaned_data["username"]),
            fault="a link that ends a wait could not be sent",
        )
        return response

    def _form(self, form: UnlockForm) -> HttpResponse:
        return self.show(form=form, minutes=_minutes(), login_url=answers.login_page())

    def _sending(self, request: HttpRequest, name: str) -> Callable[[], None]:
        """Return what is left to do; all that it needs of the request is read now."""
        begins = host.site_url() or host.link_origin(request)
        page = f"{begins}{resolve_url('hardening:unlock')}"
        address, where = origin.address(request), origin.where(request)

        @sensitive_variables()
        def send() -> None:
            if begins is None:
                _say_that_no_link_can_be_made()
                return
            random = os.urandom(unlock.TOKEN_BYTES)
            unlock.send_link(name, random, page=page, address=address, now=self.now, where=where)

        return send

    def _spent(self, request: HttpRequest, token: str) -> HttpResponse:
        unlocked = unlock.spend(token, now=self.now, where=origin.where(request))
        if unlocked is None:
            return self.gone()
        browser_cookie.remember(
            request,
            unlocked.user_pk,
            password=unlocked.password,
            account_epoch=unlocked.account_epoch,
            site_epoch=unlocked.site_epoch,
            proven=True,
        )
        done = _("The wait is over. You can sign in now.")
        if self.json or hasattr(request, "_messages"):
            self.say(done)
            return self.go(answers.login_page())
        return self.show(  # a host without messages: the line would get lost
            "done.html",
            heading=_("The wait is over"),
            text=_("You can sign in now."),
            link_url=answers.login_page(),
            link_text=_("Sign in"),
        )


class UnlockConfirmView(_LinkView):
    """What a mailed link opens: one button."""

    template_name = "unlock_confirm.html"
    http_method_names = ["get", "head", "options"]  # noqa: RUF012 - as Django has it

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show the button."""
        del request
        user = unlock.find(token, now=self.now)
        if user is None:
            return self.gone()
        head = StepHead(person=self.masked(user), is_sign_in=False)
        return self.show(step=head, token=token)


def _minutes() -> int:
    return unlock.UNLOCK_SECONDS // 60


@functools.cache
def _say_that_no_link_can_be_made() -> None:
    log.error(
        "no link that ends a wait was mailed: ALLOWED_HOSTS takes any host, so a stranger would "
        "choose where the link leads; name the hosts of this site"
    )
