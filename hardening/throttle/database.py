"""The database store: reserve over all rules, all or nothing, before anything is judged.

Times are integer microseconds. Our pages run outside the host's transactions
(``non_atomic_requests``), so a count survives whatever happens after it.

The trap: reserve first, judge second, refund on success. The other way round, two hundred
parallel tries are judged before the first is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardening.core.throttle import SECOND_US, Rule
from hardening.core.throttle import reserve as simulate
from hardening.models import ThrottleCell
from hardening.models.database import atomic, undo

if TYPE_CHECKING:
    from collections.abc import Sequence


MAX_TRIES = 3  # the first finds no cells, the second makes a try of it; more is a busy moment


@dataclass(frozen=True, slots=True)
class Reservation:
    """Tokens taken, or the refusal with its waiting time in whole seconds, rounded up."""

    admitted: bool
    retry_after: int = 0
    key: str = ""
    rules: tuple[Rule, ...] = ()

    def refund(self) -> None:
        """Give the tokens back: the try was right, or was never judged.

        Taken and given back within one request, which has one `now`: they were held for no time.
        """
        for rule in self.rules:
            ThrottleCell.objects.give_back(cell_key(self.key, rule), rule)


def reserve(key: str, rules: Sequence[Rule], *, now_us: int) -> Reservation:
    """Take one token of every rule, or none."""
    names = {rule: cell_key(key, rule) for rule in rules}
    for _ in range(MAX_TRIES):
        if _take_all(names, now_us):
            return Reservation(admitted=True, key=key, rules=tuple(rules))
        known = ThrottleCell.objects.filter(key__in=names.values())
        cells = dict(known.values_list("key", "tat_us"))
        outcomes = [simulate(cells.get(names[rule]), rule, now_us=now_us) for rule in rules]
        wait = max(outcome.retry_after_us for outcome in outcomes)
        if wait:
            return Reservation(admitted=False, retry_after=-(-wait // SECOND_US))
        # Nothing refuses, so there was no cell yet (or somebody has just given a token back).
        # Made outside the transaction: a new row that is rolled back under others who wait for
        # it leaves them, in MariaDB, with locks that shut each other out.
        ThrottleCell.objects.open(name for name in names.values() if name not in cells)
    return Reservation(admitted=False, retry_after=1)


def _take_all(names: dict[Rule, str], now_us: int) -> bool:
    take = ThrottleCell.objects.take
    with atomic():
        taken = all(take(name, rule, now_us=now_us) for rule, name in names.items())
        if not taken:  # what was taken before the refusing rule goes back
            undo()
    return taken


def cell_key(key: str, rule: Rule) -> str:
    """Return the row's key: the subject's, told apart by rule."""
    return f"{key}:{rule.name}"
