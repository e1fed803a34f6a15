"""Very many people, made by the database itself: a million in a minute.

Everything about a person follows from her number by arithmetic: `Dice` turns a number and a word
("staff", "factor") into one of `SIDES`, the same in every run and on every database. So what one
statement must know of another's rows it works out anew, and nothing is read back.

The shares are those of a site that has grown for years: names in no order of keys; some accounts
that the app has never seen; most people in no role; a fifth with a factor; some spared.

The trap: one text of SQL must do on PostgreSQL, MariaDB and SQLite. MariaDB is told that ``||``
joins texts; what a moment is called differs, in `MOMENT`. And SQLite joins before it multiplies,
so every sum stands in brackets.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core.management.color import no_style
from django.db import connection
from django.db.models import NOT_PROVIDED, Model

from hardening.core.grace import WaiverKind
from hardening.models import Account, Factor, PolicyWaiver, RolePolicy
from hardening.policies import DAY_SECONDS
from tests.bench.crew.models import HELPER, MANAGER, Membership

PRIME = 2**31 - 1
SIDES = 1000
SUPERUSERS = 5
NUMBERS = "bench_numbers"
MOMENT = {  # of Unix seconds
    "postgresql": "to_timestamp({0})",
    "mysql": "(TIMESTAMP '1970-01-01 00:00:00' + INTERVAL ({0}) SECOND)",
    "sqlite": "datetime({0}, 'unixepoch')",
}
GROUPS = ("editors", "moderators", "subscribers")
RIGHT = "add_group"  # that moderators have, and some others
# So many of a thousand people are this, or have it.
SHARES = {
    "active": 970,
    "staff": 2,
    "editors": 20,
    "moderators": 50,
    "subscribers": 300,
    "right": 1,
    "manager": 30,
    "helper": 70,
    "account": 950,
    "factor": 200,
    "frozen": 1,
    "owes": 1,
}
PASSKEYS = 20  # by the dice of "factor"
EXTENDED, SPARED = 150, 180  # of editors without a factor: the former, and exempt up to the latter
Show = Callable[[str], None]
Columns = dict[str, str]


@dataclass(frozen=True, slots=True)
class Dice:
    """Chance that is arithmetic: the same for the same seed, word and number."""

    seed: int

    def lot(self, word: str) -> str:
        """Return an expression: a number below `PRIME`, no two people's the same."""
        chance = random.Random(f"{self.seed} {word}")
        return f"((n * {chance.randrange(10**6, PRIME)} + {chance.randrange(PRIME)}) % {PRIME})"

    def below(self, word: str, share: int) -> str:
        """Return a condition that so many of a thousand people meet."""
        return f"(({self.lot(word)} % {SIDES}) < {share})"

    def has(self, word: str) -> str:
        """Return a condition that as many meet as `SHARES` says."""
        return self.below(word, SHARES[word])

    def spared(self, share: int) -> str:
        """Return a condition: an editor with an account and no factor, and so many of those."""
        lacks = f"NOT {self.has('factor')}"
        asked = (self.has("editors"), self.has("account"), lacks, self.below("spared", share))
        return f"({' AND '.join(asked)})"


def populate(people: int, rows: dict[str, RolePolicy], *, now: int, seed: int, show: Show) -> None:
    """Fill the empty tables.

    Args:
        people: How many.
        rows: Policies by role; one on the editors, whom some waivers spare.
        now: Unix seconds.
        seed: Of the dice.
        show: Told what is being made.
    """
    with numbers(people, show):
        listed = list(_tables(Dice(seed), rows["group:editors"].pk, now))
        for model, columns, met in listed:
            show(f"{people:,} people: {model._meta.verbose_name_plural}")
            insert(model, columns, met)
    show("statistics")
    settle({model for model, _columns, _met in listed})


def _tables(dice: Dice, policy: int, now: int) -> Iterator[tuple[type[Model], Columns, str]]:
    """Yield each model with its columns, and which numbers get a row."""
    yield User, _user(dice, now), "n > 0"
    yield Account, _account(dice, policy, now), dice.has("account")
    armed = f"{dice.has('factor')} AND {dice.has('account')}"
    yield Factor, {"user_id": "n", "confirmed_at": _moment(now), **_authenticator(now)}, armed
    for name in GROUPS:
        group = Group.objects.create(name=name)
        yield User.groups.through, {"user_id": "n", "group_id": str(group.pk)}, dice.has(name)
    right = Permission.objects.get(codename=RIGHT, content_type__app_label="auth")
    Group.objects.get(name="moderators").permissions.add(right)
    held = {"user_id": "n", "permission_id": str(right.pk)}
    yield User.user_permissions.through, held, dice.has("right")
    for word, role in (("manager", MANAGER), ("helper", HELPER)):
        artist = f"({dice.lot(word)} % 5000)"
        yield Membership, {"user_id": "n", "artist": artist, "role": f"'{role}'"}, dice.has(word)
    yield PolicyWaiver, _waiver(dice, policy, now), dice.spared(SPARED)


