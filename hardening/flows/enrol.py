"""Enrolling an authenticator: permission, a pending secret, the first code, recovery codes.

A first factor needs the password and a mailbox proof of the last 15 minutes, or a ticket;
another one needs a fresh proof of an existing one (or, once, a recovery code). The permission is
asked again by every step, for stuffed passwords have been used to plant second factors.

Confirming ends every other session of the account: the epoch moves on, and only the record or
the session at hand is stamped with the new one, in the same transaction.

The trap: two enrolments race, the owner's and a thief's. Whoever moves the epoch first wins; the
other finds that it is not the one it had started from, and is rolled back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from hardening import audit, facts, sessions, signals, vault
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.throttle import SECOND_US
from hardening.core.values import RECOVERY_CODES_LOW, Decision, Proof, ProofKind
from hardening.factors import recovery, registry, totp
from hardening.flows import record, rows, tracking
from hardening.flows.notices import tell
from hardening.flows.record import RecordGoneError, Waiting
from hardening.models import Account, Factor, ParkedLogin
from hardening.models.database import atomic
from hardening.models.parked import Purpose
from hardening.throttle import subjects
from hardening.throttle.gates import reserve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.contrib.sessions.backends.base import SessionBase


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What came of confirming. `codes` are shown once; secrets stay out of `repr`."""

    accepted: bool
    waiting: Waiting | None = None
    codes: tuple[str, ...] = ()
    retry_after: int = 0

    def __repr__(self) -> str:
        """Name no code."""
        return f"Confirmed(accepted={self.accepted}, codes={len(self.codes)})"


class _StaleError(Exception):
    """Factors changed since this enrolment looked; nothing of it may stand."""


def permission(session: SessionBase, user: Any, *, now: int) -> Decision:
    """Ask whether the live session of `user` may enrol, counting what was proven for it."""
    going_on = record.enrolling(session, user, now=now)
    if going_on is not None:
        return going_on.decision
    stamp = sessions.read(session, user.pk)
    return record.may_enrol(facts.fresh(user).who(), record.alongside(stamp), now=now)


def open_beside(
    session: SessionBase, user: Any, *, backend: str, next_url: str = "", now: int
) -> Waiting:
    """Open, or go on with, an enrolment beside the live session of `user`."""
    going_on = record.enrolling(session, user, now=now)
    if going_on is not None:
        return going_on
    stamp = sessions.read(session, user.pk)
    who = facts.fresh(user).who(known_browser=stamp.known_browser)
    empty = replace(stamp.session(), proofs=())
    row = record.open_row(
        session,
        user,
        empty,
        purpose=Purpose.ENROL,
        backend=backend,
        auth_hash=rows.auth_hash(user),
        reason="",
        announced=True,
        next_url=next_url,
        now=now,
    )
    live = record.alongside(stamp)
    return Waiting(row, user, who, live, record.may_enrol(who, live, now=now))


def start(waiting: Waiting, random: bytes, *, name: str, now: int, where: Where) -> bool:
    """Make a pending authenticator on this record; false if it may not be enrolled here."""
    if not waiting.may_enrol:
        _say(Event.ENROLMENT_REFUSED, waiting, now=now, where=where)
        return False
    with atomic():  # a second click never meets a row without its secret
        totp.start(waiting.row, name=name, secret=random, now=now)
    _say(Event.ENROLMENT_STARTED, waiting, now=now, where=where)
    return True


def pending(waiting: Waiting) -> totp.Pending | None:
    """Return the authenticator that waits on this record; one that does not open is none."""
    try:
        return totp.pending(waiting.row)
    except vault.Unsealable:
        return None


def confirm(
    waiting: Waiting,
    code: str,
    random: bytes,
    *,
    name: str,
    remove: Sequence[int] = (),
    live: SessionBase | None = None,
    now: int,
    where: Where,
) -> Confirmed:
    """Confirm the pending authenticator with its first code.

    Args:
        waiting: The record it was started on.
        code: What the person typed.
        random: Bytes for a set of recovery codes.
        name: A label for the authenticator.
        remove: Ids of lost authenticators to remove; heeded only after a recovery code.
        live: The live session, where the enrolment goes on beside one.
        now: Unix seconds.
        where: From where.
    """
    found = pending(waiting)
    if found is None or not waiting.may_enrol:
        _say(Event.ENROLMENT_REFUSED, waiting, now=now, where=where)
        return Confirmed(accepted=False)
    key = subjects.account("enrol", waiting.user.pk, known_browser=waiting.session.known_browser)
    reservation = reserve(key, conf().THROTTLE.codes, now_us=now * SECOND_US)
    if not reservation.admitted:
        _say(Event.PROOF_THROTTLED, waiting, now=now, where=where)
        return Confirmed(accepted=False, waiting=waiting, retry_after=reservation.retry_after)
    lost = list(remove) if waiting.replacing else []
    try:
        with atomic():
            done, codes, removed = _store(waiting, found, code, random, name, lost, now)
    except _StaleError:
        _say(Event.PROOF_REFUSED, waiting, now=now, where=where, reason="enrol")
        return Confirmed(accepted=False, waiting=waiting)
    except RecordGoneError:
        _say(Event.ENROLMENT_REFUSED, waiting, now=now, where=where, reason="record_over")
        return Confirmed(accepted=False)
    reservation.refund()
    if live is not None:
        _restamp(live, done, found.pk, now=now)
    _tell(done.user, found.pk, name, removed, now=now, where=where)
    data = {"factor": found.pk, "removed": [row.pk for row in removed], "codes": len(codes)}
    audit.record(Event.FACTOR_ADDED, user=done.user, data=data, now=now, where=where)
    return Confirmed(accepted=True, waiting=done, codes=codes)


