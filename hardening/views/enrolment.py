"""Enrolling an authenticator and keeping recovery codes, on a parked login or beside a live one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import segno
from django.contrib.auth import BACKEND_SESSION_KEY, REDIRECT_FIELD_NAME
from django.shortcuts import resolve_url
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from hardening import answers, browser_cookie, host, origin
from hardening.access import requires
from hardening.core import otp
from hardening.core.hidden import Hidden
from hardening.core.values import Verdict
from hardening.factors import recovery, totp
from hardening.flows import authenticators, enrol
from hardening.forms import ConfirmForm, StoredForm
from hardening.views.page import HTTP_GONE, PageView

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from hardening.flows.record import Waiting

CODES_RANDOM_BYTES = recovery.SET_SIZE * recovery.CODE_BYTES
QR_SCALE = 4


class _Picture(SafeString):
    """Markup of a QR code: whoever has it has the key."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Say nothing."""
        return "'…'"


class EnrolView(PageView):
    """Why a second factor, which apps work, and the button that starts."""

    template_name = "enrol.html"
    offers_break_glass = True
    rate = "30/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the page to whoever may enrol, or could after proving something."""
        waiting = self.waiting()
        if waiting is not None:
            if not waiting.may_enrol:
                return self.advance(waiting)
            return self.show(on=waiting, replacing=waiting.replacing)
        if not request.user.is_authenticated:
            return self.over()
        return self.show(replacing=False)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Start: make a pending authenticator, or ask for what must be proven first."""
        waiting = self.waiting()
        if waiting is None:
            if not request.user.is_authenticated:
                return self.over()
            return self._beside(request)
        if not waiting.may_enrol:
            return self.advance(waiting)
        where = origin.where(request)
        random = os.urandom(totp.SECRET_BYTES)
        name = _("Authenticator app")
        enrol.start(waiting, random, name=name, now=self.now, where=where)
        return self.go(resolve_url("hardening:enrol_totp"))

    def _beside(self, request: HttpRequest) -> HttpResponse:
        """A live session asks; another factor needs a fresh proof, a first one more."""
        backend = request.session[BACKEND_SESSION_KEY]
        decision = enrol.permission(request.session, request.user, now=self.now)
        if decision.verdict is Verdict.STEP_UP and decision.choices[0].kind != "password":
            query = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
            return self.go(f"{resolve_url('hardening:step_up')}?{query}")
        waiting = enrol.open_beside(
            request.session,
            request.user,
            backend=backend,
            next_url=answers.safe_next(request, request.GET.get(REDIRECT_FIELD_NAME)),
            now=self.now,
        )
        return self.may_start(waiting)


class EnrolTotpView(PageView):
    """The QR code, the key, and the field for the first code."""

    template_name = "enrol_totp.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the pending authenticator."""
        del request
        waiting = self.any_record()
        if waiting is None:
            return self.over()
        if not waiting.may_enrol:
            return self.advance(waiting)
        return self._page(
            waiting, ConfirmForm(**self._choices(waiting), initial=self._initial(waiting))
        )

    def post(self, request: HttpRequest) -> HttpResponse:
        """Confirm it with its first code."""
        waiting = self.any_record()
        if waiting is None:
            return self.over()
        if not waiting.may_enrol:
            return self.advance(waiting)
        form = ConfirmForm(self.data, **self._choices(waiting))
        if not form.is_valid():
            return self._page(waiting, form)
        done = enrol.confirm(
            waiting,
            form.cleaned_data["code"],
            os.urandom(CODES_RANDOM_BYTES),
            name=form.cleaned_data["name"],
            remove=form.cleaned_data.get("remove", ()),
            live=request.session if waiting.enrolling else None,
            now=self.now,
            where=origin.where(request),
        )
        if not done.accepted:
            return self._not_yet(waiting, form, done)
        if waiting.enrolling:  # every browser is unknown now; this one has just proven a factor
            browser_cookie.remember_session(request, waiting.user, proven=True)
        if done.codes:
            return self._codes(done)
        if waiting.enrolling:
            return self.go(waiting.row.next or resolve_url("hardening:overview"))
        return self.advance(done.waiting) if done.waiting else self.over()

    def _not_yet(self, waiting: Waiting, form: ConfirmForm, done: enrol.Confirmed) -> HttpResponse:
        if done.waiting is None:
            return self.over()
        if done.retry_after:
            return self.wait(form, done.retry_after, on=waiting, **self._shown(waiting))
        form.add_error(
            "code",
            _(
                "That code was not accepted. Check that the phone's clock is right and try the "
                "next code."
            ),
        )
        return self._page(waiting, form)

    def _codes(self, done: enrol.Confirmed) -> HttpResponse:
        codes = [Hidden(code) for code in done.codes]
        return self.show(
            "recovery_codes_shown.html",
            form=StoredForm(),
            on=done.waiting,
            codes=codes,
            next=done.waiting.row.next if done.waiting and done.waiting.enrolling else "",
            payload={
                "code": "ok",
                "recovery_codes": codes,
                "step": resolve_url("hardening:recovery_codes"),
            },
        )

    def _page(self, waiting: Waiting, form: ConfirmForm) -> HttpResponse:
        shown = self._shown(waiting)
        if not shown:
            return self.go(resolve_url("hardening:enrol"))
        secret = {"key": shown["key"], "uri": shown["uri"]}
        return self.show(form=form, on=waiting, payload=secret, **shown)

    def _shown(self, waiting: Waiting) -> dict[str, Any]:
        """Return QR, key and link of the pending authenticator; empty where there is none."""
        pending = enrol.pending(waiting)
        if pending is None:
            return {}
        issuer = host.site_name(self.request.get_host())
        account = waiting.user.get_username()
        uri = otp.provisioning_uri(pending.secret, account=account, issuer=issuer)
        svg = segno.make(uri, error="m").svg_inline(scale=QR_SCALE, light="#fff")
        return {
            # Our own drawing of our own text; the white ground keeps it readable in dark mode.
            "qr": _Picture(svg),
            "key": Hidden(otp.grouped_key(pending.secret)),
            "uri": Hidden(uri),
            "issuer": issuer,
            "account": account,
            # Beside a working one, an older entry in the app may be just that.
            "only": waiting.replacing or not waiting.who.factors,
        }

    def _choices(self, waiting: Waiting) -> dict[str, Any]:
        if not waiting.replacing:
            return {}
        rows = authenticators.overview(waiting.user).factors
        return {"lost": [(row.pk, row.name) for row in rows]}

    @staticmethod
    def _initial(waiting: Waiting) -> dict[str, str]:
        count = len(waiting.who.factors)
        name = _("Authenticator app")
        return {"name": f"{name} {count + 1}" if count else name}


