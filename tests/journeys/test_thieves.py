"""What a thief tried who had read the code; each test is one door that stood open once."""

from __future__ import annotations

import logging

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate
from django.core import mail
from django.core.exceptions import ValidationError
from django.db import DatabaseError, IntegrityError, InterfaceError, transaction
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter

from hardening import facts, testing
from hardening.models import Factor, RolePolicy, SecurityEvent, SiteState
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW, PASSWORD, STEP, codes_on, leads_to

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.host.catching_urls"),
]


def demand_of_everyone(**fields):
    RolePolicy.objects.create(
        role="everyone", strength="any", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY), **fields
    )


def test_the_admins_login_page_hands_no_data_from_one_person_to_the_next(fan, member):
    fan.sign_in()
    fan.client.post("/remember/", {"private": "of the fan"})
    fan.user.is_staff = True
    fan.user.save()  # her live session owes a factor now, and the page reads the user
    member.client = fan.client
    member.sign_in("/admin/login/")
    assert member.client.get("/remember/").json() == {}
    member.verify()
    assert member.is_signed_in()
    assert "private" not in member.client.get("/remember/").json()


@pytest.mark.parametrize("path", ["//evil.example/x", "///evil.example/x"])
def test_stopping_a_live_session_leads_to_no_other_host(fan, path):
    fan.sign_in()
    demand_of_everyone()
    fan.client.get("/x", PATH_INFO=path, headers={"sec-fetch-mode": "navigate"})
    fan.prove_mailbox()
    done = fan.enrol()
    assert done.status_code == 302
    assert not done.headers["Location"].startswith("//")


def test_an_account_without_an_address_is_not_enrolled_by_whoever_adds_one(person, clock):
    poor = person("poor", email="")
    poor.sign_in()
    clock.shift(3 * DAY)
    thief = poor.again()
    thief.sign_in()
    poor.user.email = "thief@evil.example"
    poor.user.save()
    thief.post("hardening:enrol")
    thief.post("hardening:confirm_password", {"password": PASSWORD})
    assert thief.ask_for_mail() is None
    assert leads_to(thief.get("hardening:enrol_totp"), "hardening:mailbox")
    assert not Factor.objects.exists()


def test_the_old_address_hears_of_the_change_and_of_what_follows_for_a_month(fan, clock):
    fan.sign_in()
    thief = fan.again()
    thief.sign_in()
    fan.user.email = "thief@evil.example"
    fan.user.save()
    thief.again().sign_in()
    told = [one.to for one in mail.outbox if "e-mail address" in one.subject]
    assert told == [["fan@example.com"], ["thief@evil.example"]]
    clock.shift(7 * DAY + 1)
    thief.sign_in()
    thief.post("hardening:enrol")
    thief.post("hardening:confirm_password", {"password": PASSWORD})
    thief.prove_mailbox()
    thief.scan()
    mail.outbox.clear()
    thief.confirm()
    assert {one.to[0] for one in mail.outbox} == {"fan@example.com", "thief@evil.example"}


def test_a_policy_makes_freshness_shorter_and_never_longer(member, clock):
    demand_of_everyone(step_up_seconds=24 * 60 * 60)
    member.sign_in_fully()
    clock.shift(301)
    assert not codes_on(member.post("hardening:recovery_codes", {"action": "make"}))
    RolePolicy.objects.update(step_up_seconds=60)
    member.step_up()
    clock.shift(61)
    assert not codes_on(member.post("hardening:recovery_codes", {"action": "make"}))


@pytest.mark.parametrize("seconds", [0, 10**9])
def test_a_policys_freshness_is_bounded_in_the_form_and_in_the_database(seconds):
    policy = RolePolicy(
        role="staff", strength="any", starts_at=moment(NOW), step_up_seconds=seconds
    )
    with pytest.raises(ValidationError):
        policy.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        policy.save()


def test_an_error_report_of_a_sign_in_holds_no_password(fan, monkeypatch, caplog):
    def broken(*args, **kwargs):
        raise DatabaseError("gone")

    facts._tables_seen.add("default")
    monkeypatch.setattr(facts.query, "load_by_name", broken)
    fan.client.raise_request_exception = False
    with caplog.at_level(logging.ERROR):
        fan.sign_in("host_login")
    faults = [record.exc_info for record in caplog.records if record.exc_info]
    assert faults
    for fault in faults:
        assert PASSWORD not in ExceptionReporter(None, *fault).get_traceback_html()


