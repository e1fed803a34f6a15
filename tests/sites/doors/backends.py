"""A backend as OpenID Connect packages bring one: it believes the claims of another service."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import BaseBackend
from django.http import HttpRequest


class ClaimsBackend(BaseBackend):
    """Signs in whom a token of the other service names; has its own `get_user`."""

    def authenticate(
        self, request: HttpRequest | None, claims: dict[str, str] | None = None, **given: Any
    ) -> Any:
        """Return the user of the claims; calls without claims are not for this backend."""
        if claims is None:
            return None
        return get_user_model().objects.filter(email=claims["email"]).first()

    def get_user(self, user_id: Any) -> Any:
        """Return the user of a session, as the simplest of backends does."""
        return get_user_model().objects.filter(pk=user_id, is_active=True).first()
