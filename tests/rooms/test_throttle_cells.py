"""A row's one statement against the pure numbers, and what becomes of rows in the end.

Runs on SQLite, and on a server with `--stage plain-postgres` or `plain-mariadb`; MariaDB assigns
the columns of an `UPDATE` from left to right, and keeps what may not be negative unsigned.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.core.management import call_command
from django.db import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardening.core import backoff as waits
from hardening.core import throttle as pure
from hardening.core.backoff import QUIET_US, Backoff, Count
from hardening.core.limits import MAX_RULES
from hardening.core.throttle import DAY_US, HOUR_US, MINUTE_US, SECOND_US, Rule
from hardening.models import Tally, ThrottleCell
from hardening.models import throttle as rows
from hardening.models.throttle import ThrottleCellQuerySet
from hardening.throttle import database, tidying
from hardening.throttle.budgets import Budget, Taken, seconds
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db

NOW_US = NOW * SECOND_US
KEY = "ab" * 16
GIVE_BACK, FORGIVE = "give back", "forgive"


@dataclass
class Model:
    """What a row must hold, by the pure functions alone."""

    budget: Budget
    tats: list[int] = field(default_factory=lambda: [0] * MAX_RULES)
    count: Count = field(default_factory=Count)

    def take(self, now_us: int) -> int:
        """Charge one try, or return for how many microseconds it must wait."""
        rules = self.budget.rules
        outcomes = [
            pure.reserve(tat, rule, now_us=now_us)
            for tat, rule in zip(self.tats, rules, strict=False)
        ]
        counted, backoff = self.count, self.budget.backoff
        charged = counted if backoff is None else waits.begin(counted, backoff, now_us=now_us)
        if charged is None or not all(outcome.admitted for outcome in outcomes):
            tats = tuple(self.tats[: len(rules)])
            return waits.wait_us(tats, rules, counted, backoff, now_us=now_us)
        self.tats[: len(rules)] = [outcome.tat_us for outcome in outcomes]
        self.count = charged
        return 0

    def give_back(self, taken_us: int, now_us: int) -> None:
        for place, rule in enumerate(self.budget.rules):
            self.tats[place] = pure.refund(self.tats[place], rule, held_us=now_us - taken_us)
        if self.budget.backoff is not None:
            self.count = waits.take_back(self.count, now_us=taken_us)

    def row(self) -> tuple:
        return (*self.tats, self.count.run, self.count.total, self.count.next_us)


def stored() -> tuple:
    columns = (*rows.TATS, "run", "total", "next_us")
    return ThrottleCell.objects.values_list(*columns).get(key=KEY)


rules = st.lists(
    st.builds(Rule, st.just("any"), st.integers(1, 30), st.integers(1, 3 * HOUR_US)),
    max_size=MAX_RULES,
).map(tuple)
backoffs = st.builds(
    lambda free, cap, first, more: Backoff(free, first, min(DAY_US, first + more), free + cap),
    st.integers(1, 6),
    st.integers(0, 12),
    st.integers(1, HOUR_US),
    st.integers(0, DAY_US),
)
limits = st.one_of(
    st.tuples(rules.filter(bool), st.none()),
    st.tuples(st.just(()), backoffs),
    st.tuples(rules, backoffs),
)
gaps = st.one_of(
    st.just(0),
    st.integers(0, 2 * MINUTE_US),
    st.integers(0, 3 * HOUR_US),
    st.integers(QUIET_US - 2 * SECOND_US, QUIET_US + 2 * SECOND_US),
    st.integers(-10 * SECOND_US, 0),
)
deeds = st.one_of(
    st.just("try"),
    st.just("try"),
    st.tuples(st.just(GIVE_BACK), st.integers(0, 20)),
    st.just(FORGIVE),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=limits, events=st.lists(st.tuples(gaps, deeds), max_size=25))
def test_a_row_goes_the_way_of_the_pure_numbers(limit, events) -> None:
    ThrottleCell.objects.all().delete()
    budget = Budget(KEY, *limit)
    model, held, now_us = Model(budget), [], NOW_US
    for gap, deed in events:
        now_us += gap
        if deed == FORGIVE:
            assert database.forgive(KEY) == (model.count.total > 0)
            if model.count.total:
                model.count = Count(tried_us=model.count.tried_us)
        elif deed == "try":
            wait = model.take(now_us)
            outcome = database.take([budget], now_us=now_us)
            assert outcome.admitted == (not wait)
            assert outcome.retry_after == (seconds(wait) if wait else 0)
            if isinstance(outcome, Taken):
                held.append(outcome)
        elif held:
            taken = held.pop(deed[1] % len(held))
            model.give_back(taken.at_us, now_us)
            database.give_back(taken, now_us=now_us)
        if ThrottleCell.objects.exists():
            assert stored() == model.row()


@pytest.mark.parametrize("run", range(9))
def test_each_failure_waits_as_long_as_it_should_whether_the_day_was_quiet_or_not(run) -> None:
    backoff = Backoff(free=3, first_us=10 * SECOND_US, longest_us=55 * SECOND_US)
    for since, run_before in ((HOUR_US, run), (2 * DAY_US, 0)):
        ThrottleCell.objects.all().delete()
        tried_at = (NOW_US - since) // SECOND_US
        ThrottleCell.objects.create(key=KEY, run=run, total=run, tried_at=tried_at)
        assert ThrottleCell.objects.take(KEY, (), backoff, now_us=NOW_US)
        wait = backoff.wait_us(run_before + 1)
        assert stored()[-3:] == (run_before + 1, run + 1, NOW_US + wait)
        assert ThrottleCell.objects.get().tried_at == NOW


def test_nothing_is_taken_below_nought() -> None:
    ThrottleCell.objects.create(key=KEY)
    ThrottleCell.objects.give_back(KEY, (), Backoff(), taken_us=NOW_US)
    assert stored()[-3:] == (0, 0, 0)


# --- clearing away --------------------------------------------------------------------------------


def cell(key: str, *, days: float, **values) -> ThrottleCell:
    """A row last tried so many days ago."""
    return ThrottleCell.objects.create(key=key, tried_at=NOW - int(days * DAY), **values)


def left() -> set[str]:
    return set(ThrottleCell.objects.values_list("key", flat=True))


def test_rows_of_accounts_stay_and_those_of_nobody_go_after_their_day() -> None:
    cell("an account on its way to the cap", days=400, total=7, target_pk="5")
    cell("a name of two days", days=2, total=7)
    cell("an old name", days=2.001, total=7)
    cell("an old address", days=3)
    cell("an address of today", days=0.5)
    assert ThrottleCell.objects.prune(now=NOW) == 2
    assert left() == {
        "an account on its way to the cap",
        "a name of two days",
        "an address of today",
    }


def test_a_long_run_of_failures_is_kept_like_an_accounts_whose_ever_it_is() -> None:
    cell("a device at its cap", days=100, total=100)
    cell("a name at its cap", days=181, total=100)
    cell("a name on its way", days=100, total=10)
    cell("a short run", days=100, total=9)
    assert ThrottleCell.objects.prune(now=NOW) == 1
    assert tidying.prune(now=NOW) == 1
    assert left() == {"a device at its cap", "a name on its way"}


def test_accounts_that_nobody_has_tried_for_half_a_year_go_by_the_command() -> None:
    cell("an account of today", days=0, total=7, target_pk="5")
    cell("an account of spring", days=180, total=7, target_pk="5")
    cell("an account of winter", days=181, total=7, target_pk="5")
    assert ThrottleCell.objects.prune(now=NOW) == 0
    assert tidying.prune(now=NOW) == 1
    assert left() == {"an account of today", "an account of spring"}


def test_a_wait_is_over_long_before_its_row_goes() -> None:
    longest = Backoff(free=1, longest_us=DAY_US, first_us=DAY_US)
    database.take([Budget(KEY, backoff=longest)], now_us=NOW_US)
    after = NOW + rows.QUIET_SECONDS
    assert ThrottleCell.objects.prune(now=after) == 0
    assert ThrottleCell.objects.get().next_us <= (after - DAY) * SECOND_US
    assert ThrottleCell.objects.prune(now=after + 1) == 1


@pytest.mark.parametrize("place", rows.TATS)
def test_an_address_that_still_owes_stays_however_long_its_rate_looks_back(place) -> None:
    cell("owes", days=30, **{place: NOW_US + 1})
    cell("owes nothing", days=30, **{place: NOW_US})
    ThrottleCell.objects.prune(now=NOW)
    assert left() == {"owes"}


def test_beyond_their_number_the_oldest_of_nobodys_rows_go(monkeypatch) -> None:
    monkeypatch.setattr(rows, "MAX_NAMELESS", 3)
    for age in range(6):
        cell(f"name {age}", days=age / 10)
    for age in range(4):
        cell(f"account {age}", days=age, target_pk="5", total=1)
    accounts = {f"account {age}" for age in range(4)}
    assert ThrottleCell.objects.prune(now=NOW, most=2) == 2
    assert left() == accounts | {"name 0", "name 1", "name 2", "name 3"}
    assert ThrottleCell.objects.prune(now=NOW, most=2) == 1
    assert ThrottleCell.objects.prune(now=NOW, most=2) == 0
    assert left() == accounts | {"name 0", "name 1", "name 2"}


def test_no_more_go_than_asked_for_and_the_oldest_first(monkeypatch) -> None:
    monkeypatch.setattr(rows, "PRUNE_BATCH", 2)
    for age in range(3, 10):
        cell(f"name {age}", days=age)
    assert ThrottleCell.objects.prune(now=NOW, most=5) == 5
    assert left() == {"name 3", "name 4"}
    assert ThrottleCell.objects.prune(now=NOW, most=5) == 2


def test_a_row_that_is_charged_while_it_is_cleared_away_stays(monkeypatch) -> None:
    cell(KEY, days=5)
    cell("another", days=5)
    seen = ThrottleCellQuerySet._raw_delete

    def charged_first(queryset, using):
        ThrottleCell.objects.take(KEY, (), Backoff(), now_us=NOW_US)
        return seen(queryset, using)

    monkeypatch.setattr(ThrottleCellQuerySet, "_raw_delete", charged_first)
    assert ThrottleCell.objects.prune(now=NOW) == 1
    assert left() == {KEY}


def test_minutes_of_more_than_eight_days_ago_are_no_longer_counted() -> None:
    minute = NOW // 60
    for age in (0, 8 * 24 * 60, 8 * 24 * 60 + 1):
        Tally.objects.add(minute - age, 3, tries=2, failures=1)
    assert Tally.objects.prune(now=NOW) == 1
    assert set(Tally.objects.values_list("bucket", flat=True)) == {minute, minute - 8 * 24 * 60}


def test_what_a_process_adds_to_a_minute_adds_up() -> None:
    for _ in range(2):
        Tally.objects.add(7, 15, tries=20, failures=4)
    Tally.objects.add(8, 0, tries=1, failures=1)
    assert sorted(Tally.objects.values_list("bucket", "tries", "failures")) == [
        (7, 40, 8),
        (8, 1, 1),
    ]


@pytest.fixture
def tidying_is_due(monkeypatch):
    """Let the next new counter be the first of its minute in this process."""
    monkeypatch.setattr(tidying, "TIDY_SECONDS", 60)
    monkeypatch.setattr(tidying, "_tidied_at", 0)


@pytest.mark.usefixtures("tidying_is_due")
def test_new_counters_clear_old_ones_away_once_a_minute() -> None:
    def take(key, after):
        database.take([Budget(key, backoff=Backoff())], now_us=NOW_US + after * SECOND_US)

    def age():
        cell("old", days=5)
        Tally.objects.get_or_create(pk=1, bucket=1)

    age()
    take("a", 0)
    assert left() == {"a"}
    assert not Tally.objects.exists()
    age()
    take("b", 59)
    assert left() == {"a", "b", "old"}
    take("a", 60)  # makes no row
    assert "old" in left()
    take("c", 60)
    assert left() == {"a", "b", "c"}
    assert not Tally.objects.exists()


@pytest.mark.usefixtures("tidying_is_due")
def test_a_fault_while_clearing_away_is_no_fault_of_the_try(monkeypatch, caplog) -> None:
    def fail(*_args, **_kwargs):
        raise DatabaseError

    monkeypatch.setattr(ThrottleCellQuerySet, "prune", fail)
    assert database.take([Budget(KEY, backoff=Backoff())], now_us=NOW_US).admitted
    assert "could not be cleared away" in caplog.text


def test_the_command_clears_everything_away_and_says_how_much(clock, capsys, monkeypatch) -> None:
    monkeypatch.setattr(tidying, "TIDY_ROWS", 2)
    for age in range(3, 8):
        cell(f"name {age}", days=age)
    Tally.objects.create(pk=1, bucket=1)
    call_command("hardening_prune")
    assert "throttle counters: 6" in capsys.readouterr().out
    assert not left()
