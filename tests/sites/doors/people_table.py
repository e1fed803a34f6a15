"""Who knocks: five people, told apart by what the site's policy asks of them.

Four of them are the same superuser; only the policy for staff, or her phone, differs. The fan is
covered by no policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardening import testing
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW, PASSWORD, Visitor


@dataclass(frozen=True, slots=True)
class Person:
    """One column of the table."""

    name: str
    mandated: bool = False  # a policy is due for her, and enforced
    factor: bool = False
    staff: bool = True
    mode: str = Mode.ENFORCE
    grace_days: int = 0

    @property
    def heading(self) -> str:
        """Where she wants to go: a page that opens to her, with a query worth keeping."""
        return "/staff/?page=2&of=3" if self.staff else "/members/?page=2&of=3"

    def appear(self, users) -> Visitor:
        """Make the policy, the user and, if she has one, her authenticator."""
        RolePolicy.objects.create(
            role="staff", mode=self.mode, grace_days=self.grace_days, starts_at=moment(NOW - DAY)
        )
        flags = {"is_staff": self.staff, "is_superuser": self.staff}
        user = users.create_user("robin", "robin@example.com", PASSWORD, **flags)
        visitor = Visitor(user)
        if self.factor:
            visitor.secret = testing.secret_of(testing.enrol(user))
        return visitor


BARE = Person("mandated, no factor", mandated=True)
ARMED = Person("mandated, with a factor", mandated=True, factor=True)
GRACE = Person("in grace", grace_days=7)
REPORT = Person("under report mode", mode=Mode.REPORT)
FAN = Person("fan", staff=False)

PEOPLE = (BARE, ARMED, GRACE, REPORT, FAN)
