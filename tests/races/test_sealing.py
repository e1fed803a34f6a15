"""Processes that seal, write and prune the audit log at the same moment."""

from __future__ import annotations

import time

import pytest
from django.db import transaction

from hardening import audit
from hardening.audit import Event
from hardening.flows import failures, minutely, sealing, verifying
from hardening.models import AuditSeal, SecurityEvent, Tally
from hardening.policies import DAY_SECONDS
from tests.races.runner import race, race_all
from tests.visitor import NOW

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 25
EVENTS = 12


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 5)


def note(count, *, at=NOW):
    for _ in range(count):
        audit.record(Event.LOGIN_COMPLETED, now=at)


def found(now=NOW + 60):
    return list(verifying.Verification(now=now).findings())


def test_each_event_is_sealed_once_however_many_seal():
    for turn in range(1, TIMES + 1):
        note(EVENTS)
        race_all(lambda _: sealing.seal(now=NOW + 60), range(3))
        sealing.seal(now=NOW + 60)
        assert sum(AuditSeal.objects.values_list("count", flat=True)) == turn * EVENTS
        assert not SecurityEvent.objects.filter(seal__isnull=True).exists()
    assert found() == []


def test_events_that_arrive_while_others_are_sealed_are_sealed_later():
    for _ in range(TIMES):
        note(EVENTS)
        race(
            lambda: sealing.seal(now=NOW + 60),
            lambda: note(EVENTS),
            lambda: sealing.seal(now=NOW + 60),
        )
    sealing.seal(now=NOW + 60)
    assert not SecurityEvent.objects.filter(seal__isnull=True).exists()
    assert found() == []


def test_each_seal_is_pruned_once_however_many_prune():
    over = NOW + 401 * DAY_SECONDS
    for _ in range(TIMES):
        note(EVENTS)
        sealing.seal(now=NOW + 60)
        gone = race_all(lambda _: sealing.prune(now=over), range(2))
        assert sum(gone) == EVENTS
    assert found(over) == []


def test_each_minute_of_failures_is_told_once_however_many_tell():
    for minute in range(TIMES):
        now = NOW // 60 * 60 + minute * 60
        Tally.objects.add(now // 60, minute % 16, tries=3, failures=2)
        told = race_all(lambda _, now=now: failures.tell(now=now + 120), range(3))
        assert sum(told) == 1
    assert SecurityEvent.objects.filter(event="login:fail:counted").count() == TIMES


def test_a_site_without_cron_is_sealed_beside_its_requests(client, clock, monkeypatch):
    monkeypatch.setattr(minutely, "_tidied_at", 0)
    monkeypatch.setattr(minutely, "is_under_test", lambda: False)
    now = int(time.time())
    note(EVENTS, at=now - 60)
    with transaction.atomic():
        client.get("/")
    assert not AuditSeal.objects.exists()  # it may be taken back
    client.get("/")
    assert not SecurityEvent.objects.filter(seal__isnull=True).exists()
    assert found(now) == []
