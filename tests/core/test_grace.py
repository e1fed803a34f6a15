"""Deadlines of one person: arithmetic on the same numbers, whatever she does meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core.evidence import due
from hardening.core.grace import Waiver, WaiverKind, decode, encode, personal
from hardening.core.values import Demand, NoteKind, Requirement, Strength, Verdict
from tests.core.cases import DAY, NOW, PASSKEY, SIGNED_IN, TOTP, asked, password, session, who

EXTENSION, EXEMPTION = WaiverKind.EXTENSION, WaiverKind.EXEMPTION
ROW = Demand(Strength.ANY, NOW - DAY, "staff", policy=7)
FLOOR = Demand(Strength.ANY, NOW - DAY, "staff")
NEW = replace(ROW, new_account_seconds=3 * DAY)

moments = st.integers(NOW - 400 * DAY, NOW + 400 * DAY)
waivers = st.builds(
    Waiver, policy=st.integers(1, 3), kind=st.sampled_from(WaiverKind), until=moments
)
demands = st.builds(
    Demand,
    strength=st.sampled_from([Strength.ANY, Strength.DEVICE_BOUND]),
    due=moments,
    role=st.sampled_from(["staff", "editor"]),
    policy=st.sampled_from([None, 1, 2, 3]),
    new_account_seconds=st.sampled_from([0, 0, DAY, 30 * DAY]),
)
listed = st.lists(demands, max_size=3).map(tuple)
requirements = st.builds(Requirement, demands=listed, reported=listed)
several = st.lists(waivers, max_size=4).map(tuple)


def granted(kind=EXTENSION, until=NOW + DAY, policy=7):
    return Waiver(policy, kind, until)


def hers(demand, *waivers, created=None):
    """Return one demand as it stands for a person."""
    (moved,) = personal(Requirement(demands=(demand,)), waivers, created).demands
    return moved


# --- the text on the account -------------------------------------------------------------------


def test_what_is_granted_is_written_as_policy_kind_and_end():
    text = encode([granted(), granted(EXEMPTION, NOW, policy=12)])
    assert text == f"7:g:{NOW + DAY},12:x:{NOW}"


def test_nothing_granted_is_an_empty_text():
    assert encode([]) == ""
    assert decode("") == ()


@given(several)
def test_what_is_written_is_read_again(given_waivers):
    assert decode(encode(given_waivers)) == given_waivers


@pytest.mark.parametrize(
    "text",
    [
        *("7", "7:g", "7:g:1:2", ":g:1", "seven:g:1", "7:g:soon", "7:q:1", "7::1"),
        *(",", "7:g:1,", ",7:g:1", "7:g:1;8:g:2", " "),
    ],
)
def test_a_text_that_says_nothing_of_the_kind_raises(text):
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


# --- what moves a deadline -------------------------------------------------------------------


def test_an_extension_moves_the_deadline_of_its_policy_and_says_so():
    moved = hers(ROW, granted())
    assert (moved.due, moved.exempt_until, moved.extended) == (NOW + DAY, 0, True)


def test_an_exemption_moves_it_and_keeps_silent_until_its_end():
    moved = hers(ROW, granted(EXEMPTION))
    assert (moved.due, moved.exempt_until, moved.extended) == (NOW + DAY, NOW + DAY, False)


def test_the_latest_of_several_counts():
    moved = hers(ROW, granted(until=NOW + 1), granted(until=NOW + 9), granted(until=NOW + 5))
    assert moved.due == NOW + 9
    moved = hers(ROW, granted(EXEMPTION, NOW + 3), granted(until=NOW + 9))
    assert (moved.due, moved.exempt_until, moved.extended) == (NOW + 9, NOW + 3, True)


def test_what_ends_before_the_deadline_of_everybody_changes_nothing():
    later = replace(ROW, due=NOW + 9 * DAY)
    assert hers(later, granted()) == later


@pytest.mark.parametrize("demand", [FLOOR, replace(ROW, policy=8)], ids=["floor", "another"])
@pytest.mark.parametrize("kind", WaiverKind)
def test_another_policy_and_the_floor_go_on(demand, kind):
    assert hers(demand, granted(kind, NOW + 99 * DAY)) == demand


def test_a_new_account_has_its_days_from_its_creation():
    assert hers(NEW, created=NOW - DAY).due == NOW + 2 * DAY
    assert not hers(NEW, created=NOW - DAY).extended


def test_an_old_account_has_no_days_of_its_own():
    assert hers(NEW, created=NOW - 400 * DAY).due == NEW.due


def test_where_nobody_knows_the_creation_there_are_no_days():
    assert hers(NEW) == NEW
    assert hers(NEW, granted()).due == NOW + DAY


def test_a_policy_without_such_days_does_not_look_at_the_creation():
    assert hers(ROW, created=NOW) == ROW


def test_what_only_reports_is_moved_alike():
    asked_for = Requirement(reported=(NEW,))
    (moved,) = personal(asked_for, (), NOW).reported
    assert moved.due == NOW + 3 * DAY
    (moved,) = personal(asked_for, (granted(until=NOW + 9 * DAY),), None).reported
    assert moved.due == NOW + 9 * DAY


def test_where_nothing_is_granted_the_requirement_is_the_very_same():
    shared = Requirement(demands=(ROW,), reported=(FLOOR,))
    assert personal(shared, (), None) is shared
    assert personal(shared, (), NOW) is shared


# --- promises --------------------------------------------------------------------------------


@given(requirements, several, st.none() | moments)
def test_no_deadline_ever_comes_earlier(requirement, given_waivers, created):
    moved = personal(requirement, given_waivers, created)
    for before, after in zip(
        (*requirement.demands, *requirement.reported),
        (*moved.demands, *moved.reported),
        strict=True,
    ):
        assert after.due >= before.due
        same = (before.strength, before.role, before.policy)
        assert (after.strength, after.role, after.policy) == same


@given(requirements, several, st.none() | moments)
def test_only_what_was_granted_is_waited_for(requirement, given_waivers, created):
    for demand in personal(requirement, given_waivers, created).demands:
        ends = {one.until for one in given_waivers if one.policy == demand.policy}
        counts = created is not None and demand.new_account_seconds
        fresh = {created + demand.new_account_seconds} if counts else set()
        assert demand.due in {one.due for one in requirement.demands} | ends | fresh


@given(requirements, several, st.none() | moments)
def test_asking_again_starts_nothing_anew(requirement, given_waivers, created):
    """A second request, another sign-in, the role taken and given back: the same numbers."""
    once = personal(requirement, given_waivers, created)
    assert personal(requirement, given_waivers, created) == once
    twice = personal(once, given_waivers, created)
    for one, other in zip(once.demands, twice.demands, strict=True):
        assert (one.due, one.exempt_until) == (other.due, other.exempt_until)


@given(requirements, several, st.none() | moments, st.randoms(use_true_random=False))
def test_the_order_of_what_was_granted_does_not_matter(requirement, given_waivers, created, dice):
    mixed = list(given_waivers)
    dice.shuffle(mixed)
    once = personal(requirement, given_waivers, created)
    assert personal(requirement, tuple(mixed), created) == once


@given(requirements, several, st.none() | moments, waivers)
def test_one_more_grant_never_takes_time_away(requirement, given_waivers, created, one):
    before = personal(requirement, given_waivers, created)
    after = personal(requirement, (*given_waivers, one), created)
    for less, more in zip(before.demands, after.demands, strict=True):
        assert more.due >= less.due
        assert more.exempt_until >= less.exempt_until


# --- the decision with a clock that moves ------------------------------------------------------


def stopped(requirement, at, *factors):
    """Whether somebody who has just typed the password is stopped at a moment."""
    account = who(*factors, requirement=requirement)
    state = session(password(ago=NOW - at))
    return asked(SIGNED_IN, account, state, now=at).verdict is not Verdict.ALLOW


@pytest.mark.parametrize(
    "demand, given_waivers, created, end",
    [
        (replace(ROW, due=NOW + DAY), (), None, NOW + DAY),
        (ROW, (granted(until=NOW + 2 * DAY),), None, NOW + 2 * DAY),
        (ROW, (granted(EXEMPTION, NOW + 90 * DAY),), None, NOW + 90 * DAY),
        (NEW, (), NOW - 1, NOW - 1 + 3 * DAY),
    ],
    ids=["everybody's", "extended", "exempt", "a new account's"],
)
def test_the_deadline_is_a_second_and_a_sign_in_moves_it_by_none(
    demand, given_waivers, created, end
):
    mine = personal(Requirement(demands=(demand,)), given_waivers, created)
    for at in (NOW, NOW + DAY // 2, end - 1):
        assert not stopped(mine, at)
    for at in (end, end + 1, end + 365 * DAY):
        assert stopped(mine, at)


def test_a_factor_that_comes_and_goes_starts_nothing_anew():
    mine = personal(Requirement(demands=(ROW,)), (granted(until=NOW + DAY),), None)
    assert not stopped(mine, NOW)
    with_factor = asked(SIGNED_IN, who(TOTP, requirement=mine), session(password()), now=NOW + DAY)
    assert with_factor.verdict is Verdict.CHALLENGE  # it has one, so it is proven
    assert stopped(mine, NOW + DAY)


def test_a_role_given_back_finds_the_same_deadline():
    covered, free = Requirement(demands=(NEW,)), Requirement()
    created = NOW - 2 * DAY
    before = personal(covered, (), created)
    assert personal(free, (), created).demands == ()
    assert personal(covered, (), created) == before


def test_the_first_sign_in_after_a_year_opens_no_window():
    """Grace of new accounts counts from the creation, or a thief would get fresh days."""
    dormant = personal(Requirement(demands=(NEW,)), (), NOW - 365 * DAY)
    assert stopped(dormant, NOW)


def test_who_is_exempt_is_not_even_reminded_and_who_has_more_time_is():
    for kind, said in ((EXEMPTION, []), (EXTENSION, [NoteKind.DEADLINE])):
        mine = personal(Requirement(demands=(ROW,)), (granted(kind),), None)
        decision = asked(SIGNED_IN, who(requirement=mine), session(password()))
        assert decision.allowed
        assert [note.kind for note in decision.notes] == said


def test_after_an_exemption_more_time_is_announced_again():
    both = (granted(EXEMPTION, NOW + 10), granted(EXTENSION, NOW + 20))
    mine = personal(Requirement(demands=(ROW,)), both, None)
    account, state = who(requirement=mine), session(password())
    assert asked(SIGNED_IN, account, state, now=NOW + 9).notes == ()
    (note,) = asked(SIGNED_IN, account, state, now=NOW + 10).notes
    assert (note.kind, note.value, note.extended) == (NoteKind.DEADLINE, NOW + 20, True)


def test_who_has_a_strong_factor_hears_of_no_deadline():
    mine = personal(Requirement(demands=(ROW,)), (granted(),), None)
    account = who(PASSKEY, requirement=mine)
    state = session(password(), replace(password(), factor_id=PASSKEY.id))
    assert asked(SIGNED_IN, account, state).notes == ()


@pytest.mark.parametrize("month, day", [(3, 28), (10, 31)], ids=["spring", "autumn"])
def test_summer_time_makes_days_of_grace_neither_longer_nor_shorter(month, day):
    zone = ZoneInfo("Europe/Berlin")
    noon = datetime(2027, month, day, 12, tzinfo=zone) - timedelta(days=1)
    created = int(noon.timestamp())
    mine = personal(Requirement(demands=(replace(NEW, due=0),)), (), created)
    end = datetime.fromtimestamp(mine.demands[0].due, tz=UTC)
    assert end - noon.astimezone(UTC) == timedelta(days=3)
    assert end.astimezone(zone).hour != 12  # the wall clock was moved meanwhile


def test_a_clock_that_is_put_back_spares_nobody_for_good():
    mine = personal(Requirement(demands=(ROW,)), (granted(until=NOW),), None)
    assert due(who(requirement=mine), NOW)
    assert not due(who(requirement=mine), NOW - 1)
    assert due(who(requirement=mine), NOW)
