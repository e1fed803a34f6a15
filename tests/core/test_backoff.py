"""Consecutive failures: what is promised of the waits, of the cap, and of a try given back."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hardening.core.backoff import (
    MAX_DOUBLINGS,
    QUIET_US,
    Backoff,
    Count,
    begin,
    count_wait_us,
    is_quiet,
    take_back,
    wait_us,
)
from hardening.core.limits import MAX_RULES, Limits
from hardening.core.seen import is_attack
from hardening.core.throttle import DAY_US, HOUR_US, MAX_LIMIT, MAX_NOW_US, SECOND_US, Rule

NOW = 1_800_000_000 * SECOND_US
INT64 = range(-(2**63), 2**63)
INT32 = range(2**31)
SHIPPED = Limits().account


@st.composite
def backoffs(draw, cap=MAX_LIMIT, wait=DAY_US):
    free = draw(st.integers(1, min(cap, 12)))
    first = draw(st.integers(1, wait))
    longest = draw(st.integers(first, wait))
    return Backoff(free, first, longest, draw(st.integers(free, cap)))


small = backoffs(cap=20, wait=2 * HOUR_US)
gaps = st.one_of(
    st.integers(0, 10), st.integers(0, 3 * HOUR_US), st.integers(QUIET_US - 5, QUIET_US * 2)
)
lives = st.lists(gaps, max_size=60)


def lived(backoff: Backoff, steps: list[int]) -> tuple[Count, int]:
    """What is stored after somebody tried after each of `steps`, and when that was."""
    count, now = Count(), NOW
    for step in steps:
        now += step
        count = begin(count, backoff, now_us=now) or count
    return count, now


# --- what is shipped ------------------------------------------------------------------------------


def test_the_shipped_waits_are_those_of_the_design() -> None:
    seconds = [SHIPPED.wait_us(run) // SECOND_US for run in range(15)]
    assert seconds == [0, 0, 0, 0, 0, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert SHIPPED.cap == 100


def test_five_go_at_once_and_then_one_after_each_wait() -> None:
    count, now, admitted = Count(), NOW, []
    for second in range(5 * 60):
        now = NOW + second * SECOND_US
        for _ in range(7):
            after = begin(count, SHIPPED, now_us=now)
            if after is not None:
                admitted.append(second)
                count = after
    assert admitted == [0, 0, 0, 0, 0, 30, 90, 210]


def test_defaults_name_at_most_as_many_rules_as_a_row_has_columns() -> None:
    limits = Limits()
    for rules in (
        limits.address,
        limits.device,
        limits.codes,
        limits.mails,
        limits.mails_address,
    ):
        assert 1 <= len(rules) <= MAX_RULES
        assert len({rule.name for rule in rules}) == len(rules)


# --- examples -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"free": 0},
        {"free": 6, "cap": 5},
        {"cap": MAX_LIMIT + 1},
        {"first_us": 0},
        {"first_us": 2, "longest_us": 1},
        {"longest_us": DAY_US + 1},
    ],
)
def test_a_senseless_backoff_is_an_error(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"backoff|wait"):
        Backoff(**values)


def test_the_one_tried_early_and_given_back_late_unlocks_one_try_at_most() -> None:
    """It was charged before the others, so they waited for one failure more than there was."""
    backoff = Backoff(free=2, first_us=30 * SECOND_US, longest_us=HOUR_US)
    count = begin(Count(), backoff, now_us=NOW)
    count = begin(count, backoff, now_us=NOW)
    now = NOW + 30 * SECOND_US
    count = begin(count, backoff, now_us=now)
    count = take_back(count, now_us=NOW)  # the first of the three
    count = begin(count, backoff, now_us=now)
    assert begin(count, backoff, now_us=now) is None
    assert count_wait_us(count, backoff, now_us=now) == 60 * SECOND_US


def test_the_longest_of_all_waits_is_told() -> None:
    rules = (Rule("short", 1, SECOND_US), Rule("long", 1, HOUR_US))
    waiting = Count(run=5, total=5, next_us=NOW + 30 * SECOND_US, tried_us=NOW)
    spent = tuple(NOW + rule.emission_us for rule in rules)
    assert wait_us((), (), Count(), None, now_us=NOW) == 0
    assert wait_us((NOW, NOW), rules, Count(), SHIPPED, now_us=NOW) == 0
    assert wait_us(spent, rules, Count(), SHIPPED, now_us=NOW) == 2 * HOUR_US
    assert wait_us((spent[0], NOW), rules, waiting, SHIPPED, now_us=NOW) == 30 * SECOND_US
    assert wait_us((spent[0], NOW), rules, waiting, None, now_us=NOW) == 2 * SECOND_US


# --- promises -------------------------------------------------------------------------------------


@given(backoff=backoffs(), run=st.integers(0, MAX_LIMIT))
def test_a_wait_is_none_then_the_first_then_doubled_up_to_the_longest(backoff, run) -> None:
    wait = backoff.wait_us(run)
    if run < backoff.free:
        assert wait == 0
    elif run == backoff.free:
        assert wait == backoff.first_us
    else:
        assert wait == min(2 * backoff.wait_us(run - 1), backoff.longest_us)
        assert wait >= backoff.wait_us(run - 1)
    assert wait <= backoff.longest_us


@given(backoff=backoffs())
def test_the_table_of_waits_ends_with_the_first_of_the_longest(backoff) -> None:
    waits = backoff.waits()
    assert waits == tuple(backoff.wait_us(backoff.free + step) for step in range(len(waits)))
    assert waits[-1] == backoff.longest_us
    assert backoff.longest_us not in waits[:-1]
    assert len(waits) <= MAX_DOUBLINGS


@given(backoff=small, steps=lives, later=st.integers(0, 2 * DAY_US))
def test_a_try_is_admitted_exactly_if_no_wait_is_told(backoff, steps, later) -> None:
    count, now = lived(backoff, steps)
    now += later
    wait = count_wait_us(count, backoff, now_us=now)
    after = begin(count, backoff, now_us=now)
    assert (after is None) == (wait > 0)
    assert wait <= backoff.longest_us
    if after is None and count.total < backoff.cap:
        assert begin(count, backoff, now_us=now + wait - 1) is None
        assert begin(count, backoff, now_us=now + wait) is not None


@given(backoff=small, steps=lives, after=st.lists(st.integers(0, 2 * HOUR_US), max_size=11))
def test_a_try_given_back_at_once_leaves_no_trace(backoff, steps, after) -> None:
    count, now = lived(backoff, steps)
    charged = begin(count, backoff, now_us=now)
    assume(charged is not None)
    given = take_back(charged, now_us=now)
    assert given.total == count.total
    for step in after:
        now += step
        assume(not is_quiet(count, now_us=now) or is_quiet(given, now_us=now))
        without, with_it = (begin(one, backoff, now_us=now) for one in (count, given))
        assert (without is None) == (with_it is None)
        if without is not None:
            assert with_it == without
        assert count_wait_us(given, backoff, now_us=now) == count_wait_us(
            count, backoff, now_us=now
        )
        count, given = without or count, with_it or given


@given(backoff=small, steps=lives, later=st.integers(0, 2 * DAY_US))
def test_what_a_try_given_back_leaves_is_never_more_lenient(backoff, steps, later) -> None:
    """That it was tried stays, and with it the quiet day begins anew."""
    count, now = lived(backoff, steps)
    charged = begin(count, backoff, now_us=now)
    assume(charged is not None)
    given = take_back(charged, now_us=now)
    without, with_it = (begin(one, backoff, now_us=now + later) for one in (count, given))
    assert (without is None) == (with_it is None)
    if without is not None:
        assert with_it.total == without.total
        assert with_it.run >= without.run
        assert with_it.next_us >= without.next_us


@given(
    backoff=backoffs(cap=40, wait=HOUR_US),
    events=st.lists(st.tuples(st.integers(0, HOUR_US), st.integers(-1, 9)), max_size=60),
)
def test_whoever_holds_tries_and_gives_them_back_tries_no_sooner(backoff, events) -> None:
    """Each event is a try (-1), or one that is still held is given back, however old it is."""
    count, now = Count(), NOW
    kept: list[int] = []
    for step, which in events:
        now += step
        assume(now - NOW < QUIET_US)
        if which < 0 or not kept:
            after = begin(count, backoff, now_us=now)
            if after is not None:
                count = after
                kept.append(now)
        else:
            count = take_back(count, now_us=kept.pop(which % len(kept)))
    assert count.total == len(kept) <= backoff.cap
    soonest = 0
    for done, at in enumerate(kept):
        soonest += backoff.wait_us(done) if done else 0
        assert at - kept[0] >= soonest


@given(backoff=small, laters=st.lists(st.integers(0, 400 * DAY_US), min_size=1, max_size=20))
def test_after_the_cap_nothing_is_admitted_whatever_time_passes(backoff, laters) -> None:
    count, now = Count(), NOW
    for _ in range(backoff.cap):
        now += DAY_US
        count = begin(count, backoff, now_us=now)
    assert count.total == backoff.cap
    for later in laters:
        now += later
        assert begin(count, backoff, now_us=now) is None
        assert count_wait_us(count, backoff, now_us=now) == backoff.longest_us


@given(backoff=small, steps=lives)
def test_a_quiet_day_begins_the_waits_anew_but_not_the_way_to_the_cap(backoff, steps) -> None:
    count, now = lived(backoff, steps)
    assume(count.total < backoff.cap)
    now += QUIET_US + SECOND_US
    after = begin(count, backoff, now_us=now)
    assert (after.run, after.total) == (1, count.total + 1)
    assert after.next_us == now + backoff.wait_us(1)


def test_a_day_less_a_second_is_not_quiet() -> None:
    count = Count(run=7, total=7, next_us=NOW, tried_us=NOW)
    assert begin(count, SHIPPED, now_us=NOW + QUIET_US).run == 8
    assert begin(count, SHIPPED, now_us=NOW + QUIET_US + SECOND_US).run == 1


@given(
    backoff=backoffs(),
    now=st.integers(0, MAX_NOW_US),
    run=st.integers(0, MAX_LIMIT),
    total=st.integers(0, MAX_LIMIT),
    next_us=st.integers(0, MAX_NOW_US),
    tried_us=st.integers(0, MAX_NOW_US),
)
def test_nothing_leaves_the_columns_at_the_extremes(
    backoff, now, run, total, next_us, tried_us
) -> None:
    count = Count(run, total, next_us, tried_us)
    after = begin(count, backoff, now_us=now) or count
    for one in (after, take_back(after, now_us=now), take_back(count, now_us=now)):
        assert one.run in INT32
        assert one.total in INT32
        assert one.next_us in INT64
        assert one.tried_us in INT64


@given(backoff=small, steps=st.lists(st.integers(-HOUR_US, HOUR_US), max_size=60))
def test_a_clock_that_steps_back_never_grants_more(backoff, steps) -> None:
    wild, steady, now, latest, granted, owed = Count(), Count(), NOW, 0, 0, 0
    for step in steps:
        now += step
        latest = max(latest, now)
        one = begin(wild, backoff, now_us=now)
        other = begin(steady, backoff, now_us=latest)
        granted += one is not None
        owed += other is not None
        wild, steady = one or wild, other or steady
        assert granted <= owed


# --- whether a site is under attack ---------------------------------------------------------------


@pytest.mark.parametrize(
    "failures, tries, usual, attacked",
    [
        (0, 0, None, False),
        (99, 99, 0.0, False),  # too few to say anything
        (100, 199, None, True),
        (100, 200, None, False),  # half of them is not more than half
        (101, 200, None, True),
        (100, 10_000, 33.0, True),  # more than three times the usual
        (100, 10_000, 34.0, False),
        (99, 10_000, 33.0, False),
        (300, 10_000, 100.0, False),
        (301, 10_000, 100.0, True),
        (100, 10_000, 0.0, True),
        (100, 10_000, None, False),  # nobody knows yet what is usual
        (5_000, 6_000, 4_000.0, True),  # usual or not: more than half
    ],
)
def test_an_attack_is_many_failures_that_are_most_tries_or_thrice_the_usual(
    failures, tries, usual, attacked
) -> None:
    assert is_attack(failures, tries, usual) is attacked
