"""Races for the counters: exactly as many are admitted as there is room for, and no deadlock.

`crowd.py` holds what is true of a SQLite file as well (`tests/sites/sqlite_file`).
"""

from __future__ import annotations

from functools import partial
from threading import Barrier

import pytest
from django.db import connection, transaction
from django.db.models import F

from hardening.core.backoff import Backoff
from hardening.core.limits import CODE_RULES, MAIL_RULES
from hardening.core.throttle import MINUTE_US, SECOND_US, Rule
from hardening.models import Tally, ThrottleCell
from hardening.throttle import database, store
from hardening.throttle.budgets import Budget
from hardening.throttle.gates import reserve
from tests.races import crowd
from tests.races.crowd import FREE, NOW_US
from tests.races.runner import ROUNDS, dismiss, race, race_all

pytestmark = pytest.mark.django_db(transaction=True)

ROOMY = Rule("roomy", 10_000, MINUTE_US)


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_of_sixty_four_at_once_exactly_five_are_admitted(kind):
    crowd.exactly_five(kind, rounds=ROUNDS // 4)


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_what_is_given_back_is_there_once_more_and_no_more_than_that(kind):
    crowd.never_more_than_five(kind, rounds=ROUNDS // 5)


@pytest.mark.parametrize("racers, rounds", [(64, 5), (16, ROUNDS)])
@pytest.mark.parametrize("rules", [CODE_RULES, MAIL_RULES], ids=["codes", "mails"])
def test_however_many_at_once_get_no_more_than_the_burst(rules, racers, rounds):
    burst = min(rule.burst for rule in rules)
    for turn in range(rounds):
        reservations = race_all(
            lambda _racer, turn=turn: reserve(f"key-{turn}", rules, now_us=NOW_US), range(racers)
        )
        assert sum(one.admitted for one in reservations) == burst
        assert all(one.retry_after > 0 for one in reservations if not one.admitted)


def test_a_refusal_by_one_rule_or_budget_charges_no_other():
    rules = (ROOMY, Rule("narrow", 4, MINUTE_US))
    for turn in range(ROUNDS):
        place = Budget(f"place-{turn}", (ROOMY,))
        pair = [place, Budget(f"key-{turn}", rules)]
        tries = race_all(lambda _racer, pair=pair: database.take(pair, now_us=NOW_US), range(12))
        assert sum(one.admitted for one in tries) == 2
        for one in pair:
            (wide, *_others) = ThrottleCell.objects.get(key=one.key).tats(3)
            assert wide == NOW_US + 2 * ROOMY.emission_us


def test_accounts_of_one_address_and_addresses_of_one_account_meet_without_a_deadlock():
    """Eight addresses with eight accounts: every try shares a row with fourteen others."""
    for turn in range(ROUNDS // 5):
        places = [Budget(f"place-{turn}-{one}", (ROOMY,)) for one in range(8)]
        accounts = [Budget(f"name-{turn}-{one}", backoff=Backoff(free=8)) for one in range(8)]
        pairs = [(place, account) for place in places for account in accounts]
        tries = race_all(lambda pair: database.take(pair, now_us=NOW_US), pairs)
        assert all(one.admitted for one in tries)
        named = ThrottleCell.objects.filter(key__startswith=f"name-{turn}-")
        assert set(named.values_list("total", flat=True)) == {8}


def test_refunds_give_back_exactly_what_was_taken():
    def take_and_give(_racer):
        reservation = reserve("key", CODE_RULES, now_us=NOW_US)
        if reservation.admitted:
            reservation.refund()
        return reservation.admitted

    for _ in range(ROUNDS):
        assert any(race_all(take_and_give, range(8)))
    assert set(ThrottleCell.objects.get().tats(3)) == {NOW_US}
    burst = min(rule.burst for rule in CODE_RULES)
    again_at_rest = race_all(lambda _racer: reserve("key", CODE_RULES, now_us=NOW_US), range(16))
    assert sum(one.admitted for one in again_at_rest) == burst


def test_over_an_hour_of_pressing_the_limits_of_every_window_hold():
    admitted_at = []
    for minute in range(60):
        now_us = NOW_US + minute * MINUTE_US
        racers = race_all(lambda _racer, at=now_us: reserve("key", CODE_RULES, now_us=at), range(8))
        admitted_at += [now_us] * sum(one.admitted for one in racers)
    for rule in CODE_RULES:
        for start in admitted_at:
            window = [at for at in admitted_at if start <= at < start + rule.period_us]
            assert len(window) <= rule.limit, rule.name


def test_after_each_wait_exactly_one_of_many_goes():
    budget, when = Budget("name", backoff=Backoff(free=1, first_us=SECOND_US, cap=20)), NOW_US
    admitted = []
    while len(admitted) < 20:
        tries = race_all(lambda _racer, when=when: database.take([budget], now_us=when), range(16))
        admitted.append(sum(one.admitted for one in tries))
        when += budget.backoff.wait_us(len(admitted))
    assert admitted == [1] * 20
    tries = race_all(lambda _racer: database.take([budget], now_us=when), range(16))
    assert {(one.admitted, one.capped) for one in tries} == {(False, True)}


def test_forgiving_meets_tries_and_refunds_and_nothing_falls_below_nought():
    budget = Budget("name", backoff=FREE)
    for _ in range(ROUNDS):
        taken = [database.take([budget], now_us=NOW_US) for _ in range(3)]
        race(
            *[lambda one=one: database.give_back(one, now_us=NOW_US) for one in taken],
            *[lambda: database.forgive("name")] * 3,
            *[lambda: database.take([budget], now_us=NOW_US)] * 2,
        )
        cell = ThrottleCell.objects.get()
        assert 0 <= cell.run <= cell.total <= 2
        database.forgive("name")


def test_clearing_away_meets_tries_and_takes_no_charge_along():
    for turn in range(ROUNDS):
        keys = [f"old-{turn}-{one}" for one in range(8)]
        ThrottleCell.objects.open(ThrottleCell(key=key) for key in keys)
        now = NOW_US // SECOND_US
        tries = race(
            *[
                lambda key=key: database.take([Budget(key, backoff=FREE)], now_us=NOW_US)
                for key in keys
            ],
            *[partial(ThrottleCell.objects.prune, now=now)] * 2,
        )
        assert all(one.admitted for one in tries[:8])
        counted = ThrottleCell.objects.filter(key__in=keys).values_list("total", flat=True)
        assert list(counted) == [1] * 8


def test_the_first_counts_of_a_minute_add_up():
    for turn in range(ROUNDS):
        race_all(
            lambda shard, turn=turn: Tally.objects.add(turn, shard % 2, tries=2, failures=1),
            range(8),
        )
    rows = Tally.objects.values_list("tries", "failures")
    assert set(rows) == {(8, 4)}
    assert len(rows) == 2 * ROUNDS


# --- servers that are crowded, or strict ---------------------------------------------------------

WAIT_LITTLE = {
    "postgresql": "SET lock_timeout = '50ms'",
    "mysql": "SET SESSION innodb_lock_wait_timeout = 1",
}
STRICT = {
    "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE",
    "mysql": "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE",
}


def execute(statements):
    with connection.cursor() as cursor:
        cursor.execute(statements[connection.vendor])


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_where_a_lock_cannot_be_had_a_try_is_refused_and_nothing_is_down(kind):
    asked = crowd.budgets(kind, 0)
    assert database.take(asked, now_us=NOW_US).admitted
    ready = Barrier(2)

    def hold():
        with transaction.atomic():
            ThrottleCell.objects.update(run=F("run"))
            ready.wait(60)
            ready.wait(60)

    def ask():
        execute(WAIT_LITTLE)
        ready.wait(60)
        try:
            return store.current().take(asked, now_us=NOW_US)
        finally:
            ready.wait(60)

    refused, _ = race(ask, hold)
    assert (refused.admitted, refused.retry_after) == (False, 1)
    assert store.take_outage_notice() is None
    crowd.assert_charged(asked, 1)
    dismiss()  # with what was set on their connections


@pytest.mark.parametrize("kind", crowd.KINDS)
def test_on_a_server_that_serializes_nobody_is_admitted_too_often_and_nothing_fails(kind):
    def ask(asked):
        execute(STRICT)
        return database.take(asked, now_us=NOW_US)

    for turn in range(ROUNDS // 5):
        asked = crowd.budgets(kind, turn)
        tries = race_all(ask, [asked] * 16)
        assert 1 <= sum(one.admitted for one in tries) <= 5
    dismiss()
