"""The query for the facts: built once by the ORM, kept as SQL, run with another key each time.

Building it takes the ORM three times as long as Django's own ``get()`` takes altogether; run as
SQL it takes half as long as that ``get()``. It is kept for one user model, one database,
one set of policies and one state of the site's roles, and built anew when any of them changes.

Two shapes: *a user with her facts*, which stands in for the query that Django makes anyway, and
*the facts alone*, about somebody who is already loaded.

The trap: SQL that is kept answers for everybody who asks later. So the first shape is kept only
where the default manager's ``get_queryset`` is Django's own: a tenant manager frozen into SQL
showed one tenant's users to another. And no shape is kept where a role's `Q` may mean something
else tomorrow (a lazy value, a date in somebody's time zone). What is selected of ours is text and
booleans, which need no converters; the primary key is filtered last, as the last parameter.
"""

from __future__ import annotations

import inspect
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.contrib.auth.base_user import BaseUserManager
from django.db import connections
from django.db.models import Func, Manager, OuterRef, QuerySet, Subquery, TextField

from hardening import roles
from hardening.models import Account, SiteState
from hardening.models.account import SITE_PK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from django.db.models import Model
    from django.db.models.expressions import Combinable

    from hardening.policies import PolicySet

PREFIX = "hardening_"
ACCOUNT_COLUMNS = {
    "epoch": 0,
    "ended_sessions": "",
    "factors": "",
    "codes_left": 0,
    "must_change": "",
    "must_enrol": False,
    "frozen": False,
    "waivers": "",
    "break_glass_until": 0,
    "password_verdict": "",
    "password_mark": "",
    # What a sign-in looks at besides.
    "email": "",
    "previous_email": "",
    "email_since": None,
    "name_key": "",
    "password_checked_at": 0,
}
SITE_COLUMNS = {"epoch": 0, "policy_revision": 0, "attack_until": 0}
# How an object is copied, compared or shown is its own affair; what it asks for is not.
HARMLESS = frozenset(
    {"__class_getitem__", "__deepcopy__", "__eq__", "__getstate__", "__hash__", "__repr__"}
    | {"__setstate__", "__str__"}
)
MAX_KEY = 2**63  # beyond it a driver may refuse the number that the ORM would answer with "nobody"


class _Listed(Func):
    """Columns of a row as one JSON list: for eight subqueries PostgreSQL plans twice as long."""

    function = "JSON_ARRAY"
    output_field = TextField()

    def as_postgresql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Write what PostgreSQL calls it, as text."""
        names = {"function": "JSON_BUILD_ARRAY", "template": "%(function)s(%(expressions)s)::text"}
        return self.as_sql(compiler, connection, **{**names, **extra})


@dataclass(frozen=True, slots=True)
class _Key:
    """Who is asked for: one value of a unique field."""

    model: type[Model]
    alias: str
    field: Any
    value: Any

    def prepared(self) -> Any:
        """Return the value as the database's driver takes it."""
        return self.field.get_db_prep_value(self.value, connections[self.alias], prepared=False)

    def compares_plainly(self) -> bool:
        """Return whether the field compares as Django's own fields do."""
        return str(self.field.get_lookup("exact").__module__).startswith("django.")


@dataclass(frozen=True, slots=True)
class Kept:
    """SQL that is kept, and for what it was built.

    `params` lack the last one: the key. `fields` are those of the user that come first in a row,
    `converters` what their values go through, by place.
    """

    held: PolicySet
    roles_version: int
    sql: str
    params: tuple[Any, ...]
    fields: tuple[str, ...]
    converters: tuple[tuple[int, tuple[Callable[..., Any], ...], Any], ...]


_kept: dict[tuple[str, type[Model], str, bool], Kept] = {}


