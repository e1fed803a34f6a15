"""The signs of an attack: on the whole site, and at one address.

`is_attack` looks at ten minutes of the whole site, `Seen` at the accounts that failed at one
address: which ones, as bits, so that two numbers are enough. The thresholds are throttle.md's.

The trap: `Seen` is in Unix seconds, while what ends in `_US` is in microseconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from hardening.core.throttle import MINUTE_US

ALARM_FAILURES = 100  # throttle.md: site-wide, from unknown browsers, in 10 minutes
ALARM_SHARE = 2  # more than one in two tries
ALARM_USUAL = 3  # or more than three times the usual
ALARM_WINDOW_US = 10 * MINUTE_US
ATTACK_MODE_US = 30 * MINUTE_US


def is_attack(failures: int, tries: int, usual: float | None) -> bool:
    """Return whether ten minutes of tries from unknown browsers look like an attack.

    Args:
        failures: How many failed.
        tries: How many there were, right or wrong.
        usual: Failures in ten usual minutes; `None` while nobody knows.
    """
    if failures < ALARM_FAILURES:
        return False
    many = failures * ALARM_SHARE > tries
    return many or (usual is not None and failures > ALARM_USUAL * usual)


SHORT_SECONDS, SHORT_ACCOUNTS = 10 * 60, 5  # throttle.md: distinct accounts failing per address
LONG_SECONDS, LONG_ACCOUNTS = 24 * 60 * 60, 20
FLAG_SECONDS = 60 * 60
BITS = 62  # a signed 64-bit column; two accounts in one bit are rarely counted as one


@dataclass(frozen=True, slots=True)
class Seen:
    """Which accounts failed at an address, as bits, in two windows; times are Unix seconds."""

    short_bits: int = 0
    short_since: int = 0
    long_bits: int = 0
    long_since: int = 0
    flagged_until: int = 0

    def is_flagged(self, *, now: int) -> bool:
        """True while the address is flagged, or has failed for too many accounts."""
        if self.flagged_until > now:
            return True
        short = _counted(self.short_bits) if self.short_since > now - SHORT_SECONDS else 0
        long = _counted(self.long_bits) if self.long_since > now - LONG_SECONDS else 0
        return short >= SHORT_ACCOUNTS or long >= LONG_ACCOUNTS

    def with_account(self, bit: int, *, now: int) -> Seen:
        """Return what is seen after one more account failed."""
        short = self.short_since > now - SHORT_SECONDS
        long = self.long_since > now - LONG_SECONDS
        return Seen(
            self.short_bits | bit if short else bit,
            self.short_since if short else now,
            self.long_bits | bit if long else bit,
            self.long_since if long else now,
            self.flagged_until,
        )


def account_bit(key: str) -> int:
    """Return the bit of an account by its key, 32 hexadecimal digits that chance has spread."""
    return 1 << (int(key, 16) % BITS)


def _counted(bits: int) -> int:
    """Estimate how many accounts have set so many bits (linear counting, Whang et al. 1990)."""
    unset = BITS - bits.bit_count()
    return BITS if unset <= 0 else round(BITS * math.log(BITS / unset))
