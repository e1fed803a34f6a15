"""From the house's clock (`now: int`, Unix seconds, UTC) to the columns' datetimes, and back.

With ``USE_TZ`` the columns are aware and in UTC. Without it Django's databases take naive
datetimes only, in the site's default time zone, and so do ours.

The trap: such a local time says twice a year less than it seems. In the hour that autumn repeats,
what it stands for may be an hour off. What must be exact (parked sign-ins, mailbox codes, proofs)
is kept in Unix seconds.
"""

from __future__ import annotations

from datetime import UTC, datetime

from django.utils import timezone

from hardening import host


def moment(now: int) -> datetime:
    """Return the datetime of Unix second `now`: aware UTC, or naive local without ``USE_TZ``."""
    at = datetime.fromtimestamp(now, tz=UTC)
    if host.uses_time_zones():
        return at
    return timezone.make_naive(at, timezone.get_default_timezone())


def exact(at: datetime) -> datetime:
    """Return `at` in UTC; a naive one is in the default time zone, and the first of two such.

    So it is the same before it is stored and after: no column keeps which of the two it was.
    """
    if timezone.is_naive(at):
        at = timezone.make_aware(at.replace(fold=0), timezone.get_default_timezone())
    return at.astimezone(UTC)


def unix(at: datetime) -> int:
    """Return the Unix second of `at`, rounded down; a naive one is in the default time zone."""
    if timezone.is_naive(at):
        at = timezone.make_aware(at, timezone.get_default_timezone())
    return int(at.timestamp())
