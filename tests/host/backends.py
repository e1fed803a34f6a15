"""What a host makes of our backend and of Django's middleware."""

from __future__ import annotations

from django.contrib.auth.middleware import AuthenticationMiddleware

from hardening.backends import HardeningBackend


class Ours(HardeningBackend):
    """Ours, with something of the host's own."""


class Authentication(AuthenticationMiddleware):
    """Django's, with something of the host's own."""
