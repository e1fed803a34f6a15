"""A password that must change: demanded in the admin, then nothing comes before it."""

from __future__ import annotations

import pytest
from django.core import mail
from django.urls import reverse

from hardening import testing
from hardening.audit import Event
from hardening.models import Account, ParkedLogin, SecurityEvent
from tests.visitor import PASSWORD, STEP, leads_to, mails

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

NEW = "seven violet umbrellas"


@pytest.fixture
def operator(clock, person):
    """Return a superuser who is signed in to the admin with a fresh proof."""
    visitor = person("operator", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    return visitor


def demand(operator, *people):
    """Choose people in the list of users and demand a new password."""
    return operator.client.post(
        reverse("office:auth_user_changelist"),
        {
            "action": "demand_password_change",
            "_selected_action": [visitor.user.pk for visitor in people],
        },
    )


def change(visitor, new=NEW, old=PASSWORD):
    """Fill in the page that asks for a new password."""
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return visitor.post("hardening:change_password", fields)


def test_with_a_factor_the_code_comes_first_and_the_new_password_next(operator, careful_fan):
    demand(operator, careful_fan)
    assert leads_to(careful_fan.sign_in(next="/members/"), "hardening:verify")
    assert leads_to(careful_fan.verify(), "hardening:change_password")
    assert not careful_fan.is_signed_in()
    assert change(careful_fan).headers["Location"] == "/members/"
    assert careful_fan.is_signed_in()
    assert Account.objects.get(user_id=careful_fan.user.pk).must_change == ""


def test_without_a_factor_the_mailbox_comes_first(operator, fan):
    demand(operator, fan)
    assert leads_to(fan.sign_in(next="/members/"), "hardening:mailbox")
    assert leads_to(change(fan), "hardening:mailbox")
    assert leads_to(fan.prove_mailbox(), "hardening:change_password")
    assert change(fan).headers["Location"] == "/members/"
    assert fan.is_signed_in()
    fan.user.refresh_from_db()
    assert fan.user.check_password(NEW)


def test_the_new_password_is_the_one_that_works_from_then_on(operator, fan):
    demand(operator, fan)
    fan.sign_in()
    fan.prove_mailbox()
    change(fan)
    later = fan.again()
    assert later.sign_in().status_code != 302
    later.password = NEW
    later.sign_in()
    assert later.is_signed_in()


def test_a_mandated_newcomer_enrols_before_choosing_a_password(operator, newcomer):
    demand(operator, newcomer)
    assert leads_to(newcomer.sign_in(), "hardening:mailbox")
    assert leads_to(newcomer.prove_mailbox(), "hardening:enrol")
    newcomer.start()
    newcomer.confirm()
    assert leads_to(newcomer.keep_codes(), "hardening:change_password")
    assert not newcomer.is_signed_in()
    change(newcomer)
    assert newcomer.is_signed_in()


def test_a_live_session_is_stopped_with_its_next_request_and_led_back(operator, careful_fan):
    careful_fan.sign_in_fully()
    demand(operator, careful_fan)
    assert leads_to(careful_fan.get("members"), "hardening:change_password")
    assert not careful_fan.is_signed_in()
    assert change(careful_fan).headers["Location"] == "/members/"
    assert careful_fan.is_signed_in()


def test_the_demand_is_told_and_recorded(operator, fan):
    demand(operator, fan)
    assert [to for to, _ in mails("please change your password")] == ["fan@example.com"]
    event = SecurityEvent.objects.get(event=Event.PASSWORD_CHANGE_DEMANDED)
    assert (event.target_name, event.actor_name) == ("fan", "operator")


def test_the_same_password_is_refused(operator, careful_fan):
    demand(operator, careful_fan)
    careful_fan.sign_in_fully()
    refused = change(careful_fan, new=PASSWORD)
    assert refused.status_code == 400
    assert "This is your current password" in refused.content.decode()
    assert Account.objects.get(user_id=careful_fan.user.pk).must_change
    assert not careful_fan.is_signed_in()


def test_a_wrong_old_password_is_refused_and_throttled(operator, careful_fan):
    demand(operator, careful_fan)
    careful_fan.sign_in_fully()
    answers = [change(careful_fan, old="not it").status_code for _ in range(5)]
    assert answers == [400] * 3 + [429] * 2
    refused = change(careful_fan)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    careful_fan.user.refresh_from_db()
    assert careful_fan.user.check_password(PASSWORD)


def test_two_new_passwords_that_differ_change_nothing_and_cost_no_try(operator, careful_fan):
    demand(operator, careful_fan)
    careful_fan.sign_in_fully()
    for _ in range(6):
        fields = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW + "x"}
        assert careful_fan.post("hardening:change_password", fields).status_code == 400
    assert change(careful_fan).status_code == 302


def test_the_record_survives_the_change_and_other_sessions_do_not(operator, careful_fan, clock):
    other = careful_fan.again()
    testing.login(other.client, other.user)
    assert other.is_signed_in()
    demand(operator, careful_fan)
    half_way = careful_fan.again()
    half_way.sign_in()
    careful_fan.sign_in_fully()
    change(careful_fan)
    assert careful_fan.is_signed_in()
    assert not other.is_signed_in()
    clock.shift(STEP)
    assert half_way.verify().status_code == 410
    assert not half_way.is_signed_in()


def test_a_code_accepted_before_the_change_is_refused_when_sent_again(operator, careful_fan):
    demand(operator, careful_fan)
    code = careful_fan.code()
    careful_fan.sign_in()
    assert leads_to(careful_fan.verify(code), "hardening:change_password")
    assert leads_to(careful_fan.verify(code), "hardening:change_password")
    other = careful_fan.again()
    other.sign_in()
    assert other.verify(code).status_code == 400
    assert leads_to(other.get("hardening:change_password"), "hardening:verify")
    accepted = SecurityEvent.objects.filter(event=Event.PROOF_ACCEPTED)
    assert accepted.count() == 1


def test_the_change_is_told_by_mail_and_recorded_once(operator, careful_fan):
    demand(operator, careful_fan)
    careful_fan.sign_in_fully()
    mail.outbox.clear()
    change(careful_fan)
    assert [to for to, _ in mails("your password was changed")] == ["careful@example.com"]
    assert SecurityEvent.objects.filter(event=Event.PASSWORD_CHANGED).count() == 1


def test_a_password_changed_of_ones_own_accord_ends_other_sessions_and_keeps_this_one(fan):
    fan.sign_in()
    other = fan.again()
    other.sign_in()
    assert leads_to(change(fan), "hardening:overview")
    assert fan.is_signed_in()
    assert not other.is_signed_in()


def test_nobody_changes_a_password_half_way_who_was_not_asked_to(careful_fan):
    careful_fan.sign_in()
    assert leads_to(change(careful_fan), "hardening:verify")
    careful_fan.user.refresh_from_db()
    assert careful_fan.user.check_password(PASSWORD)


def test_the_parked_row_never_holds_a_password(operator, careful_fan):
    demand(operator, careful_fan)
    careful_fan.sign_in_fully()
    change(careful_fan, old="not it")
    row = ParkedLogin.objects.latest("pk")
    kept = " ".join(str(getattr(row, field.attname)) for field in row._meta.concrete_fields)
    assert NEW not in kept
    assert PASSWORD not in kept
