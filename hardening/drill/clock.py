"""The simulated clock: every door reads ``time.time()``, so that is what is replaced.

Tries happen at the moments that the drill says, without waiting for them. What Django stamps with
a ``datetime`` (a session's expiry, `last_login`) keeps the real time; nothing in the drill depends
on it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_924_992_000  # midnight, 1 January 2031, UTC: a moment like any other
APART = 30 * 86_400  # between two attacks: what a process remembers of one is over in the next
NANOSECONDS = 1_000_000_000


class Clock:
    """Shows `now`, Unix seconds."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def time(self) -> float:
        """Stand in for ``time.time``."""
        return self.now

    def time_ns(self) -> int:
        """Stand in for ``time.time_ns``."""
        return int(self.now * NANOSECONDS)


@contextmanager
def simulated() -> Iterator[Clock]:
    """Put a clock of our own in place of the machine's."""
    clock = Clock()
    with mock.patch("time.time", clock.time), mock.patch("time.time_ns", clock.time_ns):
        yield clock
