"""Beside its requests each process seals the log once a minute, if it has recorded anything."""

from __future__ import annotations

import logging

import pytest
from django.core.signals import request_finished
from django.db import OperationalError, close_old_connections, transaction

from hardening import audit, receivers
from hardening.flows import minutely, sealing
from hardening.models import AuditSeal
from tests.flows.auditing import note
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

MINUTE = minutely.TIDY_SECONDS


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(minutely, "_tidied_at", 0)
    monkeypatch.setattr(minutely, "_rounds", 0)
    audit.fresh.clear()


@pytest.fixture
def runs(monkeypatch):
    """Let it run in a test, and return the moments at which it did."""
    moments = []
    run = minutely.run

    def noted(*, now, **bounds):
        moments.append(now)
        return run(now=now, **bounds)

    monkeypatch.setattr(minutely, "_is_misplaced", lambda: False)
    monkeypatch.setattr(minutely, "run", noted)
    return moments


def test_a_process_that_has_recorded_nothing_does_nothing(runs, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert not minutely.tidy(now=NOW)
    assert runs == []


def test_an_event_is_sealed_with_the_next_request_a_minute_later(runs):
    note()
    assert minutely.tidy(now=NOW)
    assert not AuditSeal.objects.exists()  # it had to settle
    assert not minutely.tidy(now=NOW + MINUTE - 1)
    assert minutely.tidy(now=NOW + MINUTE)
    assert AuditSeal.objects.count() == 1


def test_some_minutes_after_the_last_event_it_stops(runs):
    note()
    for minute in range(10):
        minutely.tidy(now=NOW + minute * MINUTE)
    assert runs == [NOW + minute * MINUTE for minute in range(1 + minutely.ROUNDS)]


def test_a_heap_is_sealed_in_parts_until_it_is_gone(runs, monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 2)
    note(20)
    for minute in range(1, 10):
        minutely.tidy(now=NOW + minute * MINUTE)
    assert AuditSeal.objects.count() == 10


def test_a_fault_is_logged_and_is_nobodys(runs, monkeypatch, caplog):
    def down(**_bounds):
        raise OperationalError

    monkeypatch.setattr(sealing, "seal", down)
    note()
    with caplog.at_level(logging.WARNING, "hardening"):
        assert minutely.tidy(now=NOW)
    assert "could not be sealed" in caplog.text


def test_a_test_of_the_host_is_left_alone():
    note()
    assert not minutely.tidy(now=NOW)


def test_a_transaction_of_somebody_else_is_left_alone(monkeypatch):
    note()
    monkeypatch.setattr(minutely, "is_under_test", lambda: False)
    assert not minutely._is_misplaced()
    with transaction.atomic():
        assert minutely._is_misplaced()


def test_it_runs_when_a_request_is_over_and_leaves_no_connection(runs, clock, monkeypatch):
    closed = []
    monkeypatch.setattr(receivers, "close_old_connections", lambda: closed.append(1))
    request_finished.disconnect(close_old_connections)  # Django's own, as its test client does
    try:
        request_finished.send(sender=None)
        assert (runs, closed) == ([], [])
        note()
        request_finished.send(sender=None)
        assert (len(runs), len(closed)) == (1, 1)
    finally:
        request_finished.connect(close_old_connections)
