"""Commands of operators: freeze, thaw, and sending what could not be sent."""

from __future__ import annotations

import io
import json

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from hardening import facts
from hardening.audit import Event
from hardening.flows.notices import tell
from hardening.models import OutgoingNotice, SecurityEvent
from tests.doors.conftest import START
from tests.mailers import send_by

pytestmark = pytest.mark.django_db(transaction=True)

LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
DAY = 24 * 3600


def run(name, *args, **options):
    out = io.StringIO()
    call_command(name, *args, stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue().strip()


def frozen(visitor):
    return facts.fresh(visitor.user).who().frozen


def test_an_account_is_frozen_and_thawed_with_a_reason(owner):
    said = run("hardening_freeze", "owner", reason="odd sales")
    assert said == "The account of owner is frozen, and all its sessions have ended."
    assert frozen(owner)
    assert run("hardening_freeze", "owner", reason="why").endswith("was frozen already.")
    said = run("hardening_thaw", "owner@example.com", reason="it is her")
    assert said == "The account of owner can sign in again."
    assert not frozen(owner)
    assert run("hardening_thaw", "owner", reason="why").endswith("was not frozen.")
    whys = SecurityEvent.objects.order_by("pk").values_list("event", "data")
    assert list(whys) == [
        (Event.ACCOUNT_FROZEN, {"why": "odd sales"}),
        (Event.ACCOUNT_THAWED, {"why": "it is her"}),
    ]


@pytest.mark.parametrize("command", ["hardening_freeze", "hardening_thaw"])
def test_no_name_moves_the_cursor_of_whoever_reads_it(person, command):
    user = person("sly\x1b[2Kada").user
    said = run(command, user.username, reason="why")
    assert said.isprintable()
    assert r"sly\x1b[2Kada" in said


@pytest.mark.parametrize("command", ["hardening_freeze", "hardening_thaw"])
def test_neither_goes_without_a_reason_or_a_user(owner, command):
    with pytest.raises(CommandError, match="--reason"):
        run(command, "owner")
    with pytest.raises(CommandError, match="no user"):
        run(command, "nobody", reason="why")


def test_the_last_superuser_is_not_frozen(person):
    boss = person("boss", is_superuser=True)
    with pytest.raises(CommandError, match="last superuser"):
        run("hardening_freeze", "boss", reason="why")
    assert not frozen(boss)


@pytest.fixture
def waits(owner, settings):
    """Let one notice wait for a mail server that is there again."""
    send_by(settings, "tests.host.broken_mail.Backend")
    tell(owner.user, "password_changed", {}, now=START - 60)
    send_by(settings, LOCMEM)


def test_what_waits_is_sent_and_counted(waits):
    assert json.loads(run("hardening_retry", format="json", dry_run=True))["due"] == 1
    assert mail.outbox == []
    said = json.loads(run("hardening_retry", format="json"))
    counts = {"due": 1, "sent": 1, "not sent": 0, "lost": 0, "waiting": 0}
    assert said == {"dry_run": False, **counts}
    assert len(mail.outbox) == 1
    assert run("hardening_retry") == ""
    assert "sent" in run("hardening_retry", dry_run=True)


def test_what_is_given_up_is_status_1(waits, settings):
    send_by(settings, "tests.host.broken_mail.Backend")
    assert "not sent" in run("hardening_retry")
    OutgoingNotice.objects.update(due_at=START)
    OutgoingNotice.objects.update(sealed="v1.broken")
    with pytest.raises(CommandError, match="1 notices were given up"):
        run("hardening_retry")
    assert not OutgoingNotice.objects.exists()
