"""The demo's two policies that stand in the admin, and how they came about.

Staff and superusers are covered by the settings, which nobody lowers. Managers and editors are
covered by rows, so that the admin can show what rows can do: preview, grace, exemptions.

Managers: enforced, and everybody's grace is over. Editors: reports only, and waits for somebody to
look at its preview and enforce it; its deadline has passed as well, so that the compliance page
says who would be stopped today.

The trap: this writes into the past, which a real site never does. It imports from `hardening` what
no host should: rows, and the event of a change.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from hardening.audit import NOWHERE
from hardening.flows import policy as flow
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from project.backstage.models import User

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class PolicySpec:
    """A policy and its past, in days before the demo is seeded.

    Attributes:
        role: Of whom something is asked.
        grace_days: From `started` on.
        new_account_days: Grace of accounts that are younger.
        added: When it was added, to report.
        started: When its grace began.
        enforced: When it was enforced; `None`: it still reports.
        note: Why there is such a policy.
    """

    role: str
    grace_days: int
    new_account_days: int
    added: int
    started: int
    enforced: int | None
    note: str

    @property
    def due(self) -> int:
        """How many days ago everybody's grace was over."""
        return self.started - self.grace_days


MANAGERS = PolicySpec(
    role="artist-page-manager",
    grace_days=14,
    new_account_days=0,
    added=104,
    started=75,
    enforced=75,
    note="Managers can take a page away from the rest of the team.",
)
EDITORS = PolicySpec(
    role="artist-page-editor",
    grace_days=30,
    new_account_days=14,
    added=95,
    started=95,
    enforced=None,
    note="Reports who would be stopped. To be enforced once most editors are ready.",
)


def create(spec: PolicySpec, *, now: datetime) -> None:
    """Create a policy with its events, unless the role has one."""
    if RolePolicy.objects.filter(role=spec.role).exists():
        return
    admin = User.objects.get(username="admin")
    policy = RolePolicy(
        role=spec.role,
        mode=Mode.REPORT,
        starts_at=now - timedelta(days=spec.started),
        grace_days=spec.grace_days,
        new_account_days=spec.new_account_days,
        note=spec.note,
    )
    policy.save()
    _changed(policy, {}, admin, days_ago=spec.added, now=now)
    if spec.enforced is not None:
        before = flow.values(policy)
        policy.mode = Mode.ENFORCE
        policy.save()
        _changed(policy, before, admin, days_ago=spec.enforced, now=now)


def _changed(
    policy: RolePolicy, before: dict[str, str], admin: User, *, days_ago: int, now: datetime
) -> None:
    at = int((now - timedelta(days=days_ago)).timestamp())
    after = flow.values(policy)
    flow.changed(policy, before=before, after=after, actor=admin, now=at, where=NOWHERE)
