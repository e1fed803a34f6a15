"""How many met each policy, day by day: a row a policy a day, taken by the daily job.

``hardening_prune`` takes them. A day's numbers are those of the first run of that day, in UTC; a
second one counts nothing. Rows are kept for a year and some, longer than their policies.

It changes nobody's rights, so it records no event.

The trap: a policy's key lives on when its role or strength is edited, so its line may jump on that
day. That is what happened.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hardening import census, policies
from hardening.models import PolicySnapshot
from hardening.models.compliance import KEEP_DAYS, KEY_LENGTH, ROLE_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.compliance import Counts
    from hardening.policies import Policy

TREND_DAYS = 90  # policy.md "Compliance"


def take(*, now: int) -> int:
    """Count today's members of each policy that has no row yet today; return how many had none.

    Policies that only report are counted too; those that are off are not.
    """
    today = _day(now)
    counted = set(PolicySnapshot.objects.filter(day=today).values_list("policy", flat=True))
    wanted = policies.keyed(policies.read().policies)
    missing = {
        key[:KEY_LENGTH]: policy
        for key, policy in wanted.items()
        if key[:KEY_LENGTH] not in counted
    }
    found = census.overviews(missing.values(), now=now)
    rows = [
        _row(key, policy, today, one.counts)
        for (key, policy), one in zip(missing.items(), found, strict=True)
    ]
    # Whoever takes them at the same moment has counted the same.
    PolicySnapshot.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def trend(key: str, *, now: int, days: int = TREND_DAYS) -> list[PolicySnapshot]:
    """Return the rows of one policy for the last days, today included, oldest first.

    Args:
        key: Its key by `policies.keyed`.
        now: Unix seconds.
        days: How many.
    """
    return trends([key], now=now, days=days)[key]


def trends(
    keys: Iterable[str], *, now: int, days: int = TREND_DAYS
) -> dict[str, list[PolicySnapshot]]:
    """Return the rows of several policies by key, in one query; empty lists where none are."""
    wanted = {key[:KEY_LENGTH]: key for key in keys}
    found: dict[str, list[PolicySnapshot]] = {key: [] for key in wanted.values()}
    since = _day(now) - timedelta(days=days - 1)
    rows = PolicySnapshot.objects.filter(policy__in=list(wanted), day__gte=since)
    for row in rows.order_by("day"):
        found[wanted[row.policy]].append(row)
    return found


def prune(*, now: int) -> int:
    """Delete rows that are too old; return how many."""
    oldest = _day(now) - timedelta(days=KEEP_DAYS)
    return PolicySnapshot.objects.filter(day__lt=oldest).delete()[0]


def _day(now: int) -> date:
    return datetime.fromtimestamp(now, tz=UTC).date()


def _row(key: str, policy: Policy, day: date, counts: Counts) -> PolicySnapshot:
    return PolicySnapshot(
        day=day,
        policy=key,
        role=policy.role[:ROLE_LENGTH],
        members=counts.members,
        compliant=counts.compliant,
        in_grace=counts.in_grace,
        overdue=counts.overdue,
        exempt=counts.exempt,
    )
