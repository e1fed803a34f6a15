"""Readers for the limits on guessing and what surrounds them: rates, proxies, the store.

A rate is written ``"10/5m"``: 10 in any 5 minutes; units are s, m, h and d.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hardening.conf.readers import (
    MistakeError,
    dotted_path,
    each,
    entries,
    kind,
    text_of,
    unknown,
)
from hardening.core.addresses import network
from hardening.core.backoff import Backoff
from hardening.core.limits import MAX_RULES, Limits, of_net
from hardening.core.throttle import (
    DAY_US,
    HOUR_US,
    MAX_LIMIT,
    MAX_PERIOD_US,
    MINUTE_US,
    SECOND_US,
    Rule,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REDIS_SCHEMES = ("redis://", "rediss://", "unix://")
_UNITS = {"s": SECOND_US, "m": MINUTE_US, "h": HOUR_US, "d": DAY_US}
_MAX_DAYS = MAX_PERIOD_US // DAY_US
_RATE = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,3})?([smhd])")


def _rules(key: str) -> Callable[[object], tuple[Rule, ...]]:
    def read(value: object) -> tuple[Rule, ...]:
        rates = each(value, "rates such as '10/5m'", _rate)
        if not 1 <= len(rates) <= MAX_RULES:
            raise MistakeError(f" must hold 1 to {MAX_RULES} rates.")
        return tuple(
            Rule(f"{key}-{number}", limit, period) for number, (limit, period) in enumerate(rates)
        )

    return read


def _rate(value: object) -> tuple[int, int]:
    found = _RATE.fullmatch(text_of(value))
    if found is None:
        raise MistakeError(" must be a rate such as '10/5m', '30/h' or '100/d'.")
    limit, count, unit = found.groups()
    period = int(count or 1) * _UNITS[unit]
    try:
        Rule("rate", int(limit), period)
    except ValueError:
        raise MistakeError(f" must be {MAX_LIMIT} at most, in {_MAX_DAYS} days at most.") from None
    return int(limit), period


def _backoff(value: object) -> Backoff:
    read = _group(_BACKOFF_READERS, "an account's limit")(value)
    given = {name: number * _BACKOFF_UNITS[name] for name, number in read.items()}
    try:
        return Backoff(**{_BACKOFF_NAMES[name]: number for name, number in given.items()})
    except ValueError:
        raise MistakeError(
            " must have no more free tries than its cap, and no first wait above the longest."
        ) from None


def _group(
    readers: Mapping[str, Callable[[object], Any]], what: str
) -> Callable[[object], dict[str, Any]]:
    def read(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise MistakeError(f" must be a dict, not {kind(value)}.")
        strange = [f": {unknown(key, readers, what)}" for key in value if key not in readers]
        values, wrong = entries(value, readers)
        if strange or wrong:
            raise MistakeError(*strange, *wrong)
        return values

    return read


def all_limits(value: object) -> Limits:
    """Read `THROTTLE`: a dict of the limits that are to differ; the others keep their defaults.

    The default of a net is reckoned from the addresses' limits of this site.
    """
    given = _group(_LIMIT_READERS, "THROTTLE")(value)
    if "address" in given:
        given.setdefault("net", of_net(given["address"]))
    return Limits(**given)


def whole(least: int, most: int) -> Callable[[object], int]:
    """Return a reader of whole numbers from `least` to `most`."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise MistakeError(f" must be a whole number, not {kind(value)}.")
        if not least <= value <= most:
            raise MistakeError(f" must be from {least} to {most}.")
        return value

    return read


def store(value: object) -> str:
    """Read where rates are kept; no message shows the value, which may hold a password."""
    text = text_of(value)
    if text == "database" or text.startswith(REDIS_SCHEMES):
        return text
    try:
        return str(dotted_path(text))
    except MistakeError:
        # The value may be a URL with a password in it.
        raise MistakeError(
            " must be 'database', a 'redis://' URL or the dotted path of a store."
        ) from None


def networks(value: object) -> tuple[str, ...]:
    """Read networks of proxies: CIDR notation or single addresses, no bits set beyond the mask."""
    return each(value, "networks such as '10.0.0.0/8'", _network)


def _network(value: object) -> str:
    try:
        read = network(text_of(value))
    except ValueError as mistake:
        raise MistakeError(f": {mistake}.") from None
    if not read.prefixlen:
        raise MistakeError(
            " is everybody: any client could then name its own address. Where proxies have no "
            "fixed addresses, set TRUSTED_PROXY_COUNT."
        )
    return str(read)


_BACKOFF_READERS: Mapping[str, Callable[[object], Any]] = {
    "free": whole(1, MAX_LIMIT),
    "first_seconds": whole(1, DAY_US // SECOND_US),
    "longest_seconds": whole(1, DAY_US // SECOND_US),
    "cap": whole(1, MAX_LIMIT),
}
_BACKOFF_NAMES = {
    "free": "free",
    "first_seconds": "first_us",
    "longest_seconds": "longest_us",
    "cap": "cap",
}
_BACKOFF_UNITS = {"free": 1, "first_seconds": SECOND_US, "longest_seconds": SECOND_US, "cap": 1}
_LIMIT_READERS: Mapping[str, Callable[[object], Any]] = {
    **{
        name: _rules(name.replace("_", "-"))
        for name in ("address", "net", "device", "codes", "mails", "mails_address")
    },
    "account": _backoff,
}
