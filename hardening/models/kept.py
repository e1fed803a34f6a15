"""An ``UPDATE`` that the ORM writes once and that runs as SQL from then on: other key, other time.

To write what charges a password try takes the ORM ten times as long as to run it takes a database
nearby, and each sign-in needs four of them. So the SQL is kept, and only its parameters are filled
in: the row's key, and what moves with the time.

Which of them those are, nobody writes down by hand: the ``UPDATE`` is written for three moments,
and what moved with all three, by as many microseconds or seconds, is the time.

The trap: what is kept answers for everybody who asks later. Whatever else may differ from one
call to the next belongs to what the caller keeps it by (rules, the database's alias).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from django.db import connections, transaction
from django.db.models import sql

from hardening.core.throttle import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

    # Rows and their new values, for a key and a moment in microseconds.
    Written = tuple[QuerySet[Any, Any], dict[str, Any]]
    Write = Callable[[str, int], Written]

KEY = "the key of a row that is not there"
# Whole seconds apart, by numbers that no rule's would be.
MOMENTS_US = tuple(seconds * SECOND_US for seconds in (1_000_003, 3_000_017, 2_147_483_629))


class Moves(Enum):
    """What a parameter depends on; the number is microseconds."""

    NOT = 0
    WITH_MICROSECONDS = 1
    WITH_SECONDS = SECOND_US
    WITH_KEY = -1


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: itself, or what is added to the time. Some drivers take types of their own."""

    moves: Moves
    value: Any

    def at(self, key: str, now_us: int) -> Any:
        """Return it for a key and a moment."""
        if self.moves is Moves.NOT:
            return self.value
        if self.moves is Moves.WITH_KEY:
            return key
        return type(self.value)(self.value + now_us // self.moves.value)


@dataclass(frozen=True, slots=True)
class KeptUpdate:
    """SQL that is kept for one database."""

    alias: str
    sql: str
    parameters: tuple[Parameter, ...]

    def run(self, key: str, now_us: int = 0) -> int:
        """Run it as ``QuerySet.update`` would; return how many rows it found."""
        values = [one.at(key, now_us) for one in self.parameters]
        with (
            transaction.mark_for_rollback_on_error(using=self.alias),
            connections[self.alias].cursor() as cursor,
        ):
            cursor.execute(self.sql, values)
            found: int = cursor.rowcount
        return found


def keep(alias: str, write: Write) -> KeptUpdate:
    """Write an update once, for good.

    Args:
        alias: The database that it is for.
        write: Returns the rows and their new values for a key and a moment.

    Raises:
        ValueError: If it cannot be told how the update depends on the moment.
    """
    written = [_sql(alias, *write(KEY, now_us)) for now_us in MOMENTS_US]
    (text, first), *others = written
    if any(other != text or len(params) != len(first) for other, params in others):
        raise ValueError("the update reads otherwise at other moments")
    listed = zip(*(params for _, params in written), strict=True)
    return KeptUpdate(alias, text, tuple(_parameter(values) for values in listed))


def _sql(alias: str, rows: QuerySet[Any, Any], values: dict[str, Any]) -> tuple[str, Any]:
    query: Any = rows.query.chain(sql.UpdateQuery)  # as `QuerySet.update` does
    query.add_update_values(values)
    text, params = query.get_compiler(alias).as_sql()
    return text, params


def _parameter(values: tuple[Any, ...]) -> Parameter:
    first = values[0]
    if all(value == KEY for value in values):
        return Parameter(Moves.WITH_KEY, KEY)
    if all(value == first for value in values):
        return Parameter(Moves.NOT, first)
    for moves in (Moves.WITH_MICROSECONDS, Moves.WITH_SECONDS):
        pairs = zip(values, MOMENTS_US, strict=True)
        added = {value - now_us // moves.value for value, now_us in pairs}
        if len(added) == 1:
            return Parameter(moves, type(first)(added.pop()))
    raise ValueError("a parameter moves otherwise than the time does")
