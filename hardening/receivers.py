"""What we do when Django says that somebody signed in, and when our own rows change."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save

from hardening import answers, host, sessions, signals
from hardening.core.values import ProofKind
from hardening.facts import NotMigratedError
from hardening.flows import login, parking
from hardening.flows.login import Arrival
from hardening.models import RolePolicy, SiteState

if TYPE_CHECKING:
    from hardening.core.values import Decision

log = logging.getLogger("hardening")


def judge_login(*, sender: Any, request: Any, user: Any, **_kwargs: Any) -> None:
    """Judge every login, by whatever view, middleware or test client it was made.

    Bears ``request=None`` and requests without a session: token packages send the signal too.
    """
    del sender
    session = getattr(request, "session", None)
    if session is None or sessions.is_completing(session):
        return
    if not sessions.signs_in(session, user) or not _by_login(request):
        return  # said by something that signs in without a session, such as a token package
    now = int(time.time())
    by_ours = user.__dict__.pop(login.PASSWORD_MARK, False)
    password = by_ours or getattr(request, login.PASSWORD_MARK, False)
    in_view = getattr(request, "hardening_in_view", False)
    where = answers.where(request)
    try:
        arrival, decision = login.arrive(
            session,
            user,
            kind=ProofKind.PASSWORD if password else ProofKind.UNKNOWN,
            in_view=in_view,
            now=now,
            where=where,
        )
    except NotMigratedError:
        return
    except Exception:
        log.exception("a sign-in could not be judged and does not stand")
        login.fault(session, user, now=now, where=where)
        _make_anonymous(request)
        return
    _carry_out(request, user, arrival, decision, in_view=in_view)


def _carry_out(
    request: Any, user: Any, arrival: Arrival, decision: Decision | None, *, in_view: bool
) -> None:
    session = request.session
    if arrival in (Arrival.COMPLETED, Arrival.STANDS):
        # Where a middleware signs in, nobody need read `request.user` as the middleware made it.
        request.hardening_decision = decision
    if arrival is Arrival.COMPLETED:
        signals.login_completed.send_robust(sender=type(user), user=user, request=request)
        return
    if arrival is Arrival.STANDS:
        _undo_token_rotation(request)
        return
    if not in_view:
        _make_anonymous(request)
    if arrival is Arrival.KEPT:
        _undo_token_rotation(request)
        presented = request.COOKIES.get(host.session_cookie_name())
        if presented and not in_view:
            sessions.keep_key(session, presented)
    elif arrival is Arrival.PARKED and decision is not None:
        signals.login_parked.send_robust(
            sender=type(user), user=user, request=request, reason=decision.reason
        )
        mark = parking.mark_of(session)
        if not sessions.is_watched(session) and mark is not None and mark.row is not None:
            # No middleware will see this session (`Client.login`): hide what it holds now.
            parking.conceal(session, mark.row, mid_life=True, next_url="")
            parking.set_mark(session, None)


def _by_login(request: Any) -> bool:
    """True unless this signal was sent without ``login()``, which rotates the CSRF token first.

    A session that was written to by other means keeps no privilege: it bears no stamp of ours
    and is judged like any live one.
    """
    kept = getattr(request, "hardening_csrf", None)
    return kept is None or request.META.get("CSRF_COOKIE") != kept["CSRF_COOKIE"]


def _make_anonymous(request: Any) -> None:
    anonymous = AnonymousUser()

    async def auser() -> AnonymousUser:
        return anonymous

    request.user = anonymous
    request.auser = auser


def _undo_token_rotation(request: Any) -> None:
    """A login repeated with each request must not make each form's CSRF token stale."""
    kept = getattr(request, "hardening_csrf", None)
    if kept is None:
        return
    for name, value in kept.items():
        if value is None:
            request.META.pop(name, None)
        else:
            request.META[name] = value


def tell_of_raw_policies(*, raw: bool = False, **_kwargs: Any) -> None:
    """Move the revision on for rows that ``loaddata`` writes without calling ``save()``."""
    if raw:
        SiteState.objects.touch_policies()


def connect() -> None:
    """Connect once; called when the app is ready."""
    user_logged_in.connect(judge_login, dispatch_uid="hardening.judge_login")
    post_save.connect(
        tell_of_raw_policies, sender=RolePolicy, dispatch_uid="hardening.tell_of_raw_policies"
    )
