"""Where people stand with a policy, as operators read it: in words, with everybody's own deadline.

The database says who is compliant, in grace, overdue or exempt (`hardening.compliance`). Here
that becomes rows of a list, and a column and filters for the list of users.

The trap: a list of people without a second factor is a target list. Whoever shows one asks for the
permission `SEE_COMPLIANCE` first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from hardening import compliance, policies, roles
from hardening.compliance import Status
from hardening.core.values import Strength
from hardening.factors.mailbox import email_of
from hardening.models import Account, PolicyWaiver
from hardening.models.policy import StrengthChoice
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.db.models import QuerySet
    from django.http import HttpRequest

    from hardening.compliance import Person
    from hardening.policies import Policy

SEE_COMPLIANCE = "hardening.view_compliance"


@dataclass(frozen=True, slots=True)
class Standing:
    """One person and one policy, as a row of a list."""

    person: Person
    reason: str = ""  # of what was granted

    @property
    def name(self) -> str:
        """The user name."""
        return str(self.person.user.get_username())

    @property
    def email(self) -> str:
        """The e-mail address, where there is one."""
        return email_of(self.person.user)

    @property
    def status(self) -> Status:
        """Where she stands."""
        return self.person.status

    @property
    def until(self) -> datetime | None:
        """The date that matters: of the exemption, or of the deadline; none for the compliant."""
        if self.status is Status.COMPLIANT or not self.person.due:
            return None
        return moment(self.person.due)


def sees_compliance(request: HttpRequest) -> bool:
    """Whether this operator may know who meets which policy."""
    return bool(request.user.has_perm(SEE_COMPLIANCE))


def label(policy: Policy) -> str:
    """Return what operators read for a policy; one of the settings says so."""
    role = roles.label(policy.role)
    if policy.pk is None:
        return _("%(role)s (settings)") % {"role": role}
    if policy.strength is Strength.ANY:
        return role
    strength = StrengthChoice(policy.strength.slug).label
    return _("%(role)s: %(strength)s") % {"role": role, "strength": strength}


def standings(users: Sequence[Any], policy: Policy, *, now: int) -> list[Standing]:
    """Return the rows of people whom `compliance.listed` returned; one query, or none."""
    reasons: dict[Any, list[str]] = defaultdict(list)
    if policy.pk is not None and users:
        rows = PolicyWaiver.objects.standing(now=now).filter(policy_id=policy.pk)
        for row in rows.filter(user_id__in=[user.pk for user in users]):
            reasons[row.user_id].append(row.reason)
    return [
        Standing(compliance.person(user, policy), "; ".join(reasons.get(user.pk, [])))
        for user in users
    ]


# --- over all policies that are enforced ---------------------------------------------------------


def enforced() -> list[Policy]:
    """Return the policies in force, of the settings and of the admin."""
    return [policy for policy in policies.current().policies if policy.enforced]


def nearest(users: Sequence[Any], *, now: int) -> dict[Any, int]:
    """Return until when each of these users, by key, must have a factor that is missing.

    Unix seconds; what is over already included. Whoever owes nothing is left out. One query a
    policy, however many users there are.
    """
    found: dict[Any, int] = {}
    keys = [user.pk for user in users]
    for policy in enforced():
        for user in compliance.listed(policy, now=now).filter(pk__in=keys):
            one = compliance.person(user, policy)
            if one.status in (Status.IN_GRACE, Status.OVERDUE):
                found[user.pk] = min(one.due, found.get(user.pk, one.due))
    return found


def owing(status: Status, *, now: int) -> Q:
    """Return whoever has this status under any policy in force, for a ``filter``."""
    found = [one.values("pk") for one in _owing(status, now=now)]
    # One list of keys, not one for each policy: what stands by "or" a database cannot join by.
    if not found:
        return Q(pk__in=[])
    first, *others = found
    return Q(pk__in=first.union(*others, all=True) if others else first)


def owing_nothing(users: QuerySet[Any], *, now: int) -> QuerySet[Any]:
    """Leave out whom any policy in force asks for a factor, today or by a date."""
    for policy in enforced():
        owing = compliance.owing(policy, now=now)
        users = users.exclude(Exists(owing.filter(pk=OuterRef("pk"))))
    return users


def _owing(status: Status, *, now: int) -> list[QuerySet[Any]]:
    """Return the people of this status under each policy in force, where anybody can have it."""
    listed = enforced()
    if status is Status.OVERDUE:
        listed = [one for one in listed if one.due <= now]
    return [compliance.of_status(one, status, now=now) for one in listed]


def with_factor() -> Q:
    """Return whoever has a second factor of any kind."""
    return Q(pk__in=Account.objects.exclude(factors="").values("user_id"))


def equipped(users: Sequence[Any]) -> set[Any]:
    """Return the keys of those of these users who have a second factor of any kind; one query."""
    rows = Account.objects.filter(user_id__in=[user.pk for user in users]).exclude(factors="")
    return set(rows.values_list("user_id", flat=True))
