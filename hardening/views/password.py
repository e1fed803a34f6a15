"""A new password: demanded, on a parked login, or of one's own accord.

Of one's own accord it takes the present password and, from whoever has a factor, a fresh proof of
that: who found a browser open, or the password, must not keep the owner out (OWASP ASVS 5.0 6.2.3,
7.5.1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_text_html
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from hardening import browser_cookie, origin
from hardening.access import refusal
from hardening.core.values import NoteKind, Verdict
from hardening.flows import password, tracking
from hardening.forms import NewPasswordForm
from hardening.views import wording
from hardening.views.page import PageView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from hardening.flows.record import Waiting


class ChangePasswordView(PageView):
    """The page that sets it."""

    template_name = "change_password.html"
    rate = "30/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the rules and the fields."""
        waiting = self.waiting()
        blocked = self._gate(waiting)
        if blocked is not None:
            return blocked
        return self._page(NewPasswordForm(waiting.user if waiting else request.user), waiting)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Set it."""
        waiting = self.waiting()
        blocked = self._gate(waiting)
        if blocked is not None:
            return blocked
        user = waiting.user if waiting else request.user
        # Asked before anything is hashed: what is stored may be another hash after it.
        proven = waiting is None and browser_cookie.is_proven(request, user, now=self.now)
        reservation = password.try_current(user, now=self.now)
        form = NewPasswordForm(user, self.data)
        if not reservation.admitted:
            return self.wait(
                NewPasswordForm(user), reservation.retry_after, on=waiting, **self._context(waiting)
            )
        valid = form.is_valid()
        if "old_password" in form.cleaned_data:
            reservation.refund()
        if not valid:
            return self._page(form, waiting)
        if waiting is None and self._stopped(request, form):
            return self.over()  # the middleware answers with what is missing
        new = form.cleaned_data["new_password1"]
        return self._changed(request, waiting, new, proven=proven)

    def _gate(self, waiting: Waiting | None) -> HttpResponse | None:
        """Return where somebody must go who may not change a password here and now."""
        if waiting is not None:
            asked = waiting.decision.verdict is Verdict.CHANGE_PASSWORD
            return None if asked else self.advance(waiting)
        if not self.request.user.is_authenticated:
            return self.over()
        return refusal(self.request, enrolled_only=True)

    @sensitive_variables()
    def _stopped(self, request: HttpRequest, form: NewPasswordForm) -> bool:
        return password.stop_if_leaked(
            request.session,
            request.user,
            form.cleaned_data["old_password"],
            now=self.now,
            where=origin.where(request),
        )

    def _changed(
        self, request: HttpRequest, waiting: Waiting | None, new: str, *, proven: bool
    ) -> HttpResponse:
        where = origin.where(request)
        if waiting is not None:
            after = password.change_parked(waiting, new, now=self.now, where=where)
            if after is None:
                return self.over()
            self.say(_("Your password was changed. Your other sessions have ended."))
            return self.advance(after)
        user = request.user
        password.change_live(user, new, now=self.now, where=where)
        update_session_auth_hash(request, user)  # type: ignore[arg-type]  # authenticated above
        tracking.follow(request.session, user)
        # Every browser is unknown now; in this one the owner has just given both passwords.
        browser_cookie.remember_session(request, user, proven=proven)
        self.say(_("Your password was changed. Your other sessions have ended."))
        return self.go(resolve_url("hardening:overview"))

    def _page(self, form: NewPasswordForm, waiting: Waiting | None) -> HttpResponse:
        return self.show(form=form, on=waiting, **self._context(waiting))

    def _context(self, waiting: Waiting | None) -> dict[str, Any]:
        return {
            "why": wording.why(waiting) if waiting else "",
            "breached": self._is_breached(waiting),
            "rules": password_validators_help_text_html(),
        }

    def _is_breached(self, waiting: Waiting | None) -> bool:
        """Whether the present password is in a leaked list, and its owner may hear of it."""
        if waiting is not None:
            return wording.speaks_of_leak(waiting.who)
        decision = getattr(self.request, "hardening_decision", None)
        notes = decision.notes if decision else ()
        return any(note.kind is NoteKind.PASSWORD_BREACHED for note in notes)
