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

from typing import TYPE_CHECKING, Any

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.utils.translation import gettext_lazy as _

from hardening.roles.members import asks_columns, condition
from hardening.roles.role import Role
from hardening.roles.static import is_static
from hardening.roles.within import has_fields, holds, in_group, membership

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "GROUP_PREFIX",
    "PERMISSION_PREFIX",
    "Role",
    "asks_columns",
    "choices",
    "condition",
    "find",
    "is_static",
    "label",
    "labels",
    "membership",
    "register",
    "registered",
    "unregister",
    "version",
]

GROUP_PREFIX = "group:"
PERMISSION_PREFIX = "perm:"

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
    if key == "staff" and has_fields("is_staff"):
        return Role(key, _("Staff"), Q(is_staff=True))
    if key == "superuser" and has_fields("is_superuser"):
        return Role(key, _("Superuser"), Q(is_superuser=True))
    if key.startswith(GROUP_PREFIX) and has_fields("groups"):
        name = key.removeprefix(GROUP_PREFIX)
        label = _("Group %(name)s") % {"name": name}
        return Role(key, label, Q(groups__name=name), within=in_group(name))
    if key.startswith(PERMISSION_PREFIX):
        return _permission(key)
    return None


def choices() -> list[tuple[str, Any]]:
    """Return (key, label) of every role a policy may name without typing, for forms."""
    built_in = [role for key in ("everyone", "staff", "superuser") if (role := find(key))]
    return [(role.key, role.label) for role in (*built_in, *_registered.values())]


def _permission(key: str) -> Role | None:
    app_label, dot, codename = key.removeprefix(PERMISSION_PREFIX).partition(".")
    if not dot or not has_fields("groups", "user_permissions", "is_superuser"):
        return None
    direct = Q(
        user_permissions__codename=codename, user_permissions__content_type__app_label=app_label
    )
    through = Q(
        groups__permissions__codename=codename,
        groups__permissions__content_type__app_label=app_label,
    )
    label = _("Permission %(name)s") % {"name": f"{app_label}.{codename}"}
    within = ExpressionWrapper(
        Q(is_superuser=True) | Q(holds(codename=codename, content_type__app_label=app_label)),
        output_field=BooleanField(),
    )
    return Role(key, label, direct | through | Q(is_superuser=True), within=within)


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
