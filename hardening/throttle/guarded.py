"""A store that may fail, and what stands in for it: no exception, and no open door.

A failing store is asked again every `PAUSE_US` by one try; the others do not wait for it. A store
that sits in the database is asked each time: who signs in needs the database anyway, and most
faults there (a deadlock, a full queue for a lock) are over at once.

Inside somebody's transaction on PostgreSQL a failed statement would leave the whole of it broken.
It does not happen: counters are written on a connection of their own there
(`hardening.models.counting`), and what fails on that one is over when the statement is.

The trap: a fault's text may hold a part of a URL with a password in it. Only its type is logged.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hardening.conf import conf
from hardening.core.throttle import MINUTE_US, SECOND_US
from hardening.throttle.budgets import Refused, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hardening.throttle.budgets import Budget, Store
    from hardening.throttle.degraded import Table

log = logging.getLogger("hardening")

PAUSE_US = 3 * SECOND_US


class Outages:
    """Says once a minute that a store is down: a line in the log, and a notice for the flows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said: dict[str, int] = {}
        self._notices: list[str] = []

    def say(self, name: str, fault: BaseException, *, now_us: int) -> None:
        """Note that a store has failed."""
        with self._lock:
            said = self._said.get(name)
            if said is not None and abs(now_us - said) < MINUTE_US:
                return
            self._said[name] = now_us
            if name not in self._notices:
                self._notices.append(name)
        log.error(
            "hardening: the throttle's store (%s) is down (%s): each process counts for itself, "
            "with a share of every limit",
            name,
            type(fault).__name__,
        )

    def take_notice(self) -> str | None:
        """Return the name of a store that failed and was not yet told of, once a minute each."""
        with self._lock:
            return self._notices.pop(0) if self._notices else None

    def clear(self) -> None:
        """Forget what was said."""
        with self._lock:
            self._said.clear()
            self._notices.clear()


class Guarded:
    """A store with a table in this process to fall back on; never raises `faults`."""

    remote = False

    def __init__(
        self,
        name: str,
        make: Callable[[], Store],
        table: Table,
        outages: Outages,
        *,
        faults: tuple[type[Exception], ...] = (Exception,),
        pause_us: int = PAUSE_US,
    ) -> None:
        """Guard a store.

        Args:
            name: For the log and the event.
            make: Returns the store; called when it is first needed, again until it succeeds.
            table: What stands in.
            outages: Whom to tell.
            faults: What counts as an outage.
            pause_us: For how long a store that has failed is left alone.
        """
        self.name = name
        self._make = make
        self._store: Store | None = None
        self._table, self._outages = table, outages
        self._faults, self._pause_us = faults, pause_us
        self._lock = threading.Lock()
        self._failed_us: int | None = None

    def take(self, budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
        """Charge one try to every budget, or to none."""
        if self._may_ask(now_us):
            try:
                outcome = _answer(self.store().take(budgets, now_us=now_us))
            except self._faults as fault:
                self._failed(fault, now_us)
            else:
                self._failed_us = None
                return outcome
        return self._table.take(budgets, now_us=now_us, workers=conf().THROTTLE_WORKERS)

    def give_back(self, taken: Taken, *, now_us: int) -> None:
        """Undo a charge where it was made; one that cannot be undone now stands."""
        here = tuple(budget for budget in taken.budgets if budget.key in taken.degraded)
        there = tuple(budget for budget in taken.budgets if budget.key not in taken.degraded)
        if here:
            share = replace(taken, budgets=here)
            self._table.give_back(share, now_us=now_us, workers=conf().THROTTLE_WORKERS)
        if there and self._may_ask(now_us):
            try:
                self.store().give_back(replace(taken, budgets=there), now_us=now_us)
            except self._faults as fault:
                self._failed(fault, now_us)
            else:
                self._failed_us = None

    def store(self) -> Store:
        """Return the store itself, made when it is first needed."""
        if self._store is None:
            self._store = self._make()
        return self._store

    def _may_ask(self, now_us: int) -> bool:
        with self._lock:
            if self._failed_us is None:
                return True
            if 0 <= now_us - self._failed_us < self._pause_us:
                return False
            self._failed_us = now_us  # this one asks; whoever comes now does not
            return True

    def _failed(self, fault: Exception, now_us: int) -> None:
        with self._lock:
            self._failed_us = now_us
        self._outages.say(self.name, fault, now_us=now_us)


def _answer(outcome: Any) -> Taken | Refused:
    """Return what a store has answered; one that answers nothing has failed."""
    if not isinstance(outcome, Taken | Refused):
        raise TypeError("no answer")
    return outcome
