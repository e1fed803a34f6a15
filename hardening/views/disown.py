"""The link "this wasn't me": a page that says what happened, and a button that freezes the account.

It works in any browser, whoever is signed in there and whether anybody is. Programs that look
through mails open links, so opening one changes nothing. The token stands in the query: Django
writes the path of each request that fails into the log, and a link that failed may still work.

The traps: every link that does not work (any more) is answered alike, or the page would tell who
has an account here. And reading the user of a session that this very request ends would replace the
answer by the login page, so the user is read before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.translation import gettext, gettext_lazy

from hardening import answers, origin
from hardening.flows import disown
from hardening.flows.freezing import Came
from hardening.moments import moment
from hardening.views.page import HTTP_GONE, PageView, StepHead

if TYPE_CHECKING:
    from typing import Any

    from django.http import HttpRequest, HttpResponse

    from hardening.flows.disown import Found

# What a notice was about, as its page says it again.
HAPPENED = {
    "factor_added": gettext_lazy("An authenticator was added to the account."),
    "factor_removed": gettext_lazy("An authenticator was removed from the account."),
    "factors_reset": gettext_lazy("An operator removed every authenticator of the account."),
    "recovery_code_used": gettext_lazy("Somebody signed in with a recovery code."),
    "recovery_codes_made": gettext_lazy("New recovery codes were made."),
    "password_changed": gettext_lazy("The password was changed."),
    "password_change_required": gettext_lazy("An operator demanded a new password."),
    "email_changed": gettext_lazy("The account was given another e-mail address."),
    "new_browser": gettext_lazy("Somebody signed in with a browser that was not used before."),
    "wrong_code": gettext_lazy("Somebody gave the right password, and then a wrong code."),
    "sign_in_stopped": gettext_lazy("Somebody gave the right password, and was stopped."),
    "ticket_issued": gettext_lazy("An operator made a ticket for a first authenticator."),
    "request_about_you": gettext_lazy("An operator asked for help on behalf of the account."),
    "unlocked": gettext_lazy("An operator ended a wait of the account."),
    "sessions_ended": gettext_lazy("All other sessions of the account were ended."),
    "sessions_revoked": gettext_lazy("An operator ended the sessions of the account."),
    "account_thawed": gettext_lazy("An operator let the frozen account sign in again."),
}


class DisownView(PageView):
    """What the link opens, and where its button leads."""

    template_name = "disown.html"
    rate = "20/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Say what happened and what the button does; nothing is changed."""
        token = request.GET.get("token", "")
        found = disown.find(token, now=self.now)
        if found is None:
            return self._gone()
        told = self._told(found)
        payload = {name: told[name] for name in ("notice", "happened", "at", "address", "device")}
        expires = moment(found.claim.expires_at)
        return self.show(token=token, expires=expires, payload=payload, **told)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Use the link up and freeze the account."""
        _ = request.user.is_authenticated  # before her session ends, see the module's head
        token = str(self.data.get("token", ""))
        done = disown.spend(token, now=self.now, where=origin.where(request))
        if done is None:
            return self._gone()
        frozen = done.came is not Came.LAST
        return self.show(
            "disowned.html",
            came=done.came.value,
            frozen=frozen,
            payload={"frozen": frozen},
            **self._told(done.found),
        )

    def _gone(self) -> HttpResponse:
        """Say that the link does not work (any more), whyever, and where help is."""
        text = gettext("It was used already, or its time is over. Nothing was changed.")
        return self.show(
            "disown_gone.html",
            status=HTTP_GONE,
            text=text,
            login_url=answers.login_page(),
            payload={"detail": text},
        )

    def _told(self, found: Found) -> dict[str, Any]:
        """Return what both pages say of the notice."""
        claim = found.claim
        return {
            "step": StepHead(person=self.masked(found.user), is_sign_in=False),
            "happened": str(HAPPENED.get(claim.notice, "")),
            "notice": claim.notice,
            "at": moment(claim.at),
            "address": claim.address,
            "device": claim.device,
        }
