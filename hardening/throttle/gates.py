"""A try against one budget: reserved before it is judged, given back if it was right.

What the flows of codes and mails use. A password try has several budgets; see
`hardening.flows.attempts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hardening.throttle import store
from hardening.throttle.budgets import Budget, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardening.core.throttle import Rule
    from hardening.throttle.budgets import Refused


@dataclass(frozen=True, slots=True)
class Reservation:
    """One try charged, or the refusal with its waiting time in whole seconds, rounded up."""

    outcome: Taken | Refused

    @property
    def admitted(self) -> bool:
        """Whether the try may be judged."""
        return self.outcome.admitted

    @property
    def retry_after(self) -> int:
        """How many seconds to wait; 0 if admitted."""
        return self.outcome.retry_after

    def refund(self) -> None:
        """Give the try back: it was right, or was never judged.

        Taken and given back within one request, which has one `now`: it was held for no time.
        """
        if isinstance(self.outcome, Taken):
            store.current().give_back(self.outcome, now_us=self.outcome.at_us)


def reserve(key: str, rules: Sequence[Rule], *, now_us: int) -> Reservation:
    """Take one token of every rule, or none."""
    return Reservation(store.current().take([Budget(key, tuple(rules))], now_us=now_us))
