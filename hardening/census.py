"""All policies counted together, for pages and commands that show every one of them.

The members of one role are the same under each policy on it; and of roles that the user's own
columns say (everyone, staff) one look at all users tells them all. So that is asked first, by role,
and of each policy only whom it spares: by operators' hands, and as new accounts.

A million users are scanned once, not once a policy and status. The number of queries depends on
nothing but the policies.

The trap: this takes several statements, so somebody may come or go between them. The numbers of a
page are as of about one moment; only those of `compliance.count` are of exactly one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Count

from hardening import compliance, roles
from hardening.compliance import LABEL
from hardening.models.database import over_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hardening.compliance import Counts
    from hardening.core.values import Strength
    from hardening.policies import Policy

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Overview:
    """One policy's members by status, and by the strongest factor they have."""

    counts: Counts
    strengths: dict[Strength, int]


def overviews(listed: Iterable[Policy], *, now: int) -> list[Overview]:
    """Count the members of each policy's role; `now` in Unix seconds."""
    asked = tuple(listed)
    if not asked:
        return []
    with over_many():
        known = _by_role(dict.fromkeys(policy.role for policy in asked))
        counts = [compliance.spared(one, known[one.role], now=now) for one in asked]
    return [Overview(found, known[one.role]) for one, found in zip(asked, counts, strict=True)]


def _by_role(keys: Iterable[str]) -> dict[str, dict[Strength, int]]:
    """Return how many have each strength, by role."""
    columns = [key for key in keys if roles.asks_columns(roles.find(key))]
    linked = [key for key in keys if key not in columns]
    return {**_by_columns(columns), **{key: compliance.of_role(key) for key in linked}}


def _by_columns(keys: Sequence[str]) -> dict[str, dict[Strength, int]]:
    """Do so for roles that the user's own columns say, by two statements."""
    if not keys:
        return {}
    everybody = compliance.members(EVERYONE).order_by().aggregate(**_numbers(keys, ""))
    levels = compliance.equipped().annotate(**{LABEL: compliance.level_word()})
    rows = list(levels.order_by().values(LABEL).annotate(**_numbers(keys, "user__")))
    return {
        key: compliance.strengths(everybody[name], {row[LABEL]: row[name] for row in rows})
        for name, key in _named(keys).items()
    }


def _numbers(keys: Sequence[str], via: str) -> dict[str, Any]:
    found = {}
    for name, key in _named(keys).items():
        condition = roles.condition(roles.find(key), via=via)
        found[name] = Count("pk", filter=condition) if condition else Count("pk")
    return found


def _named(keys: Sequence[str]) -> dict[str, str]:
    """Return the roles by a name that a column of a query may have."""
    return {f"role_{place}": key for place, key in enumerate(keys)}
