"""How many accounts failed at an address, kept in two numbers; and what looks like an attack."""

from __future__ import annotations

import random

import pytest

from hardening.core.seen import (
    ALARM_FAILURES,
    BITS,
    FLAG_SECONDS,
    LONG_ACCOUNTS,
    LONG_SECONDS,
    SHORT_ACCOUNTS,
    SHORT_SECONDS,
    Seen,
    account_bit,
    is_attack,
)
from tests.visitor import NOW


def after(bits, *, seen=None, at=NOW, apart=0):
    """Return what is seen after accounts of these bits failed, so many seconds apart."""
    seen = Seen() if seen is None else seen
    for turn, bit in enumerate(bits):
        seen = seen.with_account(1 << bit, now=at + turn * apart)
    return seen


# --- distinct accounts ------------------------------------------------------------------------


def test_nothing_seen_is_nothing_flagged():
    assert not Seen().is_flagged(now=NOW)


@pytest.mark.parametrize("accounts, flagged", [(1, False), (4, False), (5, True), (30, True)])
def test_five_accounts_in_ten_minutes_flag_an_address(accounts, flagged):
    assert after(range(accounts)).is_flagged(now=NOW) is flagged


def test_one_account_is_one_however_often_it_fails():
    assert not after([7] * 1000).is_flagged(now=NOW)


def test_the_short_window_begins_with_its_first_failure_and_ends_after_ten_minutes():
    seen = after(range(SHORT_ACCOUNTS))
    assert seen.is_flagged(now=NOW + SHORT_SECONDS - 1)
    assert not seen.is_flagged(now=NOW + SHORT_SECONDS)
    slowly = after(range(SHORT_ACCOUNTS + 3), apart=SHORT_SECONDS // 4)
    assert not slowly.is_flagged(now=NOW + 7 * SHORT_SECONDS // 4)


def test_twenty_accounts_in_a_day_flag_an_address_however_slowly():
    apart = LONG_SECONDS // (LONG_ACCOUNTS + 1)
    places = 17  # by chance twenty accounts share so many: see `_counted`
    few = after(range(places - 1), apart=apart)
    last = NOW + places * apart
    assert not few.is_flagged(now=last)
    enough = few.with_account(1 << 60, now=last)
    assert enough.is_flagged(now=last)
    assert not enough.is_flagged(now=NOW + LONG_SECONDS)


def test_a_flag_stands_for_its_time_whatever_is_counted():
    seen = Seen(flagged_until=NOW + FLAG_SECONDS)
    assert seen.is_flagged(now=NOW + FLAG_SECONDS - 1)
    assert not seen.is_flagged(now=NOW + FLAG_SECONDS)
    assert after([3], seen=seen, at=NOW + LONG_SECONDS * 2).flagged_until == NOW + FLAG_SECONDS


def test_when_every_bit_is_set_it_is_many():
    assert after(range(BITS)).is_flagged(now=NOW)


def test_the_bit_of_an_account_fits_a_signed_column_and_chance_spreads_it():
    dice = random.Random(4)
    keys = [f"{dice.getrandbits(128):032x}" for _ in range(62_000)]
    bits = [account_bit(key) for key in keys]
    assert all(0 < bit < 2**63 and bit.bit_count() == 1 for bit in bits)
    counts = [bits.count(1 << place) for place in range(BITS)]
    assert min(counts) > 850
    assert max(counts) < 1150
    assert account_bit(keys[0]) == bits[0]


def test_the_estimate_is_seldom_far_off():
    dice = random.Random(5)

    def is_flagged(accounts):
        keys = (f"{dice.getrandbits(128):032x}" for _ in range(accounts))
        seen = Seen()
        for key in keys:
            seen = seen.with_account(account_bit(key), now=NOW)
        return seen.is_flagged(now=NOW)

    assert not any(is_flagged(accounts) for accounts in (1, 2, 3, 4) for _ in range(200))
    assert sum(is_flagged(5) for _ in range(1000)) > 800  # two in one bit: one time in six
    assert sum(is_flagged(7) for _ in range(1000)) > 980


# --- an attack --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failures, tries, usual, attack",
    [
        (ALARM_FAILURES - 1, ALARM_FAILURES - 1, 0.0, False),  # too few to tell
        (ALARM_FAILURES, ALARM_FAILURES, None, True),
        (ALARM_FAILURES, 2 * ALARM_FAILURES - 1, None, True),
        (ALARM_FAILURES, 2 * ALARM_FAILURES, None, False),  # not more than half
        (ALARM_FAILURES, 10 * ALARM_FAILURES, None, False),
        (301, 3_000, 100.0, True),  # more than three times as many as usual
        (300, 3_000, 100.0, False),
        (ALARM_FAILURES, 3_000, 0.0, True),
    ],
)
def test_many_failures_and_more_than_half_or_far_more_than_usual_are_an_attack(
    failures, tries, usual, attack
):
    assert is_attack(failures, tries, usual) is attack
