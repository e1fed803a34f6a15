"""Clearing away counters that count no more: without cron where they grow, or by the command.

A flood of made-up names parks nobody and completes nothing, so this runs where rows are made: at
most once a minute in each process, and so many rows at most that no request waits long for it. A
process hashes fewer passwords in a minute than it clears away.

The trap: a fault here must not become a fault of the try that happened to be the minute's first.
"""

from __future__ import annotations

import logging

from django.db import DatabaseError

from hardening.models import Tally, ThrottleCell
from hardening.models.counting import counting

TIDY_SECONDS = 60
TIDY_ROWS = 5_000

log = logging.getLogger("hardening")


def tidy(*, now: int) -> None:
    """Clear some away, unless this process did so a moment ago. `now`: Unix seconds."""
    global _tidied_at  # noqa: PLW0603 - one moment per process
    if abs(now - _tidied_at) < TIDY_SECONDS:
        return
    _tidied_at = now
    count = counting()
    try:
        count.rows(ThrottleCell).prune(now=now, most=TIDY_ROWS)
        count.rows(Tally).prune(now=now)
    except DatabaseError:
        log.warning("Throttle counters that are over could not be cleared away.", exc_info=True)


def prune(*, now: int) -> int:
    """Clear all of it away; return how many rows of either kind went."""
    count = counting()
    cells = count.rows(ThrottleCell)
    gone: int = count.rows(Tally).prune(now=now)
    for clear in (cells.prune, cells.prune_accounts):
        while went := clear(now=now, most=TIDY_ROWS):
            gone += went
    return gone


_tidied_at = 0
