"""A right password in an unknown browser, in a bad hour: one proof more (decision, row 4)."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.audit import Event
from hardening.core.seen import ALARM_FAILURES
from hardening.factors import ticket
from hardening.models import SecurityEvent, SiteState, ThrottleCell
from hardening.throttle import database
from tests.visitor import NOW, STEP, Visitor, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

HALF_AN_HOUR = 30 * 60
STOPPED = "right password from an unknown browser"


@pytest.fixture
def attack(clock):
    """Put the site into attack mode."""
    SiteState.objects.begin_attack(until=NOW + HALF_AN_HOUR, now=NOW)


@pytest.fixture
def under_attack():
    """Return a function that puts the site into attack mode now."""

    def begin(now=NOW):
        SiteState.objects.begin_attack(until=now + HALF_AN_HOUR, now=now)

    return begin


@pytest.fixture
def flagged(clock, monkeypatch):
    """Return a function: five accounts fail at the address that all of us have."""

    def flag():
        bits = iter(range(60))
        with monkeypatch.context() as spread:
            spread.setattr(database, "account_bit", lambda _key: 1 << next(bits))
            for number in range(5):
                Visitor(None).post(
                    "hardening:login", {"username": f"junk-{number}", "password": "wrong"}
                )
        clock.shift(301)

    return flag


def sign_out(visitor):
    visitor.post("host_logout")


def stopped_mails():
    return [to for to, _subject in mails(STOPPED)]


# --- who is asked, and for what -------------------------------------------------------------------


def test_somebody_of_whom_nothing_is_asked_proves_the_mailbox_once(fan, attack, clock):
    assert leads_to(fan.sign_in(), "hardening:mailbox")
    assert not fan.is_signed_in()
    assert stopped_mails() == ["fan@example.com"]
    fan.prove_mailbox()
    assert fan.is_signed_in()
    sign_out(fan)
    clock.shift(60)
    fan.sign_in()  # the browser is known now
    assert fan.is_signed_in()
    assert stopped_mails() == ["fan@example.com"]


@pytest.mark.parametrize("door", ["host_login", "hardening:login"])
def test_every_door_asks(door, fan, attack):
    assert leads_to(fan.sign_in(door), "hardening:mailbox")
    assert not fan.is_signed_in()
    fan.prove_mailbox()
    assert fan.is_signed_in()


def test_a_program_reads_the_code(fan, attack):
    program = fan.again(json_client=True)
    said = program.sign_in()
    assert said.status_code == 401
    assert said.json() == {
        "code": "mailbox_required",
        "step": "/security/mailbox/",
        "reason": "attack_mode",
    }


def test_whoever_has_a_factor_proves_it_as_ever_and_no_mailbox(careful_fan, attack):
    assert leads_to(careful_fan.sign_in(), "hardening:verify")
    assert leads_to(careful_fan.get("hardening:mailbox"), "hardening:verify")
    careful_fan.verify()
    assert careful_fan.is_signed_in()


def test_a_device_that_proved_something_is_let_straight_in(fan, under_attack, clock):
    under_attack()
    fan.sign_in()
    fan.prove_mailbox()
    sign_out(fan)
    later = 10 * HALF_AN_HOUR
    clock.shift(later)
    under_attack(NOW + later)
    fan.sign_in()
    assert fan.is_signed_in()


def test_a_device_known_by_a_password_alone_is_asked(fan, under_attack):
    fan.sign_in()
    sign_out(fan)
    under_attack()
    assert leads_to(fan.sign_in(), "hardening:mailbox")


def test_live_sessions_are_left_alone(fan, member, under_attack):
    fan.sign_in()
    member.sign_in_fully()
    under_attack()
    for visitor in (fan, member):
        assert visitor.is_signed_in()
        assert visitor.get("members").status_code == 200


def test_a_sign_in_that_waits_since_before_is_asked_for_no_more(careful_fan, under_attack):
    careful_fan.sign_in()
    under_attack()
    careful_fan.verify()
    assert careful_fan.is_signed_in()


def test_a_sign_in_that_waits_is_not_let_go_when_the_attack_is_over(fan, attack, clock):
    fan.sign_in()
    SiteState.objects.end_attack()
    assert leads_to(fan.get("members"), "hardening:mailbox")
    clock.shift(60)
    fan.prove_mailbox()
    assert fan.is_signed_in()


def test_when_it_is_over_a_password_is_enough_again(fan, attack, clock):
    clock.shift(HALF_AN_HOUR)
    fan.sign_in()
    assert fan.is_signed_in()
    assert stopped_mails() == []


def test_whoever_has_no_address_can_be_let_in_by_an_operator_alone(person, attack):
    nobody = person("silent", email="")
    assert leads_to(nobody.sign_in(), "hardening:ticket")
    assert nobody.ask_for_mail() is None
    assert not nobody.is_signed_in()
    nobody.use_ticket(ticket.issue(nobody.user.pk, bytes(ticket.TICKET_BYTES), now=NOW))
    assert nobody.is_signed_in()


def test_the_thief_with_a_right_password_gets_no_further_than_the_mailbox(fan, attack):
    thief = fan.again()
    thief.sign_in()
    for code in ("00000000", "11111111", "22222222"):
        thief.post("hardening:mailbox", {"code": code})
    assert not thief.is_signed_in()
    for page in ("members", "hardening:enrol", "hardening:overview", "hardening:change_password"):
        assert leads_to(thief.get(page), "hardening:mailbox"), page


def test_the_owner_is_not_buried_in_mails(fan, attack):
    for _ in range(30):
        fan.again().sign_in()
    assert 1 <= len(stopped_mails()) <= 3


def test_the_mail_says_from_where_and_names_no_secret(fan, attack, mailoutbox):
    fan.sign_in()
    (told,) = [mail for mail in mailoutbox if STOPPED in mail.subject]
    assert "127.0.0.1" in told.body
    assert fan.password not in told.body
    event = SecurityEvent.objects.get(event=Event.LOGIN_PARKED)
    assert event.reason == "attack_mode"


def test_a_flagged_address_asks_likewise_and_no_other_address_does(fan, careful_fan, flagged):
    flagged()
    elsewhere = fan.again()
    elsewhere.client.defaults["REMOTE_ADDR"] = "192.0.2.99"
    elsewhere.sign_in()
    assert elsewhere.is_signed_in()
    assert leads_to(fan.sign_in(), "hardening:mailbox")
    assert SecurityEvent.objects.filter(reason="flagged_address").exists()
    assert stopped_mails() == ["fan@example.com"]
    fan.prove_mailbox()
    assert fan.is_signed_in()
    assert leads_to(careful_fan.sign_in(), "hardening:verify")


def test_a_flagged_address_lets_a_proven_device_straight_in(careful_fan, fan, flagged, clock):
    careful_fan.sign_in_fully()
    fan.sign_in()
    for visitor in (careful_fan, fan):
        sign_out(visitor)
    clock.shift(STEP)
    flagged()
    assert leads_to(careful_fan.sign_in(), "hardening:verify")  # the factor is asked for anyway
    assert leads_to(fan.sign_in(), "hardening:mailbox")  # known by a password only
    fan.prove_mailbox()
    sign_out(fan)
    fan.sign_in()
    assert fan.is_signed_in()


# --- from the first wrong password to the all-clear ---------------------------------------------


def stuff(times, *, first=0):
    """Try stolen pairs, one each, from as many addresses."""
    for number in range(first, first + times):
        thief = Visitor(None)
        thief.client.defaults["REMOTE_ADDR"] = f"198.{18 + number // 250}.{number % 250}.1"
        thief.post("hardening:login", {"username": f"junk-{number}", "password": "stolen"})


def test_a_hundred_stolen_pairs_raise_the_alarm_and_quiet_ends_it(
    fan, member, settings, clock, mailoutbox
):
    settings.ADMINS = [("Night shift", "night@example.com")]
    stuff(ALARM_FAILURES - 1)
    early = fan.again()
    early.sign_in()
    assert early.is_signed_in()
    stuff(20, first=1000)
    assert leads_to(fan.sign_in(), "hardening:mailbox")
    member.sign_in_fully()
    assert member.is_signed_in()
    clock.shift(HALF_AN_HOUR + 1)
    late = fan.again()
    late.sign_in()
    assert late.is_signed_in()
    stuff(20, first=2000)
    told = [(mail.to, mail.subject) for mail in mailoutbox if mail.to == ["night@example.com"]]
    assert len(told) == 2
    names = [Event.ATTACK_BEGAN, Event.ATTACK_ENDED]
    counts = [SecurityEvent.objects.filter(event=name).count() for name in names]
    assert counts == [1, 1]


def test_the_owners_of_an_account_under_attack_get_in_by_the_link_or_a_known_device(fan, clock):
    fan.sign_in()
    sign_out(fan)
    for number in range(30):
        thief = fan.again()
        thief.client.defaults["REMOTE_ADDR"] = f"198.18.{number}.1"
        thief.sign_in(password="wrong")
    assert fan.again().sign_in().status_code == 429
    fan.sign_in()
    assert fan.is_signed_in()
    assert not ThrottleCell.objects.filter(target_pk=str(fan.user.pk), total__gt=0)
    testing.no_throttle()
