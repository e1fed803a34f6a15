"""Failed sign-ins as events: one for each minute in which tries failed, and none for a try.

So an attack does not fill the disk. The counts are `throttle.tally`'s: wrong passwords, by unknown
browsers (with all tries of theirs) and by known ones. Tries that were refused unseen are no
failures; those are ``login:try:throttled``.

A minute is told when it is over, by whichever process claims it first; what a process has counted
and not yet written then is told with a later minute.
"""

from __future__ import annotations

from hardening import audit
from hardening.audit import Event
from hardening.throttle import tally
from hardening.throttle.tally import MINUTE


def tell(*, now: int) -> int:
    """Record the minutes that are over; return of how many this caller has told. Unix seconds."""
    told = 0
    for minute in tally.failed_minutes(now=now):
        if not tally.claim(minute):
            continue
        data = {
            "minute": minute.bucket * MINUTE,
            "tries": minute.tries,
            "failures": minute.failures,
            "known_browsers": minute.known_failures,
        }
        # Its own last second: it is drawn where it happened, not where it was told.
        audit.record(Event.LOGIN_FAILURES, data=data, now=(minute.bucket + 1) * MINUTE - 1)
        told += 1
    return told
