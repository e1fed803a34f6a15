"""Notices that could not be sent: kept, tried again, lost only with an event."""

from __future__ import annotations

import errno
import logging
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import DatabaseError, transaction
from django.test import override_settings
from django.utils import translation

from hardening import notify, vault
from hardening.audit import Event
from hardening.flows import attention, outbox, recover, rekey
from hardening.flows.notices import tell
from hardening.models import Account, OutgoingNotice, SecurityEvent
from hardening.notify import Notice
from tests.actors import NOW, events
from tests.mailers import send_by

pytestmark = pytest.mark.django_db

MINUTE, HOUR, DAY = 60, 3600, 24 * 3600
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"
DOWN = "tests.host.broken_mail.Backend"
FULL = "tests.flows.test_outbox.FullDisk"
HELD = "member of staff"


class FullDisk(BaseEmailBackend):
    """A mail server, or a folder of mails, without room."""

    def send_messages(self, email_messages):
        """Fail as a full disk does."""
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def down(settings):
    """Take the mail server down; the returned function brings it back."""
    send_by(settings, DOWN)
    return lambda: send_by(settings, LOCMEM)


@pytest.fixture
def run(django_capture_on_commit_callbacks):
    """Return a function that runs a flow and commits."""

    def act(flow, *args, **kwargs):
        with django_capture_on_commit_callbacks(execute=True):
            return flow(*args, **kwargs)

    return act


def row():
    return OutgoingNotice.objects.get()


def said(event):
    return list(SecurityEvent.objects.filter(event=event.value).values_list("data", flat=True))


# --- kept -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", [DOWN, FULL])
def test_without_mail_the_action_completes_and_its_event_stands(fan, run, settings, backend):
    send_by(settings, backend)
    run(recover.demand_password_change, [fan], now=NOW)
    assert Account.objects.get(user_id=fan.pk).must_change == "operator"
    assert events() == [Event.PASSWORD_CHANGE_DEMANDED, Event.NOTICE_DELAYED]
    assert (row().name, row().due_at) == ("password_change_required", NOW + MINUTE)


def test_a_notice_waits_sealed_and_once_for_each_address(fan, run, down):
    tell(fan, "password_changed", {}, now=NOW)
    fan.email = "new@example.com"
    fan.save()
    tell(fan, "password_changed", {}, now=NOW)  # notes the change
    run(tell, fan, "password_changed", {"address": "192.0.2.7"}, now=NOW)
    rows = OutgoingNotice.objects.all()
    assert rows.count() == 2
    kept = str(list(rows.values()))
    assert "example.com" not in kept
    assert "192.0.2.7" not in kept
    assert said(Event.NOTICE_DELAYED)[-1] == {"notice": "password_changed", "addresses": 2}


