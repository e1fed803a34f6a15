"""Finding the user that an operator means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.core.management.base import CommandError

from hardening.models.database import alias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

CHUNK = 1000  # names in one query
MAX_KEY = 2**63  # beyond it a driver refuses the number
NUL = "\0"  # which no name on a database has, and PostgreSQL refuses


def find(text: str) -> Any:
    """Return the user of this name, or the only one with this e-mail address.

    Looks among everybody, whatever the default manager hides. Where several are meant (the same
    name at two tenants), the default manager may know one of them: the current tenant's.

    Raises:
        CommandError: If nobody, or more than one, is meant.
    """
    model = get_user_model()
    known = False
    for lookup in _lookups(model):
        for manager in (model._base_manager, model._default_manager):  # noqa: SLF001
            found = list(manager.db_manager(alias()).filter(**{lookup: text})[:2]) if text else []
            if len(found) == 1:
                return found[0]
            known = known or bool(found)
        if known:
            break
    reason = "several users have" if known else "no user has"
    message = f"{reason} the name or e-mail address {text!r}"
    raise CommandError(message)


def find_by_any(text: str) -> Any:
    """Return the user of this name or e-mail address, else of this primary key.

    Raises:
        CommandError: If nobody, or more than one, is meant.
    """
    try:
        return find(text)
    except CommandError:
        pk = _key(text)
        user = None if pk is None else _everybody().filter(pk=pk).first()
        if user is None:
            raise
        return user


def keys_of(lines: Sequence[str], step: Callable[[int], None]) -> tuple[list[Any], list[str]]:
    """Return the primary keys that a list means, and the lines that mean nobody, or several.

    Args:
        lines: A user name or a primary key each.
        step: Called with how many more lines were looked up.
    """
    keys: list[Any] = []
    unknown: list[str] = []
    for start in range(0, len(lines), CHUNK):
        chunk = lines[start : start + CHUNK]
        by_name = _by_name(chunk)
        rest = [text for text in chunk if text not in by_name and NUL not in text]
        numbers = {text: _key(text) for text in rest}
        asked = [number for number in numbers.values() if number is not None]
        there = set(_everybody().filter(pk__in=asked).values_list("pk", flat=True))
        known = {text: number for text, number in numbers.items() if number in there}
        found = {text: pks[0] for text, pks in by_name.items() if len(pks) == 1} | known
        keys += [found[text] for text in chunk if text in found]
        unknown += [text for text in chunk if text not in found]
        step(len(chunk))
    return keys, unknown


def _by_name(names: Iterable[str]) -> dict[str, list[Any]]:
    name = get_user_model().USERNAME_FIELD
    found: dict[str, list[Any]] = {}
    asked = [text for text in names if NUL not in text]
    for text, pk in _everybody().filter(**{f"{name}__in": asked}).values_list(name, "pk"):
        found.setdefault(str(text), []).append(pk)
    return found


def _everybody() -> Any:
    return get_user_model()._base_manager.using(alias())  # noqa: SLF001 - whatever managers hide


def _key(text: str) -> Any:
    """Return the primary key that a text may be; `None` if it can be none."""
    field = get_user_model()._meta.pk  # noqa: SLF001 - Django's documented model API
    try:
        key = field.get_prep_value(field.to_python(text))
    except (ValidationError, ValueError):
        return None
    return None if isinstance(key, int) and not -MAX_KEY <= key < MAX_KEY else key


def _lookups(model: Any) -> tuple[str, ...]:
    """Name first; the address only where the model has one."""
    name = str(model.USERNAME_FIELD)
    email = model.get_email_field_name() if hasattr(model, "get_email_field_name") else "email"
    try:
        model._meta.get_field(email)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return (name,)
    return (name, f"{email}__iexact")
