"""What a try is charged to, and what came of it, as values; every store speaks them.

Times are integer microseconds; waits that people are told are whole seconds, rounded up.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from hardening.core.limits import MAX_RULES
from hardening.core.throttle import SECOND_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.core.backoff import Backoff
    from hardening.core.throttle import Rule


@dataclass(frozen=True, slots=True)
class Budget:
    """One key with all that limits it.

    Attributes:
        key: 32 hexadecimal digits from `subjects`.
        rules: Rates, at most three; their places are the store's columns.
        backoff: How consecutive failures are limited; `None`: they are not.
        target_pk: The account's primary key as text, where there is one; for operators.
        net: Of an address, the wider net it belongs to. No store charges it with the address, and
            it never refuses: it is looked at, and charged when a try has failed.

    Raises:
        ValueError: If there are more rules than a store has columns; one would not be counted.
    """

    key: str
    rules: tuple[Rule, ...] = ()
    backoff: Backoff | None = None
    target_pk: str = ""
    net: Budget | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if len(self.rules) > MAX_RULES:
            raise ValueError(f"a key has {MAX_RULES} rules at most")


@dataclass(frozen=True, slots=True)
class Taken:
    """One try, charged to each of these budgets.

    Attributes:
        budgets: All of them.
        at_us: When.
        flagged: One of them is suspect.
        degraded: The keys that were charged in this process, as their store was down.
        net_over: The net of its address has failed too often.
    """

    budgets: tuple[Budget, ...]
    at_us: int
    flagged: bool = False
    degraded: frozenset[str] = frozenset()
    net_over: bool = False

    def with_more(self, more: Taken) -> Taken:
        """Return both charges as one; it was made when this one was."""
        return Taken(
            (*self.budgets, *more.budgets),
            self.at_us,
            flagged=self.flagged or more.flagged,
            degraded=self.degraded | more.degraded,
            net_over=self.net_over or more.net_over,
        )

    @property
    def admitted(self) -> bool:
        """True: the try may be judged."""
        return True

    @property
    def retry_after(self) -> int:
        """Nobody waits."""
        return 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing was charged.

    Attributes:
        retry_after: Whole seconds, 1 or more.
        budget: Which one refused.
        capped: Whether no waiting helps, since the account's cap is reached.
    """

    retry_after: int
    budget: Budget | None = None
    capped: bool = False

    @property
    def admitted(self) -> bool:
        """False: the try must not be judged."""
        return False


class Store(Protocol):
    """Where rates are kept: all budgets of a try are charged or none, before it is judged.

    What a store raises counts as its outage (`guarded`), so it may raise anything.
    """

    def take(self, budgets: Sequence[Budget], *, now_us: int) -> Taken | Refused:
        """Charge one try to every budget, or to none."""

    def give_back(self, taken: Taken, *, now_us: int) -> None:
        """Undo a charge."""


def seconds(wait_us: int) -> int:
    """Return a wait in whole seconds, rounded up, at least 1."""
    return max(1, -(-wait_us // SECOND_US))
