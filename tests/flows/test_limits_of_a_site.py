"""`THROTTLE` in the settings: each flow that judges a code or sends a mail keeps to it."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.core.values import Proof, ProofKind
from hardening.factors import mailbox
from hardening.flows import enrol, notices, password, prove, record, stepup
from tests.actors import CODES_RANDOM, FACTOR_RANDOM, HERE, NOW, found, fresh, parked

SAID = {"now": NOW, "where": HERE}
HOUR = 3600
# One at once, and the next when both halves of the period are over.
ONE_IN_AN_HOUR = {"THROTTLE": {"codes": ["1/h"], "mails": ["1/h"]}}


@pytest.fixture(autouse=True)
def _one_in_an_hour(settings):
    settings.HARDENING = ONE_IN_AN_HOUR


def test_codes_at_the_sign_in(member, wrong):
    session = parked(member)
    answers = [prove.second_factor(found(session), None, wrong, **SAID) for _ in range(2)]
    assert [answer.retry_after for answer in answers] == [0, 2 * HOUR]


def test_codes_at_the_step_up(member, factor, wrong):
    session = fresh(member, factor)
    answers = [stepup.prove(session, member, None, wrong, **SAID) for _ in range(2)]
    assert [answer.retry_after for answer in answers] == [0, 2 * HOUR]


def test_first_codes_of_a_new_authenticator(newcomer):
    session = parked(newcomer)
    waiting = found(session)
    proof = Proof(ProofKind.MAILBOX, NOW, waiting.who.account_epoch)
    record.add_proof(waiting, proof, now=NOW)
    enrol.start(found(session), FACTOR_RANDOM, name="Phone", **SAID)
    answers = [
        enrol.confirm(found(session), "000000", CODES_RANDOM, name="Phone", **SAID)
        for _ in range(2)
    ]
    assert [answer.retry_after for answer in answers] == [0, 2 * HOUR]


def test_current_passwords_when_they_are_changed(member):
    answers = [password.try_current(member, now=NOW) for _ in range(2)]
    assert [answer.retry_after for answer in answers] == [0, 2 * HOUR]


def test_mailed_codes(newcomer):
    session, random = parked(newcomer), bytes(mailbox.CODE_BYTES)
    answers = [prove.send_mailbox_code(found(session), random, **SAID) for _ in range(2)]
    assert [answer.retry_after for answer in answers] == [0, 2 * HOUR]
    assert len(mail.outbox) == 1


def test_notices_of_wrong_codes(member, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            notices.wrong_code(member, **SAID)
    assert len(mail.outbox) == 1
    assert [notices.worth_recording(member, now=NOW) for _ in range(2)] == [True, False]
