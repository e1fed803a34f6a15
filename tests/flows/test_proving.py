"""Proving on a record: charged first, judged second, one event a try, nothing secret in it."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import host, signals, testing
from hardening.audit import Event
from hardening.core import otp
from hardening.core.values import Verdict
from hardening.factors import mailbox, recovery, ticket, totp
from hardening.factors.totp import Finding
from hardening.flows import enrol, login, prove, recover
from hardening.models import Account, Factor, ParkedLogin, RecoveryCode, SecurityEvent, ThrottleCell
from hardening.models.factor import MAX_CONSECUTIVE_FAILURES
from hardening.models.parked import MAX_EVALUATED_FAILURES
from tests.actors import HERE, NOW, events_of, found, names, owed, parked, signed_in
from tests.visitor import PASSWORD

TRY = {"now": NOW, "where": HERE}
WRONG = "000000"
MAIL_RANDOM = bytes(range(mailbox.CODE_BYTES))
BURST = 3  # of five per five minutes


def failures():
    return ParkedLogin.objects.get().failures


# --- codes of an authenticator ---------------------------------------------------------------


def test_a_right_code_is_accepted_and_costs_nothing(member, code):
    session = parked(member)
    judged, said = events_of(prove.second_factor, found(session), None, code, **TRY)
    assert judged.accepted
    assert judged.waiting.decision.allowed
    assert names(said) == [Event.PROOF_ACCEPTED]
    assert said[0].reason == "codes"
    assert (said[0].address, said[0].session) == (HERE.address, HERE.session)
    assert failures() == 0
    assert ThrottleCell.objects.exists()
    assert owed() == 0


def test_a_wrong_code_is_refused_and_counted(member, factor, wrong):
    waiting = found(parked(member))
    judged, said = events_of(prove.second_factor, waiting, None, wrong, **TRY)
    assert (judged.accepted, judged.retry_after) == (False, 0)
    assert judged.waiting is waiting
    assert names(said) == [Event.PROOF_REFUSED]
    assert failures() == 1
    factor.refresh_from_db()
    assert (factor.failures_known, factor.failures_unknown) == (0, 1)


def test_a_wrong_code_is_told_to_the_owner_but_not_too_often(
    member, wrong, django_capture_on_commit_callbacks
):
    for _ in range(BURST):
        with django_capture_on_commit_callbacks(execute=True):
            prove.second_factor(found(parked(member)), None, wrong, **TRY)
    assert len(mail.outbox) == 2
    assert {message.to[0] for message in mail.outbox} == {member.email}


def test_a_spent_code_is_refused_like_a_wrong_one(member, factor, code):
    assert prove.second_factor(found(parked(member)), None, code, **TRY).accepted
    judged, said = events_of(prove.second_factor, found(parked(member)), None, code, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]
    factor.refresh_from_db()
    assert factor.failures_unknown == 1


def test_a_right_code_ends_a_run_of_wrong_ones(member, factor, code):
    Factor.objects.update(failures_known=7, failures_unknown=7)
    assert prove.second_factor(found(parked(member)), None, code, **TRY).accepted
    factor.refresh_from_db()
    assert (factor.failures_known, factor.failures_unknown) == (7, 0)


def test_the_hundredth_wrong_code_disables_and_removes_nothing(member, factor, wrong):
    Factor.objects.update(failures_unknown=MAX_CONSECUTIVE_FAILURES - 1)
    session = parked(member)
    _, said = events_of(prove.second_factor, found(session), None, wrong, **TRY)
    assert names(said) == [Event.FACTOR_DISABLED, Event.PROOF_REFUSED]
    waiting = found(session)
    assert waiting.decision.verdict is Verdict.CHALLENGE
    assert [f.usable for f in waiting.who.factors] == [False]
    assert [choice.kind for choice in waiting.decision.choices] == ["operator"]


def test_a_right_code_of_a_disabled_authenticator_is_refused_like_a_wrong_one(
    member, factor, code, wrong
):
    Factor.objects.update(failures_unknown=MAX_CONSECUTIVE_FAILURES - 1)
    prove.judge_code(factor, member, wrong, known=False, now=NOW)
    judged, said = events_of(prove.second_factor, found(parked(member)), factor.pk, code, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]


def test_a_secret_that_does_not_open_proves_nothing_and_still_stands_in_the_way(
    member, factor, code
):
    Factor.objects.update(secret="v1.0.broken")
    session = parked(member)
    judged, said = events_of(prove.second_factor, found(session), None, code, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.VAULT_FAULT, Event.PROOF_REFUSED]
    assert said[0].data == {"factor": factor.pk}
    assert found(session).decision.verdict is Verdict.CHALLENGE
    factor.refresh_from_db()
    assert factor.failures_known == 0  # a fault of ours is no wrong code of hers


@pytest.mark.parametrize("chosen", [-1, 10**9])
def test_an_authenticator_that_is_not_hers_is_refused_like_a_wrong_code(member, fan, code, chosen):
    strangers = testing.enrol(fan)
    for pk in (chosen, strangers.pk):
        judged, said = events_of(prove.second_factor, found(parked(member)), pk, code, **TRY)
        assert not judged.accepted
        assert names(said) == [Event.PROOF_REFUSED]
    strangers.refresh_from_db()
    assert (strangers.failures_known, strangers.last_step) == (0, -1)


def test_a_chosen_authenticator_is_the_one_that_is_judged(member, factor):
    other = testing.enrol(member)
    code = otp.code_at(testing.secret_of(other), now=NOW)
    assert not prove.second_factor(found(parked(member)), factor.pk, code, **TRY).accepted
    assert prove.second_factor(found(parked(member)), other.pk, code, **TRY).accepted


def test_a_used_authenticator_is_announced(member, factor, code):
    heard = []

    def hear(**said):
        heard.append((said["user"], said["kind"], said["factor_id"]))

    signals.factor_used.connect(hear)
    prove.second_factor(found(parked(member)), None, code, **TRY)
    signals.factor_used.disconnect(hear)
    assert heard == [(member, totp.KIND, factor.pk)]


# --- limits ----------------------------------------------------------------------------------


def test_a_try_over_the_accounts_limit_is_not_judged(member, wrong, code):
    for _ in range(BURST):
        prove.second_factor(found(parked(member)), None, wrong, **TRY)
    ParkedLogin.objects.all().delete()
    waiting = found(parked(member))
    judged, said = events_of(prove.second_factor, waiting, None, code, **TRY)
    assert not judged.accepted
    assert judged.retry_after > 0
    assert judged.waiting is waiting
    assert names(said) == [Event.PROOF_THROTTLED]
    assert failures() == 0


def test_a_flood_of_refused_tries_is_said_twice_and_refused_every_time(member):
    refused = []
    for _ in range(BURST + 5):
        judged, said = events_of(prove.second_factor, found(parked(member)), None, WRONG, **TRY)
        if judged.retry_after:
            refused.append(names(said))
    assert len(refused) == 5
    assert refused == [[Event.PROOF_THROTTLED]] * 2 + [[]] * 3


def test_the_last_wrong_try_of_a_record_ends_it(member, wrong):
    session = parked(member)
    ParkedLogin.objects.update(failures=MAX_EVALUATED_FAILURES - 1)
    judged, said = events_of(prove.second_factor, found(session), None, wrong, **TRY)
    assert (judged.accepted, judged.waiting) == (False, None)
    assert names(said) == [Event.PROOF_REFUSED]


def test_a_record_that_has_ended_judges_nothing(member, code, factor):
    session = parked(member)
    waiting = found(session)
    login.cancel(session, **TRY)
    judged, said = events_of(prove.second_factor, waiting, None, code, **TRY)
    assert (judged.accepted, judged.waiting) == (False, None)
    assert names(said) == [Event.PROOF_REFUSED]
    assert said[0].reason == "record_over"
    factor.refresh_from_db()
    assert factor.last_step == -1


def test_a_record_that_ends_in_mid_proof_is_not_revived(member, code, monkeypatch):
    session = parked(member)
    waiting = found(session)
    verify = totp.verify

    def cancelled_meanwhile(*args, **kwargs):
        login.cancel(session, **TRY)
        SecurityEvent.objects.all().delete()
        return verify(*args, **kwargs)

    monkeypatch.setattr(totp, "verify", cancelled_meanwhile)
    judged, said = events_of(prove.second_factor, waiting, None, code, **TRY)
    assert (judged.accepted, judged.waiting) == (False, None)
    assert names(said) == [Event.PROOF_REFUSED]
    assert said[0].reason == "record_over"
    assert ParkedLogin.objects.get().proofs.count("factor") == 0


# --- recovery codes --------------------------------------------------------------------------


def test_a_recovery_code_is_used_up_and_told(member, django_capture_on_commit_callbacks):
    code = testing.recovery_codes(member)[0]
    with django_capture_on_commit_callbacks(execute=True):
        judged, said = events_of(prove.recovery_code, found(parked(member)), code, **TRY)
    assert judged.accepted
    assert judged.waiting.decision.verdict is Verdict.ENROL
    assert judged.waiting.replacing
    assert names(said) == [Event.PROOF_ACCEPTED]
    assert said[0].reason == "recovery"
    assert len(mail.outbox) == 1
    assert "9" in mail.outbox[0].body
    assert RecoveryCode.objects.unused(member.pk).count() == recovery.SET_SIZE - 1
    assert Account.objects.get().codes_left == recovery.SET_SIZE - 1


def test_a_recovery_code_works_once(member):
    code = testing.recovery_codes(member)[0]
    prove.recovery_code(found(parked(member)), code, **TRY)
    judged, said = events_of(prove.recovery_code, found(parked(member)), code, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]


def test_a_recovery_code_over_the_limit_is_neither_judged_nor_told(
    member, django_capture_on_commit_callbacks
):
    code = testing.recovery_codes(member)[0]
    for _ in range(BURST):
        prove.recovery_code(found(parked(member)), "no code", **TRY)
    with django_capture_on_commit_callbacks(execute=True):
        judged, said = events_of(prove.recovery_code, found(parked(member)), code, **TRY)
    assert judged.retry_after > 0
    assert names(said) == [Event.PROOF_THROTTLED]
    assert mail.outbox == []


def test_somebody_elses_recovery_code_opens_nothing(member, fan):
    code = testing.recovery_codes(fan)[0]
    assert not prove.recovery_code(found(parked(member)), code, **TRY).accepted
    assert RecoveryCode.objects.unused(fan.pk).count() == recovery.SET_SIZE


# --- tickets and the password ----------------------------------------------------------------


def test_a_ticket_stands_in_for_the_mailbox_once(newcomer):
    shown = recover.issue_ticket(newcomer, bytes(ticket.TICKET_BYTES), now=NOW)
    judged, said = events_of(prove.enrolment_ticket, found(parked(newcomer)), shown, **TRY)
    assert judged.accepted
    assert judged.waiting.may_enrol
    assert names(said) == [Event.PROOF_ACCEPTED]
    judged, said = events_of(prove.enrolment_ticket, found(parked(newcomer)), shown, **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]


def test_the_password_is_asked_again_before_a_first_factor(fan):
    session = signed_in(fan, now=NOW - 3600)
    waiting = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    assert waiting.decision.verdict is Verdict.STEP_UP
    judged, said = events_of(prove.password, waiting, "not it", **TRY)
    assert not judged.accepted
    assert names(said) == [Event.PROOF_REFUSED]
    judged, said = events_of(prove.password, waiting, PASSWORD, **TRY)
    assert judged.accepted
    assert judged.waiting.decision.verdict is Verdict.MAILBOX
    assert names(said) == [Event.PROOF_ACCEPTED]


# --- secrets ---------------------------------------------------------------------------------


def test_a_finding_is_all_that_judging_gives_away(member, factor, code, wrong):
    judge = {"known": True, "now": NOW}
    assert prove.judge_code(None, member, code, **judge) is Finding.WRONG
    assert prove.judge_code(factor, member, wrong, **judge) is Finding.WRONG
    assert prove.judge_code(factor, member, code, **judge) is Finding.RIGHT
    assert prove.judge_code(factor, member, code, **judge) is Finding.REPLAYED


def test_a_second_click_on_a_right_code_is_refused_and_alarms_nobody(
    member, code, django_capture_on_commit_callbacks
):
    session = parked(member)
    first, late = found(session), found(session)
    assert prove.second_factor(first, None, code, **TRY).accepted
    with django_capture_on_commit_callbacks(execute=True):
        judged = prove.second_factor(late, None, code, **TRY)
    assert (judged.accepted, judged.moved, judged.wrong) == (False, True, False)
    assert mail.outbox == []
