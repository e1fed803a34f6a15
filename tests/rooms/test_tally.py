"""Counts of the whole site: written in lots, looked at over ten minutes and over a week."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from hardening.models import Tally
from hardening.models.throttle import KEEP_TALLY_MINUTES, SHARDS
from hardening.throttle import tally
from hardening.throttle.tally import LOT, LOT_SECONDS, MINUTE
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

THIS_MINUTE = NOW // MINUTE
DAY_MINUTES = 24 * 60


def written():
    """Return (tries, failures) that the table holds."""
    return tuple(Tally.objects.aggregate(t=Sum("tries"), f=Sum("failures")).values())


def past(minutes_ago, *, tries, failures):
    bucket = THIS_MINUTE - minutes_ago
    Tally.objects.create(pk=bucket * SHARDS, bucket=bucket, tries=tries, failures=failures)


def test_a_lot_is_written_when_it_is_full(django_assert_num_queries):
    with django_assert_num_queries(0):
        wrote = [tally.note(failed=number % 4 == 0, now=NOW) for number in range(LOT - 1)]
    assert not any(wrote)
    assert tally.note(failed=True, now=NOW)
    assert written() == (LOT, 6)
    assert not tally.note(failed=True, now=NOW)


def test_or_when_it_has_waited():
    assert not tally.note(failed=True, now=NOW)
    assert not tally.note(failed=True, now=NOW + LOT_SECONDS - 1)
    assert tally.note(failed=False, now=NOW + LOT_SECONDS)
    assert written() == (3, 2)


def test_a_clock_that_steps_back_keeps_no_lot_for_ever():
    tally.note(failed=True, now=NOW + 3600)
    assert tally.note(failed=True, now=NOW)
    assert written() == (2, 2)


def test_lots_of_one_minute_and_shard_are_one_row(monkeypatch):
    monkeypatch.setattr(tally.secrets, "randbelow", lambda _most: 3)
    for _ in range(3 * LOT):
        tally.note(failed=True, now=NOW)
    row = Tally.objects.get()
    assert (row.bucket, row.tries, row.failures) == (THIS_MINUTE, 3 * LOT, 3 * LOT)
    assert str(row) == f"tries in minute {THIS_MINUTE}"


def test_what_a_process_has_not_written_can_be_forgotten():
    tally.note(failed=True, now=NOW)
    tally.clear()
    for _ in range(LOT):
        tally.note(failed=False, now=NOW)
    assert written() == (LOT, 0)


def test_nothing_counted_is_nothing_lately():
    assert tally.lately(now=NOW) == tally.Lately(0, 0, None)


def test_the_window_is_ten_minutes_and_ends_now():
    for minutes_ago, failures in ((-1, 1000), (0, 1), (9, 10), (10, 100)):
        past(minutes_ago, tries=2 * failures, failures=failures)
    found = tally.lately(now=NOW)
    assert (found.failures, found.tries) == (11, 22)


@pytest.mark.parametrize(
    "minutes_ago, known", [(DAY_MINUTES - 1, False), (DAY_MINUTES, True), (8 * DAY_MINUTES, False)]
)
def test_what_is_usual_is_known_after_a_day_and_forgotten_after_a_week(minutes_ago, known):
    past(minutes_ago, tries=10, failures=5)
    past(0, tries=200, failures=100)
    assert (tally.lately(now=NOW).usual is not None) is known


def test_what_is_usual_is_a_mean_over_all_minutes_quiet_ones_too():
    past(DAY_MINUTES + 9, tries=1_000, failures=720)
    past(60, tries=1_000, failures=720)
    past(5, tries=200, failures=100)  # belongs to the window, not to what is usual
    found = tally.lately(now=NOW)
    assert found.usual == pytest.approx(10)
    assert found.failures == 100


@pytest.mark.parametrize("tries, failures", [(1000, 99), (199, 100)])
def test_what_is_usual_is_not_asked_where_it_decides_nothing(tries, failures):
    past(DAY_MINUTES + 9, tries=1_000, failures=720)
    past(0, tries=tries, failures=failures)
    assert tally.lately(now=NOW) == tally.Lately(failures, tries, None)


def test_minutes_that_nobody_looks_back_at_are_deleted():
    for minutes_ago in (0, KEEP_TALLY_MINUTES, KEEP_TALLY_MINUTES + 1):
        past(minutes_ago, tries=1, failures=1)
    assert Tally.objects.prune(now=NOW) == 1
    assert Tally.objects.count() == 2
