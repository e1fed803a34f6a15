"""A sign-in from the password to completion: arrive, park, prove, complete, cancel.

Whatever Django's ``login()`` wrote into a session stays only if the decision says `ALLOW`.
Otherwise the three keys are taken out and a row remembers who waits; to the rest of the site the
visitor is anonymous until `complete`.

Doors pass the session, the time and the place.

The trap: safety rests on the decision made for each live request, never on keys being absent. A
slow request may save an older copy of the session; the next read of the user parks it again.
"""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from hardening import audit, facts, sessions
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.values import Decision, NoteKind, ProofKind, Session
from hardening.flows import attempts, newcomer, record, rows, tracking
from hardening.flows.judging import UNKNOWN, Came, judge, tell_if_stopped
from hardening.flows.notices import address_book, refused
from hardening.flows.parking import (
    OVER,
    SIGNED_IN,
    Mark,
    end,
    mark_of,
    park,
    record_parked,
    set_mark,
)
from hardening.models import ParkedLogin

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.sessions.backends.base import SessionBase

    from hardening.facts import Facts
    from hardening.flows.record import Waiting

    Later = Callable[[Callable[[], None]], None]  # takes what need not be done before the answer

PASSWORD_MARK = "_hardening_password"  # noqa: S105 - a name; on a user object, from the backend to the receiver


class Arrival(Enum):
    """How a sign-in ended for now."""

    COMPLETED = "completed"
    PARKED = "parked"
    KEPT = "kept"  # a sign-in repeated with each request; its record goes on
    STANDS = "stands"  # likewise, of a session that is complete; nothing changes
    ENDED = "ended"


def arrive(
    session: SessionBase,
    user: Any,
    *,
    kind: ProofKind,
    in_view: bool,
    now: int,
    where: Where,
    came: Came = UNKNOWN,
    later: Later = attempts.at_once,
) -> tuple[Arrival, Decision | None]:
    """Judge a sign-in that Django's ``login()`` has just written into `session`.

    Args:
        session: Holds the three keys now.
        user: Who signed in.
        kind: `PASSWORD` where our backend checked one, else `UNKNOWN`.
        in_view: Whether a view called ``login()``, and not a middleware on every request.
        now: Unix seconds.
        where: From where.
        came: With which device cookie, and what speaks against it; judged once and for all.
        later: Takes what need not be done before the answer has been sent.

    Raises:
        FactsError: If nobody can tell; the caller takes the login out and answers 503.
        NotMigratedError: If our tables are missing.
    """
    sessions.adopt_model_backend(session)  # many a site names Django's own in `login()`
    attached = vars(user).pop(facts.ATTRIBUTE, None)  # it stays on no user object
    # Read a moment ago, when our backend checked the password; else by nobody knows whom.
    found = attached if attached and kind is ProofKind.PASSWORD else facts.fresh(user)
    # A middleware may sign the same person in with each request, even by a password.
    repeats = kind is ProofKind.UNKNOWN or not in_view
    if repeats and record.continues(session, user, now=now):
        kept = record.waiting(session, now=now)
        if kept is not None:
            sessions.take_login(session)
            again = not in_view
            set_mark(session, Mark(kept.decision, kept.row, by_middleware=again, repeated=again))
            return Arrival.KEPT, kept.decision
    _forget_other(session, user, now=now)
    if not in_view:
        standing = _standing(session, found, now)
        if standing is not None:
            return Arrival.STANDS, standing
    state, decision = judge(found, kind, came, now)
    tracking.replaced(session, now=now)
    if record.drop(session, owner=user, now=now):
        sessions.restart(session)
    if kind is ProofKind.PASSWORD:
        attempts.note_name(found)
    if decision.allowed:
        # A program that is signed in with each request and keeps no cookie would end all others.
        most = found.requirement.parallel_sessions if in_view else None
        _settle(session, found, state, decision, most, now=now, where=where, later=later)
        return Arrival.COMPLETED, decision
    if decision.verdict in OVER:
        end(session, user, decision, by_middleware=not in_view, now=now, where=where)
        if kind is ProofKind.PASSWORD:
            later(partial(refused, user, now=now, where=where))
        return Arrival.ENDED, decision
    row = park(session, found, state, decision, announced=True, now=now)
    sessions.take_login(session)
    mid_life = sessions.was_live(session)
    set_mark(session, Mark(decision, row, mid_life=mid_life, by_middleware=not in_view))
    record_parked(Event.LOGIN_PARKED, user, decision, now=now, where=where)
    tell_if_stopped(found, state, now=now, where=where)
    return Arrival.PARKED, decision


