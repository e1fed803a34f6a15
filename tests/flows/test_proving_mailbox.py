"""The mailbox: mailed codes, their limits, and what happens when no mail can go out."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import notify
from hardening.audit import Event
from hardening.core.values import ProofKind
from hardening.factors import mailbox, ticket
from hardening.flows import prove, recover
from hardening.flows.notices import address_book
from hardening.models import Account, ParkedLogin, SecurityEvent, ThrottleCell
from tests.actors import HERE, NOW, events_of, found, names, owed, parked

TRY = {"now": NOW, "where": HERE}
MAIL_RANDOM = bytes(range(mailbox.CODE_BYTES))


def failures():
    return ParkedLogin.objects.get().failures


def mailed():
    return otp_digits(mail.outbox[-1].body)


def otp_digits(body):
    return next(word for word in body.split() if word.isdigit() and len(word) == 8)


def send(session, random=MAIL_RANDOM, now=NOW):
    return events_of(prove.send_mailbox_code, found(session), random, now=now, where=HERE)


def test_a_mailed_code_proves_the_mailbox_of_the_record_that_asked(newcomer):
    session, other = parked(newcomer), parked(newcomer)
    sent, said = send(session)
    assert sent.accepted
    assert names(said) == [Event.MAILBOX_CODE_SENT]
    assert mail.outbox[0].to == [newcomer.email]
    assert not prove.mailbox_code(found(other), mailed(), **TRY).accepted
    judged, said = events_of(prove.mailbox_code, found(session), mailed(), **TRY)
    assert judged.accepted
    assert judged.waiting.session.has(ProofKind.MAILBOX)
    assert names(said) == [Event.PROOF_ACCEPTED]


@pytest.mark.parametrize("typed", ["", "12345678", "no code", "1" * 200])
def test_a_wrong_mailed_code_is_refused(newcomer, typed):
    session = parked(newcomer)
    send(session)
    judged, said = events_of(prove.mailbox_code, found(session), typed, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]


def test_a_mailed_code_expires_after_ten_minutes(newcomer, settings):
    settings.HARDENING = {"PARKED_LOGIN_SECONDS": 3600}
    session = parked(newcomer)
    send(session)
    judged = prove.mailbox_code(found(session), mailed(), now=NOW + 600, where=HERE)
    assert not judged.accepted


def test_a_new_code_voids_the_old_and_forgives_no_failure(newcomer):
    session = parked(newcomer)
    send(session)
    old = mailed()
    prove.mailbox_code(found(session), "12345678", **TRY)
    send(session, random=bytes(mailbox.CODE_BYTES))
    assert mailed() != old
    assert failures() == 1
    assert not prove.mailbox_code(found(session), old, **TRY).accepted
    assert prove.mailbox_code(found(session), mailed(), **TRY).accepted


def test_mails_are_limited_for_the_account_and_not_the_record(newcomer):
    for _ in range(2):
        assert send(parked(newcomer))[0].accepted
    sent, said = send(parked(newcomer))
    assert not sent.accepted
    assert sent.retry_after > 0
    assert names(said) == [Event.MAILBOX_CODE_THROTTLED]
    assert len(mail.outbox) == 2


def test_a_mail_that_cannot_be_sent_leaves_no_code_and_costs_no_token(newcomer, no_mail):
    session = parked(newcomer)
    for _ in range(5):
        sent, said = send(session)
        assert (sent.accepted, sent.retry_after) == (False, 0)
        assert names(said) == [Event.MAILBOX_CODE_FAILED]
    row = ParkedLogin.objects.get()
    assert (row.mail_digest, row.mail_sent_at, row.mail_expires_at) == ("", None, None)
    assert ThrottleCell.objects.exists()
    assert owed() == 0


def test_an_account_without_an_address_gets_no_mail(newcomer):
    newcomer.email = ""
    newcomer.save()
    session = parked(newcomer)
    sent, said = send(session)
    assert not sent.accepted
    assert names(said) == [Event.MAILBOX_CODE_FAILED]
    assert said[0].reason == "no_address"
    assert not ThrottleCell.objects.exists()


def test_an_address_that_opens_no_more_is_not_guessed(newcomer):
    session = parked(newcomer)
    address_book(newcomer, now=NOW)
    Account.objects.update(email="v1.0.broken")
    sent, said = send(session)
    assert not sent.accepted
    assert names(said) == [Event.MAILBOX_CODE_FAILED]
    assert said[0].reason == "no_address"
    assert mail.outbox == []


def test_just_after_a_change_the_code_goes_to_the_old_address(newcomer):
    old = newcomer.email
    address_book(newcomer, now=NOW)
    newcomer.email = "thief@example.com"
    newcomer.save()
    send(parked(newcomer))
    assert mail.outbox[-1].to == [old]


def test_a_notice_that_cannot_be_sent_stops_nothing(
    member, wrong, no_mail, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        judged = prove.second_factor(found(parked(member)), None, wrong, **TRY)
    assert judged.waiting is not None


def test_no_secret_reaches_events_logs_or_reprs(newcomer, caplog):
    wrong_password = "a wrong guess"
    caplog.set_level("DEBUG")
    session = parked(newcomer)
    send(session)
    mailed_code = mailed()
    shown_ticket = recover.issue_ticket(newcomer, bytes(ticket.TICKET_BYTES), now=NOW)
    results = [
        prove.mailbox_code(found(session), mailed_code, **TRY),
        prove.enrolment_ticket(found(session), shown_ticket, **TRY),
        prove.password(found(session), wrong_password, **TRY),
    ]
    said = str(list(SecurityEvent.objects.values())) + caplog.text + repr(results)
    said += repr(notify.Notice("mailbox_code", (), "", NOW, {"code": mailed_code}))
    for secret in (mailed_code, shown_ticket, wrong_password, session.session_key):
        assert secret not in said
    assert session["_hardening_parked"] not in said