def test_a_sealed_notice_opens_in_its_own_row_only(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    OutgoingNotice.objects.update(name="factor_added")
    down()
    assert outbox.retry(now=NOW + MINUTE).lost == 1
    assert mail.outbox == []
    lost = SecurityEvent.objects.get(event=Event.NOTICE_LOST.value)
    assert (lost.reason, lost.target_name) == ("tampered", "fan")


def test_a_rollback_keeps_no_notice_and_sends_none(fan, run, down):
    def undone():
        with transaction.atomic():
            tell(fan, "password_changed", {}, now=NOW)
            transaction.set_rollback(True)

    run(undone)
    assert not OutgoingNotice.objects.exists()
    assert events() == []


def test_what_cannot_even_be_kept_is_lost_and_an_event_says_so(fan, run, down, monkeypatch, caplog):
    def full(*_args, **_kwargs):
        raise DatabaseError("disk full")

    monkeypatch.setattr(OutgoingNotice, "save", full)
    run(recover.demand_password_change, [fan], now=NOW)
    assert events() == [Event.PASSWORD_CHANGE_DEMANDED, Event.NOTICE_LOST]
    lost = SecurityEvent.objects.get(event=Event.NOTICE_LOST.value)
    assert (lost.reason, lost.data["addresses"]) == ("unkept", 1)
    assert "could neither be sent nor kept" in caplog.text


# --- tried again ----------------------------------------------------------------------------------


def test_a_kept_notice_is_the_mail_that_did_not_go(fan, run, down, settings):
    """By the language and the time zone of its first try, at the time of the action."""
    details = {"due": datetime(2027, 3, 1, 12, tzinfo=UTC), "days": 7, "roles": ["editors", HELD]}
    zone = ZoneInfo("Asia/Tokyo")
    notice = Notice("deadline_ahead", (fan.email,), "fan", NOW, details, zone=zone, user_pk="7")
    with translation.override("de"):
        run(outbox.after_commit, notice)
        down()
        assert notify.deliver(notice)
    assert outbox.retry(now=NOW + MINUTE).sent == 1
    direct, late = mail.outbox
    assert (late.subject, late.body, late.to) == (direct.subject, direct.body, direct.to)
    assert late.alternatives[0] == direct.alternatives[0]
    assert "+0900" in late.body
    assert not OutgoingNotice.objects.exists()


def test_a_zone_nobody_knows_any_more_keeps_no_notice_back(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    waiting = row()
    context = outbox._context(waiting)
    kept = vault.unseal(waiting.sealed, context=context).replace(b'"zone": "', b'"zone": "No/')
    OutgoingNotice.objects.update(sealed=vault.seal(kept, context=context))
    down()
    assert outbox.retry(now=NOW + MINUTE).sent == 1


def test_tries_are_farther_and_farther_apart_and_after_a_day_it_is_lost(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    now, waits = NOW, []
    while OutgoingNotice.objects.exists():
        waits.append(row().due_at - now)
        now = row().due_at
        assert outbox.retry(now=now - 1) == outbox.Run()
        outbox.retry(now=now)
    assert waits[:5] == [1 * MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE, 60 * MINUTE]
    assert DAY <= now - NOW < DAY + HOUR
    assert said(Event.NOTICE_DELAYED) == [{"notice": "password_changed", "addresses": 1}]
    (lost,) = SecurityEvent.objects.filter(event=Event.NOTICE_LOST.value)
    assert lost.reason == "unsent"
    assert lost.data == {"notice": "password_changed", "addresses": 1, "tries": len(waits)}
    assert "example.com" not in str(list(SecurityEvent.objects.values()))


def test_events_of_a_deleted_account_still_name_it(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    pk = str(fan.pk)
    fan.delete()
    OutgoingNotice.objects.update(created_at=NOW - DAY)  # and so it does not open either
    assert outbox.retry(now=NOW + MINUTE).lost == 1
    lost = SecurityEvent.objects.get(event=Event.NOTICE_LOST.value)
    assert (lost.target_pk, lost.target_name) == (pk, "fan")


def test_a_claimed_notice_is_not_sent_by_another_run(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    stale = row()
    assert OutgoingNotice.objects.claim(stale, due_at=NOW + HOUR)
    down()
    counted = outbox.Run()
    outbox._try(stale, counted, now=NOW + MINUTE)
    assert (counted, mail.outbox) == (outbox.Run(), [])


def test_a_run_gives_up_after_a_few_failures_in_a_row(fan, run, down, monkeypatch):
    monkeypatch.setattr(outbox, "MAX_FAILURES", 2)
    for _ in range(4):
        run(tell, fan, "password_changed", {}, now=NOW)
    counted = outbox.retry(now=NOW + MINUTE)
    assert (counted.failed, counted.gave_up, outbox.due(now=NOW + MINUTE)) == (2, True, 2)


@pytest.mark.parametrize("works, left", [(True, 1), (False, 4)])
def test_behind_an_answer_a_few_are_tried_and_none_after_a_failure(fan, run, down, works, left):
    for _ in range(4):
        run(tell, fan, "password_changed", {}, now=NOW)
    if works:
        down()
    outbox.a_few(now=NOW + MINUTE)
    assert OutgoingNotice.objects.count() == left
    assert sum(OutgoingNotice.objects.values_list("tries", flat=True)) == (0 if works else 1)


def test_somebody_looks_once_a_minute(monkeypatch):
    monkeypatch.undo()
    outbox.clear()
    assert [outbox.is_time(now=NOW + at) for at in (0, 59, 60, 61)] == [True, False, True, False]


def test_operators_hear_of_notices_that_wait_for_an_hour(fan, run, down):
    run(tell, fan, "password_changed", {}, now=NOW)
    assert not any("could not be sent" in one for one in attention.listed(now=NOW + HOUR))
    assert any("for more than an hour: 1" in one for one in attention.listed(now=NOW + HOUR + 1))


@pytest.mark.parametrize("dry_run, opens", [(False, True), (True, False)])
def test_a_notice_that_waits_is_sealed_anew_with_the_rest(fan, run, down, settings, dry_run, opens):
    old, new = "k" * 40, "n" * 40
    settings.HARDENING = {"VAULT_KEYS": [old]}
    notice = Notice("password_changed", ("fan@example.com",), "fan", NOW, user_pk="7")
    run(outbox.after_commit, notice)
    settings.HARDENING = {"VAULT_KEYS": [new, old]}
    walked = []
    done = rekey.reseal_all(step=lambda: walked.append(1), dry_run=dry_run, now=NOW)
    assert (done.changed, done.unopened, len(walked)) == (1, 0, rekey.total())
    settings.HARDENING = {"VAULT_KEYS": [new]}
    down()
    assert outbox.retry(now=NOW + MINUTE).sent == opens


# --- a template of the site's own -----------------------------------------------------------------

BROKEN = {
    "syntax": "{% no_such_tag %}",
    "fault": "{{ person|add:nothing }}",
    "missing": '{% include "no/such/file.txt" %}',
}


@pytest.fixture
def theirs(settings):
    """Return a function: the site has this template in the place of one of ours."""

    def put(text, name="password_changed.txt"):
        options = {
            "loaders": [
                ("django.template.loaders.locmem.Loader", {f"hardening/mail/{name}": text}),
                "django.template.loaders.app_directories.Loader",
            ]
        }
        engine = {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": options}
        settings.TEMPLATES = [engine]

    return put


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_template_of_the_site_gives_way_to_ours(fan, run, theirs, text, caplog):
    theirs(text)
    for _ in range(2):
        run(tell, fan, "password_changed", {}, now=NOW)
    assert len(mail.outbox) == 2
    assert "The password of your account" in mail.outbox[0].body
    assert "The password of your account" in mail.outbox[0].alternatives[0][0]
    assert said(Event.NOTICE_FALLBACK) == [{"notice": "password_changed", "template": "fallback"}]
    lines = [one for one in caplog.records if "cannot be rendered" in one.getMessage()]
    assert [one.levelno for one in lines] == [logging.ERROR]


@pytest.mark.parametrize("engines", [[], [{"BACKEND": "no.such.Engine"}]])
def test_a_site_without_a_template_engine_sends_ours(fan, run, engines):
    with override_settings(TEMPLATES=engines):
        run(tell, fan, "password_changed", {}, now=NOW)
    assert "The password of your account" in mail.outbox[0].body


def test_a_template_that_fails_quotes_no_code_in_the_log(theirs, caplog):
    theirs("{{ code|add:nothing }}", "mailbox_code.txt")
    details = {"code": "12345678", "minutes": 10}
    notice = Notice("mailbox_code", ("a@example.com",), "ada", NOW, details)
    assert notify.deliver(notice)
    assert "12345678" in mail.outbox[0].body
    assert "12345678" not in caplog.text
    assert "VariableDoesNotExist" in caplog.text


def test_a_template_of_the_sites_own_that_works_is_what_goes_out(fan, run, theirs):
    theirs("Dear {{ person }}")
    run(tell, fan, "password_changed", {}, now=NOW)
    assert mail.outbox[0].body == "Dear fan"
    assert events() == []
