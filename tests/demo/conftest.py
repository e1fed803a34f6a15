"""Fixtures for Backstage, the demo site: its seeded people and artists, signed-in browsers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.core.mail.utils import DNS_NAME
from django.test import Client

from hardening import testing
from project.backstage.management.commands.seed_backstage import seed
from project.backstage.models import ArtistPage, User

SEEDED_AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _cheap_hashes(settings) -> None:
    """Hash passwords cheaply; no test here is about the hash."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _named_localhost(monkeypatch) -> None:
    """Keep Django from asking the network for this machine's name, for the ids of mails."""
    monkeypatch.setattr(DNS_NAME, "_fqdn", "localhost", raising=False)


@pytest.fixture
def seeded(db) -> None:
    """Fill the database as `seed_backstage` does."""
    seed(now=SEEDED_AT)


@pytest.fixture
def browser_of(seeded) -> Callable[[str], Client]:
    """Return `browser_of(username)`: a client where that person's sign-in is complete."""

    def signed_in(username: str) -> Client:
        client = Client()
        testing.login(client, User.objects.get(username=username))
        return client

    return signed_in


@pytest.fixture
def night_trams(seeded) -> Callable[[], ArtistPage]:
    """Return `night_trams()`: the page of Night Trams as the database has it now."""
    return lambda: ArtistPage.objects.select_related("artist").get(artist__slug="night-trams")
