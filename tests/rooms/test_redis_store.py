"""Rates in Redis answer as the pure rules do, the database's part is not asked in vain."""

from __future__ import annotations

import os
import time

import pytest
import redis
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardening import testing
from hardening.core import backoff, throttle
from hardening.core.backoff import Backoff
from hardening.core.limits import ADDRESS_RULES
from hardening.core.throttle import HOUR_US, MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell
from hardening.throttle import store
from hardening.throttle.budgets import Budget, Refused, Taken
from hardening.throttle.redis import PREFIX, SLACK_MS, TIMEOUT_SECONDS, RedisStore
from tests.howto import block, defined
from tests.redis import PASSWORD
from tests.visitor import NOW

NOW_US = NOW * SECOND_US
SHORT = Rule("short", 3, MINUTE_US)  # a burst of 2, one back per 40 s
LONG = Rule("long", 5, HOUR_US)  # a burst of 3, one back per 24 min
PLACE = Budget("a" * 32, ADDRESS_RULES)
ACCOUNT = Budget("b" * 32, backoff=Backoff(free=2), target_pk="7")


@pytest.fixture
def rates(redis_server) -> RedisStore:
    return RedisStore(redis_server.url)


@pytest.fixture
def client(redis_server):
    """A client that is not ours to look into the server with."""
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


# --- rates ------------------------------------------------------------------------------------


def test_a_burst_goes_through_and_the_wait_is_exact(rates) -> None:
    budget = Budget("k", (SHORT,))
    answers = [rates.take([budget], now_us=NOW_US) for _ in range(4)]
    assert [one.admitted for one in answers] == [True, True, False, False]
    assert answers[3] == Refused(40, budget)
    almost = NOW_US + 40 * SECOND_US - 1
    assert rates.take([budget], now_us=almost) == Refused(1, budget)
    assert rates.take([budget], now_us=almost + 1).admitted


def test_a_refusal_by_one_key_or_rule_charges_none(rates, client) -> None:
    full, fresh = Budget("full", (LONG, SHORT)), Budget("fresh", (LONG,))
    for _ in range(2):
        assert rates.take([full], now_us=NOW_US).admitted
    before = client.get(f"{PREFIX}full")
    for budgets in ([full, fresh], [fresh, full]):
        assert rates.take(budgets, now_us=NOW_US) == Refused(40, full)
    assert client.keys() == [f"{PREFIX}full"]
    assert client.get(f"{PREFIX}full") == before


def test_the_longest_wait_of_all_keys_is_told(rates) -> None:
    short, long = Budget("short", (SHORT,)), Budget("long", (LONG,))
    for _ in range(2):
        rates.take([short], now_us=NOW_US)
    for _ in range(3):
        rates.take([long], now_us=NOW_US)
    assert rates.take([short, long], now_us=NOW_US) == Refused(24 * 60, long)


def test_a_key_lapses_when_all_of_it_is_paid_off(rates, client) -> None:
    for turn in (1, 2):
        rates.take([Budget("k", (SHORT, LONG))], now_us=NOW_US)
        full_ms = turn * LONG.emission_us // 1000 + SLACK_MS
        assert full_ms - 5_000 < client.pttl(f"{PREFIX}k") <= full_ms


def test_a_budget_without_rates_costs_nothing_and_asks_nobody(redis_server) -> None:
    redis_server.halt()
    rates = RedisStore(redis_server.url)
    taken = rates.take([Budget("k")], now_us=NOW_US)
    assert taken.admitted
    rates.give_back(taken, now_us=NOW_US)


def test_what_has_lapsed_cannot_be_given_back(rates, client) -> None:
    taken = rates.take([Budget("k", (SHORT,))], now_us=NOW_US)
    client.flushdb()
    rates.give_back(taken, now_us=NOW_US)
    assert client.keys() == []


def test_a_server_that_forgot_the_script_is_told_again(rates, client) -> None:
    assert rates.take([PLACE], now_us=NOW_US).admitted
    client.script_flush()
    assert rates.take([PLACE], now_us=NOW_US).admitted