def load(model: type[Model], alias: str, held: PolicySet, pk: Any) -> tuple[Any, dict[str, Any]]:
    """Return a user and her facts by one query; by two where its SQL may not be kept.

    Raises:
        model.DoesNotExist: If the default manager knows nobody of this key.
    """
    manager = model._default_manager.db_manager(alias)  # noqa: SLF001 - as ModelBackend does
    key = _Key(model, alias, model._meta.pk, pk)  # noqa: SLF001 - Django's documented model API
    kept = _sql(key, held, whole=True) if is_plain(manager) else None
    if kept is None:
        user = manager.get(pk=pk)
        return user, read(model, alias, held, user.pk)
    return _user(key, kept)


def load_by_name(
    model: type[Model], alias: str, held: PolicySet, name: Any
) -> tuple[Any, dict[str, Any]]:
    """Do the same for somebody who types a name: by the natural key, as Django's backend does.

    Raises:
        model.DoesNotExist: If the default manager knows nobody of this name.
    """
    manager: Any = model._default_manager.db_manager(alias)  # noqa: SLF001 - as ModelBackend does
    field: Any = model._meta.get_field(model.USERNAME_FIELD)  # type: ignore[attr-defined]  # noqa: SLF001
    key = _Key(model, alias, field, name)
    plain = is_plain(manager) and field.unique and _finds_by_field_alone(type(manager))
    kept = _sql(key, held, whole=True) if plain else None
    if kept is None:
        user = manager.get_by_natural_key(name)
        return user, read(model, alias, held, user.pk)
    return _user(key, kept)


def _finds_by_field_alone(manager: Any) -> bool:
    found = getattr(manager, "get_by_natural_key", None)
    return found is BaseUserManager.get_by_natural_key


def _user(key: _Key, kept: Kept) -> tuple[Any, dict[str, Any]]:
    row = _row(key, kept)
    count = len(kept.fields)
    values = list(row[:count])
    for place, converters, expression in kept.converters:
        for convert in converters:
            values[place] = convert(values[place], expression, connections[key.alias])
    user = key.model.from_db(key.alias, kept.fields, values)
    return user, _decoded(row[count:])


def read(model: type[Model], alias: str, held: PolicySet, pk: Any) -> dict[str, Any]:
    """Return the facts alone, by one query, whatever managers hide.

    Raises:
        model.DoesNotExist: If there is nobody of this key.
    """
    key = _Key(model, alias, model._meta.pk, pk)  # noqa: SLF001 - Django's documented model API
    kept = _sql(key, held, whole=False)
    row = _asked(key, held, whole=False).get() if kept is None else _row(key, kept)
    return _decoded(row)


def read_many(
    model: type[Model], alias: str, held: PolicySet, pks: Iterable[Any]
) -> dict[Any, dict[str, Any]]:
    """Return the facts about several people by primary key, by one query that is not kept."""
    expressions = {PREFIX + name: expression for name, expression in _expressions(held).items()}
    everybody: QuerySet[Any, Any] = QuerySet(model, using=alias)
    rows = everybody.filter(pk__in=list(pks)).order_by().annotate(**expressions)
    return {pk: _decoded(row) for pk, *row in rows.values_list("pk", *expressions)}


def _row(key: _Key, kept: Kept) -> tuple[Any, ...]:
    with connections[key.alias].cursor() as cursor:
        cursor.execute(kept.sql, (*kept.params, key.prepared()))
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise key.model.DoesNotExist  # type: ignore[attr-defined]
    return row


def _decoded(row: Sequence[Any]) -> dict[str, Any]:
    """Return the columns of the facts by name; those of a row that is not there, as it begins."""
    account, site, *member_of = row
    return {
        **_listed("account", ACCOUNT_COLUMNS, account),
        **_listed("site", SITE_COLUMNS, site),
        **{f"role_{index}": value for index, value in enumerate(member_of)},
    }


def _listed(name: str, columns: dict[str, Any], text: str | None) -> dict[str, Any]:
    values = columns.values() if text is None else json.loads(text)
    return {f"{name}_{column}": value for column, value in zip(columns, values, strict=True)}


