"""The database store: all rules or none, before anything is judged; what a refund gives back."""

from __future__ import annotations

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardening import keys
from hardening.core import throttle
from hardening.core.throttle import CODE_RULES, MAIL_RULES, MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell
from hardening.throttle import subjects
from hardening.throttle.database import MAX_TRIES, cell_key, reserve
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

NOW_US = NOW * SECOND_US
SHORT = Rule("short", 3, MINUTE_US)  # a burst of 2, one back per 40 s
LONG = Rule("long", 5, 60 * MINUTE_US)  # a burst of 3, one back per 24 min


def cells() -> dict[str, int]:
    return dict(ThrottleCell.objects.values_list("key", "tat_us"))


def admitted(count: int, rules, *, key: str = "k", now_us: int = NOW_US) -> list[bool]:
    return [reserve(key, rules, now_us=now_us).admitted for _ in range(count)]


def test_a_burst_goes_through_and_no_more() -> None:
    assert admitted(4, [SHORT]) == [True, True, False, False]


def test_what_is_shipped_lets_three_codes_and_two_mails_through_at_once() -> None:
    assert admitted(4, CODE_RULES) == [True, True, True, False]
    assert admitted(3, MAIL_RULES, key="mails") == [True, True, False]


def test_a_refusal_takes_nothing_of_any_rule() -> None:
    reserve("k", [SHORT, LONG], now_us=NOW_US)
    reserve("k", [SHORT, LONG], now_us=NOW_US)
    before = cells()
    for rules in ([SHORT, LONG], [LONG, SHORT]):  # whichever refuses first
        assert not reserve("k", rules, now_us=NOW_US).admitted
        assert cells() == before


def test_a_refusal_leaves_no_cell_behind() -> None:
    admitted(2, [SHORT])
    assert not reserve("k", [LONG, SHORT], now_us=NOW_US).admitted
    assert set(cells()) == {cell_key("k", SHORT)}


def test_a_refusal_says_how_long_in_whole_seconds_rounded_up() -> None:
    admitted(2, [SHORT])
    refused = reserve("k", [SHORT], now_us=NOW_US)
    assert refused.retry_after == 40
    assert reserve("k", [SHORT], now_us=NOW_US + 1).retry_after == 40
    assert reserve("k", [SHORT], now_us=NOW_US + 40 * SECOND_US - 1).retry_after == 1
    assert reserve("k", [SHORT], now_us=NOW_US + 40 * SECOND_US).admitted


def test_the_longest_wait_of_all_rules_is_told() -> None:
    admitted(2, [SHORT])
    admitted(3, [LONG])
    assert reserve("k", [SHORT, LONG], now_us=NOW_US).retry_after == 24 * 60


def test_a_refund_gives_back_what_was_taken() -> None:
    first = reserve("k", [SHORT, LONG], now_us=NOW_US)
    before = cells()
    second = reserve("k", [SHORT, LONG], now_us=NOW_US)
    second.refund()
    assert cells() == before
    first.refund()
    assert admitted(2, [SHORT, LONG]) == [True, True]


def test_a_refusal_has_nothing_to_give_back() -> None:
    admitted(2, [SHORT])
    before = cells()
    reserve("k", [SHORT], now_us=NOW_US).refund()
    assert cells() == before


def test_right_answers_cost_nothing_however_many() -> None:
    for _ in range(50):
        reservation = reserve("k", CODE_RULES, now_us=NOW_US)
        assert reservation.admitted
        reservation.refund()


def test_budgets_of_two_keys_and_of_two_rules_are_apart() -> None:
    admitted(3, [SHORT])
    assert reserve("other", [SHORT], now_us=NOW_US).admitted
    assert reserve("k", [LONG], now_us=NOW_US).admitted


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.integers(0, 50 * SECOND_US), max_size=12))
def test_the_store_answers_as_the_pure_rule_does(steps) -> None:
    ThrottleCell.objects.all().delete()
    tat, now = None, NOW_US
    for step in steps:
        now += step
        wanted = throttle.reserve(tat, SHORT, now_us=now)
        got = reserve("k", [SHORT], now_us=now)
        tat = wanted.tat_us if wanted.admitted else tat
        assert got.admitted == wanted.admitted
        assert got.retry_after == -(-wanted.retry_after_us // SECOND_US)


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
    assert all(len(cell_key(key, rule)) <= room for rule in (*CODE_RULES, *MAIL_RULES))
    with override_settings(HARDENING={"VAULT_KEYS": ["another root of forty characters, not one"]}):
        assert subjects.account("codes", 5, known_browser=True) != key
        assert keys.Purpose.THROTTLE


def test_a_store_that_never_grants_what_nothing_refuses_refuses_after_a_few_tries(monkeypatch):
    tries = []
    monkeypatch.setattr(
        ThrottleCell.objects, "take", lambda *_args, **_kwargs: tries.append(1), raising=False
    )
    refused = reserve("key", CODE_RULES, now_us=NOW_US)
    assert (refused.admitted, refused.retry_after) == (False, 1)
    assert len(tries) == MAX_TRIES
