"""`hardening_remind` and `hardening_breakglass`, as operators and cron type them."""

from __future__ import annotations

import io
import json
import os

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from hardening import testing
from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass
from hardening.models import Account, BreakGlassCode, Reminder, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.doors.conftest import START
from tests.mailers import send_by
from tests.visitor import DAY

pytestmark = pytest.mark.django_db(transaction=True)


def run(name, *arguments, **options):
    """Return what a command wrote to (stdout, stderr)."""
    out, err = io.StringIO(), io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


# --- hardening_remind ------------------------------------------------------------------------


@pytest.fixture
def editor(clock, person, settings):
    """Return a staff member whose deadline is three days ahead."""
    settings.HARDENING = {"POLICIES": []}
    starts = moment(START + 3 * DAY)
    RolePolicy.objects.create(role="staff", mode=Mode.ENFORCE, starts_at=starts)
    return person("editor", is_staff=True)


def test_remind_says_how_many_and_a_second_run_sends_none(editor):
    lines = [" ".join(line.split()) for line in run("hardening_remind")[0].splitlines()]
    assert "3 days before 1" in lines
    assert "exemptions that end 0" in lines
    assert len(mail.outbox) == 1
    assert json.loads(run("hardening_remind", "--format", "json")[0])["3 days before"] == 0
    assert len(mail.outbox) == 1


def test_remind_sends_nothing_if_told_to_count(editor):
    shown, _ = run("hardening_remind", "--dry-run")
    assert "Nothing was sent (dry run)." in shown
    assert json.loads(run("hardening_remind", "--dry-run", format="json")[0])["dry_run"]
    assert mail.outbox == []
    assert not Reminder.objects.exists()


def test_remind_fails_where_mail_is_down_and_is_run_again(editor, settings):
    send_by(settings, "tests.host.broken_mail.Backend")
    with pytest.raises(CommandError, match="1 mails could not be sent; run it again"):
        run("hardening_remind")
    send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    run("hardening_remind")
    assert len(mail.outbox) == 1


def test_remind_says_that_it_gave_up(editor, settings, monkeypatch):
    monkeypatch.setattr("hardening.flows.reminders.MAX_FAILURES", 1)
    send_by(settings, "tests.host.broken_mail.Backend")
    with pytest.raises(CommandError, match="is the mail server down"):
        run("hardening_remind")


# --- hardening_breakglass --------------------------------------------------------------------


@pytest.fixture
def chief(clock, person):
    """Return a superuser whose account is open."""
    user = person("chief", is_superuser=True).user
    testing.enrol(user)
    Account.objects.filter(user_id=user.pk).update(break_glass_until=START + 90)
    return user


def test_codes_are_printed_once_and_alone_on_standard_output(db, clock):
    shown, said = run("hardening_breakglass", "make", "--count", "2")
    codes = shown.split()
    assert [len(code) for code in codes] == [29, 29]
    assert BreakGlassCode.objects.count() == 2
    assert "2 new codes, shown this once; 2 are unused now" in said
    assert not any(code in said for code in codes)
    assert run("hardening_breakglass")[0] == "Unused break-glass codes: 2\n"


@pytest.mark.parametrize("count", ["0", "101"])
def test_no_other_number_of_codes_is_made(db, count):
    with pytest.raises(CommandError, match="from 1 to 100"):
        run("hardening_breakglass", "make", "--count", count)


def test_a_list_says_who_is_open_and_for_how_long(chief):
    assert "Open: chief, for 2 minutes more" in run("hardening_breakglass", "list")[0]


@pytest.mark.parametrize("answer", ["", "n", "yes"])
def test_revoking_asks_first(db, clock, monkeypatch, answer):
    breakglass.make(1, os.urandom(CODE_BYTES), now=START)
    monkeypatch.setattr("builtins.input", lambda _question: answer)
    with pytest.raises(CommandError, match="nothing was changed"):
        run("hardening_breakglass", "revoke")
    assert breakglass.unused() == 1


def test_revoking_voids_all(db, clock, monkeypatch):
    breakglass.make(3, os.urandom(3 * CODE_BYTES), now=START)
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    assert run("hardening_breakglass", "revoke")[0] == "Void: 3\n"
    assert run("hardening_breakglass", "revoke", "--noinput")[0] == "Void: 0\n"


def test_closing_ends_what_is_open(chief):
    assert run("hardening_breakglass", "close")[0] == "chief: closed\n"
    assert breakglass.opened(now=START) == []
    assert run("hardening_breakglass", "close")[0] == "No account is open.\n"
    assert run("hardening_breakglass", "close", user="chief")[0] == "chief: was not open\n"
    with pytest.raises(CommandError, match="no user has"):
        run("hardening_breakglass", "close", user="nobody")


def test_dry_runs_change_nothing(chief):
    breakglass.make(1, os.urandom(CODE_BYTES), now=START)
    assert "would be made" in run("hardening_breakglass", "make", "--dry-run")[0]
    assert "1 codes would be void" in run("hardening_breakglass", "revoke", "--dry-run")[0]
    shown = run("hardening_breakglass", "close", "--dry-run")[0]
    assert shown == "chief: would be closed (dry run)\n"
    assert breakglass.unused() == 1
    assert breakglass.opened(now=START) == [chief]
