"""Two cron jobs that remind at the same moment send each mail once."""

from __future__ import annotations

from collections import Counter

import pytest
from django.core import mail

from hardening.core.grace import Waiver, WaiverKind, encode
from hardening.flows import reminders
from hardening.models import Account, PolicyWaiver, Reminder, RolePolicy
from hardening.models.policy import Mode
from hardening.models.waiver import Kind
from hardening.moments import moment
from tests.races.runner import race_all
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db(transaction=True)

TIMES = 25  # each is two whole runs, with their mails


@pytest.fixture
def editors(clock, person, settings):
    """Return five people of the staff without a factor; the first is exempt for some days."""
    settings.HARDENING = {"POLICIES": []}
    return [person(f"editor{number}", is_staff=True).user for number in range(5)]


def exempt(user, row, *, until):
    PolicyWaiver.objects.create(
        user=user, policy=row, kind=Kind.EXEMPTION, until=until, reason="on leave", granted_at=NOW
    )
    Account.objects.of(user.pk)
    text = encode([Waiver(row.pk, WaiverKind.EXEMPTION, until)])
    Account.objects.filter(user_id=user.pk).update(waivers=text)


def test_each_person_gets_each_mail_once_however_many_runs_there_are(editors):
    for _ in range(TIMES):
        row = RolePolicy.objects.create(
            role="staff", mode=Mode.ENFORCE, starts_at=moment(NOW + 3 * DAY)
        )
        exempt(editors[0], row, until=NOW + 7 * DAY)
        done = race_all(
            lambda _racer: reminders.remind_all(step=lambda: None, dry_run=False, now=NOW), range(2)
        )
        assert sum(one.by_days[3] for one in done) == len(editors) - 1
        assert sum(one.exemptions for one in done) == 1
        assert Counter(message.to[0] for message in mail.outbox) == Counter(
            user.email for user in editors
        )
        row.delete()
        Reminder.objects.all().delete()
        mail.outbox.clear()
