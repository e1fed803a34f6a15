"""Grace is arithmetic: one deadline a policy, and nothing a person does moves it (row 9)."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from hardening import policies, testing
from hardening.models import Factor, RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW, PASSWORD, STEP, leads_to

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]


@pytest.fixture
def no_floor(settings):
    """Take the floor out: only the rows of a test are in force."""
    settings.HARDENING = {"POLICIES": []}


@pytest.fixture
def editor(clock, person, no_floor):
    """Return somebody in the role that the policies of these tests name."""
    return person("editor", is_staff=True)


def policy(**fields):
    values = {"role": "staff", "mode": Mode.ENFORCE, "starts_at": moment(NOW), "grace_days": 7}
    return RolePolicy.objects.create(**{**values, **fields})


def banner(visitor):
    """Return what the banner on a page of the host says."""
    return visitor.client.get("/banner/?user").content.decode()


def test_until_the_deadline_a_person_is_reminded_and_from_it_on_stopped(editor, clock):
    policy()
    editor.sign_in()
    clock.shift(7 * DAY - 1)
    assert editor.is_signed_in()
    assert "Your role Staff needs a second factor" in banner(editor)
    clock.shift(1)
    assert not editor.is_signed_in()
    assert leads_to(editor.get("members"), "hardening:mailbox")


def test_the_banner_names_the_date_and_leads_to_the_security_page(editor):
    policy()
    editor.sign_in()
    shown = banner(editor)
    assert moment(NOW + 7 * DAY).isoformat() in shown
    assert 'href="/security/"' in shown


def test_a_sign_in_after_the_deadline_meets_no_grace(editor, clock):
    policy()
    clock.shift(7 * DAY)
    assert leads_to(editor.sign_in(), "hardening:mailbox")


def test_without_days_of_grace_the_policy_acts_on_the_next_request(editor):
    editor.sign_in()
    assert editor.is_signed_in()
    policy(grace_days=0)
    assert not editor.is_signed_in()


def test_shortening_acts_in_open_sessions(editor, clock):
    row = policy(grace_days=30)
    editor.sign_in()
    clock.shift(3 * DAY)
    assert editor.is_signed_in()
    row.grace_days = 2
    row.save()
    assert not editor.is_signed_in()


def test_a_bulk_update_of_the_rows_acts_in_open_sessions_too(editor, clock):
    policy(grace_days=30)
    editor.sign_in()
    clock.shift(3 * DAY)
    assert editor.is_signed_in()
    RolePolicy.objects.update(grace_days=2)
    assert not editor.is_signed_in()


def test_lengthening_lets_a_parked_person_through(editor, clock):
    row = policy(grace_days=0)
    editor.sign_in()
    assert not editor.is_signed_in()
    row.grace_days = 2
    row.save()
    editor.get("hardening:mailbox")
    assert editor.is_signed_in()


def test_the_earliest_of_several_deadlines_counts(editor, clock):
    policy(grace_days=9)
    policy(role="everyone", grace_days=4)
    editor.sign_in()
    assert moment(NOW + 4 * DAY).isoformat() in banner(editor)
    clock.shift(4 * DAY)
    assert not editor.is_signed_in()


def test_report_only_stops_nobody(editor, clock):
    policy(mode=Mode.REPORT, grace_days=0)
    editor.sign_in()
    clock.shift(10 * DAY)
    assert editor.is_signed_in()
    assert "hardening-banner" not in banner(editor)


def test_a_policy_that_starts_later_asks_nothing_before(editor, clock):
    policy(starts_at=moment(NOW + 3 * DAY), grace_days=0)
    editor.sign_in()
    clock.shift(3 * DAY - 1)
    assert editor.is_signed_in()
    clock.shift(1)
    assert not editor.is_signed_in()


def test_signing_in_again_restarts_nothing(editor, clock):
    policy()
    for _ in range(6):
        visit = editor.again()
        visit.sign_in()
        assert visit.is_signed_in()
        clock.shift(DAY)
    clock.shift(DAY)
    assert leads_to(editor.sign_in(), "hardening:mailbox")


def test_leaving_and_joining_the_role_restarts_nothing(editor, clock):
    policy()
    editor.sign_in()
    clock.shift(6 * DAY)
    for is_staff in (False, True):
        editor.user.is_staff = is_staff
        editor.user.save()
        assert editor.is_signed_in()
    clock.shift(DAY)
    assert not editor.is_signed_in()


def test_whoever_joins_after_the_deadline_has_no_grace(clock, person, no_floor):
    policy()
    promoted = person("promoted")
    clock.shift(8 * DAY)
    promoted.sign_in()
    assert promoted.is_signed_in()
    promoted.user.is_staff = True
    promoted.user.save()
    assert not promoted.is_signed_in()
    assert leads_to(promoted.get("members"), "hardening:mailbox")


def test_a_first_sign_in_after_a_year_meets_no_grace(editor, clock):
    policy()
    clock.shift(365 * DAY)
    assert leads_to(editor.sign_in(), "hardening:mailbox")


def test_days_of_a_new_account_count_from_its_creation_and_not_from_a_sign_in(
    clock, person, no_floor
):
    policy(new_account_days=3)
    clock.shift(10 * DAY)
    late, dormant = person("late", is_staff=True), person("dormant", is_staff=True)
    late.sign_in()
    clock.shift(3 * DAY - 1)
    assert late.is_signed_in()
    clock.shift(1)
    assert not late.is_signed_in()
    for visitor in (late, dormant):
        assert leads_to(visitor.again().sign_in(), "hardening:mailbox")


def test_an_old_account_that_is_promoted_has_no_days_of_a_new_one(clock, person, no_floor):
    policy(new_account_days=3)
    promoted = person("promoted")
    clock.shift(8 * DAY)
    promoted.sign_in()
    promoted.user.is_staff = True
    promoted.user.save()
    assert not promoted.is_signed_in()


def test_removing_a_factor_restarts_nothing(editor, clock):
    policy()
    testing.login(editor.client, editor.user)
    clock.shift(6 * DAY)
    again = editor.again()
    again.secret = testing.secret_of(Factor.objects.get())
    again.sign_in_fully()
    again.post("hardening:factor", {"action": "remove"}, Factor.objects.get().pk)
    assert again.is_signed_in()
    assert moment(NOW + 7 * DAY).isoformat() in banner(again)
    clock.shift(DAY)
    assert not again.is_signed_in()


def test_whoever_has_a_factor_sees_no_banner_and_passes_the_deadline(editor, clock):
    policy()
    testing.login(editor.client, editor.user)
    assert "needs a second factor" not in banner(editor)
    clock.shift(8 * DAY)
    assert editor.is_signed_in()


def test_whoever_is_in_no_role_sees_no_banner(clock, person, no_floor):
    policy()
    fan = person("fan")
    fan.sign_in()
    assert "hardening-banner" not in banner(fan)


@pytest.mark.parametrize(
    "zone,start",
    [
        ("Europe/Berlin", datetime(2027, 3, 25, 12, 0, tzinfo=UTC)),  # an hour is skipped
        ("Europe/Berlin", datetime(2027, 10, 28, 12, 0, tzinfo=UTC)),  # an hour comes twice
        ("America/St_Johns", datetime(2027, 3, 12, 2, 0, tzinfo=UTC)),
    ],
)
def test_summer_time_neither_extends_nor_shortens(person, settings, no_floor, zone, start):
    settings.TIME_ZONE = zone
    began = start.astimezone(ZoneInfo(zone))
    deadline = int(start.timestamp()) + 7 * DAY
    policy(starts_at=began)
    with time_machine.travel(deadline - 1, tick=False) as clock:
        editor = person("editor", is_staff=True)
        editor.sign_in()
        assert editor.is_signed_in()
        clock.shift(1)
        assert not editor.is_signed_in()


def test_a_clock_that_steps_back_forgets_nothing_of_the_deadline(editor, clock):
    policy()
    editor.sign_in()
    clock.shift(7 * DAY)
    assert not editor.is_signed_in()
    clock.shift(-DAY)
    visit = editor.again()
    visit.sign_in()
    assert visit.is_signed_in()
    clock.shift(DAY)
    assert not visit.is_signed_in()


def test_the_floor_of_the_settings_cannot_be_lowered_by_a_row(clock, person):
    policy(grace_days=365)
    policy(role="everyone", mode=Mode.OFF)
    assert leads_to(person("editor", is_staff=True).sign_in(), "hardening:mailbox")


def test_a_floor_with_a_date_acts_from_that_date_on(clock, person, settings):
    due = moment(NOW + DAY).isoformat()
    settings.HARDENING = {"POLICIES": [{"role": "staff", "due": due}]}
    editor = person("editor", is_staff=True)
    editor.sign_in()
    assert editor.is_signed_in()
    clock.shift(DAY)
    assert not editor.is_signed_in()


def test_a_deadline_is_start_and_days_and_nothing_else():
    row = RolePolicy(role="staff", starts_at=moment(NOW), grace_days=7)
    assert policies.from_row(row).due == NOW + 7 * DAY


def test_a_person_who_enrols_in_time_is_never_stopped(editor, clock):
    policy()
    editor.sign_in()
    editor.post("hardening:enrol")
    editor.post("hardening:confirm_password", {"password": PASSWORD})
    editor.prove_mailbox()
    editor.scan()
    editor.confirm()
    clock.shift(8 * DAY)
    assert editor.is_signed_in()
    later = editor.again()
    clock.shift(STEP)
    later.sign_in_fully()
    assert later.is_signed_in()


def test_few_recovery_codes_left_are_said_in_the_banner(careful_fan, no_floor):
    for code in careful_fan.codes[:8]:
        other = careful_fan.again()
        other.sign_in()
        other.use_recovery_code(code)
    careful_fan.sign_in_fully()
    assert "You have 2 recovery codes left." in banner(careful_fan)
