"""What was found of people's passwords, set directly: tests of pages and lists ask no source."""

from __future__ import annotations

from hardening.core.pwned import mark
from hardening.models import Account
from tests.visitor import NOW


def note(user, verdict="hit", *, at=NOW):
    """Let `verdict` have been found of the password that a user has now."""
    Account.objects.note_verdict(
        user.pk, verdict=verdict, mark=mark(user.password), checked_at=at, source="local", corpus=""
    )
