"""The people of the journeys, on this site."""

from __future__ import annotations

from tests.journeys.conftest import (  # noqa: F401 - fixtures
    careful_fan,
    fan,
    member,
    newcomer,
    ticket_policy,
)
