"""While a store is down: shares of the limits in this process, never an exception, never open."""

from __future__ import annotations

import os
import threading
import time

import pytest
from django.db import DatabaseError, OperationalError, connection, transaction
from hypothesis import given
from hypothesis import strategies as st

from hardening.core.backoff import Backoff
from hardening.core.limits import ADDRESS_RULES
from hardening.core.throttle import HOUR_US, MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell, counting
from hardening.throttle import database, store
from hardening.throttle.budgets import Budget, Refused
from hardening.throttle.degraded import FULL_WAIT_US, SWEEP_EVERY_US, Table, share
from hardening.throttle.guarded import PAUSE_US
from tests.host import stores
from tests.visitor import NOW

NOW_US = NOW * SECOND_US
PLACE = Budget("place", ADDRESS_RULES)
ACCOUNT = Budget("account", backoff=Backoff())


@pytest.fixture
def table() -> Table:
    return Table()


def takes(table, budgets, count, *, now_us=NOW_US, workers=1) -> list[bool]:
    made = (table.take(budgets, now_us=now_us, workers=workers) for _ in range(count))
    return [one.admitted for one in made]


# --- the table --------------------------------------------------------------------------------


def test_each_process_admits_its_share_and_at_least_one() -> None:
    small = share(PLACE, 4)
    assert [rule.limit for rule in small.rules] == [2, 7, 25]
    assert [rule.period_us for rule in small.rules] == [rule.period_us for rule in PLACE.rules]
    assert {rule.limit for rule in share(PLACE, 1_000).rules} == {1}
    backoff = share(ACCOUNT, 4).backoff
    assert (backoff.free, backoff.cap) == (1, 25)
    assert share(ACCOUNT, 1_000).backoff.free == 1
    assert (backoff.first_us, backoff.longest_us) == (30 * SECOND_US, HOUR_US)


@pytest.mark.parametrize("workers, burst", [(1, 5), (2, 3), (4, 1), (9, 1)])
def test_the_burst_is_that_of_the_share(table, workers, burst) -> None:
    assert sum(takes(table, [PLACE], 20, workers=workers)) == burst


def test_a_refusal_charges_nothing_and_says_how_long(table) -> None:
    assert takes(table, [PLACE, ACCOUNT], 6) == [True] * 5 + [False]
    assert table.take([PLACE, ACCOUNT], now_us=NOW_US, workers=1) == Refused(60, PLACE)
    later = NOW_US + MINUTE_US
    assert table.take([PLACE, ACCOUNT], now_us=later, workers=1).admitted  # 30 s of the account


def test_consecutive_failures_wait_longer_and_longer(table) -> None:
    assert takes(table, [ACCOUNT], 6) == [True] * 5 + [False]
    now_us, waits = NOW_US, []
    for _ in range(4):
        refused = table.take([ACCOUNT], now_us=now_us, workers=1)
        waits.append(refused.retry_after)
        now_us += refused.retry_after * SECOND_US
        assert table.take([ACCOUNT], now_us=now_us, workers=1).admitted
    assert waits == [30, 60, 120, 240]


def test_what_is_given_back_was_never_taken(table) -> None:
    for _ in range(20):
        taken = table.take([PLACE, ACCOUNT], now_us=NOW_US, workers=1)
        assert taken.degraded == {"place", "account"}
        table.give_back(taken, now_us=NOW_US, workers=1)
    assert takes(table, [PLACE, ACCOUNT], 6) == [True] * 5 + [False]


def test_what_the_table_has_forgotten_is_not_given_back(table) -> None:
    taken = table.take([PLACE], now_us=NOW_US, workers=1)
    table.clear()
    table.give_back(taken, now_us=NOW_US, workers=1)
    assert len(table) == 0


def test_a_success_forgets_the_run(table) -> None:
    takes(table, [ACCOUNT], 5)
    assert [table.forgive("account"), table.forgive("account"), table.forgive("none")] == [
        *(True, False, False)
    ]
    assert takes(table, [ACCOUNT], 1) == [True]


