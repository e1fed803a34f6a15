"""Where somebody is signed in: a list, and two ways to end what is not wanted.

Looking is for whoever is signed in; ending asks for a fresh proof of a factor. Who has none reads
that a new password ends the others too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import logout
from django.http import Http404, HttpResponse
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from hardening import answers, browser_cookie, origin
from hardening.access import requires
from hardening.flows import sessions, stepup
from hardening.flows.sessions import Ended
from hardening.views.account import BIGGEST_PK, LiveView
from hardening.views.page import HTTP_INVALID
from hardening.views.session_list import listed

if TYPE_CHECKING:
    from django.http import HttpRequest


MAX_DIGITS = len(str(BIGGEST_PK))


class SessionsView(LiveView):
    """The list of sessions."""

    template_name = "sessions.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self.gate() or self._page(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """End one session, or all others."""
        return self.gate() or _change(request, view=self)

    def _page(self, request: HttpRequest, problem: str = "") -> HttpResponse:
        who, _decision = stepup.ask(request.session, request.user, max_age=None, now=self.now)
        found = listed(request, self.now)
        return self.show(
            status=HTTP_INVALID if problem else 200,
            problem=problem,
            sessions=found,
            are_more=len(found) >= sessions.MAX_LISTED,
            has_factor=bool(who.factors),
            payload={"sessions": [_said(session) for session in found]},
        )

    def unread(self) -> HttpResponse:
        """Say that nothing was done: what came asks for nothing that there is."""
        return self._page(self.request, _("The request could not be read."))

    def end(self, pk: int) -> HttpResponse:
        """End one; the one at hand by signing out."""
        request = self.request
        where = origin.where(request)
        change = sessions.end(request.session, request.user, pk, now=self.now, where=where)
        if change is Ended.CURRENT:
            logout(request)
            return self.go(answers.login_page())
        if change is not Ended.DONE:
            raise Http404
        self.say(_("The session has ended. That browser is asked to sign in again."))
        return self.go(resolve_url("hardening:sessions"))

    def end_others(self) -> HttpResponse:
        """End all but this one."""
        request = self.request
        where = origin.where(request)
        change = sessions.end_others(request.session, request.user, now=self.now, where=where)
        if change is not Ended.DONE:
            raise Http404
        # Every browser is unknown now; in this one a factor was proven a moment ago.
        browser_cookie.remember_session(request, request.user, proven=True)
        self.say(_("You are signed out everywhere else."))
        return self.go(resolve_url("hardening:sessions"))


@requires(always=True)
def _change(request: HttpRequest, *, view: SessionsView) -> HttpResponse:
    del request
    action = view.data.get("action")
    if action == "end_others":
        return view.end_others()
    if action != "end":
        return view.unread()
    number = str(view.data.get("session", ""))
    # Its length first: Python reads no number of some thousand digits.
    known = number.isdecimal() and len(number) <= MAX_DIGITS
    if not known or int(number) > BIGGEST_PK:
        raise Http404
    return view.end(int(number))


def _said(shown: dict[str, Any]) -> dict[str, Any]:
    """Return what a JSON client reads of one."""
    times = {key: shown[key] and shown[key].isoformat() for key in ("started", "seen")}
    return {"id": shown["pk"], **{k: shown[k] for k in ("device", "address", "current")}, **times}