rules = st.builds(
    Rule,
    st.just("some"),
    st.integers(min_value=1, max_value=12),
    st.integers(min_value=1, max_value=5_000),
)
operations = st.lists(
    st.tuples(st.integers(min_value=-50, max_value=3_000), st.integers(min_value=-2, max_value=9)),
    min_size=1,
    max_size=40,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(held_rules=st.lists(rules, min_size=1, max_size=3), steps=operations)
def test_redis_answers_as_the_pure_rules_do(rates, held_rules, steps) -> None:
    """Each step is a try (below 0), or the refund of one of those still held."""
    rates.clear()
    held_rules = tuple(held_rules)
    budget = Budget("k", held_rules)
    tats, now, held = (0,) * len(held_rules), NOW_US, []
    for step, which in steps:
        now += step
        if which < 0 or not held:
            wait = backoff.wait_us(tats, held_rules, backoff.Count(), None, now_us=now)
            outcome = rates.take([budget], now_us=now)
            assert outcome.admitted == (wait == 0)
            if not outcome.admitted:
                assert outcome.retry_after == -(-wait // SECOND_US)
                continue
            pairs = zip(tats, held_rules, strict=True)
            tats = tuple(throttle.reserve(tat, rule, now_us=now).tat_us for tat, rule in pairs)
            held.append(outcome)
        else:
            taken = held.pop(which % len(held))
            held_us = now - taken.at_us
            pairs = zip(tats, held_rules, strict=True)
            tats = tuple(throttle.refund(tat, rule, held_us=held_us) for tat, rule in pairs)
            rates.give_back(taken, now_us=now)
        stored = rates._client.get(f"{PREFIX}k")
        assert tuple(map(int, stored.split())) == tats


@pytest.mark.parametrize("now_us", [2**53 - 2 * throttle.DAY_US, NOW_US, 0])
def test_numbers_stay_whole_until_the_year_2255(rates, client, now_us) -> None:
    day = Rule("day", 3, throttle.DAY_US - 1)
    rates.take([Budget("k", (day,))], now_us=now_us + 1)
    assert int(client.get(f"{PREFIX}k")) == now_us + 1 + day.emission_us


# --- connections ------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "?socket_timeout=30&socket_connect_timeout=30"])
def test_nobody_waits_longer_than_the_timeout_whatever_the_url_says(redis_server, options) -> None:
    rates = RedisStore(redis_server.url + options)
    kwargs = rates._pool.connection_kwargs
    assert kwargs["socket_timeout"] == kwargs["socket_connect_timeout"] == TIMEOUT_SECONDS <= 0.2
    assert rates.take([PLACE], now_us=NOW_US).admitted


def test_a_silent_server_is_given_up_in_time(rates, client) -> None:
    rates.take([PLACE], now_us=NOW_US)
    client.client_pause(1_500)
    began = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        rates.take([PLACE], now_us=NOW_US)
    assert time.monotonic() - began < 1
    client.client_unpause()


def test_a_connection_that_was_closed_meanwhile_is_no_outage(rates, client) -> None:
    rates.take([PLACE], now_us=NOW_US)
    client.client_kill_filter(_type="normal", skipme=True)
    assert rates.take([PLACE], now_us=NOW_US).admitted


def test_a_forked_process_opens_connections_of_its_own(rates) -> None:
    rates.take([PLACE], now_us=NOW_US)
    ours = id(rates._pool._available_connections[0])
    sock = rates._pool._available_connections[0]._sock
    child = os.fork()
    if not child:
        admitted = rates.take([PLACE], now_us=NOW_US).admitted
        others = all(one._sock is not sock for one in rates._pool._available_connections)
        os._exit(0 if admitted and others else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rates.take([PLACE], now_us=NOW_US).admitted
    assert id(rates._pool._available_connections[0]) == ours


def test_nothing_shows_the_password(redis_server) -> None:
    rates = RedisStore(redis_server.url)
    redis_server.halt()
    with pytest.raises(redis.RedisError) as raised:
        rates.take([PLACE], now_us=NOW_US)
    assert PASSWORD not in f"{rates!r} {rates} {raised.value!r}"


# --- beside the database ----------------------------------------------------------------------


@pytest.mark.django_db
def test_rates_lie_in_redis_and_consecutive_failures_in_the_database(on_redis, client) -> None:
    taken = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    assert taken == Taken((PLACE, ACCOUNT), NOW_US)
    assert client.keys() == [PREFIX + PLACE.key]
    cell = ThrottleCell.objects.get()
    assert (cell.key, cell.total, cell.target_pk) == (ACCOUNT.key, 1, "7")
    store.current().give_back(taken, now_us=NOW_US)
    assert ThrottleCell.objects.get().total == 0
    rest = " ".join([str(NOW_US)] * len(ADDRESS_RULES))
    assert client.get(PREFIX + PLACE.key) == rest


@pytest.mark.django_db
def test_what_redis_refuses_asks_the_database_nothing(on_redis, django_assert_num_queries) -> None:
    for _ in range(5):
        assert store.current().take([PLACE], now_us=NOW_US).admitted
    with django_assert_num_queries(0):
        refused = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    assert refused == Refused(60, PLACE)


@pytest.mark.django_db
def test_what_the_database_refuses_is_given_back_in_redis(on_redis, client) -> None:
    for _ in range(2):
        assert store.current().take([ACCOUNT], now_us=NOW_US).admitted
    store.current().take([PLACE], now_us=NOW_US)
    before = client.get(PREFIX + PLACE.key)
    for budgets in ([PLACE, ACCOUNT], [ACCOUNT, PLACE]):
        assert store.current().take(budgets, now_us=NOW_US) == Refused(30, ACCOUNT)
    assert client.get(PREFIX + PLACE.key) == before


@pytest.mark.django_db
def test_a_charge_that_a_rollback_took_is_made_again_in_the_database_alone(
    on_redis, client
) -> None:
    taken = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    ThrottleCell.objects.all().delete()  # as the view's rollback would
    before = client.get(PREFIX + PLACE.key)
    store.charge_again(taken)
    assert ThrottleCell.objects.get().total == 1
    assert client.get(PREFIX + PLACE.key) == before


@pytest.mark.django_db
def test_no_throttle_forgets_redis_too(on_redis, client) -> None:
    client.set("somebody-elses", "1")
    store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    testing.no_throttle()
    assert client.keys() == ["somebody-elses"]
    client.delete("somebody-elses")


@pytest.mark.django_db
def test_a_site_on_redis_passes_the_checks(on_redis) -> None:
    call_command("check")


# --- an outage --------------------------------------------------------------------------------


@pytest.fixture
def lines(caplog):
    """Return a function: what the app has logged."""
    return lambda: [record.getMessage() for record in caplog.records if record.name == "hardening"]


@pytest.mark.django_db
def test_an_outage_in_mid_attack_raises_nothing_opens_nothing_and_ends(on_redis, lines) -> None:
    kept = store.current()
    assert kept.take([PLACE], now_us=NOW_US).admitted
    on_redis.halt()
    admitted = 0
    for second in range(150):
        now_us = NOW_US + second * SECOND_US
        admitted += kept.take([PLACE], now_us=now_us).admitted
    assert 1 <= admitted <= ADDRESS_RULES[0].limit // 4 + 1
    assert len(lines()) == 3  # at 0, 1 and 2 minutes
    assert PASSWORD not in "".join(lines())
    assert [store.take_outage_notice() for _ in range(2)] == ["redis", None]
    on_redis.start()
    back_us = NOW_US + 200 * SECOND_US
    assert [kept.take([PLACE], now_us=back_us).admitted for _ in range(6)] == [True] * 5 + [False]
    assert len(lines()) == 3


@pytest.mark.django_db
def test_accounts_stay_in_the_database_while_redis_is_down(on_redis) -> None:
    on_redis.halt()
    taken = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    assert taken.degraded == {PLACE.key}
    assert ThrottleCell.objects.get().total == 1
    store.current().give_back(taken, now_us=NOW_US)
    assert ThrottleCell.objects.get().total == 0
    assert store.current().take([PLACE], now_us=NOW_US).admitted  # a quarter of 10 is a burst of 1


@pytest.mark.django_db
def test_what_was_charged_in_an_outage_is_not_given_back_to_redis(on_redis, client) -> None:
    kept = store.current()
    on_redis.halt()
    taken = kept.take([PLACE], now_us=NOW_US)
    on_redis.start()
    later_us = NOW_US + 10 * SECOND_US
    assert kept.take([PLACE], now_us=later_us).degraded == frozenset()
    before = client.get(PREFIX + PLACE.key)
    kept.give_back(taken, now_us=later_us)
    assert client.get(PREFIX + PLACE.key) == before


# --- the how-to -------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_settings_of_the_how_to_count_in_redis(
    redis_server, client, settings, monkeypatch
) -> None:
    monkeypatch.setenv("THROTTLE_REDIS_URL", redis_server.url)
    settings.HARDENING = defined("throttle-store", "Redis")["HARDENING"]
    assert store.current().take([PLACE], now_us=NOW_US).degraded == frozenset()
    assert client.keys() == [PREFIX + PLACE.key]
    assert client.memory_usage(PREFIX + PLACE.key) <= 200
    assert client.pttl(PREFIX + PLACE.key) < 2 * throttle.DAY_US // 1000


def test_the_rights_of_the_how_to_are_enough(redis_server, client) -> None:
    command = block("throttle-store", "Redis", "text").split()
    client.execute_command(*command)
    client.script_flush()
    url = redis_server.url.replace(f":{PASSWORD}@", "hardening:a-long-password@")
    rates = RedisStore(url.replace("/0", "/1"))
    taken = rates.take([PLACE], now_us=NOW_US)
    rates.give_back(taken, now_us=NOW_US)
    assert rates.forget([PLACE.key])
    with pytest.raises(redis.exceptions.NoPermissionError):
        rates._client.get("somebody-elses")
    client.acl_deluser("hardening")


# --- an operator's word -----------------------------------------------------------------------


def test_what_an_operator_lifts_is_forgotten_and_nothing_else(rates, client) -> None:
    for name in ("k", "other"):
        rates.take([Budget(name, (SHORT,))], now_us=NOW_US)
    assert rates.forget(["k", "never"])
    assert client.keys() == [f"{PREFIX}other"]
    assert not rates.forget(["k"])
    assert not rates.forget([])


@pytest.mark.django_db
def test_the_store_forgets_an_address_beside_the_database_too(redis_server, rates, settings):
    settings.HARDENING = {"THROTTLE_STORE": redis_server.url}
    for _ in range(5):
        assert store.current().take([PLACE], now_us=NOW_US).admitted
    assert not store.current().take([PLACE], now_us=NOW_US).admitted
    assert store.forget(PLACE.key)
    assert store.current().take([PLACE], now_us=NOW_US).admitted
