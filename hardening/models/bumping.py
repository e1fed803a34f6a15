"""One statement that moves the epochs of very many accounts on, so that all their sessions end.

It is an upsert over the users' own query: an account without a row counts as epoch 0 and gets one
with epoch 1. Its columns take the defaults of the model's fields, asked of the model each time, so
that a column of tomorrow is not forgotten here. Ids of sessions that were ended one by one go too:
nothing of an older epoch is alive any more.

Rows are written in the order of their keys, so that two of these queue instead of waiting for each
other. That the users lie in the same database is what the check ``hardening.E010`` asks.

The traps: a query of users may find somebody twice (by two groups), and PostgreSQL refuses to
update one row twice in one statement; so the query is asked for distinct keys. And MariaDB locks a
user's own row before it finds that her account has one, while a change of password locks the
account first: the two would wait for each other. So there it is done in pieces, by plain updates.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import IntegrityError, OperationalError, connections
from django.db.models import F, QuerySet
from django.db.models.constants import OnConflict

from hardening.models.account import Account
from hardening.models.database import alias, atomic, over_many

KEY = "hardening_key"
TRIES = 3
PIECE_TRIES = 20
PIECE = 5000  # people in one statement, on MariaDB
INSERT = """{begin} {table} ({columns})
SELECT {values} FROM (SELECT DISTINCT {key} FROM ({users}) asked) chosen
WHERE 1 = 1 ORDER BY chosen.{key}
"""
UPDATE = """
ON CONFLICT ({user}) DO UPDATE SET {epoch} = {table}.{epoch} + 1, {ended} = ''
"""


def bump_epochs(users: QuerySet[Any]) -> None:
    """End every session of these users by one statement.

    The query must not be sliced. Repeated where somebody was deleted meanwhile, or another
    transaction stood in the way, and in pieces where that happens all the time; in a transaction
    that the caller has opened, that is his to do.

    Raises:
        django.db.Error: If it failed again and again.
    """
    connection = connections[alias()]
    bump = _in_pieces if connection.vendor == "mysql" else _at_once
    if connection.in_atomic_block:
        return bump(users)
    for _ in range(TRIES):
        try:
            return bump(users)
        except (IntegrityError, OperationalError):
            continue
    return _in_pieces(users)


def _at_once(users: QuerySet[Any]) -> None:
    connection = connections[alias()]
    try:
        sql, params = _insert(users, connection, epoch=1)
    except EmptyResultSet:  # the ORM sees that nobody is meant
        return
    with atomic(), over_many(), connection.cursor() as cursor:
        cursor.execute(f"{sql}{UPDATE.format(**_names(connection))}", params)


def _in_pieces(users: QuerySet[Any]) -> None:
    connection = connections[alias()]
    keys = sorted(set(users.order_by().values_list("pk", flat=True)))
    for start in range(0, len(keys), PIECE):
        piece = keys[start : start + PIECE]
        listed = Account.objects.filter(user_id__in=piece)
        known = set(listed.values_list("user_id", flat=True))
        missing = [pk for pk in piece if pk not in known]
        if missing:
            of_them: QuerySet[Any] = QuerySet(users.model, using=users.db)
            _insert_missing(of_them.filter(pk__in=missing), connection)
        listed.update(epoch=F("epoch") + 1, ended_sessions="")


def _insert_missing(users: QuerySet[Any], connection: Any) -> None:
    """Insert the rows of a piece; whoever is deleted between reading and writing stops nobody."""
    ignore = OnConflict.IGNORE
    end = "" if connection.vendor == "mysql" else "ON CONFLICT DO NOTHING"
    for left in reversed(range(1 if connection.in_atomic_block else PIECE_TRIES)):
        try:
            sql, params = _insert(users, connection, epoch=0, on_conflict=ignore)
            with connection.cursor() as cursor:
                cursor.execute(f"{sql}{end}", params)
        except IntegrityError:
            if not left:
                raise
        else:
            return


def _insert(
    users: QuerySet[Any], connection: Any, *, epoch: int, on_conflict: OnConflict | None = None
) -> tuple[str, list[Any]]:
    """Return the statement that inserts rows for users, but for its end, and its parameters.

    Raises:
        EmptyResultSet: If the ORM sees that nobody is meant.
    """
    asked = users.order_by().values(**{KEY: F("pk")}).query
    sql, params = asked.get_compiler(connection=connection).as_sql()
    quote = connection.ops.quote_name
    opts = Account._meta  # noqa: SLF001 - Django's documented model API
    owner = opts.get_field("user")
    others = [field for field in opts.concrete_fields if field is not owner]
    words = {
        **_names(connection),
        "begin": connection.ops.insert_statement(on_conflict=on_conflict),
        "columns": ", ".join(quote(field.column) for field in (owner, *others)),
        "values": ", ".join((f"chosen.{quote(KEY)}", *("%s" for _field in others))),
        "key": quote(KEY),
        "users": sql,
    }
    given = {"epoch": epoch}
    firsts = [(field, given.get(field.name, field.get_default())) for field in others]
    prepared = [field.get_db_prep_save(value, connection) for field, value in firsts]
    return INSERT.format(**words), [*prepared, *params]


def _names(connection: Any) -> dict[str, str]:
    quote = connection.ops.quote_name
    opts: Any = Account._meta  # noqa: SLF001 - Django's documented model API
    columns = {"user": "user", "epoch": "epoch", "ended": "ended_sessions"}
    named = {name: quote(opts.get_field(field).column) for name, field in columns.items()}
    return {"table": quote(opts.db_table), **named}
