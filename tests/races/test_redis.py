"""Races for rates in Redis: one script is one moment, whatever many threads ask at once."""

from __future__ import annotations

import pytest
import redis

from hardening.core.backoff import Backoff
from hardening.core.limits import ADDRESS_RULES
from hardening.core.throttle import MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell
from hardening.throttle import store
from hardening.throttle.budgets import Budget
from hardening.throttle.redis import PREFIX, RedisStore
from tests.races.runner import ROUNDS, race_all
from tests.visitor import NOW

pytestmark = pytest.mark.django_db(transaction=True)

NOW_US = NOW * SECOND_US
FIVE_AT_ONCE = Rule("five", 10, 5 * MINUTE_US)
THREADS = 64


@pytest.fixture
def stored(on_redis):
    """Return a function: the arrival times that Redis holds for a key."""
    with redis.Redis.from_url(on_redis.url) as client:
        yield lambda key: [int(tat) for tat in (client.get(PREFIX + key) or b"").split()]


def test_of_sixty_four_at_once_exactly_five_are_admitted(redis_server):
    rates = RedisStore(redis_server.url)
    for turn in range(ROUNDS):
        budgets = [Budget(f"key-{turn}", (FIVE_AT_ONCE,))]
        answers = race_all(
            lambda _racer, budgets=budgets: rates.take(budgets, now_us=NOW_US), range(THREADS)
        )
        assert sum(one.admitted for one in answers) == FIVE_AT_ONCE.burst == 5, f"round {turn}"
        assert {one.retry_after for one in answers if not one.admitted} == {60}


def test_what_the_account_refuses_is_restored_exactly_at_the_address(stored):
    place = Budget("place", (Rule("roomy", 10_000, MINUTE_US),))
    (roomy,) = place.rules
    for turn in range(ROUNDS // 4):
        account = Budget(f"account-{turn}", backoff=Backoff(free=5))
        before = stored("place") or [NOW_US]
        answers = race_all(
            lambda _racer, account=account: store.current().take([place, account], now_us=NOW_US),
            range(16),
        )
        admitted = sum(one.admitted for one in answers)
        assert admitted == 5, f"round {turn}"
        assert ThrottleCell.objects.get(key=account.key).total == admitted
        assert stored("place") == [before[0] + admitted * roomy.emission_us]


def test_refunds_give_back_exactly_what_was_taken(stored):
    place, account = Budget("place", ADDRESS_RULES), Budget("account", backoff=Backoff())

    def take_and_give(_racer):
        taken = store.current().take([place, account], now_us=NOW_US)
        if taken.admitted:
            store.current().give_back(taken, now_us=NOW_US)
        return taken.admitted

    for _ in range(ROUNDS // 4):
        assert any(race_all(take_and_give, range(8)))
    assert stored("place") == [NOW_US] * len(ADDRESS_RULES)
    assert ThrottleCell.objects.get().total == 0


def test_an_outage_in_mid_attack_raises_nothing_and_admits_a_share(on_redis, caplog):
    place = Budget("place", ADDRESS_RULES)
    caplog.clear()

    def attack(second):
        now_us = NOW_US + second * SECOND_US
        return race_all(
            lambda _racer: store.current().take([place], now_us=now_us).admitted, range(32)
        )

    assert sum(attack(0)) == 5
    on_redis.halt()
    assert sum(sum(attack(second)) for second in range(1, 31)) <= 2  # a quarter of 10 per 5 min
    lines = [record for record in caplog.records if record.name == "hardening"]
    assert len(lines) == 1
    on_redis.start()
    # It comes back empty; one try finds out, and the others do not wait for it.
    assert store.current().take([place], now_us=NOW_US + 300 * SECOND_US).admitted
    assert sum(attack(300)) == 4
    assert len(lines) == 1
