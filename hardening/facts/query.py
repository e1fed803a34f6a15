"""The query for the facts: built once by the ORM, kept as SQL, run with another key each time.

Building it takes the ORM three times as long as Django's own ``get()`` takes altogether; its SQL
run through ``raw()`` takes less than that ``get()``. It is kept for one user model, one database,
one set of policies and one state of the site's roles, and built anew when any of them changes.

Two shapes: *a user with her facts*, which stands in for the query that Django makes anyway, and
*the facts alone*, about somebody who is already loaded.

The trap: SQL that is kept answers for everybody who asks later. So the first shape is kept only
where the default manager's ``get_queryset`` is Django's own: a tenant manager frozen into SQL
showed one tenant's users to another. And no shape is kept where a role's `Q` may mean something
else tomorrow (a lazy value, a date in somebody's time zone). Everything selected is a number or a
text, since annotations get no converters; the primary key is filtered last, as the last parameter.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import Manager, OuterRef, QuerySet, Subquery

from hardening import roles
from hardening.models import Account, SiteState
from hardening.models.account import SITE_PK

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.expressions import Combinable

    from hardening.policies import PolicySet

PREFIX = "hardening_"
ACCOUNT_COLUMNS = {
    "epoch": 0,
    "factors": "",
    "codes_left": 0,
    "must_change": "",
    "must_enrol": False,
    "frozen": False,
}
SITE_COLUMNS = {"epoch": 0, "policy_revision": 0}
DEFAULTS = {
    **{f"account_{name}": default for name, default in ACCOUNT_COLUMNS.items()},
    **{f"site_{name}": default for name, default in SITE_COLUMNS.items()},
}
MAX_KEY = 2**63  # beyond it a driver may refuse the number that the ORM would answer with "nobody"


@dataclass(frozen=True, slots=True)
class Kept:
    """SQL that is kept, and for what it was built. `params` lack the last one: the key."""

    held: PolicySet
    roles_version: int
    names: tuple[str, ...]
    sql: str
    params: tuple[Any, ...]


_kept: dict[tuple[str, type[Model], bool], Kept] = {}


def load(model: type[Model], alias: str, held: PolicySet, pk: Any) -> tuple[Any, dict[str, Any]]:
    """Return a user and her facts by one query; by two where its SQL may not be kept.

    Raises:
        model.DoesNotExist: If the default manager knows nobody of this key.
    """
    manager = model._default_manager.db_manager(alias)  # noqa: SLF001 - as ModelBackend does
    kept = _sql(model, alias, held, pk, whole=True) if is_plain(manager) else None
    if kept is None:
        user = manager.get(pk=pk)
        return user, read(model, alias, held, user.pk)
    params = (*kept.params, _prepared(model, alias, pk))
    found: list[Any] = list(QuerySet(model, using=alias).raw(kept.sql, params))
    if not found:
        raise model.DoesNotExist  # type: ignore[attr-defined]
    (user,) = found
    return user, {name: user.__dict__.pop(PREFIX + name) for name in kept.names}


def read(model: type[Model], alias: str, held: PolicySet, pk: Any) -> dict[str, Any]:
    """Return the facts alone, by one query, whatever managers hide.

    Raises:
        model.DoesNotExist: If there is nobody of this key.
    """
    kept = _sql(model, alias, held, pk, whole=False)
    if kept is None:
        row: Any = _values(model, alias, held, pk).first()
        names = tuple(_expressions(held))
    else:
        with connections[alias].cursor() as cursor:
            cursor.execute(kept.sql, (*kept.params, _prepared(model, alias, pk)))
            row = cursor.fetchone()
        names = kept.names
    if row is None:
        raise model.DoesNotExist  # type: ignore[attr-defined]
    return dict(zip(names, row, strict=True))


def is_plain(manager: Manager[Any]) -> bool:
    """True if a manager asks for every row in Django's own way, today and tomorrow.

    Host code that adds methods is fine; any of Django's that it replaces is not.
    """
    own: tuple[Any, Any] = (type(manager), Manager)
    rows: tuple[Any, Any] = (manager._queryset_class, QuerySet)  # type: ignore[attr-defined]  # noqa: SLF001
    return _replaces_nothing(*own) and _replaces_nothing(*rows)


@cache
def _replaces_nothing(theirs: Any, djangos: Any) -> bool:
    methods = inspect.getmembers(djangos, inspect.isfunction)
    # How an object is made, copied or shown is its own affair; what it asks for is not.
    own = [
        (name, ours) for name, ours in methods if not name.startswith("__") or name == "__iter__"
    ]
    return all(getattr(theirs, name) is ours for name, ours in own)


def _sql(model: type[Model], alias: str, held: PolicySet, pk: Any, *, whole: bool) -> Kept | None:
    """Return the SQL that is kept, building it if need be; `None` where it may not be kept."""
    if isinstance(pk, int) and not -MAX_KEY <= pk < MAX_KEY:
        return None
    kept = _kept.get((alias, model, whole))
    if kept is not None and kept.held is held and kept.roles_version == roles.version():
        return kept
    if not all(roles.is_static(roles.find(role)) for role in held.roles):
        return None
    kept = _build(model, alias, held, pk, whole=whole)
    if kept is not None:
        _kept[alias, model, whole] = kept
    return kept


def _build(model: type[Model], alias: str, held: PolicySet, pk: Any, *, whole: bool) -> Kept | None:
    version = roles.version()
    asked = (
        _annotated(model, alias, held).filter(pk=pk) if whole else _values(model, alias, held, pk)
    )
    query = asked.query
    query.clear_ordering(force=True)
    sql, params = query.get_compiler(using=alias).as_sql()
    *before, last = params
    if last != _prepared(model, alias, pk) or not _compares_plainly(model):
        return None
    return Kept(held, version, tuple(_expressions(held)), sql, tuple(before))


def _compares_plainly(model: type[Model]) -> bool:
    """True unless the key is a kind of field that compares in a way of its own."""
    exact: Any = model._meta.pk.get_lookup("exact")  # noqa: SLF001
    return str(exact.__module__).startswith("django.")


def _prepared(model: type[Model], alias: str, pk: Any) -> Any:
    field: Any = model._meta.pk  # noqa: SLF001 - Django's documented model API
    return field.get_db_prep_value(pk, connections[alias], prepared=False)


def _annotated(model: type[Model], alias: str, held: PolicySet) -> QuerySet[Any]:
    annotated: QuerySet[Any] = QuerySet(model, using=alias).annotate(
        **{PREFIX + name: expression for name, expression in _expressions(held).items()}
    )
    return annotated


def _values(model: type[Model], alias: str, held: PolicySet, pk: Any) -> QuerySet[Any, Any]:
    names = [PREFIX + name for name in _expressions(held)]
    return _annotated(model, alias, held).values_list(*names).filter(pk=pk)


def _expressions(held: PolicySet) -> dict[str, Combinable]:
    account = Account.objects.filter(user_id=OuterRef("pk"))
    site = SiteState.objects.filter(pk=SITE_PK)
    return {
        **{f"account_{name}": Subquery(account.values(name)[:1]) for name in ACCOUNT_COLUMNS},
        **{f"site_{name}": Subquery(site.values(name)[:1]) for name in SITE_COLUMNS},
        **{
            f"role_{index}": roles.membership(roles.find(role))
            for index, role in enumerate(held.roles)
        },
    }
