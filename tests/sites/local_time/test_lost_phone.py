"""The same journeys as `tests.journeys.test_lost_phone`, where times are local and naive."""

from __future__ import annotations

from tests.journeys.test_lost_phone import *  # noqa: F403
