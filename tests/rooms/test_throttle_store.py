"""The database store: every limit or none, before anything is judged; what a refund gives back.

`test_throttle_cells.py` holds it against the pure numbers, `tests/races` against a crowd.
"""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from hardening import keys
from hardening.core.backoff import Backoff
from hardening.core.limits import CODE_RULES, MAIL_RULES, MAX_RULES
from hardening.core.throttle import DAY_US, MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell
from hardening.models.throttle import ThrottleCellQuerySet
from hardening.throttle import database, subjects
from hardening.throttle.budgets import Budget, Refused, Taken
from hardening.throttle.database import MAX_TRIES
from hardening.throttle.gates import reserve
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

NOW_US = NOW * SECOND_US
SHORT = Rule("short", 3, MINUTE_US)  # a burst of 2, one back per 40 s
LONG = Rule("long", 5, 60 * MINUTE_US)  # a burst of 3, one back per 24 min
THREE = Backoff(free=3, first_us=30 * SECOND_US, cap=6)
PLACE = Budget("1" * 32, (SHORT, LONG))
ACCOUNT = Budget("2" * 32, backoff=THREE, target_pk="7")


def rows() -> list[tuple]:
    return sorted(ThrottleCell.objects.values_list())


def admitted(count: int, rules, *, key: str = "k", now_us: int = NOW_US) -> list[bool]:
    return [reserve(key, rules, now_us=now_us).admitted for _ in range(count)]


def take(*budgets: Budget, after: int = 0) -> Taken | Refused:
    """Try `after` so many seconds."""
    return database.take(budgets, now_us=NOW_US + after * SECOND_US)


def test_a_burst_goes_through_and_no_more() -> None:
    assert admitted(4, [SHORT]) == [True, True, False, False]


def test_what_is_shipped_lets_three_codes_and_two_mails_through_at_once() -> None:
    assert admitted(4, CODE_RULES) == [True, True, True, False]
    assert admitted(3, MAIL_RULES, key="mails") == [True, True, False]


@pytest.mark.parametrize("rules", [[SHORT, LONG], [LONG, SHORT]])
def test_a_refusal_takes_nothing_of_any_rule(rules) -> None:
    assert admitted(2, rules) == [True, True]
    before = rows()
    assert admitted(2, rules) == [False, False]
    assert rows() == before


def test_a_key_of_three_rules_is_one_row_and_a_try_of_it_one_statement() -> None:
    admitted(1, CODE_RULES)
    with CaptureQueriesContext(connection) as asked:
        assert admitted(1, CODE_RULES) == [True]
    assert len(asked) == 1
    assert ThrottleCell.objects.count() == 1


def test_a_refusal_says_how_long_in_whole_seconds_rounded_up() -> None:
    admitted(2, [SHORT])
    refused = reserve("k", [SHORT], now_us=NOW_US)
    assert refused.retry_after == 40
    assert reserve("k", [SHORT], now_us=NOW_US + 1).retry_after == 40
    assert reserve("k", [SHORT], now_us=NOW_US + 40 * SECOND_US - 1).retry_after == 1
    assert reserve("k", [SHORT], now_us=NOW_US + 40 * SECOND_US).admitted


def test_the_longest_wait_of_all_rules_is_told() -> None:
    admitted(3, [LONG], key="a")
    assert reserve("a", [LONG, SHORT], now_us=NOW_US).retry_after == 24 * 60
    admitted(2, [SHORT], key="b")
    assert reserve("b", [SHORT, LONG], now_us=NOW_US).retry_after == 40


def test_a_refund_gives_back_what_was_taken() -> None:
    first = reserve("k", [SHORT, LONG], now_us=NOW_US)
    before = rows()
    second = reserve("k", [SHORT, LONG], now_us=NOW_US)
    second.refund()
    assert rows() == before
    first.refund()
    assert admitted(3, [SHORT, LONG]) == [True, True, False]


def test_a_refusal_has_nothing_to_give_back() -> None:
    admitted(2, [SHORT])
    before = rows()
    reserve("k", [SHORT], now_us=NOW_US).refund()
    assert rows() == before


def test_right_answers_cost_nothing_however_many() -> None:
    for _ in range(50):
        reservation = reserve("k", CODE_RULES, now_us=NOW_US)
        assert reservation.admitted
        reservation.refund()


def test_budgets_of_two_keys_are_apart() -> None:
    admitted(3, [SHORT])
    assert reserve("other", [SHORT], now_us=NOW_US).admitted


def test_a_key_with_more_rules_than_columns_is_an_error() -> None:
    with pytest.raises(ValueError, match="rules at most"):
        Budget("k", (SHORT,) * (MAX_RULES + 1))


# ---------------------------------------------------------------- an address and an account


@pytest.mark.parametrize("pair", [(PLACE, ACCOUNT), (ACCOUNT, PLACE)])
def test_whichever_budget_refuses_none_is_charged(pair) -> None:
    assert [take(*pair).admitted for _ in range(2)] == [True, True]
    before = rows()
    refused = take(*pair)  # the address
    assert (refused.admitted, refused.retry_after, refused.budget) == (False, 40, PLACE)
    assert rows() == before
    assert take(*pair, after=40).admitted  # the third, after which the account waits
    before = rows()
    other = Budget("3" * 32, PLACE.rules)
    refused = take(other, ACCOUNT, after=40)
    assert (refused.admitted, refused.retry_after, refused.budget) == (False, 30, ACCOUNT)
    assert rows() == before


