"""Counts the tries that should never have been judged: by the limits, not by the app's own code.

The app limits rates by one stored number per key (GCRA). Here every window is counted: whenever a
password was judged wrong, no window that ends there may hold more of them than the limit says.
An account's waits are followed the same plain way. So a mistake in the app's arithmetic is not
repeated here.

What is judged is told by the hashes that were computed, not by what was answered. Times are
microseconds, as limits are.

The trap: a store that is down has limits of its own in each process. While it is down, and in
windows that reach into that time, what the process may add is allowed for.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

from hardening.core.backoff import QUIET_US
from hardening.core.throttle import SECOND_US
from hardening.drill.tries import NOBODY, Outcome

if TYPE_CHECKING:
    from hardening.core.backoff import Backoff
    from hardening.core.limits import Limits
    from hardening.core.throttle import Rule
    from hardening.drill.tries import Answer, Try

IPV6_PREFIX = 64
SLACK_US = SECOND_US  # moments are fractions of a second on the way through the site's clock


@dataclass(slots=True)
class _Run:
    """An account's consecutive failures, followed by hand."""

    run: int = 0
    total: int = 0
    last_us: int = 0
    next_us: int = 0


@dataclass(slots=True)
class _Window:
    """The judged failures of one key, as far back as its longest period."""

    moments: deque[int] = field(default_factory=deque)

    def holds_more(self, rules: tuple[Rule, ...], now_us: int, extra: int) -> bool:
        """True if a window that ends now holds more than a rule allows."""
        longest = max(rule.period_us for rule in rules)
        while self.moments and self.moments[0] <= now_us - longest:
            self.moments.popleft()
        return any(
            sum(moment > now_us - rule.period_us for moment in self.moments) > rule.limit + extra
            for rule in rules
        )


class Umpire:
    """Sees every try with its answer, in the order of time."""

    def __init__(self, limits: Limits, *, workers: int) -> None:
        """Judge by `limits`; while the store is down a process has its share of them."""
        self.limits = limits
        self.workers = workers
        self.over = 0  # tries that were judged and should not have been
        self._addresses: defaultdict[str, _Window] = defaultdict(_Window)
        self._devices: defaultdict[tuple[int, str], _Window] = defaultdict(_Window)
        self._runs: defaultdict[object, _Run] = defaultdict(_Run)
        self._down = False
        self._was_down = False

    def outage(self, *, down: bool) -> None:
        """Take note that the store went down, or came back."""
        self._down = down
        self._was_down = self._was_down or down
        self._runs.clear()  # a process that counts for itself has not seen what was before

    def see(self, one: Try, answer: Answer) -> None:
        """Count one try."""
        now_us = int(one.at * SECOND_US)
        if answer.hashes and not self._is_within(one, answer, now_us):
            self.over += 1
        if answer.outcome is Outcome.OPEN and one.person != NOBODY:
            self._runs.pop(one.person, None)

    def _is_within(self, one: Try, answer: Answer, now_us: int) -> bool:
        wrong = answer.outcome is not Outcome.OPEN and answer.outcome is not Outcome.PARKED
        if one.known and self._device_allows(one, now_us, wrong=wrong):
            return True
        account = one.person if one.person != NOBODY else one.name
        allowed = self._account_allows(self._runs[account], now_us, wrong=wrong)
        return self._address_allows(one.address, now_us, wrong=wrong) and allowed

    def _device_allows(self, one: Try, now_us: int, *, wrong: bool) -> bool:
        """A right password from a known browser costs nothing; too many wrong ones make it unknown.

        What is beyond its limit is charged like a stranger's try, and taken out here again.
        """
        window = self._devices[one.person, one.cookies]
        if wrong:
            window.moments.append(now_us)
        if not window.holds_more(self.limits.device, now_us, self._extra(self.limits.device)):
            return True
        if wrong:
            window.moments.pop()
        return False

    def _address_allows(self, address: str, now_us: int, *, wrong: bool) -> bool:
        window = self._addresses[prefix(address)]
        if wrong:
            window.moments.append(now_us)
        rules = self.limits.address
        return not window.holds_more(rules, now_us, self._extra(rules))

    def _account_allows(self, run: _Run, now_us: int, *, wrong: bool) -> bool:
        backoff = self.limits.account
        if run.last_us < now_us - QUIET_US:
            run.run = 0
        allowed = now_us + SLACK_US >= run.next_us and run.total < backoff.cap
        if wrong:
            _fail(run, backoff, now_us)
        return allowed

    def _extra(self, rules: tuple[Rule, ...]) -> int:
        """What a process that counts for itself may add to a window."""
        if not self._was_down:
            return 0
        return max(max(1, rule.limit // self.workers) for rule in rules)


def _fail(run: _Run, backoff: Backoff, now_us: int) -> None:
    run.run += 1
    run.total += 1
    run.last_us = now_us
    run.next_us = now_us + backoff.wait_us(run.run)


def prefix(address: str) -> str:
    """Return what counts as one address: an IPv4 address, an IPv6 /64."""
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, IPV6_PREFIX), strict=False))
    return str(found)
