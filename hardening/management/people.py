"""Finding the user that an operator means."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError


def find(text: str) -> Any:
    """Return the user of this name, or the only one with this e-mail address.

    Raises:
        CommandError: If nobody, or more than one, is meant.
    """
    model = get_user_model()
    manager = model._base_manager  # noqa: SLF001 - every user, whatever the default manager hides
    user = manager.filter(**{model.USERNAME_FIELD: text}).first()
    if user is not None:
        return user
    field = model.get_email_field_name() if hasattr(model, "get_email_field_name") else "email"
    found = list(manager.filter(**{f"{field}__iexact": text})[:2]) if text else []
    if len(found) == 1:
        return found[0]
    reason = "several users have" if found else "no user has"
    message = f"{reason} the name or e-mail address {text!r}"
    raise CommandError(message)
