"""Counts of the whole site: password tries of unknown browsers, and how many of them failed.

Kept in this process and written in lots: a row of a minute and one of sixteen shards, so that
logins do not queue for it. Whoever writes a lot looks at the last ten minutes.

Wrong passwords from known browsers stand beside them, in no count that raises an alarm.

Times are Unix seconds. What a process has not written when it ends is lost: a few tries.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Any

from django.db.models import Min, Q, Sum

from hardening.core.seen import ALARM_FAILURES, ALARM_SHARE, ALARM_WINDOW_US
from hardening.core.throttle import SECOND_US
from hardening.models import Tally
from hardening.models.counting import counting
from hardening.models.throttle import SHARDS

LOT = 20
LOT_SECONDS = 5
MINUTE = 60
WINDOW_MINUTES = ALARM_WINDOW_US // SECOND_US // MINUTE
USUAL_MINUTES = 7 * 24 * 60  # what is usual: the week before
LEARNING_MINUTES = 24 * 60  # before that nobody knows
CLAIM_MINUTES = 23 * 60  # what nobody has claimed by then is told no more
COUNTED = ("tries", "failures", "known_failures")


@dataclass(frozen=True, slots=True)
class Lately:
    """The last ten minutes; `usual`: failures in ten minutes of the week before, if known."""

    failures: int
    tries: int
    usual: float | None


class _Pending:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        self.tries = self.failures = self.known_failures = self.since = 0


_pending = _Pending()


@dataclass(frozen=True, slots=True)
class Minute:
    """What came of one minute that is over. `bucket`: Unix minutes."""

    bucket: int
    tries: int
    failures: int
    known_failures: int


def note(*, failed: bool, now: int, known: bool = False) -> bool:
    """Count one try; true if that has written a lot, so that somebody should look at it.

    Args:
        failed: Whether the password was wrong.
        now: Unix seconds.
        known: Whether it came from a known browser; then it counts only if it failed.
    """
    with _pending.lock:
        _pending.since = _pending.since or now
        _pending.tries += not known
        _pending.failures += failed and not known
        _pending.known_failures += failed and known
        if _few() and 0 <= now - _pending.since < LOT_SECONDS:
            return False
    return flush(now=now)


def flush(*, now: int) -> bool:
    """Write what this process has counted; false if that is nothing."""
    with _pending.lock:
        if not _pending.since:
            return False
        counted = {name: getattr(_pending, name) for name in COUNTED}
        _pending.clear()
    shard = secrets.randbelow(SHARDS)
    counting().rows(Tally).add(now // MINUTE, shard, **counted)
    return True


def _few() -> bool:
    return _pending.tries + _pending.known_failures < LOT


def failed_minutes(*, now: int) -> list[Minute]:
    """Return the minutes that are over, in which tries failed, and that nobody has claimed yet."""
    last = (now - LOT_SECONDS) // MINUTE
    rows = counting().rows(Tally).filter(bucket__gt=last - CLAIM_MINUTES, bucket__lt=last)
    found = rows.values_list("bucket").annotate(*map(Sum, COUNTED), marks=Min("pk"))
    wanted = found.filter(Q(failures__sum__gt=0) | Q(known_failures__sum__gt=0), marks__gte=0)
    return [Minute(*counts[: 1 + len(COUNTED)]) for counts in wanted.order_by("bucket")]


def claim(minute: Minute) -> bool:
    """Claim a minute that is over; true for exactly one caller."""
    claimed: bool = counting().rows(Tally).claim(minute.bucket)
    return claimed


def lately(*, now: int) -> Lately:
    """Return the last ten minutes, and what is usual where that would decide."""
    rows = counting().rows(Tally)
    minute = now // MINUTE
    window = rows.filter(bucket__gt=minute - WINDOW_MINUTES, bucket__lte=minute)
    found = window.aggregate(tries=Sum("tries"), failures=Sum("failures"))
    failures, tries = found["failures"] or 0, found["tries"] or 0
    open_question = failures >= ALARM_FAILURES and failures * ALARM_SHARE <= tries
    # A week has up to 160,000 rows: asked only where the share alone raises no alarm.
    return Lately(failures, tries, _usual(rows, minute) if open_question else None)


def _usual(rows: Any, minute: int) -> float | None:
    before = rows.filter(bucket__gt=minute - USUAL_MINUTES, bucket__lte=minute - WINDOW_MINUTES)
    found = before.aggregate(first=Min("bucket"), failures=Sum("failures"))
    if found["first"] is None or minute - found["first"] < LEARNING_MINUTES:
        return None
    minutes = minute - WINDOW_MINUTES - int(found["first"]) + 1
    return int(found["failures"]) * WINDOW_MINUTES / minutes


def clear() -> None:
    """Forget what this process has not written."""
    with _pending.lock:
        _pending.clear()
