"""A visit at a door: the site as this door needs it, the person, the clock held."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from tests.sites.doors.visit import Visit

OURS = "hardening.middleware.HardeningMiddleware"


@pytest.fixture
def visit(clock, settings):
    """Return `visit(door, person)`: her visit, about to begin."""

    def begin(door, person) -> Visit:
        if door.middleware:
            place = settings.MIDDLEWARE.index(OURS) + 1
            wired = settings.MIDDLEWARE
            settings.MIDDLEWARE = [*wired[:place], door.middleware, *wired[place:]]
        visitor = person.appear(get_user_model().objects)
        return Visit(visitor, json=door.json, carried=door.carried(visitor.user))

    return begin
