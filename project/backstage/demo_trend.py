"""Three months of daily numbers for the compliance page: made up, and ending at the true ones.

`hardening_prune` takes one row a policy a day. A demo has no past, so these lines are drawn from a
few points, to the numbers that are counted on the day of seeding. Today's row is counted, as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hardening import compliance, policies
from hardening.compliance import Counts
from hardening.flows import snapshots
from hardening.flows.snapshots import TREND_DAYS
from hardening.models import PolicySnapshot, RolePolicy
from project.backstage.demo_policies import EDITORS, MANAGERS

if TYPE_CHECKING:
    from datetime import datetime

    from project.backstage.demo_policies import PolicySpec

GROWTH_DAYS = 600  # in which as many people join as there are now


@dataclass(frozen=True, slots=True)
class Line:
    """How a policy was met: days ago and the share of its members, the oldest first."""

    policy: PolicySpec
    points: tuple[tuple[int, float], ...]


LINES = (
    Line(MANAGERS, ((90, 0.31), (75, 0.35), (68, 0.61), (61, 0.74), (30, 0.79))),
    Line(EDITORS, ((90, 0.15), (60, 0.21), (45, 0.33), (20, 0.40))),
)


def draw(*, now: datetime) -> None:
    """Draw the lines of the past, unless there is one, and count today."""
    for line in LINES:
        policy = RolePolicy.objects.filter(role=line.policy.role).first()
        if policy is not None:
            _draw(line, policy, now=now)
    snapshots.take(now=int(now.timestamp()))


def _draw(line: Line, policy: RolePolicy, *, now: datetime) -> None:
    value = policies.from_row(policy)
    (key,) = policies.keyed([value])
    if PolicySnapshot.objects.filter(policy=key).exists():
        return
    today = compliance.count(value, now=int(now.timestamp()))
    rows = []
    for ago in range(1, TREND_DAYS):
        then = _counts(line, today, ago)
        rows.append(
            PolicySnapshot(
                day=(now - timedelta(days=ago)).astimezone(UTC).date(),
                policy=key,
                role=policy.role,
                members=then.members,
                compliant=then.compliant,
                in_grace=then.in_grace,
                overdue=then.overdue,
                exempt=then.exempt,
            )
        )
    PolicySnapshot.objects.bulk_create(rows)


def _counts(line: Line, today: Counts, ago: int) -> Counts:
    """Return the numbers of a day so many days ago."""
    members = today.members - today.members * ago // GROWTH_DAYS
    compliant = round(members * _share(line, today, ago))
    lacking = members - compliant
    if ago >= line.policy.due:  # everybody's grace
        return Counts(compliant=compliant, in_grace=lacking)
    exempt = min(today.exempt, lacking)
    in_grace = min(today.in_grace, lacking - exempt)
    return Counts(compliant, in_grace, lacking - exempt - in_grace, exempt)


def _share(line: Line, today: Counts, ago: int) -> float:
    """Return the share of that day, on the straight line between the two points around it."""
    now = today.compliant / today.members if today.members else 0.0
    for (since, before), (until, after) in pairwise((*line.points, (0, now))):
        if until <= ago <= since:
            return before + (after - before) * (since - ago) / (since - until)
    return now
