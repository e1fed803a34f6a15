"""Whether one user is in a role, as an expression that rides along in the query for her.

The trap: a manager of the site may hide members, or mean today's tenant; so every queryset here
is a plain one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from django.db.models.lookups import IsNull

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.expressions import Combinable

    from hardening.roles.role import Role


def membership(role: Role | None) -> Combinable:
    """Return the boolean expression "this user is in the role", for an annotation.

    A `Q` on the user's own columns is inlined; only one that needs a join becomes `Exists`
    (with `Exists` for all, PostgreSQL took 1.2 times as long). An unknown role holds everybody.
    """
    if role is None or not role.q:
        return Value(1)
    if role.within is not None:
        return role.within
    model = get_user_model()
    if own_columns_only(role.q, model):
        return ExpressionWrapper(role.q, output_field=BooleanField())
    # A plain queryset: a manager of the site may hide members, or mean today's tenant.
    return Exists(QuerySet(model).filter(role.q, pk=OuterRef("pk")))


def own_columns_only(q: Q, model: type[Model]) -> bool:
    """True if a `Q` asks only the user's own columns, so that it joins nothing."""
    for child in q.children:
        if isinstance(child, Q):
            if not own_columns_only(child, model):
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


# One row of users is asked about, by the tables between: joining the users once more doubles what
# PostgreSQL has to plan, and so does `EXISTS`, which it plans in two ways.


def in_group(name: str) -> Combinable:
    """Return "this user is in the group of that name"."""
    groups: Any = _field(get_user_model(), "groups")
    return _any(_links(groups, 1).filter(**{f"{groups.m2m_reverse_field_name()}__name": name}))


def holds(**wanted: str) -> Combinable:
    """Return "this user holds such a permission", her own or a group's; by lookups on it."""
    user = get_user_model()
    own: Any = _field(user, "user_permissions")
    groups: Any = _field(user, "groups")
    of_groups: Any = groups.remote_field.model._meta.get_field("permissions")  # noqa: SLF001
    mine = _links(groups, 3).values(groups.m2m_reverse_field_name())
    through: QuerySet[Any] = QuerySet(of_groups.remote_field.through)
    held = through.filter(**{f"{of_groups.m2m_field_name()}__in": mine})
    ways = Q(pk__in=_links(own, 2).values(own.m2m_reverse_field_name())) | Q(
        pk__in=held.values(of_groups.m2m_reverse_field_name())
    )
    permissions: QuerySet[Any] = QuerySet(own.remote_field.model)
    return _any(permissions.filter(ways, **wanted))


def _links(field: Any, depth: int) -> QuerySet[Any]:
    """Return the rows that link one user to others, seen from so many queries further in."""
    user: Any = "pk"
    for _level in range(depth):
        user = OuterRef(user)
    links: QuerySet[Any] = QuerySet(field.remote_field.through)
    return links.filter(**{field.m2m_field_name(): user})


def _any(rows: QuerySet[Any]) -> Combinable:
    found: Combinable = IsNull(Subquery(rows.values("pk")[:1]), False)  # noqa: FBT003 - Django's signature
    return found


def has_fields(*names: str) -> bool:
    """True if the user model has all these fields."""
    return all(_field(get_user_model(), name) is not None for name in names)


def _field(model: type[Model], name: str) -> Any:
    try:
        return model._meta.get_field(name)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return None
