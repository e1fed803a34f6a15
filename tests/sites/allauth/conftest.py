"""People who sign in by allauth."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.models import RolePolicy
from hardening.moments import moment
from tests.visitor import DAY, NOW


@pytest.fixture
def for_all(clock):
    """Demand a second factor of everybody, whoever signs up next included."""
    return RolePolicy.objects.create(role="everyone", mode="enforce", starts_at=moment(NOW - DAY))


@pytest.fixture
def armed(for_all, person):
    """Return a mandated person with an authenticator."""
    visitor = person("robin")
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


@pytest.fixture
def bare(for_all, person):
    """Return a mandated person without one."""
    return person("wren")


@pytest.fixture
def fan(clock, person):
    """Return somebody of whom nothing is asked."""
    return person("fan")
