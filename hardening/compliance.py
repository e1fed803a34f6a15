"""Who meets which policy: counted and listed by the database, as the decision would judge them.

Of the members of a policy's role each is one of four: *compliant* (a factor reaches the strength),
*exempt* (two operators agreed), *in grace* (the deadline is ahead: everybody's, or her own), or
*overdue* (stopped at the next sign-in). The same question is asked of a policy that is only
thought of, for the preview, and of one that is in force; so the two cannot differ.

Counts cost one query a policy, whatever the number of people; `hardening.census` counts several
policies at once. What a condition means stands in `hardening.conditions`. In a ``WHERE`` they are
joined by; in a ``CASE`` each is asked once for each row: that is for the rows of one page, or for
a list that is read whole. Times are Unix seconds.

The trap: this repeats in SQL what `core.grace` and rows 3 and 6 of the decision say in Python. A
property test holds the two together; whoever changes one changes the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import (
    Case,
    CharField,
    Count,
    IntegerField,
    OuterRef,
    Q,
    Subquery,
    TextField,
    Value,
    When,
)
from django.db.models.functions import Coalesce

from hardening import conditions, policies, roles
from hardening.core.grace import WaiverKind, decode, personal
from hardening.core.values import Strength
from hardening.facts import created
from hardening.models import Account
from hardening.models.database import alias

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from django.db.models import QuerySet

    from hardening.core.values import Requirement
    from hardening.policies import Policy

# Annotations of the queries below.
STATUS = "hardening_status"
STRENGTH = "hardening_strength"
WAIVERS = "hardening_waivers"
LABEL, NUMBER = "hardening_label", "hardening_number"

MEMBERS, GRACE = "members", "grace"  # beside the statuses, in what is counted
CHUNK = 2000  # people in memory at a time, where all of them are wanted


class Status(StrEnum):
    """Where a member of a role stands with one policy."""

    COMPLIANT = "compliant"
    IN_GRACE = "in_grace"
    OVERDUE = "overdue"
    EXEMPT = "exempt"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many members a policy has, by status."""

    compliant: int = 0
    in_grace: int = 0
    overdue: int = 0
    exempt: int = 0

    @property
    def members(self) -> int:
        """All of them."""
        return self.compliant + self.in_grace + self.overdue + self.exempt


@dataclass(frozen=True, slots=True)
class Person:
    """One member: her status, her strongest factor, and when the policy bites her (0: at once).

    `extended`: an operator has put that off.
    """

    user: Any
    status: Status
    strength: Strength
    due: int
    extended: bool = False


def members(role: str) -> QuerySet[Any]:
    """Return the active users in a role, each once; an unknown role holds everybody."""
    model = get_user_model()
    users: QuerySet[Any] = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    if conditions.field_of(model, "is_active") is not None:
        users = users.filter(is_active=True)
    return users.filter(roles.condition(roles.find(role)))


def with_status(policy: Policy, *, now: int) -> QuerySet[Any]:
    """Return the members of a policy's role with `STATUS`; for some of them, not for all."""
    users = members(policy.role)
    status = Case(
        When(conditions.reaches(policy.strength), then=Value(Status.COMPLIANT.value)),
        When(conditions.waived(policy, WaiverKind.EXEMPTION, now), then=Value(Status.EXEMPT.value)),
        When(conditions.in_grace(policy, users.model, now), then=Value(Status.IN_GRACE.value)),
        default=Value(Status.OVERDUE.value),
        output_field=CharField(),
    )
    annotated: QuerySet[Any] = users.annotate(**{STATUS: status})
    return annotated


def of_status(policy: Policy, status: Status, *, now: int) -> QuerySet[Any]:
    """Return the members of one status, without order."""
    users = members(policy.role)
    if status is Status.COMPLIANT:
        return users.filter(conditions.reaches(policy.strength))
    if status is Status.EXEMPT:
        return lacking(policy).filter(conditions.waived(policy, WaiverKind.EXEMPTION, now))
    users = owing(policy, now=now)
    if policy.due > now:
        return users if status is Status.IN_GRACE else users.none()
    ways = conditions.more_time(policy, users.model, now)
    if status is Status.OVERDUE:
        return users.filter(*(~way for way in ways))
    return users.filter(Q(*ways, _connector=Q.OR)) if ways else users.none()


def owing(policy: Policy, *, now: int) -> QuerySet[Any]:
    """Return the members who must still get a factor: overdue or in grace."""
    return lacking(policy).filter(~conditions.waived(policy, WaiverKind.EXEMPTION, now))


def lacking(policy: Policy) -> QuerySet[Any]:
    """Return the members who have no factor of the strength, whatever spares them so far."""
    return members(policy.role).filter(~conditions.reaches(policy.strength))


def count(policy: Policy, *, now: int) -> Counts:
    """Count the members of a policy's role by status, in one query."""
    compliant = _tally(Status.COMPLIANT, of_status(policy, Status.COMPLIANT, now=now))
    everybody = _tally(MEMBERS, members(policy.role))
    found = _counted([everybody, compliant, *_tallies(policy, now=now)])
    return _counts(policy, found, found[MEMBERS], found[Status.COMPLIANT], now=now)


def by_strength(policy: Policy) -> dict[Strength, int]:
    """Count the members of a policy's role by the strongest factor they have, in one query."""
    return of_role(policy.role)


def of_role(role: str) -> dict[Strength, int]:
    """Count the active users in a role by the strongest factor they have, in one query."""
    found = _counted([_levels(role), _tally(MEMBERS, members(role))])
    return strengths(found.pop(MEMBERS), found)


def spared(policy: Policy, reached: dict[Strength, int], *, now: int) -> Counts:
    """Count by status the members of whom `of_role` is known already; in one query, or none."""
    tallies = _tallies(policy, now=now)
    found = _counted(tallies) if tallies else {}
    compliant = sum(number for one, number in reached.items() if one >= policy.strength)
    return _counts(policy, found, sum(reached.values()), compliant, now=now)


def listed(policy: Policy, *, now: int, status: Status | None = None) -> QuerySet[Any]:
    """Return the members, ordered by name, with what `person` needs; to be sliced.

    Args:
        policy: Of whose role.
        now: Unix seconds.
        status: Only those; `None`: all.
    """
    name = get_user_model().USERNAME_FIELD
    return _described(policy, now=now, status=status).order_by(name, "pk")


def ordered(policy: Policy, *, now: int, status: Status | None = None) -> QuerySet[Any]:
    """Return the same people in the same order, with nothing about them: a late page is cheap."""
    users = members(policy.role) if status is None else of_status(policy, status, now=now)
    return users.order_by(get_user_model().USERNAME_FIELD, "pk")


def described(
    policy: Policy, keys: Sequence[Any], *, now: int, status: Status | None = None
) -> list[Any]:
    """Return those of these members who still are, in this order, with what `person` needs."""
    users = _described(policy, now=now, status=status).filter(pk__in=list(keys))
    found = {user.pk: user for user in users}
    return [found[key] for key in keys if key in found]


def every(policy: Policy, *, now: int, status: Status | None = None) -> Iterator[Person]:
    """Yield the members by primary key, a few at a time in memory, whatever the database."""
    users = _described(policy, now=now, status=status).order_by("pk")
    requirement = _requirement(policy)
    chunk = list(users[:CHUNK])
    while chunk:
        yield from (_person(user, requirement) for user in chunk)
        chunk = list(users.filter(pk__gt=chunk[-1].pk)[:CHUNK])


def person(user: Any, policy: Policy) -> Person:
    """Describe somebody whom `listed` returned."""
    return _person(user, _requirement(policy))


