"""Whether the query of a role may be kept as SQL.

The trap: what is kept answers for everybody who asks later. So whatever is not known to be static
is taken for changing, which costs a query and shows nobody anything wrong.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db.models import F, Q, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hardening.roles.role import Role

STATIC_TYPES = (
    *(bool, int, str, bytes, float, Decimal, UUID, type(None)),
    *(date, datetime, time, timedelta),
    Now,
)
# The lookups that Django computes in the active time zone.
IN_SOME_TIME_ZONE = frozenset(
    {
        *("date", "year", "iso_year", "quarter", "month", "week", "day", "week_day"),
        *("iso_week_day", "time", "hour", "minute", "second"),
    }
)


def is_static(role: Role | None) -> bool:
    """True if the role's query may be kept as SQL: it means the same whenever, whoever asks.

    Not so with a lazy value or an expression of the site's own, which may look at the request of
    the moment, nor with a part of a date, which Django computes in the time zone of the moment.
    """
    return role is None or all(_static_child(child) for child in _leaves(role.q))


def _leaves(q: Q) -> Iterator[Any]:
    for child in q.children:
        if isinstance(child, Q):
            yield from _leaves(child)
        else:
            yield child


def _static_child(child: Any) -> bool:
    if not isinstance(child, tuple):
        return _static_value(child)
    lookup, value = child
    return IN_SOME_TIME_ZONE.isdisjoint(lookup.split("__")) and _static_value(value)


def _static_value(value: Any) -> bool:
    if isinstance(value, list | tuple | set | frozenset):
        return all(map(_static_value, value))
    if type(value) is F:
        return IN_SOME_TIME_ZONE.isdisjoint(value.name.split("__"))  # type: ignore[attr-defined]
    if type(value) is Value:
        return _static_value(value.value)
    if type(value) is CombinedExpression:  # `Now() - timedelta(days=30)`
        return all(map(_static_value, value.get_source_expressions()))
    return type(value) in STATIC_TYPES or isinstance(value, Enum)
