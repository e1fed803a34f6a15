"""The limits of a site: which rates and which waits hold for what. The numbers are throttle.md's.

Rates are `core.throttle`'s rules, at most `MAX_RULES` a key; failures in a row have a
`core.backoff.Backoff`. A site changes them by its settings (`conf.limits`).

The trap: two rules of one key must differ in their name, which tells their stored numbers apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from hardening.core.backoff import Backoff
from hardening.core.throttle import DAY_US, HOUR_US, MAX_LIMIT, MINUTE_US, Rule

CODE_RULES = (  # throttle.md: second-factor codes per account
    Rule("codes-5-minutes", 5, 5 * MINUTE_US),
    Rule("codes-hour", 20, HOUR_US),
    Rule("codes-day", 50, DAY_US),
)
MAIL_RULES = (  # throttle.md: mails, each purpose for itself
    Rule("mails-5-minutes", 4, 5 * MINUTE_US),  # that is a burst of 2, one back per 2.5 min
    Rule("mails-day", 6, DAY_US),
)
ADDRESS_RULES = (  # throttle.md: failures from unknown browsers, per address
    Rule("address-5-minutes", 10, 5 * MINUTE_US),
    Rule("address-hour", 30, HOUR_US),
    Rule("address-day", 100, DAY_US),
)
NET_FACTOR = 5  # throttle.md: the wider net of an address has five times its limits
DEVICE_RULES = (Rule("device-hour", 10, HOUR_US),)  # throttle.md: a known browser and its account
DEVICE_CAP = 100  # throttle.md: then the browser counts as unknown
MAIL_ADDRESS_RULES = (Rule("mails-address-hour", 20, HOUR_US),)
ACCOUNT_BACKOFF = Backoff()
MAX_RULES = 3  # of one key: a store has that many columns


def of_net(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the limits of a wider net whose addresses have these."""
    return tuple(
        Rule(f"net-{place}", min(MAX_LIMIT, rule.limit * NET_FACTOR), rule.period_us)
        for place, rule in enumerate(rules)
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of a site, by key; the defaults are throttle.md's. At most 3 rules each."""

    address: tuple[Rule, ...] = ADDRESS_RULES
    net: tuple[Rule, ...] = of_net(ADDRESS_RULES)
    device: tuple[Rule, ...] = DEVICE_RULES
    codes: tuple[Rule, ...] = CODE_RULES
    mails: tuple[Rule, ...] = MAIL_RULES
    mails_address: tuple[Rule, ...] = MAIL_ADDRESS_RULES
    account: Backoff = ACCOUNT_BACKOFF