def test_a_refusal_reads_and_nothing_more() -> None:
    for _ in range(2):
        take(PLACE, ACCOUNT)
    with CaptureQueriesContext(connection) as asked:
        assert not take(PLACE, ACCOUNT).admitted
    assert [query["sql"].split()[0] for query in asked] == ["SELECT"]


def test_what_another_has_taken_meanwhile_is_not_charged_to_the_first(monkeypatch) -> None:
    """The rows that were read said yes; the statement says no, and the first goes back."""
    for _ in range(2):
        take(ACCOUNT)
    take(PLACE)
    seen = database._cells

    def overtaken(*args):
        cells = seen(*args)
        monkeypatch.setattr(database, "_cells", seen)
        assert take(ACCOUNT).admitted
        return cells

    monkeypatch.setattr(database, "_cells", overtaken)
    place = ThrottleCell.objects.get(key=PLACE.key)
    refused = take(PLACE, ACCOUNT)
    assert (refused.admitted, refused.budget) == (False, ACCOUNT)
    assert ThrottleCell.objects.get(key=PLACE.key).tats(2) == place.tats(2)


def test_both_budgets_get_back_what_they_were_charged() -> None:
    taken = take(PLACE, ACCOUNT)
    database.give_back(taken, now_us=taken.at_us)
    for one in (PLACE, ACCOUNT):
        cell = ThrottleCell.objects.get(key=one.key)
        assert (cell.run, cell.total) == (0, 0)
        assert cell.next_us <= NOW_US
    assert [take(PLACE, ACCOUNT).admitted for _ in range(3)] == [True, True, False]


def test_a_row_says_whose_it_is_and_when_it_was_tried() -> None:
    take(PLACE, ACCOUNT)
    assert dict(ThrottleCell.objects.values_list("key", "target_pk")) == {
        PLACE.key: "",
        ACCOUNT.key: "7",
    }
    assert set(ThrottleCell.objects.values_list("tried_at", flat=True)) == {NOW}


def test_a_try_from_a_flagged_address_is_flagged_for_as_long_as_that_lasts() -> None:
    assert not take(PLACE, ACCOUNT).flagged
    ThrottleCell.objects.filter(key=PLACE.key).update(flagged_until=NOW + 50)
    assert take(PLACE, ACCOUNT, after=49).flagged
    assert not take(PLACE, ACCOUNT, after=100).flagged


def test_the_cap_is_told_apart_from_a_wait_and_no_time_ends_it() -> None:
    when = 0
    while (outcome := take(ACCOUNT, after=when)).admitted:
        assert not take(ACCOUNT, after=when - 1).admitted
        when += 3600
    assert (outcome.capped, outcome.retry_after) == (True, 3600)
    assert ThrottleCell.objects.get().total == THREE.cap
    assert not take(PLACE, ACCOUNT, after=400 * DAY_US // SECOND_US).admitted


def test_a_success_forgets_the_run_and_the_way_to_the_cap() -> None:
    for _ in range(3):
        take(ACCOUNT)
    refused = take(ACCOUNT)
    assert (refused.admitted, refused.capped) == (False, False)
    assert database.forgive(ACCOUNT.key)
    assert not database.forgive(ACCOUNT.key)
    assert not database.forgive("nobody's")
    assert [take(ACCOUNT).admitted for _ in range(4)] == [True, True, True, False]


def test_what_was_forgiven_meanwhile_is_not_given_back_once_more() -> None:
    taken = take(ACCOUNT)
    database.forgive(ACCOUNT.key)
    database.give_back(taken, now_us=taken.at_us)
    cell = ThrottleCell.objects.get()
    assert (cell.run, cell.total) == (0, 0)


# ---------------------------------------------------------------- whose budget


def test_known_and_unknown_browsers_have_budgets_of_their_own() -> None:
    known = subjects.account("codes", 5, known_browser=True)
    assert known == subjects.account("codes", 5, known_browser=True)
    others = {
        subjects.account("codes", 5, known_browser=False),
        subjects.account("codes", 55, known_browser=True),
        subjects.account("code", "s5", known_browser=True),
        subjects.account("mail:codes", 5, known_browser=True),
    }
    assert known not in others
    assert len(others) == 4


def test_a_key_names_nobody_and_fits_its_column() -> None:
    key = subjects.account("codes", 5, known_browser=True)
    assert len(key) == 32
    assert int(key, 16) >= 0
    room = ThrottleCell._meta.get_field("key").max_length
    assert len(key) <= room
    with override_settings(HARDENING={"VAULT_KEYS": ["another root of forty characters, not one"]}):
        assert subjects.account("codes", 5, known_browser=True) != key
        assert keys.Purpose.THROTTLE


def test_a_store_that_never_grants_what_nothing_refuses_refuses_after_a_few_tries(monkeypatch):
    tries = []
    monkeypatch.setattr(ThrottleCellQuerySet, "take", lambda *_args, **_kwargs: tries.append(1))
    refused = reserve("key", CODE_RULES, now_us=NOW_US)
    assert (refused.admitted, refused.retry_after) == (False, 1)
    assert len(tries) == 1 + MAX_TRIES  # once without looking, as for every single budget