def _store(
    waiting: Waiting,
    found: totp.Pending,
    code: str,
    random: bytes,
    name: str,
    lost: list[int],
    now: int,
) -> tuple[Waiting, tuple[str, ...], list[Factor]]:
    """Everything that changes, inside one transaction; the epoch is the lock."""
    user_pk = waiting.user.pk
    epoch = Account.objects.bump_epoch(user_pk)
    if epoch != waiting.who.account_epoch + 1:
        raise _StaleError
    if not totp.confirm(found, waiting.row, code, name=name, now=now):
        raise _StaleError
    removed = _retire(user_pk, lost, now)
    registry.rewrite(user_pk)
    Account.objects.filter(user_id=user_pk).update(must_enrol=False)
    codes: tuple[str, ...] = ()
    if waiting.who.recovery_codes_left < RECOVERY_CODES_LOW:  # a fresh set comes with the factor
        codes = recovery.make(user_pk, random, now=now)
    proof = Proof(ProofKind.FACTOR, now, epoch, factor_id=found.pk)
    values: dict[str, Any] = {"account_epoch": epoch, "codes_shown": bool(codes)}
    return record.add_proof(waiting, proof, now=now, **values), codes, removed


def _retire(user_pk: Any, lost: list[int], now: int) -> list[Factor]:
    rows = list(Factor.objects.owned(user_pk).confirmed().filter(pk__in=lost))
    return [row for row in rows if Factor.objects.retire(row.pk, now=now)]


def _restamp(live: SessionBase, done: Waiting, factor_id: int, *, now: int) -> None:
    """The session that enrolled stays; every other one is over."""
    stamp = sessions.read(live, done.user.pk)
    proof = Proof(ProofKind.FACTOR, now, done.who.account_epoch, factor_id=factor_id)
    sessions.write(live, stamp.with_proof(proof, epoch=done.who.account_epoch))
    live.pop(sessions.ENROL_KEY, None)
    ParkedLogin.objects.end(done.row.pk, now=now)
    live.cycle_key()
    tracking.follow(live, done.user)


def codes_stored(waiting: Waiting, *, now: int, where: Where) -> Waiting:
    """The person says that the recovery codes are stored; the sign-in may go on."""
    ParkedLogin.objects.filter(pk=waiting.row.pk).update(codes_shown=False)
    _say(Event.RECOVERY_CODES_STORED, waiting, now=now, where=where)
    waiting.row.refresh_from_db()
    return record.refreshed(waiting, waiting.row, now=now)


def codes_again(waiting: Waiting, random: bytes, *, now: int, where: Where) -> tuple[str, ...]:
    """Make the set anew for somebody who lost the page before the sign-in was complete.

    Only on a record that has just enrolled and owes nothing more; empty otherwise.
    """
    if not (waiting.decision.allowed and waiting.awaits_codes):
        _say(Event.ENROLMENT_REFUSED, waiting, now=now, where=where)
        return ()
    with atomic():
        Account.objects.lock(waiting.user.pk)
        codes = recovery.make(waiting.user.pk, random, now=now)
    tell(waiting.user, "recovery_codes_made", {}, now=now, where=where)
    _say(Event.RECOVERY_CODES_MADE, waiting, now=now, where=where)
    return codes


def _tell(user: Any, pk: int, name: str, removed: list[Factor], *, now: int, where: Where) -> None:
    signals.factor_added.send_robust(sender=Factor, user=user, kind=totp.KIND, factor_id=pk)
    tell(user, "factor_added", {"authenticator": name}, now=now, where=where)
    for row in removed:
        signals.factor_removed.send_robust(
            sender=Factor, user=user, kind=row.kind, factor_id=row.pk
        )
        tell(user, "factor_removed", {"authenticator": row.name}, now=now, where=where)


def _say(event: Event, waiting: Waiting, *, now: int, where: Where, reason: str = "") -> None:
    audit.record(
        event,
        user=waiting.user,
        reason=reason or waiting.decision.reason,
        data={"purpose": str(waiting.row.purpose)},
        now=now,
        where=where,
    )


__all__ = [
    "Confirmed",
    "codes_again",
    "codes_stored",
    "confirm",
    "open_beside",
    "pending",
    "permission",
    "start",
]
