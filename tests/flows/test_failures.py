"""Failed sign-ins are told by the minute, each minute once, and never try by try."""

from __future__ import annotations

import pytest

from hardening.flows import attack, failures
from hardening.models import SecurityEvent, Tally
from hardening.models.throttle import KEEP_TALLY_MINUTES
from hardening.throttle import tally
from hardening.throttle.tally import CLAIM_MINUTES, LOT_SECONDS, MINUTE
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

START = NOW // MINUTE * MINUTE
OVER = START + MINUTE + LOT_SECONDS


def tried(*, failed=1, right=0, known=0, now=START):
    for _ in range(failed):
        attack.note(failed=True, now=now)
    for _ in range(right):
        attack.note(failed=False, now=now)
    for _ in range(known):
        attack.note(failed=True, now=now, known=True)
    tally.flush(now=now)


def told():
    rows = SecurityEvent.objects.filter(event="login:fail:counted").order_by("pk")
    return [row.data for row in rows]


def test_a_minute_is_told_when_it_is_over_and_once():
    tried(failed=30, right=5, known=2)
    assert failures.tell(now=OVER - 1) == 0
    assert failures.tell(now=OVER) == 1
    assert failures.tell(now=OVER) == 0
    assert told() == [{"minute": START, "tries": 35, "failures": 30, "known_browsers": 2}]


def test_the_event_stands_at_the_end_of_its_minute():
    tried()
    failures.tell(now=OVER + 600)
    (row,) = SecurityEvent.objects.filter(event="login:fail:counted")
    assert row.at.timestamp() == START + MINUTE - 1


def test_each_minute_is_an_event_of_its_own():
    for minute in (0, 1, 5):
        tried(failed=minute + 1, now=START + minute * MINUTE)
    assert failures.tell(now=START + 10 * MINUTE) == 3
    assert [one["failures"] for one in told()] == [1, 2, 6]


def test_failures_of_known_browsers_alone_are_told_too():
    tried(failed=0, known=3)
    failures.tell(now=OVER)
    assert told() == [{"minute": START, "tries": 0, "failures": 0, "known_browsers": 3}]


def test_a_minute_in_which_nothing_failed_is_no_event():
    tried(failed=0, right=20)
    assert failures.tell(now=OVER) == 0
    assert told() == []


def test_a_minute_that_nobody_has_told_for_a_day_is_told_no_more():
    tried()
    assert failures.tell(now=START + (CLAIM_MINUTES + 1) * MINUTE) == 0


def test_failures_of_known_browsers_raise_no_alarm():
    tried(failed=0, known=500)
    assert tally.lately(now=START).failures == 0
    assert attack.until(now=START) == 0


def test_who_claims_second_tells_nothing(monkeypatch):
    tried()
    monkeypatch.setattr(tally, "claim", lambda _minute: False)
    assert failures.tell(now=OVER) == 0
    assert told() == []


def test_a_claim_counts_nothing_and_goes_with_its_minute():
    tried(failed=3)
    before = tally.lately(now=START)
    (minute,) = tally.failed_minutes(now=OVER)
    assert [tally.claim(minute), tally.claim(minute)] == [True, False]
    assert tally.lately(now=START) == before
    Tally.objects.prune(now=START + (KEEP_TALLY_MINUTES + 1) * MINUTE)
    assert not Tally.objects.exists()


def test_nothing_is_written_where_nothing_was_counted(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not tally.flush(now=START)
