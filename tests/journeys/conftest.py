"""People of the journeys: a fan, a staff member without and with an authenticator."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.models import RolePolicy
from hardening.models.policy import FirstEnrolment, Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW


@pytest.fixture
def fan(clock, person):
    """Return somebody of whom no policy asks anything."""
    return person("fan")


@pytest.fixture
def newcomer(clock, person):
    """Return a staff member who has no second factor yet."""
    return person("newcomer", is_staff=True, is_superuser=True)


@pytest.fixture
def member(clock, person):
    """Return a staff member with an authenticator and recovery codes, not signed in."""
    return equipped(person("member", is_staff=True, is_superuser=True))


@pytest.fixture
def careful_fan(clock, person):
    """Return somebody with an authenticator of her own accord, not signed in."""
    return equipped(person("careful"))


def equipped(visitor):
    """Give a visitor an authenticator and recovery codes."""
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    visitor.codes = list(testing.recovery_codes(visitor.user))
    return visitor


@pytest.fixture
def ticket_policy(clock):
    """Demand an operator's ticket before a staff member's first factor."""
    return RolePolicy.objects.create(
        role="staff",
        strength="any",
        mode=Mode.ENFORCE,
        first_enrolment=FirstEnrolment.TICKET,
        starts_at=moment(NOW - DAY),
    )