def test_an_error_report_of_an_async_sign_in_holds_no_password(fan, monkeypatch):
    def broken(*args, **kwargs):
        raise DatabaseError("gone")

    async def sign_in():
        await aauthenticate(None, username="fan", password=PASSWORD)

    facts._tables_seen.add("default")
    monkeypatch.setattr(facts.query, "load_by_name", broken)
    with pytest.raises(facts.FactsError) as fault:
        async_to_sync(sign_in)()
    reporter = ExceptionReporter(None, fault.type, fault.value, fault.tb)
    report = reporter.get_traceback_html()
    assert "HardeningBackend" in report
    assert PASSWORD not in report


def test_a_token_handed_out_without_a_login_leaves_every_session_alone(fan, member):
    member.sign_in_fully()
    assert member.client.get("/token/?user=member").json() == {"token": "t"}
    assert member.is_signed_in()
    fan.sign_in()
    assert fan.client.get("/token/?user=member").json() == {"token": "t"}
    assert fan.is_signed_in()
    nobody = Client()
    assert nobody.get("/token/?user=member").json() == {"token": "t"}
    assert nobody.get("/token/?user=fan").json() == {"token": "t"}
    assert nobody.get("/remember/").json() == {}


def test_a_site_that_chooses_its_urlconf_per_request_can_be_parked(member, settings):
    settings.ROOT_URLCONF = "tests.host.no_urls"
    settings.LOGIN_URL = "/security/login/"
    settings.MIDDLEWARE = ["tests.host.middleware.choose_urlconf", *settings.MIDDLEWARE]
    answer = member.client.post("/form-login/", {"username": "member", "password": PASSWORD})
    assert answer.headers["Location"] == "/security/verify/"


def test_a_closed_connection_while_recording_stops_no_sign_in(fan, monkeypatch):
    def closed(*args, **kwargs):
        raise InterfaceError("closed")

    monkeypatch.setattr(SecurityEvent, "save", closed)
    fan.sign_in()
    assert fan.is_signed_in()


@pytest.mark.parametrize("name", ["\x1b[2Jphone", "phone\x07", "pho\u202ene"])
def test_a_name_cannot_speak_to_an_operators_terminal(member, name):
    member.sign_in_fully()
    factor = Factor.objects.get()
    refused = member.post("hardening:factor", {"action": "rename", "name": name}, factor.pk)
    assert refused.status_code == 400
    factor.refresh_from_db()
    assert factor.name == "Test authenticator"


def test_rows_written_by_loaddata_act_at_once(fan):
    fan.sign_in()
    before = SiteState.objects.filter(pk=1).values_list("policy_revision", flat=True).first()
    row = RolePolicy(
        role="everyone", strength="any", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY)
    )
    row.save_base(raw=True)
    assert SiteState.objects.get().policy_revision != before
    assert not fan.is_signed_in()


def test_ones_own_removed_factor_is_nobody_elses(member, clock):
    member.sign_in_fully()
    gone = testing.enrol(member.user)
    Factor.objects.retire(gone.pk, now=NOW)
    other = member.again()
    clock.shift(STEP)
    other.sign_in_fully()
    assert other.get("hardening:factor", gone.pk).status_code == 404
    assert not SecurityEvent.objects.filter(event="factor:open:foreign").exists()


def test_guessing_at_a_step_up_is_told_to_the_owner(member):
    member.sign_in_fully()
    mail.outbox.clear()
    member.step_up(member.wrong_code())
    assert [one.to for one in mail.outbox] == [["member@example.com"]]


def test_a_double_click_with_a_right_code_alarms_nobody(member):
    member.sign_in()
    page = reverse("hardening:verify")
    twin = Client(headers={"accept": "text/html"})
    twin.cookies = member.client.cookies.copy()
    code = member.code()
    member.verify(code)
    mail.outbox.clear()
    late = twin.post(page, {"code": code})
    assert late.status_code in (302, 410)
    assert mail.outbox == []