def begin(
    session: SessionBase,
    user: Any,
    *,
    backend: str,
    next_url: str,
    now: int,
    where: Where,
    came: Came = UNKNOWN,
    later: Later = attempts.at_once,
) -> tuple[Arrival, Decision]:
    """Judge a right password before ``login()`` is called, for our own login page.

    `COMPLETED` here means: call ``login()`` now. A login that owes something is parked on a
    session with a new key, and ``user_logged_in`` waits for completion. `later` takes what need
    not be done before the answer has been sent.
    """
    found = facts.of(user)  # read a moment ago, when the password was checked
    state, decision = judge(found, ProofKind.PASSWORD, came, now)
    if decision.allowed:
        setattr(user, facts.ATTRIBUTE, found)  # for `arrive`, which hears of that `login()`
        return Arrival.COMPLETED, decision
    attempts.note_name(found)
    others = record.drop(session, owner=user, now=now)
    if decision.verdict in OVER:
        audit.record(Event.LOGIN_ENDED, user=user, reason=decision.reason, now=now, where=where)
        later(partial(refused, user, now=now, where=where))
        return Arrival.ENDED, decision
    if others or SESSION_KEY in session:
        tracking.replaced(session, now=now)
        session.flush()  # somebody else's live session ends here, as Django's login() would do
    elif session.session_key is not None:  # one without a key is given a new one when it is stored
        session.cycle_key()
    session[BACKEND_SESSION_KEY] = backend
    session[HASH_SESSION_KEY] = rows.auth_hash(user)
    park(session, found, state, decision, announced=False, next_url=next_url, now=now)
    sessions.take_login(session)
    record_parked(Event.LOGIN_PARKED, user, decision, now=now, where=where)
    tell_if_stopped(found, state, now=now, where=where)
    return Arrival.PARKED, decision


def fault(session: SessionBase, user: Any, *, now: int, where: Where) -> None:
    """Nobody can tell whether this login may stand: it does not. Nothing else is lost."""
    sessions.take_login(session)
    set_mark(session, Mark(None, undo=True))
    audit.record(Event.LOGIN_FAULT, user=user, now=now, where=where)


def _forget_other(session: SessionBase, user: Any, *, now: int) -> None:
    """A second login in one request: nothing of the first one's session reaches the second."""
    mark = mark_of(session)
    if mark is not None and mark.row is not None and mark.row.user_id != user.pk:
        ParkedLogin.objects.end(mark.row.pk, now=now)
        sessions.restart(session)
    set_mark(session, None)


def _standing(session: SessionBase, found: Facts, now: int) -> Decision | None:
    """Return the decision about a complete session that signs the same user in once more.

    Django's ``login()`` has kept the session only if user and password hash are the same.
    """
    if sessions.STAMP_KEY not in session:
        return None
    stamp = sessions.read(session, found.user.pk)
    who = found.who(known_browser=stamp.known_browser)
    decision = record.ask(SIGNED_IN, who, stamp.session(), now=now, enforce=conf().ENFORCE)
    return decision if decision.allowed else None


def _settle(
    session: SessionBase,
    found: Facts,
    state: Session,
    decision: Decision,
    most: int | None,
    *,
    now: int,
    where: Where,
    later: Later,
) -> None:
    """Stamp a sign-in that owes nothing; what an older session had proven stays behind."""
    _stamp(session, found.user, state, now=now)
    tracking.began(session, found.user, most=most, now=now, where=where)
    address_book(found.user, seen=found.account, now=now, where=where)
    _record_completed(found.user, state, decision, {}, now=now, where=where, later=later)


