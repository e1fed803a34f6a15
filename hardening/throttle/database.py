"""The database store: reserve over all rules, all or nothing, before anything is judged.

Times are integer microseconds. Our pages run outside the host's transactions
(``non_atomic_requests``), so a count survives whatever happens after it.

The trap: reserve first, judge second, refund on success. The other way round, two hundred
parallel tries are judged before the first is counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from hardening.core.throttle import SECOND_US, Rule
from hardening.core.throttle import reserve as simulate
from hardening.models import ThrottleCell

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class _RefusedError(Exception):
    """Rolls the tokens back that were taken before the refusing rule."""


def reserve(key: str, rules: Sequence[Rule], *, now_us: int) -> Reservation:
    """Take one token of every rule, or none."""
    try:
        with transaction.atomic():
            for rule in rules:
                _take(key, rule, now_us)
    except _RefusedError:
        return Reservation(admitted=False, retry_after=_wait(key, rules, now_us))
    return Reservation(admitted=True, key=key, rules=tuple(rules))


def _take(key: str, rule: Rule, now_us: int) -> None:
    if not ThrottleCell.objects.take(cell_key(key, rule), rule, now_us=now_us):
        raise _RefusedError


def cell_key(key: str, rule: Rule) -> str:
    """Return the row's key: the subject's, told apart by rule."""
    return f"{key}:{rule.name}"


def _wait(key: str, rules: Sequence[Rule], now_us: int) -> int:
    cells = dict(
        ThrottleCell.objects.filter(key__in=[cell_key(key, rule) for rule in rules]).values_list(
            "key", "tat_us"
        )
    )
    waits = [
        simulate(cells.get(cell_key(key, rule)), rule, now_us=now_us).retry_after_us
        for rule in rules
    ]
    return max(1, -(-max(waits) // SECOND_US))
