"""The same journeys as `tests.journeys.test_first_factor`, where times are local and naive."""

from __future__ import annotations

from tests.journeys.test_first_factor import *  # noqa: F403
