"""``hardening_audit``: sealed, verified, exported and pruned from the command line."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from hardening.models import AuditSeal, SecurityEvent
from hardening.policies import DAY_SECONDS
from tests.doors.conftest import START
from tests.flows.auditing import note

pytestmark = pytest.mark.django_db


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def run(*arguments, stderr=None):
    """Return the lines that the command wrote."""
    out = io.StringIO()
    call_command("hardening_audit", *arguments, stdout=out, stderr=stderr or io.StringIO())
    return out.getvalue().splitlines()


def fails(*arguments):
    """Return the status that the command ends with, what it says, and the lines before."""
    out = io.StringIO()
    with pytest.raises(CommandError) as caught:
        call_command("hardening_audit", *arguments, stdout=out, stderr=io.StringIO())
    return caught.value.returncode, str(caught.value), out.getvalue().splitlines()


@pytest.fixture
def log(clock):
    """Return two sealed events."""
    note(2, at=START - 100)
    run("seal")
    return list(SecurityEvent.objects.order_by("pk"))


def head():
    made = AuditSeal.objects.latest("number")
    return f"{made.number}:{made.mac}"


def test_sealing_says_how_many(clock):
    note(2, at=START - 100)
    assert run("seal") == ["sealed: 2"]
    assert run("seal", "--format", "json") == ['{"sealed": 0}']


def test_a_log_that_is_whole_ends_well_and_says_what_its_head_is(log):
    assert run("verify") == [f"seals: 1, events: 2, unsealed: 0, pruned: 0, head: {head()}"]
    (line,) = run("verify", "--format", "json")
    assert json.loads(line) == {
        "whole": True,
        "seals": 1,
        "events": 2,
        "unsealed": 0,
        "pruned": 0,
        "head": head(),
    }


def test_a_broken_log_is_status_one_an_event_and_a_critical_line(log, caplog):
    SecurityEvent.objects.filter(pk=log[0].pk).update(target_name="bea")
    status, message, lines = fails("verify")
    assert (status, message) == (1, "the audit log is broken: changed")
    assert lines[0] == (
        f"seal 1: changed: events were altered after they were sealed (events {log[0].pk})"
    )
    assert "the audit log is broken: changed" in caplog.text
    event = SecurityEvent.objects.get(event="audit:verify:broken")
    assert event.data == {"findings": {"changed": 1}, "first_seal": 1}


def test_a_finding_is_an_object_a_line(log):
    SecurityEvent.objects.filter(pk=log[0].pk).update(seal=9)
    status, _, lines = fails("verify", "--format", "json")
    assert status == 1
    assert [json.loads(line) for line in lines[:2]] == [
        {"kind": "removed", "seal": 1, "events": [], "count": 1, "breach": True},
        {"kind": "stray", "seal": None, "events": [log[0].pk], "count": 1, "breach": True},
    ]
    assert json.loads(lines[2])["whole"] is False


def test_an_event_that_no_seal_covers_is_told_by_its_place(log):
    SecurityEvent.objects.create(at=log[0].at, event="login:complete:done")
    status, _, lines = fails("verify")
    assert status == 1
    assert lines[0].startswith("not sealed: forged: ")


def test_a_key_that_is_gone_is_another_status_and_no_event(log):
    with override_settings(HARDENING={"VAULT_KEYS": ["s" * 40]}):
        status, message, lines = fails("verify")
    assert status == 3
    assert "a key is not on the ring" in message
    assert lines[0].startswith("seal 1: unknown_key: ")
    assert not SecurityEvent.objects.filter(event="audit:verify:broken").exists()


def test_a_remark_is_no_breach(clock):
    note(1, at=START - 7200)
    lines = run("verify")
    assert lines[0].startswith("not sealed: unsealed: ")


# --- anchors --------------------------------------------------------------------------------------


def test_anchors_are_compared(log):
    assert run("verify", "--anchor", head())
    status, message, _ = fails("verify", "--anchor", head(), "--anchor", f"7:{'0' * 64}")
    assert (status, message) == (1, "the audit log is broken: anchor")


def test_every_anchor_in_a_file_of_logged_lines_is_compared(log, tmp_path):
    number, mac = head().split(":")
    right = f'{{"at": "x", "event": "audit:seal:done", "number": {number}, "mac": "{mac}"}}'
    file = tmp_path / "lines"
    file.write_text(f'{{"event": "login:complete:done"}}\nINFO {right}\nnot a line\n')
    assert run("verify", "--anchor-file", str(file))
    file.write_text(f"{right}\n{right.replace(mac, 'f' * 64)}\n")
    assert fails("verify", "--anchor-file", str(file))[0] == 1


@pytest.mark.parametrize("anchor", ["", "1", "1:xyz", f"x:{'0' * 64}", f"1:{'0' * 63}"])
def test_what_is_no_anchor_is_misuse(log, anchor):
    status, message, _ = fails("verify", "--anchor", anchor)
    assert (status, "is no anchor" in message) == (2, True)


def test_a_file_without_an_anchor_is_misuse(log, tmp_path):
    file = tmp_path / "lines"
    file.write_text('{"event": "audit:seal:done"}\n')
    status, message, _ = fails("verify", "--anchor-file", str(file))
    assert (status, message) == (2, f"{str(file)!r} holds no anchor")
    assert fails("verify", "--anchor-file", str(tmp_path / "missing"))[0] == 2


# --- export ---------------------------------------------------------------------------------------


def test_what_was_exported_verifies_without_the_database(log, tmp_path):
    file = tmp_path / "export"
    file.write_text("\n".join(run("export")))
    anchor = head()
    SecurityEvent.objects.all().delete()
    AuditSeal.objects.all().delete()
    assert run("verify", "--file", str(file), "--anchor", anchor) == [
        f"seals: 1, events: 2, unsealed: 0, pruned: 0, head: {anchor}"
    ]
    file.write_text(file.read_text().replace("Firefox", "Firebird"))
    assert fails("verify", "--file", str(file))[0] == 1
    assert not SecurityEvent.objects.exists()  # that log is somebody else's
    file.write_text("nonsense\n")
    status, message, _ = fails("verify", "--file", str(file))
    assert (status, message) == (2, "line 1 is no line of an export: JSONDecodeError")


def test_an_export_is_filtered(log):
    listed = [json.loads(line) for line in run("export", "--event", "login")]
    assert [one["id"] for one in listed] == [row.pk for row in log]
    assert run("export", "--event", "factor") == []
    assert run("export", "--user", "nobody") == []
    assert run("export", "--until", "2000-01-01") == []
    assert len(run("export", "--since", "2000-01-01T00:00:00+02:00")) == 2
    assert fails("export", "--since", "yesterday")[0] == 2


# --- prune ----------------------------------------------------------------------------------------


def test_pruning_says_how_many_and_the_log_stays_whole(log, clock):
    clock.shift(401 * DAY_SECONDS)
    assert run("prune", "--dry-run") == ["would be deleted: 2"]
    assert run("prune") == ["deleted: 2"]
    assert run("verify")[-1].startswith("seals: 1, events: 0, unsealed: 1, pruned: 1")


# --- a terminal -----------------------------------------------------------------------------------


@pytest.mark.parametrize("deed", ["seal", "verify"])
def test_a_terminal_sees_how_far_it_is(log, deed):
    note(1, at=START - 50)
    terminal = Terminal()
    run(deed, stderr=terminal)
    total = 1 if deed == "seal" else 3
    assert f"events {'█' * 30} {total}/{total}" in terminal.getvalue()
