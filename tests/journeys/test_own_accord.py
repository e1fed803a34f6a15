"""Enrolling of one's own accord: beside a live session, which stays signed in all the while."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.models import Factor, ParkedLogin
from tests.visitor import PASSWORD, STEP, key_on, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

QUARTER = 15 * 60


@pytest.fixture
def settled(fan, clock):
    """Return a fan who signed in a while ago."""
    fan.sign_in()
    clock.shift(QUARTER + 1)
    return fan


def test_the_password_is_asked_again_then_the_mailbox_then_the_authenticator(settled):
    assert leads_to(settled.post("hardening:enrol"), "hardening:confirm_password")
    answer = settled.post("hardening:confirm_password", {"password": PASSWORD})
    assert leads_to(answer, "hardening:mailbox")
    assert leads_to(settled.prove_mailbox(), "hardening:enrol_totp")
    assert settled.is_signed_in()
    settled.scan()
    settled.confirm()
    assert len(settled.codes) == 10
    assert settled.is_signed_in()
    assert Factor.objects.confirmed().get().user == settled.user
    assert ParkedLogin.objects.filter(finished_at__isnull=True).count() == 0


def test_even_a_password_typed_a_moment_ago_is_asked_again(fan):
    fan.sign_in()
    assert leads_to(fan.post("hardening:enrol"), "hardening:confirm_password")


def test_a_wrong_password_goes_no_further(settled):
    settled.post("hardening:enrol")
    refused = settled.post("hardening:confirm_password", {"password": "not it"})
    assert refused.status_code == 400
    assert "That is not your password" in refused.content.decode()
    assert leads_to(settled.get("hardening:mailbox"), "hardening:confirm_password")
    assert mail.outbox == []


def test_the_mailbox_cannot_be_proven_before_the_password(settled):
    settled.post("hardening:enrol")
    assert leads_to(
        settled.post("hardening:mailbox", {"action": "send"}), "hardening:confirm_password"
    )
    assert mail.outbox == []


def test_the_key_is_not_shown_before_the_mailbox_is_proven(settled):
    settled.post("hardening:enrol")
    settled.post("hardening:confirm_password", {"password": PASSWORD})
    shown = settled.get("hardening:enrol_totp")
    assert leads_to(shown, "hardening:mailbox")
    assert not Factor.objects.exists()


def test_five_wrong_passwords_end_the_enrolment_but_not_the_session(settled, clock):
    settled.post("hardening:enrol")
    for _ in range(5):
        last = settled.post("hardening:confirm_password", {"password": "not it"})
        clock.shift(115)  # the account's budget gives one back every two minutes
    assert last.status_code in (302, 410)
    assert settled.is_signed_in()
    assert ParkedLogin.objects.get().failures == 5
    answer = settled.post("hardening:confirm_password", {"password": PASSWORD})
    assert not leads_to(answer, "hardening:mailbox")


def test_enrolling_ends_the_other_sessions_and_keeps_this_one_under_a_new_key(settled):
    other = settled.again()
    other.sign_in()
    assert other.is_signed_in()
    settled.post("hardening:enrol")
    settled.post("hardening:confirm_password", {"password": PASSWORD})
    settled.prove_mailbox()
    settled.scan()
    before = settled.client.cookies["sessionid"].value
    settled.confirm()
    assert settled.client.cookies["sessionid"].value != before
    assert settled.is_signed_in()
    assert not other.is_signed_in()
    assert mails("an authenticator was added") == [
        ("fan@example.com", "testserver: an authenticator was added to your account")
    ]


def test_another_authenticator_needs_a_fresh_proof_of_the_one_there_is(careful_fan, clock):
    careful_fan.sign_in_fully()
    clock.shift(QUARTER)
    answer = careful_fan.post("hardening:enrol")
    assert leads_to(answer, "hardening:step_up")
    assert Factor.objects.count() == 1
    careful_fan.step_up()
    first = careful_fan.secret
    assert leads_to(careful_fan.start(), "hardening:enrol_totp")
    careful_fan.confirm(name="Second phone")
    assert careful_fan.secret != first
    assert careful_fan.is_signed_in()
    names = set(Factor.objects.confirmed().values_list("name", flat=True))
    assert names == {"Test authenticator", "Second phone"}


def test_mailbox_and_password_do_not_stand_in_for_the_factor_there_is(careful_fan, clock):
    careful_fan.sign_in_fully()
    clock.shift(QUARTER)
    for page in ("hardening:mailbox", "hardening:confirm_password", "hardening:ticket"):
        careful_fan.post(page, {"password": PASSWORD, "action": "send"})
    assert leads_to(careful_fan.post("hardening:enrol"), "hardening:step_up")
    assert mail.outbox == []


def test_a_second_authenticator_leaves_the_recovery_codes_alone(careful_fan):
    careful_fan.sign_in_fully()
    before = list(careful_fan.codes)
    careful_fan.start()
    answer = careful_fan.confirm(name="Second phone")
    assert leads_to(answer, "hardening:overview")
    assert careful_fan.codes == before


def test_two_authenticators_of_one_person_do_not_block_each_other(careful_fan, clock):
    careful_fan.sign_in_fully()
    first_key = careful_fan.secret
    careful_fan.start()
    careful_fan.confirm(name="Second phone")
    clock.shift(STEP)
    first, second = Factor.objects.confirmed().order_by("pk")
    one, two = careful_fan.again(), careful_fan.again()
    one.secret = first_key
    one.sign_in()
    two.sign_in()
    one.verify(authenticator=first.pk)
    two.verify(authenticator=second.pk)
    assert one.is_signed_in()
    assert two.is_signed_in()


def test_a_code_counts_for_the_authenticator_that_was_chosen_and_no_other(careful_fan, clock):
    careful_fan.sign_in_fully()
    careful_fan.start()
    careful_fan.confirm(name="Second phone")
    clock.shift(STEP)
    first = Factor.objects.confirmed().earliest("pk")
    later = careful_fan.again()
    later.sign_in()
    assert later.verify(authenticator=first.pk).status_code == 400
    assert not later.is_signed_in()


def test_cancelling_an_enrolment_forgets_its_key_and_keeps_the_session(careful_fan):
    careful_fan.sign_in_fully()
    careful_fan.start()
    code = careful_fan.code()
    assert leads_to(careful_fan.post("hardening:cancel"), "hardening:overview")
    assert careful_fan.is_signed_in()
    assert key_on(careful_fan.get("hardening:enrol_totp")) == ""
    careful_fan.confirm(code=code)
    assert Factor.objects.confirmed().count() == 1


def test_an_enrolment_left_open_is_over_when_somebody_else_signs_in_there(fan, person):
    fan.sign_in()
    fan.post("hardening:enrol")
    fan.post("hardening:confirm_password", {"password": PASSWORD})
    fan.prove_mailbox()
    fan.scan()
    rival = person("rival")
    rival.client = fan.client
    rival.sign_in()
    assert rival.is_signed_in()
    assert key_on(rival.get("hardening:enrol_totp")) == ""
    rival.post("hardening:enrol_totp", {"code": fan.code(), "name": "Mine"})
    assert not Factor.objects.confirmed().exists()
