"""The demo's hundreds: policies, everybody's standing with them, three months of history."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.contrib.auth.hashers import is_password_usable
from django.core import mail
from django.utils import timezone

from hardening import compliance, policies
from hardening.audit import Event
from hardening.compliance import Counts, Status
from hardening.core.grace import decode, encode
from hardening.flows import attention, reminders, snapshots
from hardening.models import (
    Account,
    Factor,
    OperatorRequest,
    PolicySnapshot,
    PolicyWaiver,
    RolePolicy,
    SecurityEvent,
)
from hardening.models.waiver import MAX_EXEMPTION_DAYS, Kind
from hardening.policies import DAY_SECONDS
from project.backstage import demo_crowd, demo_data, demo_trend
from project.backstage.management.commands.seed_backstage import seed
from project.backstage.models import Artist, ArtistPage, Membership, Revision, User
from tests.demo.conftest import SEEDED_AT

NOW = int(SEEDED_AT.timestamp())
MANAGERS, EDITORS = "artist-page-manager", "artist-page-editor"
EVERYTHING = (
    *(User, Artist, Membership, Revision, RolePolicy, Factor, Account, PolicyWaiver),
    *(OperatorRequest, PolicySnapshot, SecurityEvent),
)


def populate(now):
    seed(now=now)
    demo_crowd.create(now=now)
    demo_trend.draw(now=now)


@pytest.fixture
def populated(db):
    populate(SEEDED_AT)


@pytest.fixture
def policy(populated):
    return lambda role: policies.from_row(RolePolicy.objects.get(role=role))


def everything():
    return {rows.__name__: rows.objects.count() for rows in EVERYTHING}


def standings(now=NOW):
    """Return who stands where with which policy, by role and user name."""
    return {
        (row.role, person.user.username): person.status
        for row in RolePolicy.objects.all()
        for person in compliance.every(policies.from_row(row), now=now)
    }


@pytest.mark.parametrize(
    "role, enforced, counts",
    [
        (MANAGERS, True, Counts(compliant=39, in_grace=3, overdue=6, exempt=2)),
        (EDITORS, False, Counts(compliant=108, in_grace=17, overdue=112, exempt=4)),
    ],
)
def test_each_policy_has_members_of_every_status(policy, role, enforced, counts):
    assert policy(role).enforced is enforced
    assert compliance.count(policy(role), now=NOW) == counts


def test_seeding_twice_is_seeding_once(populated):
    once = everything()
    populate(SEEDED_AT)
    assert everything() == once


def test_a_later_seeding_adds_the_numbers_of_its_day_and_a_request_that_waits(populated):
    once, days = everything(), PolicySnapshot.objects.values("policy").distinct().count()
    populate(SEEDED_AT + timedelta(days=2))
    more = {"PolicySnapshot": days, "OperatorRequest": 1, "SecurityEvent": 1}
    assert everything() == {name: number + more.get(name, 0) for name, number in once.items()}


def test_the_crowd_is_the_same_wherever_it_is_seeded(populated):
    once = standings()
    for rows in (User, Artist, RolePolicy):
        rows.objects.all().delete()
    populate(SEEDED_AT)
    assert standings() == once


def test_nobody_of_the_crowd_can_sign_in(client, populated):
    crowd = User.objects.exclude(username__in=[one.username for one in demo_data.ACCOUNTS])
    assert crowd.count() == demo_crowd.SIZE
    assert not any(is_password_usable(user.password) for user in crowd)
    one = crowd.filter(artist_memberships__isnull=False).first()
    for typed in ("", one.password, one.username):
        sent = {"username": one.username, "password": typed}
        client.post("/security/login/", sent)
        assert "_auth_user_id" not in client.session


def test_seeding_mails_nobody(populated):
    assert mail.outbox == []


def test_the_crowd_is_in_no_team_whose_page_the_public_sees(populated):
    shown = ArtistPage.objects.values("artist")
    names = {one.username for one in demo_data.ACCOUNTS}
    teams = User.objects.filter(artist_memberships__artist__in=shown).values_list("username")
    assert {name for (name,) in teams} <= names


def test_what_the_decision_reads_is_what_the_rows_say(populated):
    for waiver in PolicyWaiver.objects.all():
        text = Account.objects.get(user_id=waiver.user_id).waivers
        assert text == encode(PolicyWaiver.objects.values_of(waiver.user_id, now=NOW))
        assert bool(decode(text)) is (waiver.until > NOW)


def test_nothing_was_granted_that_no_operator_could_grant(populated):
    longest = {Kind.EXEMPTION: MAX_EXEMPTION_DAYS, Kind.EXTENSION: 30}
    for waiver in PolicyWaiver.objects.all():
        assert waiver.granted_at < NOW
        assert 0 < waiver.until - waiver.granted_at <= longest[waiver.kind] * DAY_SECONDS


@pytest.mark.parametrize("role", [MANAGERS, EDITORS])
def test_the_trend_fills_the_chart_and_ends_at_the_true_numbers(policy, role):
    (key,) = policies.keyed([policy(role)])
    rows = snapshots.trend(key, now=NOW)
    assert len(rows) == snapshots.TREND_DAYS
    assert all(later.day - earlier.day == timedelta(days=1) for earlier, later in pairwise(rows))
    for row in rows:
        assert row.members == row.compliant + row.in_grace + row.overdue + row.exempt
    today = compliance.count(policy(role), now=NOW)
    assert (rows[-1].members, rows[-1].compliant) == (today.members, today.compliant)
    shares = [row.compliant / row.members for row in rows]
    assert max(abs(after - before) for before, after in pairwise(shares)) < 0.06
    assert shares[0] < shares[-1] / 2


def test_sign_ins_that_the_reporting_policy_would_have_stopped_are_recorded(populated):
    completed = SecurityEvent.objects.filter(event=Event.LOGIN_COMPLETED)
    assert completed.count() > 50
    overdue = {name for (role, name), at in standings().items() if at is Status.OVERDUE}
    for event in completed:
        assert event.data["would_be_stopped"] == [EDITORS]
        assert event.target_name in overdue
        assert event.at < SEEDED_AT


def test_the_history_says_who_enforced_the_managers_policy(browser_of, populated):
    row = RolePolicy.objects.get(role=MANAGERS)
    page = browser_of("staff").get(f"/admin/hardening/rolepolicy/{row.pk}/history/")
    content = page.content.decode()
    assert "from “Report only” to “Enforce”" in content
    assert "admin" in content


def test_an_exemption_that_is_over_asks_for_attention(populated):
    assert any("Exemptions" in line and MANAGERS in line for line in attention.listed(now=NOW))


def test_the_reminders_go_to_those_whose_date_is_near_and_once(populated):
    run = reminders.remind_all(step=lambda: None, dry_run=False, now=NOW)
    assert run.by_days == {1: 0, 3: 1, 7: 1}
    assert (run.exemptions, run.failed) == (1, 0)
    again = reminders.remind_all(step=lambda: None, dry_run=False, now=NOW + 60)
    assert again.sent == 0


def test_a_reset_goes_out_by_mail_and_leads_to_a_page(
    client, browser_of, django_capture_on_commit_callbacks
):
    fan = User.objects.get(username="fan")
    with django_capture_on_commit_callbacks(execute=True):
        browser_of("admin").post(f"/admin/backstage/user/{fan.pk}/send-reset/")
    (sent,) = [one for one in mail.outbox if "fan@backstage.example" in one.to]
    link = next(word for word in sent.body.split() if "/reset/" in word)
    form = client.get(link.removeprefix("http://testserver"), follow=True)
    assert "Choose a new password" in form.content.decode()
    new = {"new_password1": "mortar-clover-65-tundra", "new_password2": "mortar-clover-65-tundra"}
    done = client.post(form.redirect_chain[-1][0], new, follow=True)
    assert "Your password was changed" in done.content.decode()
    fan.refresh_from_db()
    assert fan.check_password(new["new_password1"])
    spoilt = client.get("/security/reset/MQ/x-x/", follow=True).content.decode()
    assert "does not work any more" in spoilt


def test_the_list_of_people_says_who_has_a_second_factor(browser_of, db):
    populate(timezone.now())
    people = "/admin/backstage/user/"
    staff = browser_of("staff")
    content = staff.get(people).content.decode()
    assert "Second factor" in content
    assert "Deadline" in content
    found = staff.get(f"{people}?factor_deadline=overdue").context["cl"].queryset
    listed = standings(int(timezone.now().timestamp())).items()
    managers = {name for (role, name), at in listed if (role, at) == (MANAGERS, Status.OVERDUE)}
    assert {user.username for user in found} == managers | {"operator", "admin"}


def test_the_seeded_request_waits_for_another_operator_than_who_made_it(browser_of, db):
    populate(timezone.now())
    request = OperatorRequest.objects.get()
    approve = f"/admin/hardening/operatorrequest/{request.pk}/approve/"
    browser_of("operator").post(approve)
    request.refresh_from_db()
    assert request.state == "open"
    browser_of("staff").post(approve)
    request.refresh_from_db()
    assert (request.state, request.closer_name) == ("approved", "staff")
    assert not Factor.objects.owned(request.target_id).confirmed().exists()


def test_the_staff_see_the_preview_first_and_then_the_editors_have_a_date(client, browser_of, db):
    populate(timezone.now())
    row = RolePolicy.objects.get(role=EDITORS)
    staff, page = browser_of("staff"), f"/admin/hardening/rolepolicy/{row.pk}/change/"
    typed = {
        name: value
        for name, value in staff.get(page).context["adminform"].form.initial.items()
        if value is not None and name != "starts_at"
    }
    start = timezone.now()
    typed |= {
        "mode": "enforce",
        "starts_at_0": f"{start:%Y-%m-%d}",
        "starts_at_1": f"{start:%H:%M}",
    }
    stopped = staff.post(page, {**typed, "grace_days": "0"})
    assert "112" in stopped.content.decode()
    row.refresh_from_db()
    assert row.mode == "report"
    previewed = staff.post(page, {**typed, "grace_days": "14"}).context
    seen = {**dict(previewed["typed"]), previewed["confirm"]: previewed["seal"]}
    assert staff.post(page, seen).status_code == 302
    row.refresh_from_db()
    assert (row.mode, row.grace_days) == ("enforce", 14)
    (editor,) = [one for one in demo_data.ACCOUNTS if one.username == "editor"]
    client.post("/security/login/", {"username": "editor", "password": editor.password})
    banner = client.get("/my/artists/").content.decode()
    assert "Your role Artist page editor needs a second factor." in banner
