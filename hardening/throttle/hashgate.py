"""How many passwords a process hashes at once: as many as it has processors.

A flood of tries must not make the sign-ins between them wait for minutes, nor take a memory-hard
hash's 64 MiB a hundred times over. Beyond the places a try waits, `WAIT_SECONDS` at most; known
browsers come first, equals in the order of their coming. Who has waited in vain is told to come
back (`BusyError`, 503).

A place that falls free is handed to the next in the queue, never laid down for whoever is quickest:
so no wake-up is lost and nobody overtakes.

The trap: this waits in a thread. In a coroutine it would stop the event loop, so async doors come
here through ``sync_to_async``. And one thread must not pass the gate twice at once.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

WAIT_SECONDS = 2.0  # throttle.md "Rules"
RETRY_AFTER_SECONDS = 5  # a place will have been free by then: a hash takes a tenth of a second
MAX_WAITING = 64  # more than these would wait in vain


class BusyError(Exception):
    """Nothing was hashed: all places stayed taken. `retry_after`: whole seconds."""

    def __init__(self, retry_after: int = RETRY_AFTER_SECONDS) -> None:
        super().__init__(f"too many passwords are being hashed; again in {retry_after} s")
        self.retry_after = retry_after


@dataclass(slots=True, eq=False)
class _Waiter:
    """One thread in the queue. `admitted` is written under the gate's lock."""

    admitted: bool = False
    told: Event = field(default_factory=Event)


class HashGate:
    """Lets `places` threads pass at once; ``with gate(known=...):`` goes around the hash.

    Args:
        places: How many; 1 or more.
        wait_seconds: How long a thread waits at most.
        max_waiting: How many may wait.
    """

    def __init__(
        self, places: int, *, wait_seconds: float = WAIT_SECONDS, max_waiting: int = MAX_WAITING
    ) -> None:
        if places < 1:
            raise ValueError("a gate needs a place or more")
        self.places = places
        self.wait_seconds = wait_seconds
        self.max_waiting = max_waiting
        self.admitted = 0  # how many have passed so far
        self._taken = 0
        self._known: deque[_Waiter] = deque()
        self._unknown: deque[_Waiter] = deque()
        self._lock = Lock()

    @contextmanager
    def __call__(self, *, known: bool) -> Iterator[None]:
        """Hold a place while the block runs; known browsers are let in first.

        Raises:
            BusyError: If none fell free in time, or too many wait.
        """
        self._enter(known=known)
        try:
            yield
        finally:
            self._leave()

    def _enter(self, *, known: bool) -> None:
        with self._lock:
            if self._taken < self.places:
                self._taken += 1
                self.admitted += 1
                return
            queue = self._known if known else self._unknown
            self._make_room(known=known)
            waiter = _Waiter()
            queue.append(waiter)
        try:
            waiter.told.wait(self.wait_seconds)
        except BaseException:  # an interrupted thread takes its place along otherwise
            if not self._give_up(waiter, queue):
                self._leave()
            raise
        if self._give_up(waiter, queue):
            raise BusyError

    def _make_room(self, *, known: bool) -> None:
        """Keep the queue bounded; a known browser takes the place of the last unknown one."""
        if len(self._known) + len(self._unknown) < self.max_waiting:
            return
        if not known or not self._unknown:
            raise BusyError
        self._unknown.pop().told.set()

    def _give_up(self, waiter: _Waiter, queue: deque[_Waiter]) -> bool:
        """Leave the queue; false if a place was handed over at the last moment, or before."""
        with self._lock:
            if not waiter.admitted and waiter in queue:
                queue.remove(waiter)
            return not waiter.admitted

    def _leave(self) -> None:
        with self._lock:
            queue = self._known or self._unknown
            if not queue:
                self._taken -= 1
                return
            waiter = queue.popleft()
            waiter.admitted = True
            self.admitted += 1
            waiter.told.set()


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        count = os.process_cpu_count()
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count()
    return count or 1


def gate(*, known: bool) -> AbstractContextManager[None]:
    """Hold a place at this process's gate while the block runs; see `HashGate`."""
    return _gate(known=known)


def configure(*, places: int | None = None) -> HashGate:
    """Put a new gate in place of this process's, for tests and drills; `None`: `processors`.

    Who is at the old one stays there. The count of `hashes` begins anew.
    """
    global _gate  # noqa: PLW0603 - one a process is what it is for
    _gate = HashGate(processors() if places is None else places)
    return _gate


def hashes() -> int:
    """Return how many tries this process has let through to a hash."""
    return _gate.admitted


_gate = HashGate(processors())

if hasattr(os, "register_at_fork"):
    # What threads of the parent held, nobody would give back in the child.
    os.register_at_fork(after_in_child=configure)
