"""Who works in the admin, and the people they look after: what the tests of its pages stand on.

The clock stands at `NOW`. Permissions are given one by one; nobody here is a superuser unless the
test says so.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from playwright.sync_api import Page

from hardening import testing
from hardening.core.grace import WaiverKind
from hardening.flows import waivers
from hardening.models import Account, PolicySnapshot, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from hardening.policies import DAY_SECONDS
from tests.browser.people import NOW, PASSWORD, next_page

LIST = "/admin/hardening/rolepolicy/"
COMPLIANCE = f"{LIST}compliance/"
REQUESTS = "/admin/hardening/operatorrequest/"
WAIVERS = "/admin/hardening/policywaiver/"
USERS = "/office/auth/user/"
SEVERAL = {"compliant": 9, "grace": 2, "exempt": 1, "overdue": 3}
# Of Django's own list and form of users: links that only their colour tells from text, lists to
# choose from, and dates whose fields have no label.
DJANGOS = (".breadcrumbs", "#changelist-search .small", ".selector", ".datetime")
FOCUSED = """inside => {
  const at = document.activeElement;
  const name = at.labels?.[0]?.textContent || at.textContent || at.value || at.id || "";
  const seen = getComputedStyle(at).outlineStyle !== "none";
  return [at.tagName === "BODY" ? "" : name.trim(), seen, at.closest(inside) !== null];
}"""


class Keyboard:
    """Somebody without a mouse in Django's admin, whose pages have more to pass than ours."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.type = page.keyboard.type
        self.press = page.keyboard.press

    def tab_to(self, name: str, inside: str = "body") -> None:
        """Press Tab until `name` has the focus; wherever that goes, it must be seen."""
        passed: list[str] = []
        for _ in range(80):
            self.press("Tab")
            label, seen, there = self.page.evaluate(FOCUSED, inside)
            assert seen or not label, f"no outline on {label!r}"
            if label == name and there:
                return
            passed.append(label)
        pytest.fail(f"Tab does not reach {name!r}, only {passed}")

    def follow(self, name: str, inside: str = "body") -> None:
        """Press Enter on `name`, which leads to another page."""
        self.tab_to(name, inside)
        with next_page(self.page):
            self.press("Enter")


def clerk(name: str, *codenames: str, superuser: bool = False) -> User:
    """Return somebody of the staff with these permissions and an authenticator."""
    user = User.objects.create_user(
        name, f"{name}@example.com", PASSWORD, is_staff=True, is_superuser=superuser
    )
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    testing.enrol(user)
    return User.objects.get(pk=user.pk)


def editors(sizes: dict[str, int] = SEVERAL) -> dict[str, list[User]]:
    """Return a group of people, by what they will be under a policy that `enforced` makes."""
    group = Group.objects.get_or_create(name="editors")[0]
    people = {}
    for kind, size in sizes.items():
        names = [f"{kind}-{number}" for number in range(1, size + 1)]
        people[kind] = [User.objects.create_user(n, f"{n}@example.com", PASSWORD) for n in names]
        group.user_set.add(*people[kind])
    for user in people.get("compliant", ()):
        testing.enrol(user)
    return people


def policy(
    role: str = "group:editors", *, mode: str = Mode.ENFORCE, **values: object
) -> RolePolicy:
    """Return a policy whose deadline has passed, if nothing else is said."""
    given = {"starts_at": moment(NOW - 3 * DAY_SECONDS), **values}
    return RolePolicy.objects.create(role=role, mode=mode, **given)


def spare(people: dict[str, list[User]], row: RolePolicy) -> None:
    """Give some of them more time, and exempt others."""
    for user in people.get("grace", ()):
        until = NOW + 12 * DAY_SECONDS
        waivers.extend(user, row, until=until, reason="On tour until December", now=NOW)
    for user in people.get("exempt", ()):
        waiver = PolicyWaiver(
            user=user,
            policy=row,
            kind=WaiverKind.EXEMPTION.value,
            until=NOW + 40 * DAY_SECONDS,
            reason="Shared screen in the press room",
            granted_at=NOW,
            requested_by="alba",
            approved_by="mara",
        )
        waiver.save()
        Account.objects.of(user.pk)
        waivers.rewrite(user.pk, now=NOW)


def history(row: RolePolicy, *, days: int, members: int = 15) -> None:
    """Keep the numbers of the last `days` days; ever more people comply."""
    today = moment(NOW).date()
    for ago in range(days):
        compliant = members * 6 // 10 * (days - ago) // days
        PolicySnapshot.objects.create(
            day=today - timedelta(days=ago),
            policy=f"row:{row.pk}",
            role=row.role,
            members=members,
            compliant=compliant,
            in_grace=0,
            overdue=members - compliant,
            exempt=0,
        )