def test_a_full_table_refuses_whom_it_does_not_know() -> None:
    table = Table(max_keys=10)
    for number in range(30):
        answer = table.take([Budget(f"key-{number}", ADDRESS_RULES)], now_us=NOW_US, workers=1)
        assert answer.admitted == (number < 10)
    assert answer == Refused(FULL_WAIT_US // SECOND_US)
    assert len(table) == 10
    assert takes(table, [Budget("key-0", ADDRESS_RULES)], 1) == [True]
    assert takes(table, [Budget("key-1", ADDRESS_RULES), PLACE], 1) == [False]
    assert takes(table, [Budget("key-1", ADDRESS_RULES)], 5) == [True] * 4 + [False]


def test_a_full_table_forgets_only_what_owes_nothing() -> None:
    table, rule = Table(max_keys=3), Rule("short", 2, MINUTE_US)  # one back per minute
    for number in range(3):
        at = NOW_US + number * SWEEP_EVERY_US
        assert takes(table, [Budget(f"key-{number}", (rule,))], 1, now_us=at) == [True]
    first_is_free = NOW_US + MINUTE_US
    assert takes(table, [Budget("new", (rule,))], 1, now_us=first_is_free - 1) == [False]
    assert takes(table, [Budget("new", (rule,))], 1, now_us=first_is_free) == [False]  # swept just
    assert takes(table, [Budget("new", (rule,))], 1, now_us=first_is_free + SWEEP_EVERY_US) == [
        True
    ]
    assert len(table) <= 3


def test_an_account_at_its_cap_is_remembered_for_a_day() -> None:
    table = Table(max_keys=1)
    capped = Budget("capped", backoff=Backoff(free=1, cap=1))
    assert takes(table, [capped], 1) == [True]
    for hours, admitted in ((2, False), (23, False), (25, True)):
        assert takes(table, [ACCOUNT], 1, now_us=NOW_US + hours * HOUR_US) == [admitted]


@given(
    tries=st.lists(
        st.tuples(st.integers(0, 90), st.integers(0, 5), st.booleans()), min_size=1, max_size=200
    ),
    workers=st.integers(1, 12),
)
def test_no_window_admits_more_than_the_share_whatever_is_forgotten(tries, workers) -> None:
    table, now_us = Table(max_keys=3), NOW_US
    admitted: dict[str, list[int]] = {}
    for step, number, right in tries:
        now_us += step * SECOND_US
        budget = Budget(f"key-{number}", ADDRESS_RULES)
        outcome = table.take([budget], now_us=now_us, workers=workers)
        assert len(table) <= 3
        if outcome.admitted and right:
            table.give_back(outcome, now_us=now_us, workers=workers)
        elif outcome.admitted:
            admitted.setdefault(budget.key, []).append(now_us)
    for rule in share(PLACE, workers).rules:
        for times in admitted.values():
            for start in times:
                window = [at for at in times if start <= at < start + rule.period_us]
                assert len(window) <= rule.limit


def test_threads_get_no_more_than_the_burst(table) -> None:
    barrier, got = threading.Barrier(32), []

    def run() -> None:
        barrier.wait(10)
        got.append(table.take([PLACE], now_us=NOW_US, workers=1).admitted)

    threads = [threading.Thread(target=run) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 5


def test_a_fork_in_mid_take_leaves_the_child_no_lock_to_wait_for(table) -> None:
    with table.lock:
        child = os.fork()
        if not child:
            os._exit(0 if takes(table, [PLACE], 1) == [True] else 1)
        deadline = time.monotonic() + 10
        done, status = os.waitpid(child, os.WNOHANG)
        while not done and time.monotonic() < deadline:
            time.sleep(0.01)
            done, status = os.waitpid(child, os.WNOHANG)
        if not done:
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert done
    assert os.waitstatus_to_exitcode(status) == 0


# --- a store that is down ---------------------------------------------------------------------


@pytest.fixture
def broken(monkeypatch) -> list:
    """Break the database store while the list is not empty; count the asking."""
    faults, asked = [OperationalError("a text that must not be logged")], []

    def take(budgets, *, now_us):
        asked.append(now_us)
        if faults:
            raise faults[0]
        return real(budgets, now_us=now_us)

    real = database.take
    monkeypatch.setattr(database, "take", take)
    monkeypatch.setattr(database, "asked", asked, raising=False)
    return faults


@pytest.mark.django_db
def test_a_database_that_fails_is_asked_each_time(broken, settings, caplog) -> None:
    settings.HARDENING = {"THROTTLE_WORKERS": 1}
    kept = store.current()
    assert [kept.take([PLACE], now_us=NOW_US).admitted for _ in range(7)] == [True] * 5 + [
        False
    ] * 2
    assert len(database.asked) == 7
    broken.clear()
    assert kept.take([PLACE], now_us=NOW_US).degraded == frozenset()
    (line,) = [record.getMessage() for record in caplog.records]
    assert "database" in line
    assert "OperationalError" in line
    assert "must not be logged" not in line
    assert [store.take_outage_notice() for _ in range(2)] == ["database", None]


@pytest.mark.django_db
def test_what_an_outage_charged_is_given_back_here_after_it(broken, settings) -> None:
    settings.HARDENING = {"THROTTLE_WORKERS": 1}
    kept = store.current()
    broken.clear()
    stays = kept.take([PLACE], now_us=NOW_US)
    before = ThrottleCell.objects.get().tats(3)
    broken.append(DatabaseError())
    taken = kept.take([PLACE], now_us=NOW_US)
    broken.clear()
    kept.give_back(taken, now_us=NOW_US)
    assert ThrottleCell.objects.get().tats(3) == before
    kept.give_back(stays, now_us=NOW_US)
    assert ThrottleCell.objects.get().tats(3) != before
    broken.append(DatabaseError())
    assert sum(kept.take([PLACE], now_us=NOW_US).admitted for _ in range(6)) == 5


@pytest.mark.django_db
def test_a_charge_that_cannot_be_given_back_stands(monkeypatch, caplog) -> None:
    taken = store.current().take([PLACE], now_us=NOW_US)
    before = ThrottleCell.objects.get().tats(3)

    def fails(*args, **kwargs):
        raise OperationalError

    monkeypatch.setattr(database, "give_back", fails)
    store.current().give_back(taken, now_us=NOW_US)
    assert ThrottleCell.objects.get().tats(3) == before
    assert len(caplog.records) == 1


@pytest.mark.django_db
def test_a_success_forgets_the_run_in_both_places(broken, settings) -> None:
    settings.HARDENING = {"THROTTLE_WORKERS": 1}
    store.current().take([ACCOUNT], now_us=NOW_US)
    broken.clear()
    assert store.forgive("account")
    assert not store.forgive("account")
    store.current().take([ACCOUNT], now_us=NOW_US)
    assert store.forgive("account")


@pytest.mark.django_db(transaction=True)
def test_a_statement_that_fails_leaves_the_transaction_around_it_whole(monkeypatch) -> None:
    """On PostgreSQL it would be broken, were the counter written in it."""

    def fails(rows, *args, **kwargs):
        with transaction.get_connection(rows.db).cursor() as cursor:
            cursor.execute("SELECT nothing FROM no_such_table")

    monkeypatch.setattr(type(ThrottleCell.objects.all()), "take", fails)
    with transaction.atomic():
        outcome = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
        assert outcome.degraded == {"place", "account"}
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    counting.close()  # there is no request whose end would


def test_one_try_at_a_time_asks_a_store_that_is_down(settings, monkeypatch) -> None:
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.Broken"}
    asked = []
    monkeypatch.setattr(
        stores.Broken, "take", lambda *_, now_us, **__: asked.append(now_us) or 1 / 0
    )
    for step in range(10):
        store.current().take([PLACE], now_us=NOW_US + step * PAUSE_US // 2)
    assert asked == [NOW_US + step * PAUSE_US for step in range(5)]
    store.current().take([PLACE], now_us=NOW_US)  # a clock that stepped back waits for nothing
    assert asked[-1] == NOW_US


# --- which store ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_store_of_the_sites_own_keeps_rates_and_no_more(settings) -> None:
    stores.lenient.asked.clear()
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.lenient"}
    taken = store.current().take([PLACE, ACCOUNT], now_us=NOW_US)
    store.current().give_back(taken, now_us=NOW_US)
    assert stores.lenient.asked == [["place"], "back"]
    assert ThrottleCell.objects.get().key == "account"
    store.clear()


def test_a_class_is_made_once(settings) -> None:
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.Strict"}
    assert store.current().take([PLACE, ACCOUNT], now_us=NOW_US) == Refused(7, PLACE)
    assert store.current() is store.current()
    assert store.current().rates.store() is store.current().rates.store()


@pytest.mark.parametrize(
    "named",
    [
        "tests.host.stores.Broken",
        "tests.host.stores.OnlyTakes",
        "nowhere.at.all",
        "django.core.cache.cache",
        "redis://:a/slash@127.0.0.1:6379/0",
        "redis://127.0.0.1:1/0",
        "unix:///nowhere/at/all",
    ],
)
def test_what_cannot_count_is_an_outage_that_admits_a_share(settings, caplog, named) -> None:
    settings.HARDENING = {"THROTTLE_STORE": named, "THROTTLE_WORKERS": 1}
    answers = [store.current().take([PLACE], now_us=NOW_US) for _ in range(7)]
    assert [one.admitted for one in answers] == [True] * 5 + [False] * 2
    store.current().give_back(answers[0], now_us=NOW_US)
    assert store.current().take([PLACE], now_us=NOW_US).admitted
    (line,) = [record.getMessage() for record in caplog.records]
    assert "must not be logged" not in line
    assert "slash" not in line


def test_another_setting_is_another_store(settings) -> None:
    settings.HARDENING = {"THROTTLE_STORE": "tests.host.stores.Strict"}
    strict = store.current()
    settings.HARDENING = {}
    assert store.current() is not strict
    assert store.current().name == "database"
    assert not store.current().remote
    assert strict.remote
