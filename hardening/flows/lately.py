"""What this process has done lately, by name: so that it does it once in a while and not each time.

A help against writing too often, shared with no other process; what must happen once is one
statement in the database. Times are Unix seconds.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

MAX_NAMES = 10_000


class Lately:
    """Names, and when each was claimed last; the oldest are forgotten first."""

    def __init__(self, seconds: int) -> None:
        """Remember for so long."""
        self._seconds = seconds
        self._at: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def is_due(self, name: str, now: int) -> bool:
        """True if a name was not claimed lately, or by a clock that was ahead."""
        at = self._at.get(name)
        return at is None or not 0 <= now - at < self._seconds

    def claim(self, name: str, now: int) -> bool:
        """Take it upon oneself; true for one thread."""
        with self._lock:
            if not self.is_due(name, now):
                return False
            self._at[name] = now
            self._at.move_to_end(name)
            if len(self._at) > MAX_NAMES:
                self._at.popitem(last=False)
            return True
