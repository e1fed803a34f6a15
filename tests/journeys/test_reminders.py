"""From the first reminder to the last day: what a person is told, and what the pages say."""

from __future__ import annotations

import pytest
from django.core import mail
from django.core.management import call_command

from hardening.flows import waivers
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW, PASSWORD, leads_to

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]
MORE_TIME = "An operator has given you more time."


@pytest.fixture
def editor(clock, person, settings):
    """Return a staff member whom a policy covers in ten days, and nothing before."""
    settings.HARDENING = {"POLICIES": [], "TIME_ZONE_OF": "tests.journeys.test_reminders.zone"}
    return person("editor", is_staff=True)


@pytest.fixture
def row(clock):
    values = {"mode": Mode.ENFORCE, "starts_at": moment(NOW), "grace_days": 10}
    return RolePolicy.objects.create(role="staff", **values)


def zone(user):
    return user.last_name or None


def remind(clock, days=1):
    """Let the daily job run for some days; return how many mails went out on each."""
    sent = []
    for _ in range(days):
        before = len(mail.outbox)
        call_command("hardening_remind", verbosity=0)
        sent.append(len(mail.outbox) - before)
        clock.shift(DAY)
    return sent


@pytest.fixture(autouse=True)
def _quiet(capsys):
    yield
    capsys.readouterr()


def test_a_daily_job_mails_three_times_and_then_the_person_is_stopped(editor, row, clock):
    editor.sign_in()
    assert editor.is_signed_in()
    assert remind(clock, 12) == [0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0]
    assert leads_to(editor.get("members"), "hardening:mailbox")


def test_signing_in_again_brings_no_further_mail_and_no_further_day(editor, row, clock):
    clock.shift(3 * DAY)
    for _ in range(3):
        editor.again().sign_in()
        call_command("hardening_remind", verbosity=0)
    reminders = [one for one in mail.outbox if "new browser" not in one.subject]
    assert len(reminders) == 1


def test_whoever_enrols_hears_no_more(editor, row, clock):
    clock.shift(3 * DAY)
    assert remind(clock) == [1]
    editor.sign_in()
    editor.post("hardening:enrol")
    editor.post("hardening:confirm_password", {"password": PASSWORD})
    editor.prove_mailbox()
    editor.scan()
    editor.confirm()
    assert remind(clock, 7) == [0] * 7


def test_more_time_moves_banner_page_mails_and_the_end(editor, row, clock):
    waivers.extend(editor.user, row, until=NOW + 20 * DAY, reason="on leave", now=NOW)
    mail.outbox.clear()
    editor.sign_in()
    for shown in (
        editor.client.get("/banner/?user").content.decode(),
        editor.get("hardening:overview").content.decode(),
    ):
        assert moment(NOW + 20 * DAY).isoformat() in shown
        assert MORE_TIME in shown
    assert remind(clock, 20) == [0] * 13 + [1, 0, 0, 0, 1, 0, 1]
    assert not editor.is_signed_in()


def test_without_an_extension_nothing_is_said_of_one(editor, row):
    editor.sign_in()
    assert MORE_TIME not in editor.client.get("/banner/?user").content.decode()
    assert MORE_TIME not in editor.get("hardening:overview").content.decode()


def test_pages_show_the_date_in_the_time_zone_of_the_person(editor, row):
    editor.user.last_name = "Asia/Tokyo"
    editor.user.save()
    editor.sign_in()
    for shown in (
        editor.client.get("/banner/?user").content.decode(),
        editor.get("hardening:overview").content.decode(),
    ):
        assert "T17:00:00+09:00" in shown
        assert "JST" in shown
