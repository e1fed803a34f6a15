"""A circuit breaker opens on failures, lets one probe through, closes on a success."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core.breaker import CALLS, IN_A_ROW, OPEN_US, WINDOW_US, Breaker

SECOND = 1_000_000


def told(outcomes: str, *, every_us: int = SECOND) -> Breaker:
    """A breaker that has seen these calls, one every so often: `.` succeeded, `x` failed."""
    breaker = Breaker()
    for number, outcome in enumerate(outcomes):
        note = breaker.failed if outcome == "x" else breaker.succeeded
        note(now_us=number * every_us)
    return breaker


@pytest.mark.parametrize(
    "outcomes, is_open",
    [
        ("", False),
        ("xxxx", False),
        ("xxxxx", True),
        ("xxxx.xxxx", False),
        (".xxxx.xxxx", True),  # eight of ten
        ("..x.x.x.xx", True),  # five of ten
        ("...x.x.x.x", False),  # four of ten
        ("xxxx......", False),  # never five, and half only while there were not ten
    ],
)
def test_five_failures_in_a_row_or_half_of_ten_calls_open_it(outcomes, is_open) -> None:
    now = len(outcomes) * SECOND
    breaker = told(outcomes)
    assert breaker.is_open(now_us=now) is is_open
    assert breaker.ask(now_us=now) is not is_open


def test_half_of_ten_calls_counts_within_the_window_only() -> None:
    slow = WINDOW_US // (CALLS - 1)
    assert told(".x" * 5, every_us=slow).is_open(now_us=9 * slow)
    assert not told(".x" * 5, every_us=slow + 1).is_open(now_us=9 * (slow + 1))


def test_five_failures_in_a_row_count_however_long_they_took() -> None:
    assert told("xxxxx", every_us=WINDOW_US).is_open(now_us=4 * WINDOW_US)


def test_an_open_circuit_lets_exactly_one_probe_through_after_its_time() -> None:
    breaker = told("xxxxx", every_us=0)
    assert not breaker.ask(now_us=OPEN_US - 1)
    assert breaker.ask(now_us=OPEN_US)
    assert not any(breaker.ask(now_us=OPEN_US + step) for step in (0, 1, SECOND, OPEN_US - 1))


def test_a_probe_that_fails_or_never_comes_back_leaves_it_open_for_another_time() -> None:
    for comes_back in (True, False):
        breaker = told("xxxxx", every_us=0)
        assert breaker.ask(now_us=OPEN_US)
        if comes_back:
            breaker.failed(now_us=OPEN_US + SECOND)
        assert not breaker.ask(now_us=2 * OPEN_US - 1)
        assert breaker.ask(now_us=2 * OPEN_US)


def test_a_probe_that_succeeds_closes_it_and_what_was_is_forgotten() -> None:
    breaker = told("xxxxx", every_us=0)
    assert breaker.ask(now_us=OPEN_US)
    breaker.succeeded(now_us=OPEN_US + 1)
    assert all(breaker.ask(now_us=OPEN_US + 2) for _ in range(100))
    for step in range(IN_A_ROW - 1):
        breaker.failed(now_us=OPEN_US + 3 + step)
    assert not breaker.is_open(now_us=OPEN_US + 9)
    breaker.failed(now_us=OPEN_US + 9)
    assert breaker.is_open(now_us=OPEN_US + 9)


CALLS_MADE = st.lists(st.tuples(st.integers(0, 12 * SECOND), st.booleans()), max_size=120)


@given(CALLS_MADE)
def test_it_never_opens_without_its_reason_and_always_with_it(calls) -> None:
    """Against a second account of the same rule, kept in a plain list."""
    breaker, now, opened_at = Breaker(), 0, None
    past: list[tuple[int, bool]] = []
    for pause, answered in calls:
        now += pause
        allowed = opened_at is None or now - opened_at >= OPEN_US
        assert breaker.ask(now_us=now) is allowed
        if not allowed:
            continue
        (breaker.succeeded if answered else breaker.failed)(now_us=now)
        if opened_at is not None:
            opened_at, past = (None, [(now, True)]) if answered else (now, past)
            continue
        past.append((now, answered))
        row = [answer for _, answer in past[-IN_A_ROW:]]
        ten = [answer for when, answer in past[-CALLS:] if now - when <= WINDOW_US]
        in_a_row = len(row) == IN_A_ROW and not any(row)
        half = len(ten) == CALLS and ten.count(False) >= CALLS / 2
        if not answered and (in_a_row or half):
            opened_at = now


@given(CALLS_MADE)
def test_while_it_stays_open_nobody_is_asked_more_than_once_in_its_time(calls) -> None:
    breaker, now = told("xxxxx", every_us=0), 0
    asked = []
    for pause, _ in calls:
        now += pause
        if breaker.ask(now_us=now):
            asked.append(now)
            breaker.failed(now_us=now)
    assert all(later - earlier >= OPEN_US for earlier, later in pairwise(asked))
