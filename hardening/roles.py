"""Roles: a name, a label and a `Q` over the user model.

One definition answers two questions: "is this user in it?" rides along, as one boolean, in the
query that loads the user; "who is in it?" is the same `Q` as a filter.

Built in: ``everyone``, ``staff``, ``superuser``, ``group:<name>``, ``perm:<app_label.codename>``
(direct or through a group; superusers hold every permission). Those that need a field which the
user model does not have are absent. A site adds its own with `register`, in a ``roles`` module
of any installed app (discovered at start-up) or in ``AppConfig.ready``.

The trap: a role's `Q` is written once, at start-up, and the query it is part of is kept: `Now()`,
never ``timezone.now()``. A value that is worked out later (a lazy one, a part of a date) is right
too, but then the query is built for each request (`is_static`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import (
    BooleanField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import Model
    from django.db.models.expressions import Combinable

GROUP_PREFIX = "group:"
PERMISSION_PREFIX = "perm:"
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


@dataclass(frozen=True, slots=True)
class Role:
    """A set of users. `label` may be lazy; `q` is a filter over the user model."""

    key: str
    label: Any
    q: Q
    publishes_publicly: bool = False


_registered: dict[str, Role] = {}
_version = 0  # moves with every change, so that what was made from the roles can be made anew


def register(key: str, label: Any, q: Q, *, publishes_publicly: bool = False) -> Role:
    """Add a site's own role.

    Args:
        key: The name used in policies; lower-case words with dashes, without a colon.
        label: What people read; may be a lazy translation.
        q: Filter over the user model; it must mean the same in an hour (see the trap above).
        publishes_publicly: Whether members change what the public sees.

    Raises:
        ValueError: If the key is built in, or taken by another role.
    """
    if ":" in key or key in {"everyone", "staff", "superuser"}:
        message = f"the role {key!r} is built in"
        raise ValueError(message)
    global _version  # noqa: PLW0603 - one registry per process
    role = Role(key, label, q, publishes_publicly)
    if _registered.setdefault(key, role) != role:
        message = f"another role is already registered as {key!r}"
        raise ValueError(message)
    _version += 1  # last: what another thread made of the old state must not bear the new number
    return role


def unregister(key: str) -> None:
    """Forget a site's own role; for tests of host projects."""
    global _version  # noqa: PLW0603 - one registry per process
    _registered.pop(key, None)
    _version += 1


def version() -> int:
    """Return a number that differs after each change of the site's own roles."""
    return _version


def registered() -> tuple[Role, ...]:
    """Return the site's own roles."""
    return tuple(_registered.values())


def find(key: str) -> Role | None:
    """Return the role of this name, or `None`: callers treat that as "everybody is in it"."""
    if key in _registered:
        return _registered[key]
    if key == "everyone":
        return Role(key, _("Everyone"), Q())
    if key == "staff" and _has_fields("is_staff"):
        return Role(key, _("Staff"), Q(is_staff=True))
    if key == "superuser" and _has_fields("is_superuser"):
        return Role(key, _("Superuser"), Q(is_superuser=True))
    if key.startswith(GROUP_PREFIX) and _has_fields("groups"):
        name = key.removeprefix(GROUP_PREFIX)
        return Role(key, _("Group %(name)s") % {"name": name}, Q(groups__name=name))
    if key.startswith(PERMISSION_PREFIX):
        return _permission(key)
    return None


def choices() -> list[tuple[str, Any]]:
    """Return (key, label) of every role a policy may name without typing, for forms."""
    built_in = [role for key in ("everyone", "staff", "superuser") if (role := find(key))]
    return [(role.key, role.label) for role in (*built_in, *_registered.values())]


def _permission(key: str) -> Role | None:
    app_label, dot, codename = key.removeprefix(PERMISSION_PREFIX).partition(".")
    if not dot or not _has_fields("groups", "user_permissions", "is_superuser"):
        return None
    direct = Q(
        user_permissions__codename=codename, user_permissions__content_type__app_label=app_label
    )
    through = Q(
        groups__permissions__codename=codename,
        groups__permissions__content_type__app_label=app_label,
    )
    label = _("Permission %(name)s") % {"name": f"{app_label}.{codename}"}
    return Role(key, label, direct | through | Q(is_superuser=True))


def _has_fields(*names: str) -> bool:
    return all(_field(get_user_model(), name) is not None for name in names)


def _field(model: type[Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return None


def membership(role: Role | None) -> Combinable:
    """Return the boolean expression "this user is in the role", for an annotation.

    A `Q` on the user's own columns is inlined; only one that needs a join becomes `Exists`
    (with `Exists` for all, PostgreSQL took 1.2 times as long). An unknown role holds everybody.
    """
    if role is None or not role.q:
        return Value(1)
    model = get_user_model()
    if _own_columns_only(role.q, model):
        return ExpressionWrapper(role.q, output_field=BooleanField())
    # A plain queryset: a manager of the site may hide members, or mean today's tenant.
    return Exists(QuerySet(model).filter(role.q, pk=OuterRef("pk")))


def _own_columns_only(q: Q, model: type[Model]) -> bool:
    for child in q.children:
        if isinstance(child, Q):
            if not _own_columns_only(child, model):
                return False
        elif isinstance(child, tuple):
            if not (_own_column(child[0], model) and _joins_nothing(child[1], model)):
                return False
        else:  # an expression: it may join anything
            return False
    return True


def _own_column(lookup: str, model: type[Model]) -> bool:
    field = _field(model, lookup.split("__", 1)[0])
    return field is not None and not field.is_relation


def _joins_nothing(value: Any, model: type[Model]) -> bool:
    """True of plain values, of `Now()`, and of `F` on the user's own columns."""
    if isinstance(value, list | tuple):
        return all(_joins_nothing(one, model) for one in value)
    if isinstance(value, F):
        return _own_column(value.name, model)  # type: ignore[attr-defined]
    if not hasattr(value, "resolve_expression"):
        return True
    if isinstance(value, Subquery) or not hasattr(value, "get_source_expressions"):
        return False
    return all(_joins_nothing(one, model) for one in value.get_source_expressions())


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


def labels(keys: Iterable[str]) -> str:
    """Return the labels of roles for a sentence, each once.

    Empty if every one of them is "everyone": that is no role somebody has.
    """
    named = dict.fromkeys(label(key) for key in keys if key != "everyone")
    return ", ".join(named)


def label(key: str) -> str:
    """Return what people read for a role's key, in the active language."""
    role = find(key)
    return str(role.label) if role else key
