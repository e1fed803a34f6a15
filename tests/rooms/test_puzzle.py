"""The built-in challenge: ours, in time, from where it was issued, solved, and once."""

from __future__ import annotations

import pytest
from django.test import override_settings

from hardening.core.puzzle import BITS, LIFETIME_SECONDS
from hardening.models import ThrottleCell
from hardening.throttle import challenge, puzzle, store
from tests.host.challenges import Easy, Word, word
from tests.puzzles import solve, wrong
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

HERE, THERE = "192.0.2.7", "192.0.2.8"
ROOT, OLD_ROOT = (
    "a new root of the ring, of 40 characters",
    "an old root of the ring, of 40 characters",
)


def issued(address=HERE, now=NOW, of=Easy):
    return of().issue(address=address, now=now)


def met(answer, address=HERE, now=NOW):
    return Easy().verify(answer, address=address, now=now)


def test_a_solution_counts_once() -> None:
    answer = solve(issued())
    assert [met(answer) for _ in range(3)] == [True, False, False]
    assert met(solve(issued()))  # another puzzle


def test_it_is_as_hard_as_is_said_and_can_be_solved() -> None:
    given = issued(of=puzzle.Puzzles)
    assert (given["bits"], given["seconds"]) == (BITS, LIFETIME_SECONDS)
    assert given["puzzle"].startswith(f"{BITS}.{NOW + LIFETIME_SECONDS}.")
    assert puzzle.Puzzles().verify(solve(given), address=HERE, now=NOW)


def test_no_two_puzzles_are_alike_and_nothing_is_kept_of_them() -> None:
    assert len({issued()["puzzle"] for _ in range(20)}) == 20
    assert not ThrottleCell.objects.exists()


def test_a_wrong_answer_is_none_and_spends_nothing() -> None:
    given = issued()
    assert not met(wrong(given))
    for answer in ({}, {"puzzle": given["puzzle"]}, {"solution": "1"}, {"puzzle": "x"}):
        assert not met(answer)
    assert not ThrottleCell.objects.exists()
    assert met(solve(given))


@pytest.mark.parametrize("after, good", [(LIFETIME_SECONDS - 1, True), (LIFETIME_SECONDS, False)])
def test_it_holds_for_five_minutes(after, good) -> None:
    assert LIFETIME_SECONDS == 300
    assert met(solve(issued()), now=NOW + after) is good


def test_a_spent_one_stays_spent_for_as_long_as_it_holds() -> None:
    answer = solve(issued())
    assert met(answer)
    for after in range(0, LIFETIME_SECONDS, 30):
        assert not met(answer, now=NOW + after)


def test_it_is_for_the_address_that_it_was_issued_to() -> None:
    answer = solve(issued())
    assert not met(answer, THERE)
    assert not met(answer, None)
    assert met(answer)
    assert met(solve(issued(None)), None)
    assert met(solve(issued("2001:db8::1")), "2001:db8::2")  # one subscriber's /64


def test_whoever_changes_anything_breaks_the_seal() -> None:
    bits, expires, nonce, seal = issued()["puzzle"].split(".")
    forged = [
        ("1", expires, nonce, seal),
        (bits, str(int(expires) + 1), nonce, seal),
        (bits, expires, nonce[::-1], seal),
        (bits, expires, nonce, "0" * len(seal)),
    ]
    for parts in forged:
        answer = solve({"puzzle": ".".join(parts), "bits": int(parts[0])})
        assert not met(answer), parts


def test_an_older_key_of_the_ring_still_reads() -> None:
    with override_settings(HARDENING={"VAULT_KEYS": [OLD_ROOT]}):
        answer = solve(issued())
    with override_settings(HARDENING={"VAULT_KEYS": [ROOT]}):
        assert not met(answer)
    with override_settings(HARDENING={"VAULT_KEYS": [ROOT, OLD_ROOT]}):
        assert met(answer)


def test_what_was_spent_is_cleared_away_like_any_counter() -> None:
    assert met(solve(issued()))
    later = NOW + 3 * 24 * 3600
    assert ThrottleCell.objects.prune(now=later) == 1


def test_redis_remembers_what_was_spent_at_no_query(on_redis, django_assert_num_queries) -> None:
    answer = solve(issued())
    with django_assert_num_queries(0):
        assert [met(answer) for _ in range(2)] == [True, False]


def test_while_the_store_is_down_a_process_remembers_its_own(settings) -> None:
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.Broken"}
    answer = solve(issued())
    assert [met(answer) for _ in range(2)] == [True, False]
    store.clear()


# ---------------------------------------------------------------- which challenge a site has


def test_the_built_in_one_is_the_default() -> None:
    with override_settings(HARDENING={}):
        assert isinstance(challenge.current(), puzzle.Puzzles)


def test_none_is_none() -> None:
    with override_settings(HARDENING={"CHALLENGE": None}):
        assert challenge.current() is None


def test_a_class_is_called_once_and_an_object_taken_as_it_is() -> None:
    with override_settings(HARDENING={"CHALLENGE": "tests.host.challenges.Word"}):
        assert isinstance(challenge.current(), Word)
        assert challenge.current() is challenge.current()
    with override_settings(HARDENING={"CHALLENGE": "tests.host.challenges.word"}):
        assert challenge.current() is word