def _described(policy: Policy, *, now: int, status: Status | None) -> QuerySet[Any]:
    if status is None:
        users = with_status(policy, now=now)
    else:
        known = Value(status.value, output_field=CharField())
        users = of_status(policy, status, now=now).annotate(**{STATUS: known})
    account = Account.objects.filter(user_id=OuterRef("pk"))
    level = account.annotate(**{STRENGTH: conditions.level(IntegerField())}).values(STRENGTH)[:1]
    waivers = account.values("waivers")[:1]
    described: QuerySet[Any] = users.annotate(
        **{
            STRENGTH: Coalesce(Subquery(level), Strength.NONE.value, output_field=IntegerField()),
            WAIVERS: Coalesce(Subquery(waivers), Value(""), output_field=TextField()),
        }
    )
    return described


def _requirement(policy: Policy) -> Requirement:
    return policies.merge([replace(policy, enforced=True)])


def _person(user: Any, requirement: Requirement) -> Person:
    try:
        waivers = decode(getattr(user, WAIVERS))
    except ValueError:  # the sign-in of such a person says 503; her row here says the common date
        waivers = ()
    (demand,) = personal(requirement, waivers, created(user)).demands
    return Person(
        user,
        Status(getattr(user, STATUS)),
        Strength(getattr(user, STRENGTH)),
        demand.due,
        demand.extended,
    )


# --- counting --------------------------------------------------------------------------------


def _tallies(policy: Policy, *, now: int) -> list[QuerySet[Any]]:
    """Return the members who are spared, each way of it for itself and nobody twice."""
    if policy.pk is None:  # of the settings, or not saved: nobody was spared by hand
        tallies = []
    else:
        tallies = [_tally(Status.EXEMPT, of_status(policy, Status.EXEMPT, now=now))]
    if policy.due <= now:  # before, all the others are in grace
        left = owing(policy, now=now)
        for number, way in enumerate(conditions.more_time(policy, left.model, now)):
            tallies.append(_tally(f"{GRACE} {number}", left.filter(way)))
            left = left.filter(~way)
    return tallies


def _levels(role: str) -> QuerySet[Any]:
    """Return the tally of the members who have a factor, by the strongest one."""
    return _grouped(
        equipped().filter(roles.condition(roles.find(role), via="user__")), level_word()
    )


def equipped() -> QuerySet[Account]:
    """Return the accounts of active users who have a factor."""
    accounts = Account.objects.using(alias()).exclude(factors="")
    if conditions.field_of(get_user_model(), "is_active") is not None:
        accounts = accounts.filter(user__is_active=True)
    return accounts


def level_word() -> Case:
    """Return the strength of an account's strongest factor, as a text."""
    return conditions.level(CharField())


def strengths(everybody: int, reached: dict[str, int]) -> dict[Strength, int]:
    """Return how many have each strength, by `level_word`; no entry where nobody has it.

    Args:
        everybody: How many there are.
        reached: Of those who have a factor.
    """
    found = {Strength(int(level)): number for level, number in reached.items()}
    return {
        one: number
        for one, number in ({Strength.NONE: everybody - sum(found.values())} | found).items()
        if number > 0
    }


def _counts(
    policy: Policy, found: dict[str, int], everybody: int, compliant: int, *, now: int
) -> Counts:
    exempt = found.get(Status.EXEMPT, 0)
    grace = sum(number for label, number in found.items() if label.startswith(GRACE))
    # Where it was asked in several statements somebody may have come between: never below nobody.
    rest = max(everybody - compliant - exempt - grace, 0)
    if policy.due > now:
        return Counts(compliant=compliant, in_grace=rest, exempt=exempt)
    return Counts(compliant=compliant, in_grace=grace, overdue=rest, exempt=exempt)


def _tally(label: str, users: QuerySet[Any]) -> QuerySet[Any]:
    return _grouped(users, Value(label, output_field=CharField()))


def _grouped(rows: QuerySet[Any], label: Any) -> QuerySet[Any]:
    named = rows.order_by().annotate(**{LABEL: label})
    tally: QuerySet[Any] = named.values_list(LABEL).annotate(**{NUMBER: Count("pk")})
    return tally


def _counted(tallies: list[QuerySet[Any]]) -> dict[str, int]:
    """Return what several tallies say, by one statement, so as of one moment."""
    first, *others = tallies
    return dict(first.union(*others, all=True))
