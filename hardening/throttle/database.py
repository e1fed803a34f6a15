"""The database store: all budgets of a try are charged, or none, before anything is judged.

A try is one conditional statement a budget, in the order given, in one short transaction. Of
several budgets the rows are read first, so that a refusal takes no lock and writes nothing; one
budget alone is tried at once, and read where that did not admit it.

The trap: reserve first, judge second, refund on success. The other way round, two hundred
parallel tries are judged before the first is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import OperationalError

from hardening.core.backoff import Count
from hardening.core.backoff import wait_us as simulate
from hardening.core.seen import account_bit
from hardening.core.throttle import SECOND_US
from hardening.models import ThrottleCell, crowding
from hardening.models.counting import counting
from hardening.throttle import tidying
from hardening.throttle.budgets import Refused, Taken, seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.models.counting import Counting
    from hardening.throttle.budgets import Budget

BATCH = 500  # an old SQLite takes no more than 999 parameters
MAX_TRIES = 4  # the first finds no cells, the second makes a try of it; more is a busy moment


def take(budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
    """Charge one try to every budget, or to none.

    Where the database is so crowded that a lock cannot be had, the try is refused: it is not down,
    and what stands in for it when it is would admit one more than there is room for.
    """
    count = counting()
    # One budget is usually open: it is tried without looking first.
    for turn in range(0 if len(budgets) == 1 else 1, 1 + MAX_TRIES):
        try:
            outcome = _take(count, budgets, now_us, look=turn > 0)
        except OperationalError as fault:
            if crowding.has_waited(fault):
                break
            if not crowding.has_lost(fault):
                raise
        else:
            if outcome is not None:
                return outcome
    return Refused(1)


def _take(
    count: Counting, budgets: Sequence[Budget], now_us: int, *, look: bool
) -> Taken | Refused | None:
    """Return what became of it; `None` if the rows were not there, or have just changed."""
    if not look:
        return Taken(tuple(budgets), now_us) if _take_all(count, budgets, now_us) else None
    cells = _cells(count, budgets)
    refused = _refusal(budgets, cells, now_us)
    if refused is not None:
        return refused
    missing = [budget for budget in budgets if budget.key not in cells]
    if missing:
        # Made outside the transaction: a new row that is rolled back under others who wait for it
        # leaves them, in MariaDB, with locks that shut each other out.
        count.rows(ThrottleCell).open(
            ThrottleCell(key=budget.key, target_pk=budget.target_pk) for budget in missing
        )
        tidying.tidy(now=now_us // SECOND_US)
    if not _take_all(count, budgets, now_us):
        return None
    flagged, net_over = _suspicion(budgets, cells, now_us)
    return Taken(tuple(budgets), now_us, flagged=flagged, net_over=net_over)


def give_back(taken: Taken, *, now_us: int | None = None) -> None:
    """Undo a charge: the try was right, or was never judged. Each statement for itself."""
    held = 0 if now_us is None else now_us - taken.at_us
    rows = counting().rows(ThrottleCell)
    for budget in taken.budgets:
        rows.give_back(budget.key, budget.rules, budget.backoff, taken_us=taken.at_us, held_us=held)


def forgive(key: str) -> bool:
    """Forget a run of consecutive failures; true if there was one."""
    return bool(counting().rows(ThrottleCell).forgive(key))


def forget(keys: Sequence[str]) -> bool:
    """Forget all that is counted under these keys; true if there was anything."""
    rows = counting().rows(ThrottleCell)
    batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
    return any([rows.filter(key__in=batch).delete()[0] for batch in batches])  # noqa: C419 - all


def note_account(address_key: str, account_key: str, *, now: int) -> None:
    """Note that an account failed at an address; too many of them flag it for an hour."""
    rows = counting().rows(ThrottleCell)
    bit = account_bit(account_key)
    cell = rows.filter(key=address_key).first()
    if cell is None:
        rows.open([ThrottleCell(key=address_key, tried_at=now)])
        cell = ThrottleCell(key=address_key)
    flag = cell.seen().with_account(bit, now=now).is_flagged(now=now)
    rows.note_account(address_key, bit, flag=flag, now=now)


def note_net(net: Budget, *, now_us: int) -> None:
    """Charge a failure to a net; one that is over its limit owes enough, and is left as it is."""
    rows = counting().rows(ThrottleCell)
    if not rows.take(net.key, net.rules, now_us=now_us):
        rows.open([ThrottleCell(key=net.key)])
        rows.take(net.key, net.rules, now_us=now_us)


def refusal(budget: Budget, *, now_us: int) -> Refused | None:
    """Return how a budget refuses, if it does; nothing is charged, so nobody is admitted by it."""
    return _refusal([budget], _cells(counting(), [budget]), now_us)


def suspicion(place: Budget, *, now_us: int) -> tuple[bool, bool]:
    """Return whether an address is flagged, and whether its net is over the limit."""
    return _suspicion([place], _cells(counting(), [place]), now_us)


def is_over(net: Budget, *, now_us: int) -> bool:
    """Return whether a net has failed too often."""
    return _refusal([net], _cells(counting(), [net]), now_us) is not None


def _cells(count: Counting, budgets: Sequence[Budget]) -> dict[str, ThrottleCell]:
    nets = [budget.net for budget in budgets if budget.net is not None]
    keys = [budget.key for budget in (*budgets, *nets)]
    return {cell.key: cell for cell in count.rows(ThrottleCell).filter(key__in=keys)}


def _refusal(
    budgets: Sequence[Budget], cells: dict[str, ThrottleCell], now_us: int
) -> Refused | None:
    """Return the longest wait, and which budget wants it."""
    worst: Refused | None = None
    for budget in budgets:
        cell = cells.get(budget.key)
        tats = cell.tats(len(budget.rules)) if cell else (0,) * len(budget.rules)
        counted = cell.count() if cell else Count()
        wait = simulate(tats, budget.rules, counted, budget.backoff, now_us=now_us)
        if wait and (worst is None or seconds(wait) > worst.retry_after):
            capped = budget.backoff is not None and counted.total >= budget.backoff.cap
            worst = Refused(seconds(wait), budget, capped=capped)
    return worst


def _suspicion(
    budgets: Sequence[Budget], cells: dict[str, ThrottleCell], now_us: int
) -> tuple[bool, bool]:
    flagged = any(cell.seen().is_flagged(now=now_us // SECOND_US) for cell in cells.values())
    nets = [budget.net for budget in budgets if budget.net is not None]
    return flagged, _refusal(nets, cells, now_us) is not None


def _take_all(count: Counting, budgets: Sequence[Budget], now_us: int) -> bool:
    rows = count.rows(ThrottleCell)
    if len(budgets) == 1:
        only = budgets[0]
        return bool(rows.take(only.key, only.rules, only.backoff, now_us=now_us))
    with count.atomic():
        taken = all(rows.take(b.key, b.rules, b.backoff, now_us=now_us) for b in budgets)
        if not taken:  # what was taken before the refusing budget goes back
            count.undo()
    return taken
