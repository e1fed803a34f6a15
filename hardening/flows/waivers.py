"""Sparing one person one policy for a while: more time, an exemption, and the end of either.

More time is one operator's word, so it is short: at most `MAX_EXTENSION_DAYS` beyond the deadline,
or, where that had passed, beyond the day on which the first was granted: asking again, or another
operator, gives no more. An exemption may last `MAX_EXEMPTION_DAYS` and takes two
operators (`flows.requests`, which calls `exempt`). Nobody spares himself.

What the decision reads is `Account.waivers`, written anew here from the rows, after the account's
row is locked: of two changes at once the second sees what the first has written. It acts on the
next request of that person.

Rules: policy.md "Grace", "Exemptions". Times are Unix seconds.

The trap: what is spared is one policy, by its row. The floor of the settings has no row, and no
operator spares anybody that.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.db.models import Min

from hardening import audit, roles
from hardening.audit import NOWHERE, Event, Where
from hardening.core import grace
from hardening.flows.notices import tell
from hardening.models import Account, PolicyWaiver
from hardening.models.database import atomic
from hardening.models.waiver import MAX_EXEMPTION_DAYS, Kind
from hardening.moments import moment
from hardening.policies import DAY_SECONDS, from_row

if TYPE_CHECKING:
    from hardening.models import OperatorRequest, RolePolicy

MAX_EXTENSION_DAYS = 30  # own: what one operator may grant alone


class Objection(StrEnum):
    """Why more time is not granted."""

    ONESELF = "oneself"
    NO_REASON = "no_reason"
    NOT_LATER = "not_later"
    TOO_LONG = "too_long"


class WaiverError(Exception):
    """More time was not granted; `why` says why."""

    def __init__(self, why: Objection) -> None:
        super().__init__(why)
        self.why = why


def objection(
    user: Any, policy: RolePolicy, *, until: int, reason: str, actor: Any, now: int
) -> Objection | None:
    """Return what speaks against more time for `user`; `None` if nothing does."""
    if actor is not None and actor.pk == user.pk:
        return Objection.ONESELF
    if not reason.strip():
        return Objection.NO_REASON
    due = from_row(policy).due
    if until <= max(now, due):
        return Objection.NOT_LATER
    since = min(now, _first_extended(user, policy) or now)
    if until > max(since, due) + MAX_EXTENSION_DAYS * DAY_SECONDS:
        return Objection.TOO_LONG
    return None


def _first_extended(user: Any, policy: RolePolicy) -> int | None:
    """Return when she was first given more time with this policy; ended or over, it counts."""
    rows = PolicyWaiver.objects.filter(user_id=user.pk, policy_id=policy.pk, kind=Kind.EXTENSION)
    first: int | None = rows.aggregate(first=Min("granted_at"))["first"]
    return first


def extend(
    user: Any,
    policy: RolePolicy,
    *,
    until: int,
    reason: str,
    actor: Any = None,
    now: int,
    where: Where = NOWHERE,
) -> PolicyWaiver:
    """Grant one person more time with one policy.

    Args:
        user: Whom.
        policy: Which policy's deadline is moved, for her alone.
        until: The new deadline.
        reason: Why; kept, and told to her.
        actor: Who grants it; `None`: the shell.
        now: Unix seconds.
        where: From where.

    Raises:
        WaiverError: If something speaks against it.
    """
    why = objection(user, policy, until=until, reason=reason, actor=actor, now=now)
    if why is not None:
        raise WaiverError(why)
    Account.objects.of(user.pk)  # before: a lock needs a row
    row = PolicyWaiver(kind=Kind.EXTENSION, user=user, policy=policy, until=until, reason=reason)
    row.approved_by = audit.name_of(actor)
    with atomic():
        _grant(row, now=now)
    _told(row, "waiver_granted", actor, now=now)
    audit.record(
        Event.WAIVER_EXTENDED, user=user, actor=actor, data=_data(row), now=now, where=where
    )
    return row


def exempt(asked: OperatorRequest, *, approver: Any, now: int, where: Where) -> PolicyWaiver:
    """Carry out a request for an exemption, inside the transaction that has just approved it.

    That nobody approves what he asked for, nor what is about himself, was seen to there.
    """
    Account.objects.of(asked.target_id)
    row = PolicyWaiver(
        kind=Kind.EXEMPTION,
        user=asked.target,
        policy=asked.policy,
        until=min(asked.until or 0, now + MAX_EXEMPTION_DAYS * DAY_SECONDS),
        reason=asked.reason,
        requested_by=asked.requester_name,
        approved_by=audit.name_of(approver),
    )
    with atomic():
        _grant(row, now=now)
    _told(row, "waiver_granted", approver, now=now)
    data = {**_data(row), "request": asked.pk, "requested_by": row.requested_by}
    audit.record(
        Event.WAIVER_EXEMPTED, user=row.user, actor=approver, data=data, now=now, where=where
    )
    return row


def end(pk: int, *, actor: Any = None, now: int, where: Where = NOWHERE) -> bool:
    """End one before its time; true for exactly one caller. She is told."""
    row = PolicyWaiver.objects.select_related("user", "policy").filter(pk=pk).first()
    if row is None:
        return False
    Account.objects.of(row.user_id)
    with atomic():
        Account.objects.lock(row.user_id)
        ended = PolicyWaiver.objects.end(pk, now=now)
        rewrite(row.user_id, now=now)
    if not ended:
        return False
    _told(row, "waiver_ended", actor, now=now)
    audit.record(
        Event.WAIVER_ENDED, user=row.user, actor=actor, data=_data(row), now=now, where=where
    )
    return True


def rewrite(user_pk: Any, *, now: int) -> None:
    """Write the account's waivers anew from its rows. The caller has locked the account's row."""
    standing = PolicyWaiver.objects.values_of(user_pk, now=now)
    Account.objects.filter(user_id=user_pk).update(waivers=grace.encode(standing))


def _grant(row: PolicyWaiver, *, now: int) -> None:
    Account.objects.lock(row.user_id)
    row.granted_at = now
    row.save(force_insert=True)
    rewrite(row.user_id, now=now)


def _told(row: PolicyWaiver, mail: str, actor: Any, *, now: int) -> None:
    details = {
        "kind": WORDS[row.kind],
        "role": roles.label(row.policy.role),
        "until": moment(row.until),
        "reason": row.reason,
    }
    by = {"by": audit.name_of(actor)} if actor is not None else {}
    tell(row.user, mail, {**details, **by}, now=now)


WORDS: dict[str, str] = {  # what a template asks for
    Kind.EXTENSION.value: "extension",
    Kind.EXEMPTION.value: "exemption",
}


def _data(row: PolicyWaiver) -> dict[str, Any]:
    return {
        "waiver": row.pk,
        "policy": row.policy_id,
        "role": row.policy.role,
        "until": row.until,
        "why": row.reason,
    }
