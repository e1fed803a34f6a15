"""The rates: the numbers people were promised, then the promises as properties."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hardening.core import throttle
from hardening.core.limits import CODE_RULES, MAIL_RULES
from hardening.core.throttle import Rule, refund, reserve

NOW = 1_800_000_000 * throttle.SECOND_US
INT64 = range(-(2**63), 2**63)

rules = st.builds(
    Rule,
    name=st.just("any"),
    limit=st.integers(min_value=1, max_value=60),
    period_us=st.integers(min_value=1, max_value=10_000),
)
wide_rules = st.builds(
    Rule,
    name=st.just("wide"),
    limit=st.integers(min_value=1, max_value=throttle.MAX_LIMIT),
    period_us=st.integers(min_value=1, max_value=throttle.MAX_PERIOD_US),
)
moments = st.integers(min_value=0, max_value=throttle.MAX_NOW_US)
gaps = st.lists(st.integers(min_value=0, max_value=3_000), min_size=1, max_size=150)


def admitted_at(rule: Rule, tries: list[int]) -> list[int]:
    """The tries that a key which starts at rest is granted."""
    tat, granted = None, []
    for now in tries:
        outcome = reserve(tat, rule, now_us=now)
        tat = outcome.tat_us
        if outcome.admitted:
            granted.append(now)
    return granted


def clock(steps: list[int], start: int = NOW) -> list[int]:
    """Moments, each `steps` after the one before."""
    moments, now = [], start
    for step in steps:
        now += step
        moments.append(now)
    return moments


def most_in_a_window(granted: list[int], period: int) -> int:
    """The fullest window of `period` microseconds, both ends included."""
    return max(
        (sum(1 for at in granted if first <= at <= first + period) for first in granted), default=0
    )


# ---------------------------------------------------------------- the rules that are shipped


@pytest.mark.parametrize(
    "rule, burst, seconds_until_one_comes_back",
    [
        (CODE_RULES[0], 3, 120),
        (CODE_RULES[1], 10, 360),
        (CODE_RULES[2], 25, 3456),
        (MAIL_RULES[0], 2, 150),
        (MAIL_RULES[1], 3, 28800),
    ],
)
def test_the_shipped_rules_mean_what_the_docs_say(
    rule: Rule, burst: int, seconds_until_one_comes_back: int
) -> None:
    assert rule.burst == burst
    assert rule.emission_us == seconds_until_one_comes_back * throttle.SECOND_US
    assert rule.tolerance_us == (burst - 1) * rule.emission_us


def test_the_limits_are_those_of_the_design() -> None:
    codes = [(rule.limit, rule.period_us // throttle.MINUTE_US) for rule in CODE_RULES]
    assert codes == [(5, 5), (20, 60), (50, 24 * 60)]
    assert MAIL_RULES[1].limit == 6
    assert MAIL_RULES[1].period_us == throttle.DAY_US


def test_no_two_rules_share_a_name() -> None:
    names = [rule.name for rule in CODE_RULES + MAIL_RULES]
    assert len(names) == len(set(names))


# ---------------------------------------------------------------- examples


def test_two_mails_at_once_then_one_every_two_and_a_half_minutes() -> None:
    rule = MAIL_RULES[0]
    every_second = clock([0, 0, 0] + [throttle.SECOND_US] * 400)
    seconds = [(at - NOW) // throttle.SECOND_US for at in admitted_at(rule, every_second)]
    assert seconds == [0, 0, 150, 300]


def test_a_refusal_says_exactly_how_long_to_wait() -> None:
    rule = CODE_RULES[0]
    tat = None
    for _ in range(rule.burst):
        tat = reserve(tat, rule, now_us=NOW).tat_us
    refused = reserve(tat, rule, now_us=NOW)
    assert not refused.admitted
    assert refused.retry_after_us == 120 * throttle.SECOND_US
    assert not reserve(tat, rule, now_us=NOW + refused.retry_after_us - 1).admitted
    assert reserve(tat, rule, now_us=NOW + refused.retry_after_us).admitted


def test_a_refusal_charges_nothing() -> None:
    rule = Rule("one", 1, 1_000)
    tat = reserve(None, rule, now_us=NOW).tat_us
    for _ in range(1000):
        assert reserve(tat, rule, now_us=NOW).tat_us == tat


def test_a_limit_of_one_is_one_in_any_window() -> None:
    rule = Rule("one", 1, 1_000)
    assert (rule.burst, rule.emission_us, rule.tolerance_us) == (1, 2_000, 0)


def test_nobody_is_told_to_wait_a_year_because_a_clock_was_wrong() -> None:
    rule = CODE_RULES[0]
    refused = reserve(NOW + 366 * throttle.DAY_US, rule, now_us=NOW)
    assert not refused.admitted
    assert refused.retry_after_us == rule.emission_us


def test_a_reservation_held_for_long_pays_nobody_elses_debt() -> None:
    """Hold one, let it lapse, use the burst up, give the one back: the burst stays used up."""
    rule = Rule("burst of two", 4, 1_000)
    held = reserve(None, rule, now_us=NOW).tat_us
    later = NOW + rule.emission_us
    tat = held
    for _ in range(rule.burst):
        outcome = reserve(tat, rule, now_us=later)
        assert outcome.admitted
        tat = outcome.tat_us
    tat = refund(tat, rule, held_us=later - NOW)
    assert not reserve(tat, rule, now_us=later).admitted


@pytest.mark.parametrize("limit", [0, -1, throttle.MAX_LIMIT + 1])
def test_a_rule_with_a_senseless_limit_is_an_error(limit: int) -> None:
    with pytest.raises(ValueError, match="'odd': the limit"):
        Rule("odd", limit, 1_000)


@pytest.mark.parametrize("period", [0, -1, throttle.MAX_PERIOD_US + 1])
def test_a_rule_with_a_senseless_period_is_an_error(period: int) -> None:
    with pytest.raises(ValueError, match="'odd': the period"):
        Rule("odd", 5, period)


@pytest.mark.parametrize("now", [-1, throttle.MAX_NOW_US + 1])
def test_a_moment_that_cannot_be_is_an_error(now: int) -> None:
    with pytest.raises(ValueError, match="now_us"):
        reserve(None, CODE_RULES[0], now_us=now)


# ---------------------------------------------------------------- promises


@given(rule=rules, steps=gaps)
def test_no_window_admits_more_than_the_limit(rule: Rule, steps: list[int]) -> None:
    granted = admitted_at(rule, clock(steps))
    assert most_in_a_window(granted, rule.period_us) <= rule.limit


@given(rule=rules)
def test_greed_is_granted_the_limit_and_not_less(rule: Rule) -> None:
    """Somebody who tries at the first possible moment each time fills the window."""
    tat, now, granted = None, NOW, 0
    while now <= NOW + rule.burst * rule.emission_us:
        outcome = reserve(tat, rule, now_us=now)
        tat = outcome.tat_us
        granted += outcome.admitted
        now += outcome.retry_after_us
    assert granted == 2 * rule.burst


@given(rule=rules, steps=gaps)
def test_a_waiting_time_is_exact_and_never_longer_than_one_emission(
    rule: Rule, steps: list[int]
) -> None:
    tat = None
    for now in clock(steps):
        outcome = reserve(tat, rule, now_us=now)
        if outcome.admitted:
            assert outcome.retry_after_us == 0
        else:
            assert 0 < outcome.retry_after_us <= rule.emission_us
            assert not reserve(tat, rule, now_us=now + outcome.retry_after_us - 1).admitted
            assert reserve(tat, rule, now_us=now + outcome.retry_after_us).admitted
        tat = outcome.tat_us


@given(rule=rules, before=gaps, after=gaps)
def test_a_refund_at_once_leaves_no_trace(rule: Rule, before: list[int], after: list[int]) -> None:
    tat = None
    tries = clock(before)
    for now in tries:
        tat = reserve(tat, rule, now_us=now).tat_us
    charged = reserve(tat, rule, now_us=tries[-1])
    assume(charged.admitted)
    refunded = refund(charged.tat_us, rule)
    for now in clock(after, start=tries[-1]):
        without, with_it = reserve(tat, rule, now_us=now), reserve(refunded, rule, now_us=now)
        assert with_it.admitted == without.admitted
        assert with_it.retry_after_us == without.retry_after_us
        tat, refunded = without.tat_us, with_it.tat_us


@given(
    rule=rules,
    events=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=3_000), st.integers(min_value=-1, max_value=9)
        ),
        min_size=1,
        max_size=150,
    ),
)
def test_whatever_is_refunded_whenever_no_window_keeps_more_than_the_limit(
    rule: Rule, events: list[tuple[int, int]]
) -> None:
    """Each event is a try (-1), or the refund of one of those still held, however old it is."""
    tat, now = None, NOW
    held: list[int] = []
    for step, which in events:
        now += step
        if which < 0 or not held or tat is None:
            outcome = reserve(tat, rule, now_us=now)
            tat = outcome.tat_us
            if outcome.admitted:
                held.append(now)
        else:
            reserved = held.pop(which % len(held))
            tat = refund(tat, rule, held_us=now - reserved)
    assert most_in_a_window(held, rule.period_us) <= rule.limit


@given(rule=rules, held=st.integers(min_value=-(10**6), max_value=10**6))
def test_a_refund_gives_back_between_nothing_and_one_emission(rule: Rule, held: int) -> None:
    assert 0 <= rule.refundable_us(held) <= rule.emission_us
    assert refund(NOW, rule, held_us=held) == NOW - rule.refundable_us(held)
    if held <= 0:
        assert rule.refundable_us(held) == rule.emission_us


@given(
    rule=rules,
    steps=st.lists(st.integers(min_value=-3_000, max_value=3_000), min_size=1, max_size=150),
)
def test_a_clock_that_steps_back_never_grants_more(rule: Rule, steps: list[int]) -> None:
    wild = clock(steps)
    steady = [max(wild[: place + 1]) for place in range(len(wild))]
    for length in range(1, len(wild) + 1):
        assert len(admitted_at(rule, wild[:length])) <= len(admitted_at(rule, steady[:length]))


@given(rule=wide_rules, now=moments, ahead=st.integers(min_value=-(2**40), max_value=2**40))
def test_the_statement_of_a_store_is_the_rule(rule: Rule, now: int, ahead: int) -> None:
    """``SET tat = GREATEST(tat, now) + emission WHERE tat <= latest`` and `reserve` agree."""
    tat = now + ahead
    outcome = reserve(tat, rule, now_us=now)
    assert outcome.admitted == (tat <= rule.latest_admissible_tat(now))
    assert outcome.tat_us == (max(tat, now) + rule.emission_us if outcome.admitted else tat)


@given(rule=wide_rules, now=moments)
def test_nothing_leaves_a_signed_64_bit_integer(rule: Rule, now: int) -> None:
    latest = rule.latest_admissible_tat(now)
    assert latest in INT64
    greatest = reserve(latest, rule, now_us=now)
    assert greatest.admitted
    assert greatest.tat_us in INT64
    assert refund(0, rule) in INT64
    assert rule.tolerance_us + rule.emission_us in INT64
    assert reserve(INT64[-1], rule, now_us=now).tat_us in INT64


@given(rule=wide_rules)
def test_burst_and_return_together_keep_the_limit(rule: Rule) -> None:
    assert rule.burst + rule.period_us // rule.emission_us <= rule.limit
