"""Forgetting that this browser is remembered; its next sign-in asks for a code again.

This is about the cookie of this browser. Copies of it, and other browsers, are forgotten by ending
all other sessions, which moves the account's epoch on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import resolve_url
from django.utils.translation import gettext as _

from hardening import browser_cookie, origin
from hardening.flows import remembering
from hardening.views.account import LiveView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class RememberedView(LiveView):
    """A button on the security page."""

    rate = "30/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """A link forgets nothing; lead to the page with the button."""
        del request
        return self.go(resolve_url("hardening:overview"))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Forget it."""
        refused = self.gate()
        if refused is not None:
            return refused
        proven = browser_cookie.is_proven(request, request.user, now=self.now)
        browser_cookie.remember_session(request, request.user, proven=proven)
        browser_cookie.ask_for_no_code(request, days=0)
        remembering.forgotten(request.user, now=self.now, where=origin.where(request))
        self.say(_("From the next sign-in on, a code is asked for in this browser again."))
        return self.go(resolve_url("hardening:overview"))
