"""The owner's pages: overview, one authenticator, step-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import Http404, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import resolve_url
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hardening import answers, browser_cookie, origin, sessions, zones
from hardening.access import INTERRUPTED, requires
from hardening.core.values import NoteKind, ProofKind, Verdict
from hardening.factors import recovery
from hardening.flows import authenticators, remembering, stepup
from hardening.flows.authenticators import Change
from hardening.forms import CodeForm, NameForm
from hardening.moments import moment
from hardening.views import activity, wording
from hardening.views.page import PageView, StepHead
from hardening.views.session_list import listed

if TYPE_CHECKING:
    from django.http import HttpRequest

    from hardening.core.values import Decision, Who
    from hardening.flows.authenticators import Factor

PROVABLE = (Verdict.STEP_UP, Verdict.CHALLENGE)  # the latter while the kill switch is on
HTTP_CONFLICT = 409
BIGGEST_PK = 2**63 - 1
RECENT_EVENTS = 10
FIRST_SESSIONS = 3


class LiveView(PageView):
    """A page for whoever is signed in; somebody who waits is led to the pending step."""

    def gate(self) -> HttpResponse | None:
        """Return where somebody who is not signed in must go, or `None`."""
        waiting = self.waiting()
        if waiting is not None:
            return self.advance(waiting)
        if self.request.user.is_authenticated:
            return None
        if self.json:
            return answers.sign_in_again()
        return self.go(answers.login_page(self.request.get_full_path()))


class OverviewView(LiveView):
    """The security page: one sentence on top, then what there is."""

    template_name = "overview.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show it."""
        return self.gate() or self._page(request)

    def _page(self, request: HttpRequest) -> HttpResponse:
        who, _decision = stepup.ask(request.session, request.user, max_age=None, now=self.now)
        security = authenticators.overview(request.user)
        notes = {note.kind: note for note in stepup.notes(who, now=self.now)}
        deadline = notes.get(NoteKind.DEADLINE)
        rows = [_shown(row, usable=_usable(who, row)) for row in security.factors]
        found = security.password_verdict
        breached = wording.speaks_of_leak(who)
        signed_in = listed(request, self.now)
        word, summary = _summary(who, deadline_ahead=deadline is not None)
        return self.show(
            word=word,
            summary=summary,
            protected=_protected(who) and deadline is None,
            deadline=moment(deadline.value) if deadline else None,
            extended=deadline.extended if deadline else False,
            zone=zones.chosen(request.user),
            requirements=wording.requirements(who, self.now, zones.chosen(request.user)),
            authenticators=rows,
            codes_left=security.account.codes_left,
            codes_total=recovery.SET_SIZE,
            must_change=bool(security.account.must_change),
            breached=breached,
            password_verdict=wording.verdict(who, found),
            sessions=signed_in[:FIRST_SESSIONS],
            more_sessions=max(0, len(signed_in) - FIRST_SESSIONS),
            looked_up=moment(security.account.password_checked_at) if found else None,
            events=activity.recent(request.user, RECENT_EVENTS),
            recovered=_recovered(request),
            remembered_until=_remembered_until(request, who, self.now),
            payload={
                "protected": bool(who.factors),
                "authenticators": [{"id": row["pk"], "name": row["name"]} for row in rows],
                "recovery_codes_left": security.account.codes_left,
            },
        )


def _remembered_until(request: HttpRequest, who: Who, now: int) -> Any:
    most = remembering.allowed(who, now=now)
    until = browser_cookie.remembered_until(request, request.user, most=most, now=now)
    return moment(until) if until else None


