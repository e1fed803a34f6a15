"""Lets callables race: one thread and one database connection each, released by one barrier.

Connections are opened before the barrier, so that nothing but the statements themselves is raced,
and closed by the thread that opened them. What a callable raises is raised here: a deadlock is an
`OperationalError` and fails the test that ran into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Barrier, Thread
from typing import Any

from django.db import connections

LONGEST_SECONDS = 60  # far more than any race takes; a lock that nobody gives back ends here
ROUNDS = 100  # acceptance.md, row 1


class HungError(Exception):
    """A racer did not come back."""


def race(*racers: Callable[[], Any]) -> list[Any]:
    """Run all callables at once and return what they returned, in their order.

    Raises:
        HungError: If one of them does not come back.
        ExceptionGroup: If any of them raised.
    """
    barrier = Barrier(len(racers))
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
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=pair, daemon=True) for pair in enumerate(racers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST_SECONDS)
    if any(thread.is_alive() for thread in threads):
        raise HungError
    if faults:
        raise ExceptionGroup("racers failed", faults)
    return results


def race_all(racer: Callable[[Any], Any], entries: Sequence[Any]) -> list[Any]:
    """Run one callable for each of `entries` at once."""

    def bound(entry: Any) -> Callable[[], Any]:
        return lambda: racer(entry)

    return race(*(bound(entry) for entry in entries))