def is_plain(manager: Manager[Any]) -> bool:
    """True if a manager asks for every row in Django's own way, today and tomorrow.

    Host code that adds methods is fine; any of Django's that it replaces is not.
    """
    own: tuple[Any, Any] = (type(manager), Manager)
    rows: tuple[Any, Any] = (manager._queryset_class, QuerySet)  # type: ignore[attr-defined]  # noqa: SLF001
    return _replaces_nothing(*own) and _replaces_nothing(*rows)


@cache
def _replaces_nothing(theirs: Any, djangos: Any) -> bool:
    members = inspect.getmembers(djangos, _says_what_is_asked)
    return all(getattr(theirs, name) is ours for name, ours in members if name not in HARMLESS)


def _says_what_is_asked(member: Any) -> bool:
    """True of methods and properties; ``__init__`` may filter as well as any other."""
    return inspect.isfunction(member) or isinstance(member, property)


def _sql(key: _Key, held: PolicySet, *, whole: bool) -> Kept | None:
    """Return the SQL that is kept, building it if need be; `None` where it may not be kept."""
    if isinstance(key.value, int) and not -MAX_KEY <= key.value < MAX_KEY:
        return None
    kind = (key.alias, key.model, key.field.name, whole)
    kept = _kept.get(kind)
    if kept is not None and kept.held is held and kept.roles_version == roles.version():
        return kept
    if not all(roles.is_static(roles.find(role)) for role in held.roles):
        return None
    kept = _build(key, held, whole=whole)
    if kept is not None:
        _kept[kind] = kept
    return kept


def _build(key: _Key, held: PolicySet, *, whole: bool) -> Kept | None:
    version = roles.version()
    query = _asked(key, held, whole=whole).query
    query.clear_ordering(force=True)
    compiler = query.get_compiler(using=key.alias)
    sql, params = compiler.as_sql()
    *before, last = params
    if last != key.prepared() or not key.compares_plainly():
        return None
    fields, converters = _user_columns(compiler) if whole else ((), ())
    return Kept(held, version, sql, tuple(before), fields, converters)


def _user_columns(compiler: Any) -> tuple[tuple[str, ...], tuple[Any, ...]]:
    """Return which fields the first columns are, and what their values go through.

    Django works it out for each query anew; the annotations come after them.
    """
    columns = [compiler.select[place][0] for place in compiler.klass_info["select_fields"]]
    found = compiler.get_converters(columns)
    converters = tuple((place, tuple(calls), column) for place, (calls, column) in found.items())
    return tuple(column.target.attname for column in columns), converters


def _asked(key: _Key, held: PolicySet, *, whole: bool) -> QuerySet[Any, Any]:
    """Return the query: a user with her facts, or the facts alone as a tuple."""
    expressions = {PREFIX + name: expression for name, expression in _expressions(held).items()}
    asked: QuerySet[Any, Any] = QuerySet(key.model, using=key.alias).annotate(**expressions)
    return (asked if whole else asked.values_list(*expressions)).filter(
        **{key.field.name: key.value}
    )


def _expressions(held: PolicySet) -> dict[str, Combinable]:
    account = Account.objects.filter(user_id=OuterRef("pk"))
    site = SiteState.objects.filter(pk=SITE_PK)
    return {
        "account": Subquery(_as_list(account, ACCOUNT_COLUMNS)),
        "site": Subquery(_as_list(site, SITE_COLUMNS)),
        **{
            f"role_{index}": roles.membership(roles.find(role))
            for index, role in enumerate(held.roles)
        },
    }


def _as_list(rows: QuerySet[Any], columns: Iterable[str]) -> QuerySet[Any, Any]:
    listed: QuerySet[Any, Any] = rows.annotate(listed=_Listed(*columns)).values("listed")
    return listed
