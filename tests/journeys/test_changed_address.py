"""An e-mail address that changed a moment ago proves nothing: the old one is asked."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.models import Account
from tests.visitor import DAY, STEP, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

OLD, NEW = "fan@example.com", "thief@example.com"


@pytest.fixture
def moved(fan, clock):
    """Return a fan whose address was changed just now and who is staff from now on."""
    fan.sign_in()
    change_address(fan, NEW)
    fan.user.is_staff = True
    fan.user.save()
    return fan.again()


def change_address(visitor, address):
    visitor.user.email = address
    visitor.user.save()


def asked(visitor):
    """Sign in, ask for a code and return whom it was sent to."""
    mail.outbox.clear()
    visitor.sign_in()
    visitor.ask_for_mail()
    return [to for to, _ in mails("your code to sign in")]


def test_the_code_goes_to_the_address_from_before_the_change(moved):
    assert asked(moved) == [OLD]


def test_the_page_names_where_the_code_goes(moved):
    moved.sign_in()
    page = moved.get("hardening:mailbox")
    assert page.context["address"] == "f•••@example.com"
    assert "f•••@example.com" in page.content.decode()


def test_the_new_address_is_trusted_after_seven_days(moved, clock):
    assert asked(moved) == [OLD]
    clock.shift(7 * DAY - 1)
    assert asked(moved.again()) == [OLD]
    clock.shift(1)
    assert asked(moved.again()) == [NEW]


def test_two_changes_in_a_row_do_not_make_the_first_of_them_trusted(moved, clock):
    assert asked(moved) == [OLD]
    clock.shift(DAY)
    change_address(moved, "another@example.com")
    assert asked(moved.again()) == [OLD]


def test_changing_it_back_does_not_make_the_thiefs_address_the_one_to_prove(moved, clock):
    assert asked(moved) == [OLD]
    clock.shift(DAY)
    change_address(moved, OLD)
    assert asked(moved.again()) == [OLD]


def test_a_change_is_told_once_to_the_old_address_and_to_the_new_one(moved):
    asked(moved)
    assert [to for to, _ in mails("e-mail address")] == [OLD, moved.user.email]
    asked(moved.again())
    assert mails("e-mail address") == []


def test_the_first_address_ever_known_is_no_change(newcomer):
    assert asked(newcomer) == ["newcomer@example.com"]


def test_notices_go_to_both_addresses_after_a_change(careful_fan, clock):
    careful_fan.sign_in_fully()
    change_address(careful_fan, "elsewhere@example.com")
    clock.shift(STEP)
    other = careful_fan.again()
    other.sign_in()
    other.use_recovery_code()
    told = sorted(to for to, _ in mails("recovery code was used"))
    assert told == ["careful@example.com", "elsewhere@example.com"]


def test_each_address_gets_a_mail_of_its_own(careful_fan, clock):
    careful_fan.sign_in_fully()
    change_address(careful_fan, "elsewhere@example.com")
    clock.shift(STEP)
    other = careful_fan.again()
    other.sign_in()
    other.use_recovery_code()
    assert all(len(message.recipients()) == 1 for message in mail.outbox)


def test_addresses_are_kept_sealed(moved):
    asked(moved)
    account = Account.objects.get(user_id=moved.user.pk)
    assert account.email.startswith("v1.")
    assert account.previous_email.startswith("v1.")
    assert OLD not in account.previous_email
    assert account.email_since is not None


def test_a_sealed_address_that_does_not_open_sends_nothing_and_a_ticket_is_the_way(moved):
    asked(moved)
    Account.objects.filter(user_id=moved.user.pk).update(email="v1.broken", previous_email="")
    other = moved.again()
    assert asked(other) == []
    refused = other.post("hardening:mailbox", {"action": "send"})
    assert refused.status_code == 400
    assert leads_to(other.post("hardening:enrol"), "hardening:mailbox")
    assert other.get("hardening:ticket").status_code == 200
