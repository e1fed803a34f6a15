from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hardening.core import ended

NOW = 1_800_000_000
IDS = st.text("abcXYZ019-_", min_size=1, max_size=12)


@given(st.dictionaries(IDS, st.integers(NOW + 1, NOW + 10**6), max_size=20))
def test_what_was_added_is_listed(ids):
    assert ended.decode(ended.added("", ids, now=NOW)) == set(ids)


def test_nothing_ended_is_nothing_listed():
    assert ended.decode("") == frozenset()


def test_an_id_that_no_living_session_can_bear_is_forgotten_when_another_is_added():
    text = ended.added("", {"old": NOW}, now=NOW - 1)

    assert ended.decode(ended.added(text, {"new": NOW + 9}, now=NOW)) == {"new"}


def test_a_listed_id_counts_whatever_the_clock_says():
    text = ended.added("", {"old": NOW - 100}, now=NOW)

    assert "old" in ended.decode(text)


def test_ending_one_session_twice_lists_it_once():
    text = ended.added("", {"one": NOW + 5}, now=NOW)

    assert ended.added(text, {"one": NOW + 9}, now=NOW) == f"one:{NOW + 9}"


def test_more_than_the_list_holds_is_for_the_caller_to_end_together():
    full = {f"s{number}": NOW + 9 for number in range(ended.MAX_ENDED)}
    text = ended.added("", full, now=NOW)

    assert len(ended.decode(text)) == ended.MAX_ENDED
    assert ended.added(text, {"one-more": NOW + 9}, now=NOW) is None
