"""What an owner does with factors she has: rename, remove, make new recovery codes.

The door has asked for a fresh proof; each flow asks the decision again, because a door can be
forgotten. Removing ends every other session; a rename is no change.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from hardening import audit, signals
from hardening.audit import Event, Where
from hardening.core.values import Decision, Strength, Verdict, Who
from hardening.factors import recovery, registry
from hardening.flows import stepup, tracking
from hardening.flows.notices import tell
from hardening.models import Account, Factor, RecoveryCode
from hardening.models.database import atomic
from hardening.models.factor import NAME_LENGTH

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from hardening.core.pwned import Finding

__all__ = [
    "Change",
    "Factor",
    "Security",
    "find",
    "make_codes",
    "named",
    "needed",
    "overview",
    "remove",
    "rename",
]


class Change(Enum):
    """What came of a change."""

    DONE = "done"
    NOT_FRESH = "not_fresh"
    GONE = "gone"
    LAST_REQUIRED = "last_required"


class _UndoneError(Exception):
    """Nothing of a removal may stand, not even the new epoch; says what came of it."""

    def __init__(self, change: Change) -> None:
        super().__init__(change)
        self.change = change


@dataclass(frozen=True, slots=True)
class Security:
    """What the overview shows about an account."""

    factors: tuple[Factor, ...]
    account: Account
    codes_made: Any
    password_verdict: Finding | None


def overview(user: Any) -> Security:
    """Return the account's factors and the state of its recovery codes."""
    factors = tuple(Factor.objects.owned(user.pk).confirmed().order_by("confirmed_at", "pk"))
    first = RecoveryCode.objects.filter(user_id=user.pk).order_by("-created_at").first()
    account = Account.objects.filter(user_id=user.pk).first() or Account(user_id=user.pk)
    made = first.created_at if first else None
    return Security(factors, account, made, account.verdict_on(user.password))


def named(user: Any, decision: Decision) -> list[tuple[int, str]]:
    """Return (id, name) of the authenticators to choose from, last used first.

    Empty where the decision offers no more than one: there is nothing to choose.
    """
    offered = [choice.factor_id for choice in decision.choices if choice.factor_id is not None]
    if len(offered) <= 1:
        return []
    rows = Factor.objects.owned(user.pk).confirmed().filter(pk__in=offered)
    return [(row.pk, row.name) for row in rows.order_by("-last_used_at", "pk")]


def find(user: Any, pk: int, *, now: int, where: Where) -> Factor | None:
    """Return one of this user's authenticators; somebody else's is `None` and an event."""
    row = Factor.objects.owned(user.pk).confirmed().filter(pk=pk).first()
    if row is None and Factor.objects.filter(pk=pk).exclude(user_id=user.pk).exists():
        audit.record(Event.FACTOR_FOREIGN, user=user, data={"factor": pk}, now=now, where=where)
    return row


def rename(
    session: SessionBase, user: Any, row: Factor, name: str, *, now: int, where: Where
) -> Change:
    """Give an authenticator another label."""
    if not _fresh(session, user, now):
        return _refused(user, Change.NOT_FRESH, now=now, where=where)
    owned = Factor.objects.owned(user.pk).confirmed().filter(pk=row.pk)
    if not owned.update(name=name[:NAME_LENGTH]):
        return _refused(user, Change.GONE, now=now, where=where)
    data = {"factor": row.pk}
    audit.record(Event.FACTOR_RENAMED, user=user, data=data, now=now, where=where)
    return Change.DONE


def needed(who: Who, pk: int, *, now: int) -> bool:
    """True if a policy that is due could not be met without this factor."""
    due = [demand.strength for demand in who.requirement.demands if demand.due <= now]
    rest = max((f.strength for f in who.factors if f.id != pk), default=Strength.NONE)
    return bool(due) and rest < max(due)


def remove(session: SessionBase, user: Any, row: Factor, *, now: int, where: Where) -> Change:
    """Remove an authenticator; with the last one go the recovery codes."""
    who, decision = stepup.ask(session, user, max_age=None, always=True, now=now)
    if not decision.allowed:
        return _refused(user, Change.NOT_FRESH, now=now, where=where)
    if needed(who, row.pk, now=now):
        return _refused(user, Change.LAST_REQUIRED, now=now, where=where)
    try:
        with atomic():
            epoch = _retire(user.pk, row.pk, who.account_epoch, now=now)
    except _UndoneError as undone:
        return _refused(user, undone.change, now=now, where=where)
    tracking.restamp(session, user, epoch)
    signals.factor_removed.send_robust(sender=Factor, user=user, kind=row.kind, factor_id=row.pk)
    tell(user, "factor_removed", {"authenticator": row.name}, now=now, where=where)
    audit.record(Event.FACTOR_REMOVED, user=user, data={"factor": row.pk}, now=now, where=where)
    return Change.DONE


def _retire(user_pk: Any, pk: int, seen: int, *, now: int) -> int:
    """Everything that changes, inside one transaction; return the new epoch.

    The epoch is the lock: had it moved since it was `seen`, two removals at once would each
    leave the other's authenticator as the one that a policy needs.
    """
    epoch = Account.objects.bump_epoch(user_pk)
    if epoch != seen + 1:
        raise _UndoneError(Change.NOT_FRESH)
    if not Factor.objects.owned(user_pk).retire(pk, now=now):
        raise _UndoneError(Change.GONE)
    registry.rewrite(user_pk)
    if not Factor.objects.owned(user_pk).confirmed().exists():
        recovery.remove_all(user_pk)
    return epoch


def make_codes(
    session: SessionBase, user: Any, random: bytes, *, now: int, where: Where
) -> tuple[str, ...]:
    """Replace the recovery codes; an empty tuple means that no fresh proof was there."""
    who, decision = stepup.ask(session, user, max_age=None, always=True, now=now)
    if not decision.allowed or not who.factors:
        _refused(user, Change.NOT_FRESH, now=now, where=where)
        return ()
    with atomic():
        Account.objects.lock(user.pk)
        codes = recovery.make(user.pk, random, now=now)
    tell(user, "recovery_codes_made", {}, now=now, where=where)
    audit.record(Event.RECOVERY_CODES_MADE, user=user, now=now, where=where)
    return codes


def _refused(user: Any, change: Change, *, now: int, where: Where) -> Change:
    audit.record(Event.FACTOR_REFUSED, user=user, reason=change.value, now=now, where=where)
    return change


def _fresh(session: SessionBase, user: Any, now: int) -> bool:
    _, decision = stepup.ask(session, user, max_age=None, always=True, now=now)
    return decision.verdict is Verdict.ALLOW