class RecoveryCodesView(PageView):
    """After enrolling: "I have stored these codes". Later: how many are left, and a new set."""

    template_name = "recovery_codes.html"
    rate = "30/m"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what is left; the codes themselves are never shown again."""
        waiting = self.waiting()
        if waiting is not None and not waiting.awaits_codes:
            return self.advance(waiting)
        if waiting is None and not request.user.is_authenticated:
            return self.over()
        return self._page(waiting)

    def post(self, request: HttpRequest) -> HttpResponse:
        """Go on once the codes are stored, or make new ones."""
        waiting = self.waiting()
        if waiting is None and not request.user.is_authenticated:
            return self.over()
        if waiting is not None and not waiting.awaits_codes:
            return self.advance(waiting)
        if self.data.get("action") == "make":
            return self._make(request, waiting)
        if waiting is None:
            back = answers.safe_next(request, self.data.get(REDIRECT_FIELD_NAME))
            return self.go(back or resolve_url("hardening:overview"))
        form = StoredForm(self.data)
        if not form.is_valid():
            return self._page(waiting, form)
        where = origin.where(request)
        return self.advance(enrol.codes_stored(waiting, now=self.now, where=where))

    def _make(self, request: HttpRequest, waiting: Waiting | None) -> HttpResponse:
        random = os.urandom(CODES_RANDOM_BYTES)
        where = origin.where(request)
        if waiting is None:
            made: HttpResponse = _make_live(request, view=self, random=random)
            return made
        codes = enrol.codes_again(waiting, random, now=self.now, where=where)
        return self.shown(codes, waiting)

    def shown(self, codes: tuple[str, ...], waiting: Waiting | None) -> HttpResponse:
        """Show a set of codes, once."""
        hidden = [Hidden(code) for code in codes]
        return self.show(
            "recovery_codes_shown.html",
            form=StoredForm(),
            on=waiting,
            codes=hidden,
            payload={"recovery_codes": hidden},
        )

    def _page(self, waiting: Waiting | None, form: StoredForm | None = None) -> HttpResponse:
        user = waiting.user if waiting else self.request.user
        security = authenticators.overview(user)
        if waiting is None and not security.factors:
            return self.show(
                "done.html",
                status=HTTP_GONE,
                heading=_("No recovery codes yet"),
                text=_("Recovery codes come with your first authenticator."),
                link_url=resolve_url("hardening:overview"),
                link_text=_("Back to security"),
            )
        return self.show(
            form=form or (StoredForm() if waiting else None),
            on=waiting,
            left=security.account.codes_left,
            total=recovery.SET_SIZE,
            made=security.codes_made,
        )


@requires(always=True)
def _make_live(request: HttpRequest, *, view: RecoveryCodesView, random: bytes) -> HttpResponse:
    where = origin.where(request)
    codes = authenticators.make_codes(
        request.session, request.user, random, now=view.now, where=where
    )
    return view.shown(codes, None)


__all__ = ["EnrolTotpView", "EnrolView", "RecoveryCodesView"]
