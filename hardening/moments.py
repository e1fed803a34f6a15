"""From the house's clock (`now: int`, Unix seconds, UTC) to the columns' aware datetimes."""

from __future__ import annotations

from datetime import UTC, datetime


def moment(now: int) -> datetime:
    """Return the aware UTC datetime of Unix second `now`."""
    return datetime.fromtimestamp(now, tz=UTC)


def unix(at: datetime) -> int:
    """Return the Unix second of aware datetime `at`, rounded down."""
    return int(at.timestamp())
