"""Saying something once in a while, whatever flood asks for it."""

from __future__ import annotations

from hardening.throttle.sampling import MAX_KEYS, Ration, Sampling
from tests.visitor import NOW


def test_the_first_of_a_while_is_said_and_the_others_are_not():
    said = Sampling(600)
    moments = [0, 1, 599, 600, 601, 1199, 1200]
    assert [said.is_first("a", now=NOW + at) for at in moments] == [
        True,
        False,
        False,
        True,
        False,
        False,
        True,
    ]


def test_each_key_is_for_itself():
    said = Sampling(600)
    assert said.is_first("a", now=NOW)
    assert said.is_first("b", now=NOW)
    assert not said.is_first("a", now=NOW)


def test_a_clock_that_steps_back_far_says_it_again():
    said = Sampling(600)
    said.is_first("a", now=NOW)
    assert not said.is_first("a", now=NOW - 599)
    assert said.is_first("a", now=NOW - 600)


def test_a_flood_of_keys_is_bounded_and_forgets_the_oldest():
    said = Sampling(600)
    for number in range(MAX_KEYS):
        said.is_first(str(number), now=NOW)
    assert not said.is_first("0", now=NOW)
    assert said.is_first("one more", now=NOW)
    assert len(said._said) == MAX_KEYS
    assert said.is_first("0", now=NOW)  # the oldest: said twice at worst
    assert not said.is_first("2", now=NOW)


def test_all_of_it_can_be_forgotten():
    said = Sampling(600)
    said.is_first("a", now=NOW)
    said.clear()
    assert said.is_first("a", now=NOW)


def test_so_many_a_minute_and_no_more():
    ration, minute = Ration(2), NOW // 60 * 60
    assert [ration.admits(now=minute + at) for at in (0, 1, 59, 60, 60, 119)] == [
        *(True, True, False),
        *(True, True, False),
    ]
    ration.clear()
    assert ration.admits(now=minute + 119)
