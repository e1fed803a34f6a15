"""Limits while a store is down: a small table in this process, never an open door.

The rules are the same with a share of each limit: every process of the site counts for itself, so
each lets through what a limit leaves it when all are at it (`conf().THROTTLE_WORKERS`), and one
at least. A full table makes room by forgetting keys that owe nothing, and refuses new ones if none
does.

It outlives the outage that it was filled in: whoever makes a store fail again and again finds what
was charged here before. Times are integer microseconds.

The trap: what was charged here is given back here (`Taken.degraded`), even after the store is
back; elsewhere it would pay somebody else's debt.
"""

from __future__ import annotations

import os
import threading
import weakref
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from hardening.core.backoff import QUIET_US, Count, begin, take_back, wait_us
from hardening.core.throttle import MINUTE_US, SECOND_US, refund, reserve
from hardening.throttle.budgets import Refused, Taken, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.throttle.budgets import Budget

MAX_KEYS = 10_000  # a few megabytes
SWEEP_EVERY_US = SECOND_US
FULL_WAIT_US = MINUTE_US


@dataclass(slots=True)
class _Cell:
    tats: tuple[int, ...]
    count: Count = field(default_factory=Count)
    owes_until_us: int = 0


class Table:
    """Budgets of one process."""

    def __init__(self, *, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._cells: dict[str, _Cell] = {}
        self._swept_us: int | None = None
        self.lock = threading.Lock()
        _tables.add(self)

    def take(self, budgets: Sequence[Budget], *, now_us: int, workers: int) -> Taken | Refused:
        """Charge one try to this process's share of every budget, or to none."""
        with self.lock:
            refused = self._refusal(budgets, now_us, workers)
            if refused is None and not self._has_room(budgets, now_us):
                refused = Refused(seconds(FULL_WAIT_US))
            if refused is not None:
                return refused
            for budget in budgets:
                self._charge(share(budget, workers), now_us)
        keys = frozenset(budget.key for budget in budgets)
        return Taken(tuple(budgets), now_us, degraded=keys)

    def give_back(self, taken: Taken, *, now_us: int, workers: int) -> None:
        """Undo a charge that was made here."""
        with self.lock:
            for budget in taken.budgets:
                cell = self._cells.get(budget.key)
                if cell is None:
                    continue
                small = share(budget, workers)
                held = now_us - taken.at_us
                pairs = zip(cell.tats, small.rules, strict=True)
                cell.tats = tuple(refund(tat, rule, held_us=held) for tat, rule in pairs)
                if small.backoff is not None:
                    cell.count = take_back(cell.count, now_us=taken.at_us)

    def forgive(self, key: str) -> bool:
        """Forget a run of consecutive failures; true if there was one."""
        with self.lock:
            cell = self._cells.get(key)
            if cell is None or not cell.count.total:
                return False
            cell.count = Count()
            return True

    def forget(self, keys: Sequence[str]) -> bool:
        """Forget all that is counted under these keys; true if there was anything."""
        with self.lock:
            return any([self._cells.pop(key, None) for key in keys])  # noqa: C419 - all of them

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._cells.clear()
            self._swept_us = None

    def __len__(self) -> int:
        return len(self._cells)

    def _refusal(self, budgets: Sequence[Budget], now_us: int, workers: int) -> Refused | None:
        worst: Refused | None = None
        for budget in budgets:
            small = share(budget, workers)
            cell = self._cells.get(budget.key) or _fresh(small, now_us)
            wait = wait_us(cell.tats, small.rules, cell.count, small.backoff, now_us=now_us)
            if wait and (worst is None or seconds(wait) > worst.retry_after):
                worst = Refused(seconds(wait), budget)
        return worst

    def _has_room(self, budgets: Sequence[Budget], now_us: int) -> bool:
        new = sum(budget.key not in self._cells for budget in budgets)
        if new and len(self._cells) + new > self._max_keys and self._may_sweep(now_us):
            # In place, and not those of this try: they were just looked at.
            keep = {budget.key for budget in budgets}
            for key, cell in list(self._cells.items()):
                if cell.owes_until_us <= now_us and key not in keep:
                    del self._cells[key]
        return not new or len(self._cells) + new <= self._max_keys

    def _may_sweep(self, now_us: int) -> bool:
        swept = self._swept_us
        if swept is not None and 0 <= now_us - swept < SWEEP_EVERY_US:
            return False
        self._swept_us = now_us
        return True

    def _charge(self, small: Budget, now_us: int) -> None:
        cell = self._cells.setdefault(small.key, _fresh(small, now_us))
        pairs = zip(cell.tats, small.rules, strict=True)
        cell.tats = tuple(reserve(tat, rule, now_us=now_us).tat_us for tat, rule in pairs)
        cell.owes_until_us = max(cell.tats, default=now_us)
        if small.backoff is not None:
            cell.count = begin(cell.count, small.backoff, now_us=now_us) or cell.count
            capped = cell.count.total >= small.backoff.cap
            quiet = QUIET_US if capped else small.backoff.longest_us
            cell.owes_until_us = max(cell.owes_until_us, cell.count.next_us, now_us + quiet)


@lru_cache(maxsize=256)
def _share_of_limits(budget: Budget, workers: int) -> Budget:
    rules = tuple(replace(rule, limit=max(1, rule.limit // workers)) for rule in budget.rules)
    backoff = budget.backoff
    if backoff is not None:
        free, cap = max(1, backoff.free // workers), max(1, backoff.cap // workers)
        backoff = replace(backoff, free=free, cap=cap)
    return replace(budget, rules=rules, backoff=backoff)


def share(budget: Budget, workers: int) -> Budget:
    """Return what one of so many processes may let through of a budget."""
    limits = _share_of_limits(replace(budget, key="", target_pk="", net=None), workers)
    return replace(limits, key=budget.key)


def _fresh(budget: Budget, now_us: int) -> _Cell:
    return _Cell((now_us,) * len(budget.rules))


_tables: weakref.WeakSet[Table] = weakref.WeakSet()


def _renew_locks() -> None:
    """Free the tables in a forked process: who held a lock is not there to give it back."""
    for table in _tables:
        table.lock = threading.Lock()


os.register_at_fork(after_in_child=_renew_locks)
