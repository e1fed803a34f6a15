"""Finding the user that an operator means."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.core.management.base import CommandError

from hardening.models.database import alias


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


def _lookups(model: Any) -> tuple[str, ...]:
    """Name first; the address only where the model has one."""
    name = str(model.USERNAME_FIELD)
    email = model.get_email_field_name() if hasattr(model, "get_email_field_name") else "email"
    try:
        model._meta.get_field(email)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return (name,)
    return (name, f"{email}__iexact")
