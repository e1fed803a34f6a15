"""The umpire counts what should never have been judged, whatever the app says."""

from __future__ import annotations

import pytest

from hardening.core.backoff import Backoff
from hardening.core.limits import Limits
from hardening.core.throttle import HOUR_US, MINUTE_US, Rule
from hardening.drill.tries import NOBODY, Answer, Outcome, Try
from hardening.drill.umpire import Umpire, prefix

LIMITS = Limits(
    address=(Rule("address", 3, MINUTE_US),),
    device=(Rule("device", 2, HOUR_US),),
    account=Backoff(free=2, cap=4),
)
JUDGED = Answer(Outcome.WRONG, hashes=1)
REFUSED = Answer(Outcome.REFUSED)


@pytest.fixture
def umpire():
    return Umpire(LIMITS, workers=4)


def guess(at, *, address="192.0.2.1", person=NOBODY, name="", **more):
    return Try(at, address, name or f"name-{at}", "wrong", person, **more)


def see_all(umpire, tries, answer=JUDGED):
    for one in tries:
        umpire.see(one, answer)
    return umpire.over


@pytest.mark.parametrize(
    "moments, over",
    [
        ((0, 1, 2), 0),
        ((0, 1, 2, 3), 1),
        ((0, 1, 2, 59), 1),
        ((0, 1, 2, 60), 0),  # the first has left the window
        ((0, 58, 59, 61, 62), 1),  # no window is fixed: 58, 59, 61 and 62 stand in one
    ],
)
def test_no_window_of_an_address_may_hold_more_than_the_limit(umpire, moments, over):
    assert see_all(umpire, [guess(at) for at in moments]) == over


def test_a_refused_try_counts_for_nothing(umpire):
    assert see_all(umpire, [guess(at) for at in range(50)], REFUSED) == 0
    assert see_all(umpire, [guess(51)]) == 0


@pytest.mark.parametrize("outcome", [Outcome.OPEN, Outcome.PARKED])
def test_a_right_password_is_no_failure_of_its_address(umpire, outcome):
    assert see_all(umpire, [guess(at) for at in range(50)], Answer(outcome, hashes=1)) == 0


def test_tries_without_a_hash_are_not_judged_even_if_answered_as_wrong(umpire):
    assert see_all(umpire, [guess(at) for at in range(50)], Answer(Outcome.WRONG)) == 0


@pytest.mark.parametrize(
    "moments, over",
    [
        ((0, 1), 0),
        ((0, 1, 20), 1),  # the third must wait 30 s
        ((0, 1, 31), 0),
        ((0, 1, 31, 80), 1),  # and the fourth 60 s
        ((0, 1, 31, 91, 300), 1),  # at the cap no wait helps
    ],
)
def test_an_account_waits_as_its_failures_add_up(umpire, moments, over):
    tries = [guess(at, person=7, address=f"192.0.2.{at % 250}") for at in moments]
    assert see_all(umpire, tries) == over


def test_names_that_nobody_has_wait_likewise(umpire):
    tries = [guess(at, name="nobody", address=f"192.0.2.{at}") for at in range(3)]
    assert see_all(umpire, tries) == 1


def test_a_complete_sign_in_begins_the_account_anew(umpire):
    guesses = [guess(at, person=7, address=f"192.0.2.{at}") for at in (0, 1)]
    see_all(umpire, guesses)
    umpire.see(guess(2, person=7, right=True, known=True), Answer(Outcome.OPEN, hashes=1))
    assert see_all(umpire, [guess(3, person=7, address="192.0.2.9")]) == 0


def test_a_known_browser_has_its_own_limit_and_is_a_stranger_beyond_it(umpire):
    mine = [guess(at, person=7, known=True, cookies="device") for at in range(5)]
    assert see_all(umpire, mine[:4]) == 0  # two of its own, two of the account
    assert see_all(umpire, mine[4:]) == 1


def test_what_a_process_may_add_while_the_store_is_down_is_allowed_for(umpire):
    see_all(umpire, [guess(at) for at in range(3)])
    umpire.outage(down=True)
    assert see_all(umpire, [guess(4)]) == 0  # a quarter of three, and one at least
    assert see_all(umpire, [guess(5)]) == 1


@pytest.mark.parametrize(
    "one, other, same",
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_ipv4_address_and_an_ipv6_64_are_one(one, other, same):
    assert (prefix(one) == prefix(other)) is same
