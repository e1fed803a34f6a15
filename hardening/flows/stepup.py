"""Step-up: a live session proves a factor again before something that matters.

A factor, never the password alone, and never a recovery code. Nothing but such a proof makes a
session fresh; activity does not. The session key rotates (OWASP ASVS 5.0 7.2.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hardening import audit, facts, sessions
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.decision import decide
from hardening.core.throttle import SECOND_US
from hardening.core.values import (
    Decision,
    Need,
    NeedKind,
    Note,
    Proof,
    ProofKind,
    Session,
    Strength,
    Who,
)
from hardening.factors.totp import Finding
from hardening.flows import record, tracking
from hardening.flows.notices import worth_recording, wrong_code
from hardening.flows.prove import CODES, judge_code, usable_row
from hardening.throttle import subjects
from hardening.throttle.gates import reserve

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


@dataclass(frozen=True, slots=True)
class SteppedUp:
    """What came of a try."""

    accepted: bool
    retry_after: int = 0


def ask(
    session: SessionBase,
    user: Any,
    *,
    max_age: int | None,
    strength: Strength = Strength.ANY,
    always: bool = False,
    now: int,
) -> tuple[Who, Decision]:
    """Ask whether this session is fresh enough; `None` as the age means: by the policies.

    `always` asks even while the kill switch is on: it restores access, it does not let whoever
    has the password remove somebody's second factor.

    Raises:
        FactsError: If nobody can tell.
    """
    stamp = sessions.read(session, user.pk)
    who = facts.fresh(user).who(known_browser=stamp.known_browser)
    age = record.fresh_seconds(who) if max_age is None else max_age
    need = Need(NeedKind.FRESH, max_age=age, strength=strength)
    return who, record.ask(need, who, stamp.session(), now=now, enforce=always or conf().ENFORCE)


def notes(who: Who, *, now: int) -> tuple[Note, ...]:
    """Return what the pages may say about an account: deadlines, recovery codes running low."""
    open_door = Session(account_epoch=who.account_epoch, site_epoch=who.site_epoch)
    return decide(Need(), who, open_door, now=now, enforce=False).notes


def prove(
    session: SessionBase, user: Any, factor_id: int | None, code: str, *, now: int, where: Where
) -> SteppedUp:
    """Judge a code and, if it is right, stamp the session with a fresh proof."""
    stamp = sessions.read(session, user.pk)
    known = stamp.known_browser
    who = facts.fresh(user).who(known_browser=known)
    key = subjects.account(CODES, user.pk, known_browser=known)
    reservation = reserve(key, conf().THROTTLE.codes, now_us=now * SECOND_US)
    if not reservation.admitted:
        if worth_recording(user, now=now):
            audit.record(Event.STEP_UP_THROTTLED, user=user, now=now, where=where)
        return SteppedUp(accepted=False, retry_after=reservation.retry_after)
    row = usable_row(who.factors, user.pk, factor_id)
    if judge_code(row, user, code, known=known, now=now) is not Finding.RIGHT or row is None:
        wrong_code(user, now=now, where=where)
        audit.record(Event.STEP_UP_REFUSED, user=user, now=now, where=where)
        return SteppedUp(accepted=False)
    reservation.refund()
    proof = Proof(ProofKind.FACTOR, now, who.account_epoch, factor_id=row.pk)
    sessions.write(session, stamp.with_proof(proof))
    session.cycle_key()
    tracking.follow(session, user)
    audit.record(Event.STEP_UP_DONE, user=user, data={"factor": row.pk}, now=now, where=where)
    return SteppedUp(accepted=True)