def _stamp(
    session: SessionBase, user: Any, state: Session, *, next_url: str = "", now: int
) -> None:
    """Write into a live session what its sign-in has proven."""
    stamp = sessions.Stamp(
        user_pk=str(user.pk),
        id=state.id or sessions.new_id(),
        account_epoch=state.account_epoch,
        site_epoch=state.site_epoch,
        proofs=state.proofs,
        started=now if state.started is None else state.started,
        known_browser=state.known_browser,
        next=next_url,
        # A sign-in may wait, and a live session be parked, for longer than one may be idle.
        seen=now if state.started not in (None, now) else None,
        remembered=state.remembered,
    )
    sessions.write(session, stamp)


def complete(
    session: SessionBase,
    waiting: Waiting,
    *,
    now: int,
    where: Where,
    later: Later = attempts.at_once,
) -> bool:
    """Turn a parked login that owes nothing into a live session; true for exactly one caller.

    The session gets its data back under a new key and is stamped with what was proven. The door
    then asks ``auth.get_user()``, rotates the CSRF token and sends the signals.
    """
    row = waiting.row
    if not waiting.decision.allowed or waiting.awaits_codes:
        return False
    address_book(waiting.user, now=now, where=where)
    data = rows.open_data(row)
    if not ParkedLogin.objects.claim(row.pk, now=now):
        return False
    session.pop(sessions.PARKED_KEY, None)
    session.cycle_key()
    session.update(data or {})
    session[SESSION_KEY] = waiting.user._meta.pk.value_to_string(waiting.user)  # noqa: SLF001
    session[BACKEND_SESSION_KEY] = row.backend
    session[HASH_SESSION_KEY] = row.auth_hash
    state = waiting.session
    _stamp(session, waiting.user, state, next_url=row.next, now=now)
    tracking.began(
        session,
        waiting.user,
        most=waiting.who.requirement.parallel_sessions,
        resumed=bool(state.id),
        now=now,
        where=where,
    )
    lost = {"data_lost": True} if data is None else {}
    _record_completed(
        waiting.user, state, waiting.decision, lost, now=now, where=where, later=later
    )
    return True


def _record_completed(
    user: Any,
    state: Session,
    decision: Decision,
    data: dict[str, Any],
    *,
    now: int,
    where: Where,
    later: Later,
) -> None:
    """Record a complete sign-in, and what policies that only report would have done to it."""
    if state.has(ProofKind.PASSWORD):
        # throttle.md: a completed sign-in zeroes the account's count
        attempts.forgive_signed_in(user)
    data["proofs"] = [proof.kind.value for proof in state.proofs]
    stopped = [n.role for n in decision.notes if n.kind is NoteKind.WOULD_BE_STOPPED]
    if stopped:
        data["would_be_stopped"] = stopped
    is_new = newcomer.is_new(state)
    if is_new:
        data["new_browser"] = True
    audit.record(Event.LOGIN_COMPLETED, user=user, data=data, now=now, where=where)
    if is_new:
        newcomer.tell(user, now=now, where=where, later=later)


def cancel(session: SessionBase, *, now: int, where: Where) -> bool:
    """End the parked login of this session; true if there was one."""
    waiting = record.waiting(session, now=now)
    record.drop(session, now=now)
    if waiting is None:
        return False
    audit.record(Event.LOGIN_CANCELLED, user=waiting.user, now=now, where=where)
    return True


def cancel_enrolment(session: SessionBase, user: Any, *, now: int, where: Where) -> None:
    """End the enrolment beside the live session of `user`, if there is one."""
    going_on = record.enrolling(session, user, now=now)
    session.pop(sessions.ENROL_KEY, None)
    if going_on is not None:
        ParkedLogin.objects.end(going_on.row.pk, now=now)
        audit.record(Event.ENROLMENT_CANCELLED, user=user, now=now, where=where)
