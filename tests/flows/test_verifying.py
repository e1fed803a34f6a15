"""Whoever changes the log, and has no key, is found; what only an anchor shows is shown by one."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.test import override_settings

from hardening import keys
from hardening.flows import auditlog, exporting, sealing, verifying
from hardening.flows.exporting import File, Wanted
from hardening.flows.verifying import Kind, Verification
from hardening.models import AuditSeal, SecurityEvent
from hardening.policies import DAY_SECONDS
from tests.flows.auditing import LATER, found, kinds, note
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

NEW, OLD, STRANGE = "n" * 40, "o" * 40, "s" * 40


def ring(*roots):
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


@pytest.fixture
def log(monkeypatch, user):
    """Return the rows of a log of three seals, three events each."""
    monkeypatch.setattr(sealing, "BATCH", 3)
    monkeypatch.setattr(auditlog, "BATCH", 3)
    monkeypatch.setattr(verifying, "BATCH", 3)
    note(9, user=user)
    sealing.seal(now=LATER + 60)
    return list(SecurityEvent.objects.order_by("pk"))


@pytest.fixture
def user(person):
    return person("fan").user


def of(row):
    return SecurityEvent.objects.filter(pk=row.pk)


def make_anew():
    """Do what somebody with the database and a key does: seal everything anew."""
    AuditSeal.objects.all().delete()
    SecurityEvent.objects.update(seal=None)
    sealing.seal(now=LATER + 90)


def test_a_log_that_nobody_touched_is_whole(log):
    assert found() == []


def test_an_empty_log_is_whole():
    assert found() == []


ALTERED = {
    "at": lambda row: row.at + timedelta(microseconds=1),
    "event": lambda row: "login:cancel:done",
    "data": lambda row: {**row.data, "number": 99},
}


@pytest.mark.parametrize(
    "column",
    [
        field.attname
        for field in SecurityEvent._meta.concrete_fields
        if field.attname not in {"id", "seal"}
    ],
)
def test_an_event_with_any_column_altered_is_found(log, column):
    row = log[4]
    value = ALTERED.get(column, lambda row: getattr(row, column)[:-1] + "X")(row)
    of(row).update(**{column: value})
    assert found() == [("changed", 2, (row.pk,))]


def test_an_event_with_another_key_is_found(log):
    of(log[4]).update(id=log[-1].pk + 100)
    assert found() == [("swapped", 2, ())]


def test_an_event_moved_to_another_seal_is_found_in_both(log):
    of(log[4]).update(seal=3)
    assert found() == [("removed", 2, ()), ("added", 3, ())]


def test_a_deleted_event_is_found(log):
    of(log[4]).delete()
    assert found() == [("removed", 2, ())]


def test_an_event_taken_out_of_its_seal_is_found_even_if_it_is_sealed_again(log):
    of(log[4]).update(seal=None)
    assert found() == [("removed", 2, ())]
    sealing.seal(now=LATER + 90)
    assert found() == [("removed", 2, ())]


def copy_of(row, **changed):
    fields = {
        field.attname: getattr(row, field.attname)
        for field in SecurityEvent._meta.concrete_fields
        if not field.primary_key
    }
    return SecurityEvent.objects.create(**{**fields, **changed})


def test_an_invented_event_is_found_before_it_is_sealed_and_after(log):
    invented = copy_of(log[4], target_name="bea", seal=None)
    assert found() == [("forged", None, (invented.pk,))]
    sealing.seal(now=LATER + 90)
    assert found() == [("forged", 4, (invented.pk,))]


def test_an_invented_event_in_an_old_seal_is_found(log):
    invented = copy_of(log[4], target_name="bea")
    assert found() == [("added", 2, ()), ("changed", 2, (invented.pk,))]


def test_an_event_without_an_hmac_is_believed_only_before_the_first_one_with():
    old = note(2)
    SecurityEvent.objects.update(mac="")  # as an older version wrote them
    assert found() == []
    sealing.seal(now=LATER + 60)
    note(1)
    sealing.seal(now=LATER + 90)
    assert found() == []
    invented = copy_of(old[0], mac="")
    sealing.seal(now=LATER + 90)
    assert found() == [("forged", 3, (invented.pk,))]


def test_two_events_that_changed_places_are_found(log):
    one, two = log[3], log[4]
    places = [field.attname for field in SecurityEvent._meta.concrete_fields]
    for to, source in ((one, two), (two, one)):
        said = {name: getattr(source, name) for name in places if name != "id"}
        of(to).update(**said)
    assert found() == [("swapped", 2, ())]


def test_an_event_of_a_seal_that_never_was_is_found(log):
    invented = copy_of(log[4], seal=77)
    assert found() == [("stray", None, (invented.pk,))]


# --- seals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "column, value",
    [
        ("at", NOW),
        ("first_pk", 1),
        ("last_pk", 10**6),
        ("first_at", NOW - 1),
        ("last_at", NOW - 1),
    ],
)
def test_a_seal_with_any_number_altered_is_found(log, column, value):
    AuditSeal.objects.filter(number=3).update(**{column: value})
    assert found() == [("seal", 3, ())]


def test_a_seal_with_another_count_or_digest_is_found(log):
    AuditSeal.objects.filter(number=3).update(count=4)
    assert kinds() == ["seal", "removed"]
    AuditSeal.objects.filter(number=3).update(count=3, digest="0" * 64)
    assert kinds() == ["seal", "swapped"]


def test_a_seal_that_continues_another_is_found(log):
    AuditSeal.objects.filter(number=3).update(previous="0" * 64)
    assert kinds() == ["chain", "seal"]


def test_a_mac_that_is_not_even_ascii_is_found(log):
    AuditSeal.objects.filter(number=3).update(mac="é")
    assert kinds() == ["seal"]


def test_a_missing_seal_is_found_with_the_events_it_leaves(log):
    AuditSeal.objects.filter(number=2).delete()
    (gap, stray) = found()
    assert gap == ("gap", 3, ())
    assert (stray[0], sorted(stray[2])) == ("stray", [row.pk for row in log[3:6]])


def test_missing_first_seals_are_found(log):
    AuditSeal.objects.filter(number=1).delete()
    SecurityEvent.objects.filter(seal=1).delete()
    assert found() == [("gap", 2, ())]


def test_all_seals_deleted_are_found_by_the_events_they_leave(log):
    AuditSeal.objects.all().delete()
    assert kinds() == ["stray"]


def test_everything_computed_anew_with_a_wrong_key_is_found(log):
    with ring(STRANGE):
        make_anew()
        strange = keys.current(keys.Purpose.AUDIT).id
    assert set(kinds()) == {"unknown_key"}
    right = keys.current(keys.Purpose.AUDIT).id
    assert AuditSeal.objects.filter(key_id=strange).update(key_id=right) == 3
    assert kinds() == ["seal"] * 3


# --- what only an anchor shows --------------------------------------------------------------------


def test_a_tail_that_was_cut_off_is_shown_by_an_anchor_alone(log):
    anchors = list(AuditSeal.objects.values_list("number", "mac"))
    AuditSeal.objects.filter(number=3).delete()
    SecurityEvent.objects.filter(seal=3).delete()
    assert found() == []
    assert found(anchors) == [("anchor", 3, ())]


def test_a_log_made_anew_with_the_right_key_is_shown_by_an_anchor_alone(log):
    anchors = list(AuditSeal.objects.values_list("number", "mac"))
    of(log[4]).delete()
    make_anew()
    assert found() == []
    assert {number for _, number, _ in found(anchors)} >= {2, 3}


def test_every_anchor_is_compared_however_many_there_are(log, monkeypatch):
    monkeypatch.setattr(verifying, "ANCHORS", 2)
    anchors = list(AuditSeal.objects.values_list("number", "mac"))
    assert found(anchors * 3) == []
    assert found([*anchors, (3, "0" * 64), (9, anchors[0][1])]) == [
        ("anchor", 3, ()),
        ("anchor", 9, ()),
    ]


# --- keys that are changed ------------------------------------------------------------------------


def a_change_of_keys(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 2)
    with ring(OLD):
        note(3)
        sealing.seal(now=LATER + 60, batches=1)  # one event still waits
    with ring(NEW, OLD):
        note(2, at=NOW + 60)
        sealing.seal(now=LATER + 120)
        note(2, at=NOW + 3 * DAY_SECONDS)
        sealing.seal(now=NOW + 3 * DAY_SECONDS + 60)


def test_what_an_old_key_made_verifies_while_it_is_on_the_ring(monkeypatch):
    a_change_of_keys(monkeypatch)
    with ring(NEW, OLD):
        assert found(now=NOW + 3 * DAY_SECONDS) == []


def test_a_key_that_is_gone_is_unknown_and_not_a_breach(monkeypatch):
    a_change_of_keys(monkeypatch)
    with ring(NEW):
        walk = list(Verification(now=NOW + 3 * DAY_SECONDS).findings())
        assert [(one.kind.value, one.number) for one in walk] == [
            ("unknown_key", 1),
            ("unknown_key", 2),  # the event that waited while the key was changed
        ]
        assert not any(one.is_breach for one in walk)


def test_an_event_altered_under_a_key_that_is_gone_is_still_found(monkeypatch):
    a_change_of_keys(monkeypatch)
    SecurityEvent.objects.filter(seal=1).update(reason="another")
    SecurityEvent.objects.filter(seal=4).update(reason="another")
    with ring(NEW):
        assert kinds(now=NOW + 3 * DAY_SECONDS) == [
            "unknown_key",
            "swapped",
            "unknown_key",
            "changed",
        ]


# --- pruned ---------------------------------------------------------------------------------------


@pytest.fixture
def pruned(log):
    """Prune the log whole."""
    sealing.prune(now=NOW + 401 * DAY_SECONDS)
    return log


def test_a_pruned_log_is_whole(pruned):
    assert found(now=NOW + 401 * DAY_SECONDS) == []


def test_events_deleted_by_anybody_else_are_not_pruned(log):
    SecurityEvent.objects.filter(seal=2).delete()
    AuditSeal.objects.filter(number=2).update(pruned="0" * 64)
    assert found() == [("pruned", 2, ())]


def test_a_mark_taken_from_another_seal_is_false(pruned):
    mark = AuditSeal.objects.get(number=1).pruned
    AuditSeal.objects.filter(number=2).update(pruned=mark)
    assert kinds(now=NOW + 401 * DAY_SECONDS) == ["pruned"]


def test_events_that_come_back_into_a_pruned_seal_are_found(pruned):
    pruned[4].save(force_insert=True)
    assert kinds(now=NOW + 401 * DAY_SECONDS) == ["unpruned"]


def test_a_seal_that_is_pruned_while_it_is_read_is_no_breach(log):
    class Slow(auditlog.Database):
        def batches(self):
            for made, rows in super().batches():
                if made.number == 2:
                    sealing.prune(now=NOW + 401 * DAY_SECONDS)
                yield made, rows

    assert kinds(source=Slow()) == []


# --- remarks --------------------------------------------------------------------------------------


def test_events_older_than_those_before_them_are_remarked_upon(log):
    late = note(1, at=NOW - DAY_SECONDS)
    sealing.seal(now=LATER + 90)
    assert found() == [("late", 4, (late[0].pk,))]
    assert not verifying.Finding(Kind.LATE).is_breach


def test_a_site_that_nobody_visits_for_a_week_is_whole():
    note(2)
    sealing.seal(now=NOW + 7 * DAY_SECONDS)
    note(2, at=NOW + 7 * DAY_SECONDS)
    sealing.seal(now=NOW + 14 * DAY_SECONDS)
    assert found(now=NOW + 14 * DAY_SECONDS) == []


def test_events_that_wait_for_an_hour_are_remarked_upon():
    rows = note(4)
    hour = verifying.UNSEALED_SECONDS
    assert found(now=NOW + hour) == []
    assert found(now=NOW + hour + 2) == [("unsealed", None, (rows[0].pk, rows[1].pk))]


# --- bounds ---------------------------------------------------------------------------------------


def test_a_finding_names_so_many_events_and_counts_the_rest(monkeypatch):
    monkeypatch.setattr(verifying, "LISTED", 2)
    note(5)
    sealing.seal(now=LATER + 60)
    SecurityEvent.objects.update(reason="another")
    (one,) = Verification(now=LATER).findings()
    assert (one.kind, len(one.pks), one.count) == (Kind.CHANGED, 2, 5)


def test_no_more_than_a_batch_is_held_at_a_time(log, monkeypatch):
    """Rows are counted, not bytes: a query that may return more is what would grow."""
    lengths = []
    fetch = type(SecurityEvent.objects.all())._fetch_all

    def counted(self):
        fetch(self)
        lengths.append(len(self._result_cache))

    monkeypatch.setattr(type(SecurityEvent.objects.all()), "_fetch_all", counted)
    for _ in range(4):
        note(5)
    sealing.seal(now=LATER + 60)
    note(8)
    lengths.clear()
    assert found() == []
    assert max(lengths) <= sealing.BATCH + 1


def test_the_steps_add_up_to_the_events_that_were_read(log):
    note(5)
    steps = []
    walk = Verification(now=LATER, step=steps.append)
    assert list(walk.findings()) == []
    assert sum(steps) == walk.events + walk.unsealed == 14


def test_what_a_broken_log_is_said_to_be(log, caplog):
    verifying.record_breach({Kind.GAP: 2, Kind.CHANGED: 1}, first=3, now=NOW)
    assert "the audit log is broken: changed, gap" in caplog.text
    event = SecurityEvent.objects.get(event="audit:verify:broken")
    assert event.data == {"findings": {"gap": 2, "changed": 1}, "first_seal": 3}


# --- exported -------------------------------------------------------------------------------------


def exported():
    return list(exporting.lines(Wanted()))


def test_an_export_verifies_elsewhere(log):
    note(2)
    lines = exported()
    anchors = list(AuditSeal.objects.values_list("number", "mac"))
    SecurityEvent.objects.all().delete()
    AuditSeal.objects.all().delete()
    walk = Verification(File(lines), now=LATER)
    assert list(walk.findings(anchors)) == []
    assert (walk.seals, walk.events, walk.unsealed) == (3, 9, 2)
    assert found([(4, "0" * 64)], source=File(lines)) == [("anchor", 4, ())]


def test_an_export_of_a_pruned_log_verifies(pruned):
    assert kinds(source=File(exported()), now=NOW + 401 * DAY_SECONDS) == []


def test_an_export_that_was_edited_is_found(log):
    lines = exported()  # each seal and its three events
    assert kinds(source=File([*lines[:2], *lines[3:]])) == ["removed"]
    moved = [*lines[:2], *lines[3:6], lines[2], *lines[6:]]
    assert kinds(source=File(moved)) == ["removed", "removed", "stray"]
    assert kinds(source=File([*lines, lines[5]])) == ["stray"]


def test_seals_and_sealed_events_after_unsealed_ones_are_stray(log, monkeypatch):
    note(1)
    lines = exported()
    monkeypatch.setattr(exporting, "LISTED", 1)
    assert kinds(source=File([*lines, lines[0], lines[1]])) == ["stray"]


def test_a_line_is_ascii_and_holds_every_column(user):
    user.username = "two\nlines\x1b[31m\u202e"
    (row,) = note(1, user=user)
    (line,) = exporting.lines(Wanted())
    assert line.isascii()
    assert line.isprintable()
    said = json.loads(line)
    assert said.keys() == {
        "line",
        *(field.attname for field in SecurityEvent._meta.concrete_fields),
    }
    assert (said["line"], said["mac"], said["seal"]) == ("event", row.mac, None)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"line": "event"}',
        '{"line": "event", "at": "2026-01-01"}',
        '{"line": "event", "at": "2026-01-01T00:00:00+00:00", "event": "x", "colour": 1}',
        '{"line": "seal", "number": "many"}',
        "\x00",
    ],
)
def test_a_line_that_is_none_is_refused(line):
    with pytest.raises(exporting.UnreadableError, match="line 1"):
        found(source=File([line]))


@pytest.mark.parametrize(
    "wanted, expected",
    [
        (Wanted(since=NOW + 2), [2, 3]),
        (Wanted(until=NOW + 2), [0, 1]),
        (Wanted(event="login"), [0, 1, 2, 3]),
        (Wanted(event="login:complete"), [0, 1, 2, 3]),
        (Wanted(event="login:complete:done"), [0, 1, 2, 3]),
        (Wanted(event="log"), []),
        (Wanted(user="fan"), [0, 1, 2, 3]),
        (Wanted(user="nobody"), []),
    ],
)
def test_what_is_wanted_of_an_export(user, wanted, expected):
    note(4, user=user)
    sealing.seal(now=LATER + 60)
    listed = [json.loads(line) for line in exporting.lines(wanted)]
    assert [one["data"]["number"] for one in listed] == expected
