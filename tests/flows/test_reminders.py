"""Reminders: 7, 3 and 1 days before each person's own deadline, once each, in her time zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import compliance, testing
from hardening.audit import Event
from hardening.core.grace import Waiver, WaiverKind, encode
from hardening.flows import reminders
from hardening.models import Account, PolicyWaiver, Reminder, RolePolicy, SecurityEvent
from hardening.models.policy import Mode
from hardening.models.waiver import Kind
from hardening.moments import moment
from tests.actors import NOW, events
from tests.mailers import send_by
from tests.visitor import DAY

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_floor(settings):
    settings.HARDENING = {"POLICIES": [], "TIME_ZONE_OF": "tests.flows.test_reminders.zone"}


@pytest.fixture
def editors(clock, person):
    """Return two staff members of whom one has a factor."""
    bare, safe = (person(name, is_staff=True).user for name in ("bare", "safe"))
    testing.enrol(safe)
    return bare, safe


def zone(user):
    return {"tokyo": "Asia/Tokyo", "odd": "Mars/Olympus"}.get(user.first_name)


def policy(*, in_days=7, **fields):
    """Return a policy whose deadline is so many days ahead."""
    values = {"role": "staff", "mode": Mode.ENFORCE, "starts_at": moment(NOW + in_days * DAY)}
    return RolePolicy.objects.create(**{**values, **fields})


def run(now=NOW, *, dry_run=False, steps=None):
    looked = [] if steps is None else steps
    return reminders.remind_all(step=lambda: looked.append(1), dry_run=dry_run, now=now)


def spare(user, row, *, until, kind=Kind.EXTENSION, **fields):
    """Grant somebody time, as an operator does."""
    values = {"reason": "on leave", "granted_at": NOW, "approved_by": "boss", **fields}
    made = PolicyWaiver.objects.create(user=user, policy=row, kind=kind, until=until, **values)
    Account.objects.of(user.pk)
    text = encode([Waiver(row.pk, WaiverKind(kind.value), until)])
    Account.objects.filter(user_id=user.pk).update(waivers=text)
    return made


def told():
    return [(message.to[0].partition("@")[0], message.subject) for message in mail.outbox]


def test_whoever_has_no_factor_is_reminded_a_week_before_and_nobody_else(editors):
    policy()
    steps = []
    done = run(steps=steps)
    assert done.by_days == {1: 0, 3: 0, 7: 1}
    assert done.sent == len(steps) == reminders.total(now=NOW) == 1
    ((name, subject),) = told()
    assert name == "bare"
    assert "set up a second factor before 22 Jan 2027" in subject
    (said,) = SecurityEvent.objects.filter(event=Event.DEADLINE_REMINDED)
    assert said.target_name == "bare"
    assert said.data["days"] == 7


def test_a_second_run_sends_nothing(editors):
    policy()
    run()
    assert run().sent == run(NOW + DAY).sent == 0
    assert len(mail.outbox) == 1


def test_three_reminders_go_out_before_one_deadline_and_none_after(editors):
    policy(in_days=9)
    sent = [run(NOW + hours * 3600).by_days for hours in range(0, 24 * 11, 6)]
    assert {days: sum(one[days] for one in sent) for days in (7, 3, 1)} == {7: 1, 3: 1, 1: 1}
    assert len(mail.outbox) == 3


@pytest.mark.parametrize(
    "left, days",
    [
        *((7 * DAY + 1, None), (7 * DAY, 7), (3 * DAY + 1, 7), (3 * DAY, 3)),
        *((DAY + 1, 3), (DAY, 1), (1, 1), (0, None), (-1, None)),
    ],
)
def test_the_nearest_of_the_three_goes_out(editors, left, days):
    policy()
    done = run(NOW + 7 * DAY - left)
    assert [one for one, count in done.by_days.items() if count] == ([days] if days else [])


def test_another_deadline_is_announced_anew(editors):
    row = policy()
    run()
    row.grace_days = 1
    row.save()
    assert run(NOW + DAY).sent == 1


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.REPORT])
def test_a_policy_that_stops_nobody_reminds_nobody(editors, mode):
    policy(mode=mode)
    assert (run().sent, reminders.total(now=NOW)) == (0, 0)


def test_each_policy_reminds_for_itself(editors):
    policy()
    policy(role="everyone", in_days=3)
    assert run().by_days == {7: 1, 3: 1, 1: 0}
    assert any("Every account" in message.body for message in mail.outbox)


def test_a_personal_deadline_counts_and_the_mail_says_who_put_it_off(editors):
    row = policy(in_days=-20)
    bare, _safe = editors
    assert run().sent == 0
    spare(bare, row, until=NOW + 3 * DAY)
    assert run().by_days[3] == 1
    assert "An operator has given you more time" in mail.outbox[0].body


def test_whoever_has_more_time_is_not_told_the_common_date(editors):
    row = policy()
    spare(editors[0], row, until=NOW + 30 * DAY)
    assert run().sent == 0


def test_a_new_account_is_reminded_before_its_own_date(clock, person):
    policy(in_days=-20, new_account_days=5)
    person("fresh", is_staff=True, date_joined=moment(NOW - 4 * DAY))
    person("older", is_staff=True, date_joined=moment(NOW - 6 * DAY))
    assert run().by_days[1] == 1
    assert [name for name, _subject in told()] == ["fresh"]


def test_the_date_stands_in_the_time_zone_of_the_person(clock, person, settings):
    policy(in_days=3)
    person("here", is_staff=True)
    person("far", is_staff=True, first_name="tokyo")
    run()
    bodies = {message.to[0]: message.body for message in mail.outbox}
    at = datetime.fromtimestamp(NOW + 3 * DAY, tz=UTC)
    assert f"{at.hour} a.m. (UTC+0000)" in bodies["here@example.com"]
    assert f"{at.hour + 9 - 12} p.m. (UTC+0900)" in bodies["far@example.com"]


def test_an_unknown_zone_is_logged_once_and_stops_nothing(clock, person, caplog):
    policy(in_days=3)
    for name in ("one", "two"):
        person(name, is_staff=True, first_name="odd")
    assert run().by_days[3] == 2
    assert len([r for r in caplog.records if "Mars/Olympus" in r.getMessage()]) == 1


def test_nobody_without_an_address_is_claimed(clock, person):
    policy()
    user = person("silent", is_staff=True, email="").user
    assert (run().without_address, run().sent) == (1, 0)
    user.email = "now@example.com"
    user.save()
    assert run().sent == 1


def test_a_dry_run_counts_and_changes_nothing(editors):
    row = policy()
    spare(editors[1], row, until=NOW + DAY)
    done = run(dry_run=True)
    assert done.sent == 1
    assert not Reminder.objects.exists()
    assert mail.outbox == events() == []


def test_a_mail_server_that_is_down_leaves_it_to_the_next_run(editors, no_mail, settings):
    policy()
    done = run()
    assert (done.sent, done.failed, done.gave_up) == (0, 1, False)
    assert Event.DEADLINE_REMINDED not in events()
    send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    assert run().sent == 1


def test_after_some_failures_in_a_row_the_run_ends(clock, person, no_mail, monkeypatch):
    monkeypatch.setattr(reminders, "MAX_FAILURES", 3)
    policy()
    for number in range(5):
        person(f"editor{number}", is_staff=True)
    done = run()
    assert (done.failed, done.gave_up) == (3, True)
    assert not Reminder.objects.filter(claimed_at__isnull=False).exists()


def test_what_another_run_has_claimed_is_not_sent(editors, monkeypatch):
    policy()
    run()
    mail.outbox.clear()
    monkeypatch.setattr(reminders, "_unclaimed", lambda batch: batch)
    assert run().sent == 0
    assert mail.outbox == []


def test_a_long_key_of_a_user_is_shortened_and_told_apart():
    row = RolePolicy(role="staff", pk=1, starts_at=moment(NOW))
    keys = set()
    for last in "ab":
        user = get_user_model()(pk="k" * 200 + last)
        person = compliance.Person(user, compliance.Status.IN_GRACE, 0, NOW)
        keys.add(reminders._Due(person, row, 7).key)
    assert len(keys) == 2
    assert max(map(len, keys)) <= 160


def test_people_are_looked_at_in_batches(clock, person, monkeypatch):
    monkeypatch.setattr(reminders, "BATCH", 2)
    monkeypatch.setattr(compliance, "CHUNK", 2)
    policy()
    for number in range(5):
        person(f"editor{number}", is_staff=True)
    assert run().sent == 5
    with CaptureQueriesContext(connection) as again:
        assert run().sent == 0
    assert len(again) <= 12  # for five people in chunks of two: none of them costs one


# --- exemptions ------------------------------------------------------------------------------


@pytest.fixture
def exempt(editors, person, settings):
    """Return a staff member whose exemption ends in a week, and its waiver."""
    settings.ADMINS = [("Ops", "ops@example.com")]
    may = {"asker": "add_operatorrequest", "boss": "approve_request"}
    for name, codename in may.items():
        user = person(name, is_staff=True).user
        testing.enrol(user)
        user.user_permissions.add(Permission.objects.get(codename=codename))
    row = policy(in_days=-20)
    values = {"kind": Kind.EXEMPTION, "requested_by": "asker"}
    return editors[0], spare(editors[0], row, until=NOW + 7 * DAY, **values)


def test_the_end_of_an_exemption_is_told_to_her_and_to_the_operators_once(exempt):
    assert run(NOW - 1).exemptions == 0
    assert (run().exemptions, run(NOW + DAY).exemptions) == (1, 0)
    assert {name for name, _subject in told()} == {"bare", "ops", "asker", "boss"}
    assert all("an exemption ends on 22 Jan 2027" in subject for _name, subject in told())
    assert "on leave" in mail.outbox[0].body
    (said,) = SecurityEvent.objects.filter(event=Event.EXEMPTION_REMINDED)
    assert said.data["until"] == NOW + 7 * DAY


def test_whoever_only_bears_the_name_of_an_operator_is_told_nothing(exempt):
    """Names are given again; that an account has no factor is not for everybody."""
    asker, boss = (get_user_model().objects.get(username=name) for name in ("asker", "boss"))
    asker.user_permissions.clear()
    boss.is_active = False
    boss.save()
    assert run().exemptions == 1
    assert {name for name, _subject in told()} == {"bare", "ops"}


def test_an_exemption_of_somebody_who_has_a_factor_by_now_is_not_announced(exempt):
    user, _waiver = exempt
    testing.enrol(user)
    assert run().sent == 0
    assert not PolicyWaiver.objects.filter(told_at__isnull=False).exists()


def test_an_exemption_that_was_ended_is_not_announced(exempt):
    PolicyWaiver.objects.end(exempt[1].pk, now=NOW)
    assert run().sent == 0


def test_the_end_of_an_exemption_waits_for_the_mail_server(exempt, no_mail, settings):
    assert (run().exemptions, run().failed) == (0, 1)
    send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    assert run().exemptions == 1


def test_the_run_ends_at_exemptions_too_where_mail_is_down(exempt, no_mail, monkeypatch):
    monkeypatch.setattr(reminders, "MAX_FAILURES", 1)
    assert run().gave_up


def test_an_exemption_of_which_nobody_can_be_told_is_counted(editors, settings):
    user, _safe = editors
    user.email = ""
    user.save()
    row = policy(in_days=-20)
    spare(user, row, until=NOW + DAY, kind=Kind.EXEMPTION, approved_by="gone")
    done = run()
    assert (done.exemptions, done.without_address) == (0, 1)


def test_a_dry_run_announces_no_exemption(exempt):
    assert run(dry_run=True).exemptions == 1
    assert run().exemptions == 1


def test_an_exemption_claimed_by_another_run_is_not_announced(exempt):
    _user, waiver = exempt
    stale = reminders._ending(now=NOW).get()
    PolicyWaiver.objects.filter(pk=waiver.pk).update(told_at=NOW)
    done = reminders.Run()
    reminders._announce(stale, done, dry_run=False, now=NOW)
    assert done.sent == 0
    assert mail.outbox == []
