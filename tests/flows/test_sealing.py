"""The audit log is sealed in batches: by whom, when, and what goes when its time is over."""

from __future__ import annotations

import json
import logging

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from hardening import audit
from hardening.flows import sealing
from hardening.models import AuditSeal, SecurityEvent
from hardening.policies import DAY_SECONDS
from tests.flows.auditing import LATER, kinds, note
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

YEAR_AND_SOME = 401 * DAY_SECONDS


@pytest.fixture
def small(monkeypatch):
    """Seal three events at a time."""
    monkeypatch.setattr(sealing, "BATCH", 3)


def heads(caplog):
    lines = [record.getMessage() for record in caplog.records if record.name == "hardening.audit"]
    said = [json.loads(line) for line in lines]
    return [(one["number"], one["mac"]) for one in said if one["event"] == "audit:seal:done"]


def test_each_batch_gets_a_seal_that_continues_the_last(small):
    rows = note(7)
    assert sealing.seal(now=LATER + 60) == 7
    seals = list(AuditSeal.objects.all())
    assert [(one.number, one.count) for one in seals] == [(1, 3), (2, 3), (3, 1)]
    assert [one.previous for one in seals] == ["", seals[0].mac, seals[1].mac]
    assert (seals[1].first_pk, seals[1].last_pk) == (rows[3].pk, rows[5].pk)
    assert (seals[1].first_at, seals[1].last_at) == (NOW + 3, NOW + 5)
    sealed = SecurityEvent.objects.order_by("pk").values_list("seal", flat=True)
    assert list(sealed) == [1, 1, 1, 2, 2, 2, 3]


def test_what_is_too_young_waits_and_is_sealed_later():
    note()
    assert sealing.seal(now=LATER - 1) == 0
    assert sealing.seal(now=LATER) == 1
    assert sealing.seal(now=LATER) == 0


def test_who_committed_late_is_in_a_later_seal():
    first, late, last = note(3)
    SecurityEvent.objects.filter(pk=late.pk).update(seal=0)  # not committed yet
    sealing.seal(now=LATER + 60)
    SecurityEvent.objects.filter(pk=late.pk).update(seal=None)
    sealing.seal(now=LATER + 60)
    numbers = dict(SecurityEvent.objects.values_list("pk", "seal"))
    assert numbers == {first.pk: 1, last.pk: 1, late.pk: 2}
    assert kinds() == []


def test_so_many_batches_and_no_more(small):
    note(7)
    assert sealing.seal(now=LATER + 60, batches=2) == 6


def test_the_steps_add_up_to_what_was_sealed(small):
    note(7)
    steps = []
    sealing.seal(now=LATER + 60, step=steps.append)
    assert steps == [3, 3, 1]


def test_each_head_is_logged_and_is_no_event(small, caplog):
    caplog.set_level(logging.INFO, "hardening.audit")
    note(4)
    sealing.seal(now=LATER + 60)
    assert heads(caplog) == list(AuditSeal.objects.values_list("number", "mac"))
    assert SecurityEvent.objects.count() == 4


def test_who_comes_second_seals_nothing(monkeypatch):
    note(2)

    def taken(*_args, **_kwargs):
        raise IntegrityError

    monkeypatch.setattr(AuditSeal, "save", taken)
    assert sealing.seal(now=LATER) == 0
    assert not SecurityEvent.objects.filter(seal__isnull=False).exists()


def test_a_seal_that_did_not_get_all_of_its_events_does_not_stand(monkeypatch):
    note(2)
    monkeypatch.setattr(sealing, "_take", lambda _rows, _number: 1)
    assert sealing.seal(now=LATER + 60) == 0
    assert not AuditSeal.objects.exists()


def test_an_event_is_appended_by_one_plain_insert():
    note()
    with CaptureQueriesContext(
        connection,
    ) as asked:
        note_one()
    statements = [one["sql"].split(" ")[0] for one in asked if "securityevent" in one["sql"]]
    assert statements == ["INSERT"]


def note_one():
    audit.record(audit.Event.LOGIN_PARKED, now=NOW)


def test_since_when_something_waits_for_a_seal_is_known():
    assert sealing.unsealed_since(now=LATER) is None
    note(2)
    assert sealing.unsealed_since(now=NOW) is None
    assert sealing.unsealed_since(now=LATER + 60) == NOW
    sealing.seal(now=LATER + 60)
    assert sealing.unsealed_since(now=LATER + 60) is None


# --- pruning --------------------------------------------------------------------------------------


def test_whole_seals_go_when_their_time_is_over_and_the_rest_verifies(small, settings):
    note(3)
    note(2, at=NOW + 2 * DAY_SECONDS)
    sealing.seal(now=NOW + 3 * DAY_SECONDS)
    waiting = note(1, at=NOW + 1)  # old, but not sealed
    settings.HARDENING = {"AUDIT_RETENTION_DAYS": 1}
    now = NOW + 2 + DAY_SECONDS
    assert sealing.prune(now=now) == 0  # to the second
    assert sealing.prune(now=now + 1, dry_run=True) == 3
    assert SecurityEvent.objects.filter(seal=1).count() == 3
    assert sealing.prune(now=now + 1) == 3
    assert SecurityEvent.objects.filter(seal=1).count() == 0
    assert SecurityEvent.objects.filter(pk=waiting[0].pk).exists()
    assert AuditSeal.objects.get(number=1).pruned
    assert kinds(now=NOW + 60) == ["late"]
    assert sealing.prune(now=now + 1) == 0


def test_pruning_is_an_event_that_says_how_much(small, settings):
    note(6)
    sealing.seal(now=LATER + 60)
    settings.HARDENING = {"AUDIT_RETENTION_DAYS": 1}
    sealing.prune(now=NOW + 2 * DAY_SECONDS)
    event = SecurityEvent.objects.get(event="audit:prune:done")
    assert event.data == {"events": 6, "first_seal": 1, "last_seal": 2}


def test_nothing_goes_where_the_log_is_kept_for_ever(settings):
    note()
    sealing.seal(now=LATER)
    settings.HARDENING = {"AUDIT_RETENTION_DAYS": 0}
    assert sealing.prune(now=NOW + 100 * YEAR_AND_SOME) == 0


def test_evidence_of_a_seal_that_does_not_hold_is_not_pruned(small):
    note(9)
    sealing.seal(now=LATER + 60)
    SecurityEvent.objects.filter(seal=1).update(reason="another")
    AuditSeal.objects.filter(number=3).update(count=2)
    assert sealing.prune(now=NOW + YEAR_AND_SOME) == 3
    assert set(SecurityEvent.objects.values_list("seal", flat=True)) == {1, 3, None}


def test_who_prunes_second_deletes_nothing(monkeypatch):
    note(2)
    sealing.seal(now=LATER + 60)
    monkeypatch.setattr(sealing, "mark", prune_first)
    assert sealing.prune(now=NOW + YEAR_AND_SOME) == 0
    assert SecurityEvent.objects.filter(seal=1).count() == 2


def prune_first(made):
    AuditSeal.objects.filter(number=made.number).update(pruned="by another")
    return "mine"
