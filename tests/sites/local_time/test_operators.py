"""The same journeys as `tests.journeys.test_operators`, where times are local and naive."""

from __future__ import annotations

from tests.journeys.test_operators import *  # noqa: F403
