"""July to November 2020: recycled credentials opened 300,000 to 350,000 accounts.

The same in small: a list of stolen pairs is tried, and some of them are right. Told is what each
kind of right pair opens, which is nothing, and what its owner has to do afterwards. The numbers of
the real incident are `make drill`'s.

Not here yet: a campaign for a list of addresses from outside (match, end, demand, tell in one run).
"""

from __future__ import annotations

import io

import pytest
from django.core import mail
from django.core.management import call_command

from hardening import testing
from hardening.audit import Event
from hardening.core.seen import ALARM_FAILURES
from hardening.models import Account, SecurityEvent, SiteState
from tests.visitor import PASSWORD, Visitor, leads_to, mails

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

LEAKED = "nineteen copper whistles"  # in a list that we know
NEW = "a ladder made of thursdays"
PLACES = ("members", "hardening:overview", "hardening:change_password", "hardening:enrol")


@pytest.fixture(autouse=True)
def _lists():
    with testing.fake_breach(LEAKED):
        yield


@pytest.fixture(autouse=True)
def _enforced(settings):
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce"}


@pytest.fixture
def victims(person, clock):
    """Return people who use one password everywhere: it is in a list that we know."""
    made = [person(f"victim{number}") for number in range(4)]
    for each in made:
        each.user.set_password(LEAKED)
        each.user.save()
        each.password = LEAKED
    return made


def stuff(pairs, *, addresses=1):
    """Try pairs of a name and a password; return a browser for each."""
    tried = []
    for number, (name, password) in enumerate(pairs):
        thief = Visitor(None)
        thief.client.defaults["REMOTE_ADDR"] = f"198.18.{number % addresses}.1"
        thief.answer = thief.post("hardening:login", {"username": name, "password": password})
        tried.append(thief)
    return tried


def junk(count):
    return [(f"nobody{number}", "stolen elsewhere") for number in range(count)]


def right(people):
    return [(each.user.get_username(), each.password) for each in people]


def opens_nothing(thief):
    """Whether somebody who gave a right pair sees no more than a page that asks for a proof."""
    shut = all(thief.get(place).status_code in (302, 410) for place in PLACES)
    return shut and "_auth_user_id" not in thief.client.session


def change(visitor, new=NEW):
    fields = {"old_password": visitor.password, "new_password1": new, "new_password2": new}
    visitor.password = new
    return visitor.post("hardening:change_password", fields)


# --- what a right pair opens -------------------------------------------------------------------


def test_a_right_password_that_is_in_a_list_opens_nothing_and_its_owner_is_told(victims):
    for thief in stuff(right(victims), addresses=9):
        assert leads_to(thief.answer, "hardening:mailbox")
        assert opens_nothing(thief)
        thief.post("hardening:mailbox", {"code": "12345678"})
        assert opens_nothing(thief)
    assert {to for to, _subject in mails("password")} == {each.user.email for each in victims}


def test_the_owner_proves_the_mailbox_and_must_choose_another_password(victims):
    owner = victims[0]
    (thief,) = stuff(right([owner]))
    assert leads_to(owner.sign_in(), "hardening:mailbox")
    assert leads_to(owner.prove_mailbox(), "hardening:change_password")
    assert leads_to(owner.get("members"), "hardening:change_password")
    change(owner)
    assert owner.is_signed_in()
    assert opens_nothing(thief)
    assert stuff([(owner.user.get_username(), LEAKED)])[0].answer.status_code == 400
    assert owner.is_signed_in()


def test_a_right_password_of_somebody_with_a_factor_opens_nothing(careful_fan):
    (thief,) = stuff(right([careful_fan]))
    assert leads_to(thief.answer, "hardening:verify")
    assert opens_nothing(thief)
    thief.post("hardening:verify", {"code": careful_fan.wrong_code()})
    assert opens_nothing(thief)
    assert mails("wrong code") != []


def test_one_address_that_tries_many_names_gets_no_further_with_a_right_one(fan):
    """The password is in no list, so nothing but the address gives the thief away."""
    stuff(junk(20))
    (thief,) = stuff(right([fan]))
    assert opens_nothing(thief)
    fan.client.defaults["REMOTE_ADDR"] = "203.0.113.5"
    fan.sign_in()
    assert fan.is_signed_in()


def test_many_addresses_raise_the_alarm_and_from_then_on_a_password_opens_nothing(fan, settings):
    settings.ADMINS = [("Night shift", "night@example.com")]
    stuff(junk(ALARM_FAILURES + 20), addresses=250)
    assert SiteState.objects.get().attack_until > 0
    (thief,) = stuff(right([fan]))
    assert leads_to(thief.answer, "hardening:mailbox")
    assert opens_nothing(thief)
    assert [to for to, _subject in mails("right password from an unknown browser")] == [
        fan.user.email
    ]
    assert ["night@example.com"] in [sent.to for sent in mail.outbox]
    fan.client.defaults["REMOTE_ADDR"] = "203.0.113.5"
    fan.sign_in()
    fan.prove_mailbox()
    assert fan.is_signed_in()


# --- afterwards --------------------------------------------------------------------------------


def test_an_operator_demands_new_passwords_of_whom_was_hit_and_ends_their_sessions(
    fan, careful_fan, person, clock, tmp_path
):
    thief = fan.again()
    thief.sign_in()  # before anybody noticed
    assert thief.is_signed_in()
    operator = person("operator", is_staff=True, is_superuser=True)
    testing.login(operator.client, operator.user)
    operator.client.post(
        "/office/auth/user/",
        {"action": "demand_password_change", "_selected_action": [fan.user.pk]},
    )
    listed = tmp_path / "hit"
    listed.write_text("fan\n")
    call_command(
        "hardening_revoke",
        f"--list={listed}",
        "--yes",
        "--mail",
        "--reason=stuffing",
        stdout=io.StringIO(),
        stderr=io.StringIO(),
    )
    assert not thief.is_signed_in()
    assert operator.is_signed_in()
    assert leads_to(thief.sign_in(), "hardening:mailbox")
    assert opens_nothing(thief)
    fan.sign_in()
    assert leads_to(fan.prove_mailbox(), "hardening:change_password")
    change(fan)
    assert fan.is_signed_in()
    assert Account.objects.get(user_id=fan.user.pk).must_change == ""


def test_what_happened_can_be_read_afterwards(victims, careful_fan, clock):
    stuff([*right(victims), *right([careful_fan])], addresses=9)
    parked = SecurityEvent.objects.filter(event=Event.LOGIN_PARKED)
    assert set(parked.values_list("target_name", flat=True)) == {
        *(each.user.get_username() for each in victims),
        careful_fan.user.get_username(),
    }
    assert {event.address.rpartition(".")[2] for event in parked} == {"1"}
    assert LEAKED not in str(list(SecurityEvent.objects.values()))
    assert PASSWORD not in str(list(SecurityEvent.objects.values()))
