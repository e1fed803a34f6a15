"""A forgotten password: asking for a link, and choosing a new one by it.

The answer to a name is the same whether anybody has it; everything that depends on the name is
done when the answer is on its way. Nobody is signed in by a reset, and no factor is touched: the
next sign-in asks for it as ever.

The trap: the token stands in the path of the first request only, which answers with a redirect
whatever it is worth, so that no log of a request that failed holds one, and no ``Referer``. From
then on it lies in the session, under a new key: a session that somebody planted in this browser
must not hold it.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

from django.contrib.auth.password_validation import password_validators_help_text_html
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from hardening import answers, host, origin
from hardening.facts import FactsError, NotMigratedError
from hardening.flows import password, resets
from hardening.forms import ForgottenForm, ResetPasswordForm
from hardening.views.page import HTTP_GONE, PageView, StepHead

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from django.http import HttpRequest, HttpResponse

KEY = "_hardening_reset"  # in the session: account and token
HOUR_SECONDS = 3600
CHOOSE = "choose"  # stands in the path in the place of the token

log = logging.getLogger("hardening")


def link_maker(request: HttpRequest) -> Callable[[str, str], str] | None:
    """Return what makes the absolute URL of a key and a token; `None` where none may be mailed."""
    begins = host.site_url() or host.link_origin(request)
    if begins is None:
        _say_that_no_link_can_be_made()
        return None
    return lambda key, token: (
        f"{begins}{resolve_url('hardening:password_reset_confirm', key, token)}"
    )


class PasswordResetView(PageView):
    """Ask for a link."""

    template_name = "password_reset.html"
    rate = "20/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form."""
        del request
        return self._form(ForgottenForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Have a link mailed."""
        form = ForgottenForm(self.data)
        if not form.is_valid():
            return self._form(form)
        response = self.go(resolve_url("hardening:password_reset_done"))
        answers.afterwards(
            response,
            self._sending(request, form.cleaned_data["username"]),
            fault="a link to a new password could not be sent",
        )
        return response

    def _form(self, form: ForgottenForm) -> HttpResponse:
        return self.show(form=form, login_url=answers.login_page())

    def _sending(self, request: HttpRequest, name: str) -> Callable[[], None]:
        """Return what is left to do; all that it needs of the request is read now."""
        link = link_maker(request)
        address, where = origin.address(request), origin.where(request)

        @sensitive_variables()
        def send() -> None:
            if link is not None:
                resets.send_link(name, link=link, address=address, now=self.now, where=where)

        return send


class PasswordResetDoneView(PageView):
    """What everybody reads who asked."""

    template_name = "password_reset_done.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Say where to look."""
        del request
        hours = max(1, host.reset_seconds() // HOUR_SECONDS)
        return self.show(hours=hours, login_url=answers.login_page())


class PasswordResetConfirmView(PageView):
    """What a mailed link opens: the new password, twice."""

    template_name = "password_reset_confirm.html"
    rate = "30/m"

    def get(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """Put the token into the session, or show the form."""
        if token != CHOOSE:
            return self._put_away(request, uidb64, token)
        user = self._owner(request, uidb64)
        return self._gone() if user is None else self._form(user, ResetPasswordForm(user))

    def post(self, request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
        """Set the new password."""
        if token != CHOOSE:
            return self._put_away(request, uidb64, token)
        user = self._owner(request, uidb64)
        if user is None:
            return self._gone()
        form = ResetPasswordForm(user, self.data)
        if not form.is_valid():
            return self._form(user, form)
        _key, kept = request.session.pop(KEY)
        where = origin.where(request)
        new = form.cleaned_data["new_password1"]
        if not password.reset(user, kept, new, now=self.now, where=where):
            return self._gone()
        return self.go(resolve_url("hardening:password_reset_complete"))

    @sensitive_variables()
    def _put_away(self, request: HttpRequest, key: str, token: str) -> HttpResponse:
        try:
            works = resets.find(key, token) is not None
        except (FactsError, NotMigratedError):
            works = False  # the page that follows says so, without a token in its path
        request.session.pop(KEY, None)
        if works:
            request.session.cycle_key()
            request.session[KEY] = [key, token]
        return self.go(resolve_url("hardening:password_reset_confirm", key, CHOOSE))

    def _owner(self, request: HttpRequest, key: str) -> Any:
        """Return whose password the token in the session lets one choose; `None`: nobody's."""
        kept_key, token = request.session.get(KEY, ("", ""))
        # Asked without a token too, so that a fault is a 503 here and no link that works no more.
        return resets.find(key, token if kept_key == key else "")

    def _form(self, user: Any, form: ResetPasswordForm) -> HttpResponse:
        head = StepHead(person=self.masked(user), is_sign_in=False)
        return self.show(form=form, step=head, rules=password_validators_help_text_html())

    def _gone(self) -> HttpResponse:
        text = _(
            "It was used already, its time is over, or something about the account has changed. "
            "Your password is as it was."
        )
        return self.show(
            "done.html",
            status=HTTP_GONE,
            heading=_("This link does not work any more"),
            text=text,
            link_url=resolve_url("hardening:password_reset"),
            link_text=_("Ask for a new link"),
            payload={"detail": text},
        )


class PasswordResetCompleteView(PageView):
    """What everybody reads whose password was set."""

    template_name = "done.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Lead to the sign-in."""
        del request
        return self.show(
            heading=_("Your password was changed"),
            text=_(
                "You are signed out everywhere. Sign in with the new password; your second factor "
                "is asked for as ever."
            ),
            link_url=answers.login_page(),
            link_text=_("Sign in"),
        )


@functools.cache
def _say_that_no_link_can_be_made() -> None:
    log.error(
        "no link to a new password was mailed: ALLOWED_HOSTS takes any host, so a stranger would "
        "choose where the link leads; name the hosts of this site"
    )
