"""Who is in a role, as one condition for a query over many users.

The trap: a `Q` that joins finds a user once for each way she is in, and three groups of joins in
one query, as a permission has them, multiply with each other. So what joins is asked aside, and
what is held together by "or" is asked one by one. Where only one table beside the users is asked,
they are left out of that question: a database does not see by itself that it need not read them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Q, QuerySet

from hardening.roles.within import own_columns_only

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hardening.roles.role import Role

PLAIN_VALUES = (str, int)  # what a link is followed for; anything else may mean more than it says


def condition(role: Role | None, *, via: str = "") -> Q:
    """Return "is in the role" for a ``filter``, each user once; an unknown one holds everybody.

    Args:
        role: Which.
        via: What leads to the user from the rows that are filtered, as ``user__``; users: nothing.
    """
    return Q() if role is None or not role.q else _from(via, _asked(role.q))


def asks_columns(role: Role | None) -> bool:
    """True if the user's own columns alone say who is in the role: a scan answers for several."""
    return role is None or own_columns_only(role.q, get_user_model())


def _from(via: str, q: Q) -> Q:
    """Return the same condition, on rows that lead to the user."""
    if not via:
        return q
    if any(hasattr(value, "resolve_expression") for _lookup, value in _leaves(q)):
        rows: QuerySet[Any] = QuerySet(get_user_model()).filter(q)
        return Q((f"{via}pk__in", rows.order_by().values("pk")))
    children: Iterable[Any] = q.children
    seen = [_from(via, one) if isinstance(one, Q) else (via + one[0], one[1]) for one in children]
    return Q(*seen, _connector=q.connector, _negated=q.negated)


def _leaves(q: Q) -> Iterator[tuple[str, Any]]:
    children: Iterable[Any] = q.children
    for one in children:
        if isinstance(one, Q):
            yield from _leaves(one)
        elif not isinstance(one[1], QuerySet):
            yield one


def _asked(q: Q) -> Q:
    model = get_user_model()
    if own_columns_only(q, model):
        return q
    if q.connector == Q.OR and not q.negated:
        ways = [one if isinstance(one, Q) else Q(one) for one in q.children]
        return Q(*map(_asked, ways), _connector=Q.OR)
    linked = _linked(q, model)
    if linked is not None:
        return Q(pk__in=linked)
    # A plain queryset: a manager of the site may hide members, or mean today's tenant.
    rows: QuerySet[Any] = QuerySet(model).filter(q)
    return Q(pk__in=rows.order_by().values("pk"))


def _linked(q: Q, model: Any) -> QuerySet[Any] | None:
    """Return the keys of the users by the table that links to them; `None` where it takes more.

    That is where several conditions are about one row of one such table, each "is" a plain value.
    """
    pairs = [one if isinstance(one, tuple) else ("", None) for one in q.children]
    parts = [lookup.partition("__") for lookup, _value in pairs]
    if q.negated or q.connector != Q.AND or len({first for first, _, _rest in parts}) != 1:
        return None
    wanted = {rest: value for (_, _, rest), (_, value) in zip(parts, pairs, strict=True)}
    link = _link(parts[0][0], model)
    if link is None or len(wanted) != len(pairs) or not all(map(_is_plain, wanted.items())):
        return None
    rows, key, before = link
    return rows.filter(**{f"{before}{rest}": value for rest, value in wanted.items()}).values(key)


def _link(name: str, model: Any) -> tuple[QuerySet[Any], str, str] | None:
    """Return the rows that link to users, whose key they hold, and what stands before a lookup."""
    try:
        field = model._meta.get_field(name)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return None
    if field.many_to_many and not field.auto_created:
        key, before = field.m2m_field_name(), f"{field.m2m_reverse_field_name()}__"
        back = field.remote_field.through._meta.get_field(key)  # noqa: SLF001
    elif field.one_to_many and hasattr(field, "field"):
        back, before = field.field, ""
    else:
        return None
    rows: QuerySet[Any] = QuerySet(back.model)
    points_at_key = getattr(back, "target_field", None) is model._meta.pk  # noqa: SLF001
    return (rows, back.attname, before) if points_at_key else None


def _is_plain(asked: tuple[str, object]) -> bool:
    rest, value = asked
    return bool(rest) and not rest.endswith("isnull") and isinstance(value, PLAIN_VALUES)
