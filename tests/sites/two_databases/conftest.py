"""People of this site."""

from __future__ import annotations

import pytest

from hardening import testing


@pytest.fixture
def fan(clock, person):
    """Return somebody of whom no policy asks anything."""
    return person("fan")


@pytest.fixture
def member(clock, person):
    """Return a superuser with an authenticator, signed in nowhere."""
    visitor = person("member", is_staff=True, is_superuser=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor
