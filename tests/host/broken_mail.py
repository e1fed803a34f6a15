"""A mail server that is down."""

from __future__ import annotations

from django.core.mail.backends.base import BaseEmailBackend


class Backend(BaseEmailBackend):
    """Refuses every mail."""

    def send_messages(self, email_messages):
        """Fail as an unreachable server does."""
        raise ConnectionRefusedError
