"""What we do when Django says that somebody signed in, and when our own rows change."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.signals import request_finished
from django.db import close_old_connections, router
from django.db.models.signals import post_delete, post_migrate, post_save

from hardening import attempted, browser_cookie, host, origin, sessions, signals
from hardening.core.values import ProofKind
from hardening.facts import NotMigratedError
from hardening.flows import login, minutely, parking, tracking, waivers
from hardening.flows.login import Arrival
from hardening.models import Account, PolicyWaiver, RolePolicy, SiteState
from hardening.models.account import SiteStateQuerySet

if TYPE_CHECKING:
    from hardening.core.values import Decision

# What the middleware kept of a request, in this order.
CSRF_META = ("CSRF_COOKIE", "CSRF_COOKIE_NEEDS_UPDATE")

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
    by_another = attempted.succeeded(request)
    _watch_if_new(request, session)
    now = int(time.time())
    by_ours = user.__dict__.pop(login.PASSWORD_MARK, False)
    password = by_ours or by_another or getattr(request, login.PASSWORD_MARK, False)
    in_view = getattr(request, "hardening_in_view", False)
    where = origin.where(request)
    try:
        if by_another:
            attempted.look_up(request, user, now=now, where=where)
        arrival, decision = login.arrive(
            session,
            user,
            kind=ProofKind.PASSWORD if password else ProofKind.UNKNOWN,
            in_view=in_view,
            now=now,
            where=where,
            came=attempted.came(request, browser_cookie.read(request), user),
            later=partial(attempted.later, request),
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
        revoked = attempted.is_revoked(request)
        browser_cookie.remember_sign_in(request, user, afresh=revoked)
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


def _watch_if_new(request: Any, session: Any) -> None:
    """A view may put another session into the request; the middleware answers for that one too."""
    ours = hasattr(request, "hardening_csrf") and not sessions.is_watched(session)
    if ours and getattr(request, "_request", request).session is session:
        sessions.watch(session)


def _by_login(request: Any) -> bool:
    """True unless this signal was sent without ``login()``, which rotates the CSRF token first.

    A session that was written to by other means keeps no privilege: it bears no stamp of ours
    and is judged like any live one.
    """
    kept = getattr(request, "hardening_csrf", None)
    return kept is None or request.META.get("CSRF_COOKIE") != kept[0]


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
    for name, value in zip(CSRF_META, kept, strict=True):
        if value is None:
            request.META.pop(name, None)
        else:
            request.META[name] = value


def note_logout(*, request: Any = None, user: Any = None, **_kwargs: Any) -> None:
    """Write down that somebody signed out; Django flushes her session after this."""
    session = getattr(request, "session", None)
    if user is None or session is None or not sessions.signs_in(session, user):
        return
    try:
        tracking.signed_out(session, user, now=int(time.time()), where=origin.where(request))
    except Exception:  # whoever leaves is not kept
        log.exception("a sign-out could not be written down")


def forget_password(*, request: Any = None, **_kwargs: Any) -> None:
    """No backend found the password right: take back what ours said of it; the charge stands."""
    attempted.failed(request)
    if hasattr(request, login.PASSWORD_MARK):
        setattr(request, login.PASSWORD_MARK, False)


def tidy_up(**_kwargs: Any) -> None:
    """Do the minute's work when an answer has been sent, and leave no connection behind."""
    if minutely.tidy(now=int(time.time())):
        close_old_connections()


def tell_of_raw_policies(*, using: str, raw: bool = False, **_kwargs: Any) -> None:
    """Move the revision on for rows that ``loaddata`` writes without calling ``save()``."""
    if raw:
        SiteState.objects.using(using).touch_policies()


def forget_what_was_granted(*, instance: PolicyWaiver, **_kwargs: Any) -> None:
    """Let an account forget a waiver whose row goes, as it does with its policy.

    A policy's number may be given again (by ``loaddata``), and must spare nobody then. In the same
    transaction, and before the policy's own row goes: accounts are locked first everywhere.
    """
    now = int(time.time())
    if instance.ended_at is None and instance.until > now:
        Account.objects.lock(instance.user_id)
        waivers.rewrite(instance.user_id, now=now)


def tell_of_migrated_policies(*, using: str, apps: Any = None, plan: Any = (), **_kw: Any) -> None:
    """Move the revision on after migrations, which write by historical models, not by ours.

    Where any ran, in the database of our rows, and only if there are policies or ever were.
    """
    if not plan or not router.allow_migrate_model(using, SiteState):
        return
    try:  # our tables as they are now, which may be before the latest of our own migrations
        sites = SiteStateQuerySet(apps.get_model("hardening", "SiteState"), using=using)
        rows = apps.get_model("hardening", "RolePolicy")
    except LookupError:
        return
    if sites.exists() or rows.objects.using(using).exists():
        sites.touch_policies()


def connect() -> None:
    """Connect once; called when the app is ready."""
    user_logged_in.connect(judge_login, dispatch_uid="hardening.judge_login")
    user_logged_out.connect(note_logout, dispatch_uid="hardening.note_logout")
    user_login_failed.connect(forget_password, dispatch_uid="hardening.forget_password")
    request_finished.connect(tidy_up, dispatch_uid="hardening.tidy_up")
    post_save.connect(
        tell_of_raw_policies, sender=RolePolicy, dispatch_uid="hardening.tell_of_raw_policies"
    )
    post_delete.connect(
        forget_what_was_granted,
        sender=PolicyWaiver,
        dispatch_uid="hardening.forget_what_was_granted",
    )
    post_migrate.connect(
        tell_of_migrated_policies,
        sender=apps.get_app_config("hardening"),
        dispatch_uid="hardening.tell_of_migrated_policies",
    )
