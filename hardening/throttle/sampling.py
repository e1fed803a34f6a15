"""Saying something once in a while: the first of a flood, by key, in each process.

Bounded: a flood of keys makes the oldest be forgotten, so at worst something is said twice.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

MAX_KEYS = 4_096


class Ration:
    """So many a minute, in each process: what a flood of new keys leaves of `Sampling`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._minute = self._given = 0

    def admits(self, *, now: int) -> bool:
        """True for the first so many of a minute."""
        with self._lock:
            if now // 60 != self._minute:
                self._minute, self._given = now // 60, 0
            self._given += 1
            return self._given <= self._most

    def clear(self) -> None:
        """Begin the minute anew."""
        self._minute = self._given = 0


class Sampling:
    """Remembers what was said lately."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._said: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def is_first(self, key: str, *, now: int) -> bool:
        """True if nothing was said of `key` for a while; then it counts as said."""
        with self._lock:
            said = self._said.get(key)
            if said is not None and abs(now - said) < self._seconds:
                return False
            self._said[key] = now
            self._said.move_to_end(key)
            if len(self._said) > MAX_KEYS:
                self._said.popitem(last=False)
        return True

    def knows(self, key: str, *, now: int) -> bool:
        """True if something was said of `key` lately."""
        with self._lock:
            said = self._said.get(key)
        return said is not None and abs(now - said) < self._seconds

    def clear(self) -> None:
        """Forget all of it."""
        with self._lock:
            self._said.clear()
