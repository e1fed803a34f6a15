"""Telling people: to which addresses, how often, and that an address was replaced."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.audit import Event, Where
from hardening.factors.mailbox import Known
from hardening.flows.notices import address_book, tell, worth_recording, wrong_code
from hardening.models import Account, SecurityEvent
from tests.actors import NOW, events, events_of

DAY = 24 * 60 * 60
HERE = Where(address="192.0.2.7")


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Return a function that runs a flow and returns to whom each of its mails went."""

    def run(flow, *args, **kwargs):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            flow(*args, **kwargs)
        return [message.to for message in mail.outbox]

    return run


def move(user, email):
    user.email = email
    user.save()


def test_the_first_address_is_no_change(fan):
    known, said = events_of(address_book, fan, now=NOW)
    assert (known.current, known.changed, said) == (fan.email, False, [])


def test_a_change_is_said_once_and_told_to_both_addresses(fan, sent):
    old = fan.email
    address_book(fan, now=NOW)
    move(fan, "new@example.com")
    assert sent(address_book, fan, now=NOW) == [[old], ["new@example.com"]]
    replaced, new = mail.outbox
    assert "still come to this one" in " ".join(replaced.body.split())
    assert "This is the e-mail address of your account" in " ".join(new.body.split())
    assert sent(address_book, fan, now=NOW) == []
    assert events() == [Event.EMAIL_CHANGED]
    assert "example.com" not in str(list(SecurityEvent.objects.values()))


def test_an_address_that_is_taken_away_is_told_to_itself(fan, sent):
    old = fan.email
    address_book(fan, now=NOW)
    move(fan, "")
    assert sent(address_book, fan, now=NOW) == [[old]]


def test_an_address_that_replaces_none_has_nobody_to_tell(fan, sent):
    move(fan, "")
    address_book(fan, now=NOW)
    move(fan, "new@example.com")
    assert sent(address_book, fan, now=NOW) == []
    assert events() == [Event.EMAIL_CHANGED]
    assert address_book(fan, now=NOW).provable(NOW) == ""


def test_notices_go_to_the_old_and_the_new_address(fan, sent):
    old = fan.email
    address_book(fan, now=NOW)
    move(fan, "new@example.com")
    address_book(fan, now=NOW)
    assert sent(tell, fan, "password_changed", {}, now=NOW) == [["new@example.com"], [old]]
    later = NOW + 31 * DAY
    assert sent(tell, fan, "password_changed", {}, now=later) == [["new@example.com"]]


@pytest.mark.parametrize("email, told", [("fan@example.com", [["fan@example.com"]]), ("", [])])
def test_notices_go_out_even_if_the_remembered_address_does_not_open(fan, sent, email, told):
    Account.objects.of(fan.pk)
    Account.objects.update(email="v1.0.broken")
    fan.email = email
    assert address_book(fan, now=NOW) == Known()
    assert sent(tell, fan, "password_changed", {}, now=NOW) == told


def test_wrong_codes_are_told_twice_and_then_no_more_for_a_while(fan, sent):
    told = [len(sent(wrong_code, fan, now=NOW, where=HERE)) for _ in range(4)]
    assert told == [1, 1, 0, 0]
    assert len(sent(wrong_code, fan, now=NOW + DAY, where=HERE)) == 1
    assert "192.0.2.7" in mail.outbox[0].body


def test_a_flood_of_refusals_is_worth_two_events(fan):
    assert [worth_recording(fan, now=NOW) for _ in range(4)] == [True, True, False, False]
