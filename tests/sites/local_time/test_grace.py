"""The same journeys as `tests.journeys.test_grace`, where times are local and naive."""

from __future__ import annotations

from tests.journeys import test_grace
from tests.journeys.test_grace import *  # noqa: F403

# It writes aware times, which no database takes here; summer time has its own test beside this.
del test_summer_time_neither_extends_nor_shortens  # noqa: F821 - it came with the star
assert hasattr(test_grace, "test_summer_time_neither_extends_nor_shortens")
