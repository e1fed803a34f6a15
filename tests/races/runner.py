"""Lets callables race: one thread and one database connection each, released by one barrier.

Connections are opened before the barrier, so that nothing but the statements themselves is raced.
Threads keep theirs from round to round, because opening one takes longer than most races do; each
closes its own when `dismiss()` sends it away. What a callable raises is raised here: a deadlock is
an `OperationalError` and fails the test that ran into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from queue import SimpleQueue
from threading import Barrier, Semaphore, Thread
from typing import Any

from django.db import connections

from hardening.models import counting

LONGEST_SECONDS = 60  # far more than any race takes; a lock that nobody gives back ends here
ROUNDS = 100  # acceptance.md, row 1


class HungError(Exception):
    """A racer did not come back."""


class Runner(Thread):
    """A thread that does one job after the other on connections of its own."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self.start()

    def run(self) -> None:
        for job in iter(self.jobs.get, None):
            job()
        close()


crew: list[Runner] = []


def close() -> None:
    """Close this thread's connections; the second one to count by is none of Django's list."""
    counting.close()
    connections.close_all()


def race(*racers: Callable[[], Any]) -> list[Any]:
    """Run all callables at once and return what they returned, in their order.

    Raises:
        HungError: If one of them does not come back.
        ExceptionGroup: If any of them raised.
    """
    crew.extend(Runner() for _ in range(len(racers) - len(crew)))
    barrier, home = Barrier(len(racers)), Semaphore(0)
    results: list[Any] = [None] * len(racers)
    faults: list[Exception] = []

    def run(index: int, racer: Callable[[], Any]) -> None:
        try:
            for connection in connections.all():
                connection.ensure_connection()
            barrier.wait(LONGEST_SECONDS)
            results[index] = racer()
        except Exception as fault:  # noqa: BLE001 - handed to the test below
            faults.append(fault)
            close()
        finally:
            home.release()

    for runner, pair in zip(crew, enumerate(racers), strict=False):
        runner.jobs.put(lambda pair=pair: run(*pair))
    if not all(home.acquire(timeout=LONGEST_SECONDS) for _ in racers):
        crew.clear()
        raise HungError
    if faults:
        raise ExceptionGroup("racers failed", faults)
    return results


def race_all(racer: Callable[[Any], Any], entries: Sequence[Any]) -> list[Any]:
    """Run one callable for each of `entries` at once."""

    def bound(entry: Any) -> Callable[[], Any]:
        return lambda: racer(entry)

    return race(*(bound(entry) for entry in entries))


def dismiss() -> None:
    """Send every thread away and wait until its connections are closed."""
    for runner in crew:
        runner.jobs.put(None)
    for runner in crew:
        runner.join(LONGEST_SECONDS)
    crew.clear()
