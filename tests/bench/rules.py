"""The policies of the site with very many people, and what it remembers of them.

Five rows in the admin, one for each sort of role (a group, a permission, a column, everybody, a
table of the site's own), beside the two of the settings. Some are over, some ahead, one only
reports; one ends so soon that people must be reminded.
"""

from __future__ import annotations

from datetime import timedelta

from hardening import policies
from hardening.models import PolicySnapshot, RolePolicy
from hardening.moments import moment
from hardening.policies import DAY_SECONDS
from tests.bench.crew.roles import MANAGERS

STRONG = "phishing-resistant"
SNAPSHOT_DAYS = 90
SHARE_MOST = 60  # per cent that comply in the end

# Days since it started, and the row.
RULES: tuple[tuple[int, dict[str, object]], ...] = (
    (200, {"role": "group:editors", "grace_days": 30, "new_account_days": 14}),
    (100, {"role": "perm:auth.add_group"}),
    (2, {"role": "staff", "grace_days": 30}),
    (10, {"role": "everyone", "mode": "report"}),
    (30, {"role": MANAGERS, "grace_days": 32, "strength": STRONG}),
)


def demand(now: int) -> dict[str, RolePolicy]:
    """Make the rows; return them by role. `now` in Unix seconds."""
    made = [
        RolePolicy.objects.create(
            **{"mode": "enforce", "starts_at": moment(now - days * DAY_SECONDS), **row}
        )
        for days, row in RULES
    ]
    return {row.role: row for row in made}


def remember(people: int, now: int) -> None:
    """Make what the daily job has left of each policy in the last days, today not included."""
    today = moment(now).date()
    listed = policies.keyed(policies.read().policies).items()
    PolicySnapshot.objects.bulk_create(
        PolicySnapshot(
            day=today - timedelta(days=days),
            policy=key,
            role=policy.role,
            members=people,
            compliant=people * (SNAPSHOT_DAYS - days) * SHARE_MOST // (SNAPSHOT_DAYS * 100),
            in_grace=0,
            overdue=people // 10,
            exempt=0,
        )
        for days in range(1, SNAPSHOT_DAYS)
        for key, policy in listed
    )
