"""The threads in which other machines are asked, and the deadline of each task.

`THREADS` threads and a line of `PLACES`; a task that finds the line full is refused at once. One
more thread, the warden, tells a task when its time is up, whether it runs or still stands in line.
All of them are made when the first task comes, made anew after a fork (which carries no thread
over), and daemons, so that no process waits for another machine before it ends.

Moments are seconds of `time.monotonic`.

The traps: a task that cannot be interrupted (a name being looked up) keeps its thread beyond its
deadline, so nobody may wait for the thread; who waits, waits for the task's own word. And a thread
has database connections of its own: they are closed after each task, or they would stay for ever.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from typing import TYPE_CHECKING, Protocol

from django.db import connections

if TYPE_CHECKING:
    from collections.abc import Callable

THREADS = 4  # breach.md, "When"
PLACES = 64

log = logging.getLogger("hardening")


class Task(Protocol):
    """What is done in the pool.

    Attributes:
        deadline: When its time is up.
        settled: Set when its outcome stands.
    """

    deadline: float
    settled: threading.Event

    def run(self) -> None:
        """Do it; called in one of the threads, once."""

    def expire(self) -> None:
        """End it at its deadline, from another thread; must not wait for anything."""


class Pool:
    """Runs tasks, `threads` at once, `places` in line."""

    def __init__(self, threads: int = THREADS, places: int = PLACES) -> None:
        self._line: queue.Queue[Task] = queue.Queue(places)
        self._watched: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for number in range(threads):
            self._start(self._work, f"hardening-breach-{number}")
        self._start(self._watch, "hardening-breach-warden")

    def submit(self, task: Task) -> bool:
        """Take a task in; false if the line is full."""
        try:
            self._line.put_nowait(task)
        except queue.Full:
            return False
        self._watched.put(task)
        return True

    @staticmethod
    def _start(work: Callable[[], None], name: str) -> None:
        threading.Thread(target=work, name=name, daemon=True).start()

    def _work(self) -> None:
        while True:
            task = self._line.get()
            _guarded(task.run)
            _guarded(connections.close_all)
            del task  # what it was asked must not stay until the next one comes

    def _watch(self) -> None:
        # In the order of their coming, which is that of their deadlines: all have the same time.
        while True:
            task = self._watched.get()
            if not task.settled.wait(max(0.0, task.deadline - time.monotonic())):
                _guarded(task.expire)
            del task


def _guarded(step: Callable[[], None]) -> None:
    try:
        step()
    except Exception as fault:  # noqa: BLE001 - the thread must live on
        log.error(  # noqa: TRY400 - its text and its traceback may quote what was asked
            "hardening: a look-up among breached passwords raised %s", type(fault).__name__
        )


class _Shared:
    """The one pool of this process."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self.lock = threading.Lock()
        self.pool: Pool | None = None


_shared = _Shared()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_shared.begin)


def submit(task: Task) -> bool:
    """Run a task in this process's pool; false if it is full or cannot be made."""
    try:
        with _shared.lock:
            pool = _shared.pool = _shared.pool or Pool()
    except RuntimeError:  # no thread can be started: too many, or the process is ending
        return False
    return pool.submit(task)
