"""A circuit breaker: who has failed too often is left alone for a while.

It opens after `IN_A_ROW` failures in a row, or where `FAILED` of the last `CALLS` calls failed
within `WINDOW_US`; it stays open for `OPEN_US`, then lets one call through as a probe. A probe that
succeeds closes it.

Source: breach.md, "The API client". Times are integer microseconds of a clock that never goes
back; zero is arbitrary.

The trap: a probe may never come back with what became of it. So it is not waited for: letting it
through starts a new `OPEN_US`, after which there is the next one.
"""

from __future__ import annotations

from collections import deque

IN_A_ROW = 5
CALLS = 10
FAILED = 5  # half of them
WINDOW_US = 30_000_000
OPEN_US = 30_000_000


class Breaker:
    """Counts what became of calls; closed at first. Not for two threads at once."""

    __slots__ = ("_in_a_row", "_open_since_us", "_past")

    def __init__(self) -> None:
        self._open_since_us: int | None = None
        self._in_a_row = 0
        self._past: deque[tuple[int, bool]] = deque(maxlen=CALLS)

    def is_open(self, *, now_us: int) -> bool:
        """Return whether a call would be refused; it is not counted."""
        return self._open_since_us is not None and now_us - self._open_since_us < OPEN_US

    def ask(self, *, now_us: int) -> bool:
        """Return whether a call may be made; whoever makes it says what became of it."""
        if self.is_open(now_us=now_us):
            return False
        if self._open_since_us is not None:
            self._open_since_us = now_us  # this one is the probe
        return True

    def succeeded(self, *, now_us: int) -> None:
        """Note a call that was answered; it closes the circuit, whenever it was made."""
        if self._open_since_us is not None:
            self._open_since_us = None
            self._past.clear()
        self._in_a_row = 0
        self._past.append((now_us, False))

    def failed(self, *, now_us: int) -> None:
        """Note a call that was not answered, or not rightly."""
        if self._open_since_us is not None:
            return  # a failed probe, or a straggler: it stays open for as long as it was to be
        self._in_a_row += 1
        self._past.append((now_us, True))
        if self._in_a_row >= IN_A_ROW or self._half_failed(now_us):
            self._open_since_us = now_us

    def _half_failed(self, now_us: int) -> bool:
        if len(self._past) < CALLS or now_us - self._past[0][0] > WINDOW_US:
            return False
        return sum(failed for _, failed in self._past) >= FAILED