def _user(dice: Dice, now: int) -> Columns:
    joined = f"({now} - ({dice.lot('joined')} % {5 * 365 * DAY_SECONDS}))"
    superuser = f"(n <= {SUPERUSERS})"
    return {
        "id": "n",
        "username": f"('m' || {dice.lot('name')})",
        "email": f"('m' || {dice.lot('name')} || '@example.com')",
        "password": f"'argon2$argon2id$v=19$m=102400,t=2,p=8${'x' * 60}'",
        "last_name": f"('M' || ({dice.lot('last')} % 5000))",
        "is_active": f"({dice.has('active')} OR {superuser})",
        "is_staff": f"({dice.has('staff')} OR {superuser})",
        "is_superuser": superuser,
        "date_joined": _moment(joined),
    }


def _account(dice: Dice, policy: int, now: int) -> Columns:
    totp, passkey = "(n || ':totp:1:ku')", "(n || ':passkey:2:ku')"
    keyed = dice.below("factor", PASSKEYS)
    factors = (
        f"CASE WHEN {keyed} AND (n % 3) = 0 THEN ({totp} || ',' || {passkey})"
        f" WHEN {keyed} THEN {passkey} WHEN {dice.has('factor')} THEN {totp} ELSE '' END"
    )
    granted = f"('{policy}:' || {_kind(dice)} || ':' || {_until(now)})"
    return {
        "user_id": "n",
        "factors": factors,
        "frozen": dice.has("frozen"),
        "must_enrol": dice.has("owes"),
        "waivers": f"CASE WHEN {dice.spared(SPARED)} THEN {granted} ELSE '' END",
    }


def _authenticator(now: int) -> Columns:
    return {
        "kind": "'totp'",
        "name": "'Authenticator'",
        "secret": f"'{'s' * 120}'",
        "created_at": _moment(now),
    }


def _waiver(dice: Dice, policy: int, now: int) -> Columns:
    return {
        "user_id": "n",
        "policy_id": str(policy),
        "kind": _kind(dice),
        "until": _until(now),
        "reason": "'Abroad until the new telephone arrives'",
        "granted_at": str(now),
        "approved_by": "'boss'",
    }


def _kind(dice: Dice) -> str:
    extension, exemption = (kind.value for kind in (WaiverKind.EXTENSION, WaiverKind.EXEMPTION))
    return f"(CASE WHEN {dice.spared(EXTENDED)} THEN '{extension}' ELSE '{exemption}' END)"


def _until(now: int) -> str:
    return f"({now} + ((n % 60) + 1) * {DAY_SECONDS})"


def _moment(seconds: object) -> str:
    return MOMENT[connection.vendor].format(seconds)


# --- statements --------------------------------------------------------------------------------


@contextmanager
def numbers(people: int, show: Show) -> Iterator[None]:
    """Lend a table of the numbers 1 to `people`; it doubles until they are all there."""
    quoted = connection.ops.quote_name(NUMBERS)
    run = connection.cursor().execute
    if connection.vendor == "mysql":
        run("SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT'), time_zone = '+00:00'")
    run(f"CREATE TABLE {quoted} (n BIGINT PRIMARY KEY)")
    run(f"INSERT INTO {quoted} VALUES (1)")  # noqa: S608 - a name of ours
    there = 1
    while there < people:
        show(f"numbers: {there:,}")
        more = f"SELECT n + {there} FROM {quoted} WHERE n + {there} <= {people}"  # noqa: S608 - numbers
        run(f"INSERT INTO {quoted} {more}")
        there *= 2
    try:
        yield
    finally:
        run(f"DROP TABLE {quoted}")


def insert(model: type[Model], columns: Columns, met: str) -> None:
    """Insert a row for each number of which `met` is true.

    Args:
        model: Whose table.
        columns: What stands in each, by expressions over ``n``; the others get their defaults.
        met: A condition over ``n``.
    """
    quote, given, params = connection.ops.quote_name, dict[str, str](), []
    for field in model._meta.concrete_fields:
        if field.column in columns:
            given[quote(field.column)] = columns[field.column].replace("%", "%%")
        elif not field.primary_key:
            given[quote(field.column)] = "%s"
            params.append(field.get_db_prep_save(_default(field), connection))
    names, values = ", ".join(given), ", ".join(given.values())
    table, source, condition = model._meta.db_table, quote(NUMBERS), met.replace("%", "%%")
    with connection.cursor() as cursor:
        chosen = f"SELECT {values} FROM {source} WHERE {condition}"  # noqa: S608 - of this module
        cursor.execute(f"INSERT INTO {quote(table)} ({names}) {chosen}", params)


def _default(field: Any) -> object:
    return None if field.null and field.default is NOT_PROVIDED else field.get_default()


def settle(models: set[type[Model]]) -> None:
    """Let the database know what it holds, as a site's does after a while."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [*models]):
            cursor.execute(statement)
        if connection.vendor == "mysql":
            tables = ", ".join(connection.ops.quote_name(one._meta.db_table) for one in models)
            cursor.execute(f"ANALYZE TABLE {tables}")
        else:
            cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
