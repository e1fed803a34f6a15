"""Break-glass: the page where a superuser types a code, and closes what it opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening import origin
from hardening.flows import breakglass
from hardening.forms import BreakGlassForm
from hardening.moments import moment
from hardening.views.proof import ProofView

if TYPE_CHECKING:
    from typing import Any

    from django.http import HttpRequest, HttpResponse

    from hardening.flows.prove import Judged
    from hardening.flows.record import Waiting


class BreakGlassView(ProofView):
    """A code for whoever waits at a second factor; the way to close it for whoever is in."""

    template_name = "break_glass.html"
    rate = "30/m"
    verdicts = ()  # what it opens is asked of the flow
    form_class = BreakGlassForm
    wrong = gettext_lazy("That code was not accepted. Each break-glass code works once.")

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the field, or the button that closes."""
        until = self._open_until()
        if until:
            return self.show(until=moment(until), break_glass=None)
        return super().get(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge a code, or close."""
        if self.data.get("action") != "close":
            return super().post(request)
        if self._open_until():
            where = origin.where(request)
            breakglass.close(request.user, actor=request.user, now=self.now, where=where)
            self.say(_("Your account is closed again to whoever has no second factor."))
        return self.go(resolve_url("hardening:overview"))

    def is_due(self, waiting: Waiting) -> bool:
        """Say whether a code would bring this sign-in on."""
        return breakglass.is_offered(waiting, now=self.now)

    def judge(self, form: Any, waiting: Waiting) -> Judged:
        """Use the code up."""
        where = origin.where(self.request)
        code = form.cleaned_data["code"]
        return breakglass.spend(waiting, code, now=self.now, where=where)

    def _open_until(self) -> int:
        """Return until when the account of whoever is signed in here is open; 0: it is not."""
        if self.waiting() is not None or not self.request.user.is_authenticated:
            return 0
        return breakglass.open_until(self.request.user, now=self.now)
