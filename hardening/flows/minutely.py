"""What every process does once a minute beside its requests, so that a site without cron does it.

It tells of the failed sign-ins of minutes that are over, and seals the log. It runs when a request
is over and its answer sent, in a process that has recorded something lately; a page that records
nothing costs nothing. ``hardening_audit seal`` does the same, with no bounds.

The traps: a fault here is nobody's request's. And inside somebody's transaction a seal could be
taken back after its head was logged; so there is none.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db import DatabaseError

from hardening import audit
from hardening.flows import failures, sealing
from hardening.host import is_under_test
from hardening.models import counting
from hardening.throttle import tally

TIDY_SECONDS = 60
BATCHES = 3  # of 1,000 events: some tens of milliseconds each
ROUNDS = 3  # after the last event: it must settle, and its minute must be over

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("hardening")


def tidy(*, now: int) -> bool:
    """Do what there is to do, unless this process did so a moment ago; true if it looked.

    `now`: Unix seconds.
    """
    global _tidied_at, _rounds
    if not (_rounds or audit.fresh.is_set()) or abs(now - _tidied_at) < TIDY_SECONDS:
        return False
    if _is_misplaced():
        return False
    _tidied_at, _rounds = now, ROUNDS if audit.fresh.is_set() else _rounds - 1
    audit.fresh.clear()
    try:
        if run(now=now, batches=BATCHES) >= BATCHES * sealing.BATCH:
            audit.fresh.set()  # there is more
    except DatabaseError:
        log.warning("The audit log could not be sealed beside a request.", exc_info=True)
    return True


def run(
    *, now: int, batches: int | None = None, step: Callable[[int], object] = lambda _: None
) -> int:
    """Tell and seal; return how many events were sealed. For the rest see `sealing.seal`."""
    tally.flush(now=now)
    failures.tell(now=now)
    return sealing.seal(now=now, batches=batches, step=step)


def _is_misplaced() -> bool:
    """True inside somebody's transaction, and while a site's tests run, which count queries."""
    return is_under_test() or counting.in_foreign_transaction()


_tidied_at = 0
_rounds = 0
