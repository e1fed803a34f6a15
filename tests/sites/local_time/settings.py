"""`USE_TZ` off, as in sites that are older than its default; a place with daylight saving time."""

from __future__ import annotations

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed

USE_TZ = False
TIME_ZONE = "America/New_York"
