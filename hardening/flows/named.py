"""Whom a link names: the account's key, as it stands in a token that anybody may have typed."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from hardening import facts


def load(text: str) -> Any:
    """Return the user with her facts attached; `None` where no key reads so, or nobody has it.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    field = get_user_model()._meta.pk  # noqa: SLF001 - Django's documented model API
    try:
        pk = field.to_python(text)
    except (ValueError, ValidationError):
        return None
    return None if "\0" in str(pk) else facts.load_user(pk)


def encode(octets: bytes) -> str:
    """Return Base64url without the padding."""
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def decode(text: str) -> bytes:
    """Return what `encode` was given.

    Raises:
        ValueError: If it is no Base64.
    """
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