class FactorView(LiveView):
    """One authenticator: rename it, or remove it. Every method asks for a fresh proof."""

    template_name = "factor.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show it."""
        return self.gate() or _factor_page(request, view=self, pk=pk)

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Rename or remove it."""
        return self.gate() or _factor_change(request, view=self, pk=pk)

    def find(self, pk: int) -> Factor:
        """Return this user's authenticator; anybody else's is 404 and an event."""
        where = origin.where(self.request)
        row = None
        if pk <= BIGGEST_PK:
            row = authenticators.find(self.request.user, pk, now=self.now, where=where)
        if row is None:
            raise Http404
        return row

    def render_factor(
        self, row: Factor, form: NameForm | None = None, status: int = 200
    ) -> HttpResponse:
        """Show one authenticator with what removing it would do, or why that is refused."""
        session, user = self.request.session, self.request.user
        who, _decision = stepup.ask(session, user, max_age=None, now=self.now)
        needed = authenticators.needed(who, row.pk, now=self.now)
        last = len(authenticators.overview(self.request.user).factors) == 1
        consequence = (
            _("Your other sessions end. Your account is then protected by the password alone.")
            if last
            else _("Codes from this authenticator stop working and your other sessions end.")
        )
        return self.show(
            form=form or NameForm(initial={"name": row.name}),
            status=status,
            authenticator=_shown(row, usable=_usable(who, row)),
            consequence=consequence,
            refused=wording.cannot_remove(who, self.now) if needed else "",
        )


@requires(always=True)
def _factor_page(request: HttpRequest, *, view: FactorView, pk: int) -> HttpResponse:
    return view.render_factor(view.find(pk))


@requires(always=True)
def _factor_change(request: HttpRequest, *, view: FactorView, pk: int) -> HttpResponse:
    row = view.find(pk)
    where = origin.where(request)
    if view.data.get("action") == "remove":
        change = authenticators.remove(
            request.session, request.user, row, now=view.now, where=where
        )
        if change is Change.DONE:  # every browser is unknown now; this one has just proven a factor
            browser_cookie.remember_session(request, request.user, proven=True)
        done = _("The authenticator was removed. Your other sessions have ended.")
    else:
        form = NameForm(view.data)
        if not form.is_valid():
            return view.render_factor(row, form)
        change = authenticators.rename(
            request.session, request.user, row, form.cleaned_data["name"], now=view.now, where=where
        )
        done = _("The authenticator was renamed.")
    if change is Change.LAST_REQUIRED:
        return view.render_factor(row, status=HTTP_CONFLICT)
    if change is not Change.DONE:
        raise Http404
    view.say(done)
    return view.go(resolve_url("hardening:overview"))


class StepUpView(LiveView):
    """Prove a factor again. Recovery codes do not count here."""

    template_name = "step_up.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the field."""
        blocked = self.gate()
        if blocked is not None:
            return blocked
        _who, decision = stepup.ask(
            request.session, request.user, max_age=-1, always=True, now=self.now
        )
        if decision.verdict not in PROVABLE:
            return self.go(self._enrol())
        return self._page(self._form(decision), decision)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Judge the code."""
        blocked = self.gate()
        if blocked is not None:
            return blocked
        _who, decision = stepup.ask(
            request.session, request.user, max_age=-1, always=True, now=self.now
        )
        if decision.verdict not in PROVABLE:
            return self.go(self._enrol())
        form = self._form(decision, self.data)
        if not form.is_valid():
            return self._page(form, decision)
        chosen = form.cleaned_data.get("authenticator")
        code = form.cleaned_data["code"]
        where = origin.where(request)
        done = stepup.prove(request.session, request.user, chosen, code, now=self.now, where=where)
        if done.accepted:
            rotate_token(request)
            if self._interrupted():
                self.note(_("Thank you. Nothing was done yet: please ask for it once more."))
            return self.go(self._next())
        if done.retry_after:
            return self.wait(form, done.retry_after, **self._context(decision))
        form.add_error("code", _("That code was not accepted."))
        return self._page(form, decision)

    def _enrol(self) -> str:
        """Return the way for whoever has no factor yet; it leads back as well."""
        query = urlencode({REDIRECT_FIELD_NAME: self._next()})
        return f"{resolve_url('hardening:enrol')}?{query}"

    def _form(self, decision: Decision, data: Any = None) -> CodeForm:
        return CodeForm(data, authenticators=authenticators.named(self.request.user, decision))

    def _page(self, form: CodeForm, decision: Decision) -> HttpResponse:
        return self.show(form=form, **self._context(decision))

    def _context(self, decision: Decision) -> dict[str, Any]:
        return {
            "step": StepHead(person=self.masked(self.request.user), is_sign_in=False),
            "next": self._next(),
            "purpose": _("What comes next is important, so we make sure that it is you."),
            "interrupted": self._interrupted(),
            "can_use_code": any(choice.factor_id for choice in decision.choices),
            "cancel_url": resolve_url("hardening:overview"),
        }

    def _interrupted(self) -> bool:
        """True if a POST led here: nothing of it is kept, so its sender has to hear of it."""
        return INTERRUPTED in self.request.GET or INTERRUPTED in self.request.POST

    def _next(self) -> str:
        request = self.request
        given = request.POST.get(REDIRECT_FIELD_NAME) or request.GET.get(REDIRECT_FIELD_NAME)
        return answers.safe_next(request, given) or resolve_url("hardening:overview")


def _usable(who: Who, row: Factor) -> bool:
    return any(factor.usable for factor in who.factors if factor.id == row.pk)


def _shown(row: Factor, *, usable: bool) -> dict[str, Any]:
    return {
        "pk": row.pk,
        "name": row.name,
        "added": row.confirmed_at,
        "last_used": row.last_used_at,
        "usable": usable,
    }


def _protected(who: Who) -> bool:
    recoverable = bool(who.factors) and who.recovery_codes_left > 0
    return recoverable and not wording.speaks_of_leak(who)


def _summary(who: Who, *, deadline_ahead: bool) -> tuple[str, str]:
    """Return the state of an account, in a word or three and in a sentence."""
    if wording.speaks_of_leak(who):
        leaked = _("Your password is in a list leaked from other websites. Please change it.")
        also = _("Then set up a second factor in time.")
        return _("Something to do"), f"{leaked} {also}" if deadline_ahead else leaked
    if deadline_ahead:
        return _("Something to do"), _("Set up a second factor in time.")
    if not who.factors:
        return _("Password only"), _("Your account is protected by its password alone.")
    if who.recovery_codes_left == 0:
        sentence = _("Your account is protected, but you have no recovery codes left.")
        return _("Something to do"), sentence
    return _("Protected"), ngettext(
        "Your account is protected by %(count)s authenticator.",
        "Your account is protected by %(count)s authenticators.",
        len(who.factors),
    ) % {"count": len(who.factors)}


def _recovered(request: HttpRequest) -> bool:
    """True if a recovery code let this session in and no authenticator has been proven since."""
    state = sessions.read(request.session, request.user.pk).session()
    return state.has(ProofKind.RECOVERY_CODE) and not state.has(ProofKind.FACTOR)
