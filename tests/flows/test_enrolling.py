"""Enrolling: permission at every step, all or nothing, one event each, codes shown once."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY
from django.core import mail

from hardening import host, sessions, signals, testing
from hardening.audit import Event
from hardening.core import otp
from hardening.core.values import Proof, ProofKind, Reason, Verdict
from hardening.factors import recovery
from hardening.flows import enrol, live, login, record
from hardening.flows import prove as proving
from hardening.flows.notices import address_book
from hardening.models import Account, Factor, ParkedLogin, RecoveryCode, SecurityEvent, ThrottleCell
from tests.actors import (
    CODES_RANDOM,
    FACTOR_RANDOM,
    HERE,
    NOW,
    STEP,
    again,
    events_of,
    found,
    names,
    owed,
    parked,
    reread,
    signed_in,
)

SAID = {"now": NOW, "where": HERE}
OTHER_RANDOM = CODES_RANDOM[::-1]
CODE = otp.code_at(FACTOR_RANDOM, now=NOW)
WRONG = next(
    f"{n:06}"
    for n in range(10)
    if f"{n:06}" not in {otp.code_at(FACTOR_RANDOM, now=NOW + s) for s in (-STEP, 0, STEP)}
)


def prove(session, kind, factor_id=None):
    waiting = found(session)
    proof = Proof(kind, NOW, waiting.who.account_epoch, factor_id=factor_id)
    return record.add_proof(waiting, proof, now=NOW)


def start(waiting, random=FACTOR_RANDOM):
    return events_of(enrol.start, waiting, random, name="Phone", **SAID)


def confirm(waiting, code=CODE, **more):
    return events_of(
        enrol.confirm, waiting, code, CODES_RANDOM, **{"name": "Phone", **SAID, **more}
    )


@pytest.fixture
def session(newcomer):
    """Return a sign-in whose mailbox is proven: it may enrol."""
    session = parked(newcomer)
    prove(session, ProofKind.MAILBOX)
    return session


@pytest.fixture
def ready(session):
    """Return its record, with an authenticator that waits for its first code."""
    enrol.start(found(session), FACTOR_RANDOM, name="Phone", **SAID)
    return found(session)


# --- starting --------------------------------------------------------------------------------


def test_starting_seals_a_pending_authenticator_that_does_not_count_yet(session):
    done, said = start(found(session))
    assert done
    assert names(said) == [Event.ENROLMENT_STARTED]
    row = Factor.objects.get()
    assert (row.confirmed_at, row.name) == (None, "Phone")
    assert otp.base32(FACTOR_RANDOM) not in row.secret
    assert found(session).who.factors == ()
    assert enrol.pending(found(session)).secret == FACTOR_RANDOM


def test_starting_anew_forgets_the_authenticator_that_was_waiting(session):
    start(found(session))
    start(found(session), bytes(20))
    assert Factor.objects.count() == 1
    assert enrol.pending(found(session)).secret == bytes(20)


def test_a_right_password_alone_starts_nothing(newcomer):
    done, said = start(found(parked(newcomer)))
    assert done is False
    assert names(said) == [Event.ENROLMENT_REFUSED]
    assert not Factor.objects.exists()


def test_nothing_is_pending_where_nothing_was_started_or_nothing_opens(ready, session):
    assert enrol.pending(ready) is not None
    Factor.objects.update(secret="v1.0.broken")
    assert enrol.pending(ready) is None
    Factor.objects.all().delete()
    assert enrol.pending(ready) is None


def test_a_pending_secret_stays_out_of_reprs(ready):
    assert str(FACTOR_RANDOM) not in repr(enrol.pending(ready))
    done, _ = confirm(ready)
    assert done.codes[0] not in repr(done)


# --- confirming ------------------------------------------------------------------------------


def test_confirming_enrols_shows_codes_and_proves_the_new_authenticator(
    newcomer, ready, session, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        done, said = confirm(ready)
    assert done.accepted
    assert len(done.codes) == recovery.SET_SIZE
    assert names(said) == [Event.FACTOR_ADDED]
    row = Factor.objects.confirmed().get()
    assert said[0].data == {"factor": row.pk, "removed": [], "codes": recovery.SET_SIZE}
    assert row.last_step == NOW // STEP
    assert done.waiting.decision.allowed
    assert done.waiting.awaits_codes
    assert [message.subject for message in mail.outbox] != []
    account = Account.objects.get()
    assert (account.epoch, account.codes_left, account.must_enrol) == (1, recovery.SET_SIZE, False)
    assert found(session).decision.allowed
    assert ThrottleCell.objects.exists()
    assert owed() == 0


def test_confirming_ends_every_other_session(newcomer, ready):
    elsewhere = signed_in(newcomer)
    confirm(ready)
    assert live.judge(elsewhere, reread(newcomer), now=NOW).verdict is Verdict.LOGIN


def test_the_confirming_code_does_not_sign_in(newcomer, ready):
    confirm(ready)
    waiting = found(parked(reread(newcomer)))
    assert not proving.second_factor(waiting, None, CODE, **SAID).accepted


def test_a_first_factor_is_told_to_the_address_from_before_a_change_too(
    newcomer, django_capture_on_commit_callbacks
):
    old = newcomer.email
    address_book(newcomer, now=NOW)
    newcomer.email = "thief@example.com"
    newcomer.save()
    address_book(newcomer, now=NOW)
    session = parked(newcomer)
    prove(session, ProofKind.MAILBOX)
    start(found(session))
    with django_capture_on_commit_callbacks(execute=True):
        assert confirm(found(session))[0].accepted
    assert [message.to for message in mail.outbox] == [["thief@example.com"], [old]]


@pytest.mark.parametrize("code", [WRONG, "", "no code", "７３１５０５"])
def test_a_wrong_first_code_enrols_nothing_and_ends_nobodys_session(ready, code):
    done, said = confirm(ready, code)
    assert (done.accepted, done.retry_after, done.codes) == (False, 0, ())
    assert done.waiting is ready
    assert names(said) == [Event.PROOF_REFUSED]
    assert not Factor.objects.confirmed().exists()
    assert not Account.objects.exclude(epoch=0).exists()
    assert not RecoveryCode.objects.exists()


def test_first_codes_are_limited(ready):
    for _ in range(3):
        confirm(ready, WRONG)
    done, said = confirm(ready)
    assert not done.accepted
    assert done.retry_after > 0
    assert names(said) == [Event.PROOF_THROTTLED]


def test_confirming_asks_for_permission_again(newcomer, ready):
    without = parked(newcomer)
    waiting = found(without)
    Factor.objects.update(record=waiting.row)
    done, said = confirm(waiting)
    assert (done.accepted, done.waiting) == (False, None)
    assert names(said) == [Event.ENROLMENT_REFUSED]


def test_confirming_nothing_is_refused(session):
    done, said = confirm(found(session))
    assert (done.accepted, done.waiting) == (False, None)
    assert names(said) == [Event.ENROLMENT_REFUSED]


def test_a_pending_secret_that_does_not_open_is_not_confirmed(ready):
    Factor.objects.update(secret="v1.0.broken")
    done, said = confirm(ready)
    assert (done.accepted, done.waiting) == (False, None)
    assert names(said) == [Event.ENROLMENT_REFUSED]


def test_whoever_was_overtaken_by_another_change_is_rolled_back(newcomer, ready):
    Account.objects.bump_epoch(newcomer.pk)
    done, said = confirm(ready)
    assert not done.accepted
    assert names(said) == [Event.PROOF_REFUSED]
    assert said[0].reason == "enrol"
    assert Account.objects.get().epoch == 1
    assert not Factor.objects.confirmed().exists()


def test_an_authenticator_confirmed_meanwhile_is_not_confirmed_twice(ready, session):
    waiting = found(session)
    pending = enrol.pending(waiting)
    confirm(ready)
    Account.objects.update(epoch=0)  # as if the other one's change had not been seen
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(enrol, "pending", lambda _waiting: pending)
        done, said = confirm(waiting)
    assert not done.accepted
    assert names(said) == [Event.PROOF_REFUSED]


def test_a_record_that_ends_while_confirming_takes_everything_back(ready, session, monkeypatch):
    rewrite = enrol.registry.rewrite

    def cancelled_meanwhile(user_pk):
        login.cancel(again(session), **SAID)
        SecurityEvent.objects.all().delete()
        rewrite(user_pk)

    monkeypatch.setattr(enrol.registry, "rewrite", cancelled_meanwhile)
    done, said = confirm(ready)
    assert (done.accepted, done.waiting, done.codes) == (False, None, ())
    assert names(said) == [Event.ENROLMENT_REFUSED]
    assert said[0].reason == "record_over"
    assert not Factor.objects.confirmed().exists()
    assert not RecoveryCode.objects.exists()


def test_whoever_has_enough_recovery_codes_keeps_them(fan):
    factor = testing.enrol(fan)
    testing.recovery_codes(fan)
    session = signed_in(fan, (ProofKind.FACTOR, factor.pk))
    waiting = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    enrol.start(waiting, FACTOR_RANDOM, name="Tablet", **SAID)
    done, said = confirm(waiting, live=session)
    assert (done.accepted, done.codes) == (True, ())
    assert said[0].data["codes"] == 0
    assert not done.waiting.awaits_codes


# --- after a recovery code -------------------------------------------------------------------


def test_a_lost_authenticator_is_replaced_after_a_recovery_code(
    member, factor, django_capture_on_commit_callbacks
):
    session = parked(member)
    prove(session, ProofKind.RECOVERY_CODE)
    start(found(session))
    heard = []

    def hear(**said):
        heard.append(said["factor_id"])

    signals.factor_removed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        done, said = confirm(found(session), remove=[factor.pk, 10**9])
    signals.factor_removed.disconnect(hear)
    assert done.accepted
    assert heard == said[0].data["removed"] == [factor.pk]
    assert names(said) == [Event.FACTOR_ADDED]
    assert len(mail.outbox) == 2
    factor.refresh_from_db()
    assert (factor.removed_at is not None, factor.secret) == (True, "")
    assert [f.id for f in found(session).who.factors] == [Factor.objects.confirmed().get().pk]


def test_somebody_elses_authenticator_is_never_removed(member, fan):
    strangers = testing.enrol(fan)
    session = parked(member)
    prove(session, ProofKind.RECOVERY_CODE)
    start(found(session))
    done, said = confirm(found(session), remove=[strangers.pk])
    assert done.accepted
    assert said[0].data["removed"] == []
    assert Factor.objects.confirmed().filter(pk=strangers.pk).exists()


def test_nothing_is_removed_without_a_recovery_code(fan):
    factor = testing.enrol(fan)
    session = signed_in(fan, (ProofKind.FACTOR, factor.pk))
    waiting = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    enrol.start(waiting, FACTOR_RANDOM, name="Tablet", **SAID)
    done, said = confirm(waiting, remove=[factor.pk], live=session)
    assert done.accepted
    assert said[0].data["removed"] == []
    assert Factor.objects.confirmed().count() == 2


def test_a_recovery_code_lets_one_authenticator_be_enrolled_and_no_second(member, factor):
    session = parked(member)
    prove(session, ProofKind.RECOVERY_CODE)
    start(found(session))
    confirm(found(session))
    assert found(session).may_enrol is False


# --- beside a live session -------------------------------------------------------------------


def test_a_live_session_without_proofs_may_not_enrol(fan):
    session = signed_in(fan)
    decision = enrol.permission(session, fan, now=NOW)
    assert decision.verdict is Verdict.STEP_UP
    assert decision.reason is Reason.PASSWORD_AGAIN  # however recently it signed in with it
    waiting = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    assert waiting.decision == decision
    assert enrol.permission(session, fan, now=NOW) == decision
    done, said = start(waiting)
    assert done is False
    assert names(said) == [Event.ENROLMENT_REFUSED]


def test_opening_twice_goes_on_with_the_same_record(fan):
    session = signed_in(fan)
    first = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    second = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    assert first.row.pk == second.row.pk
    assert ParkedLogin.objects.count() == 1


def test_the_session_that_enrolled_stays_and_every_other_one_ends(fan):
    session, other = signed_in(fan), signed_in(fan)
    old_key = session.session_key
    waiting = enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    waiting = record.add_proof(waiting, Proof(ProofKind.PASSWORD, NOW, 0), now=NOW)
    assert waiting.decision.verdict is Verdict.MAILBOX
    waiting = record.add_proof(waiting, Proof(ProofKind.MAILBOX, NOW, 0), now=NOW)
    start(waiting)
    done, said = confirm(waiting, live=session)
    assert done.accepted
    assert len(done.codes) == recovery.SET_SIZE
    assert names(said) == [Event.FACTOR_ADDED]
    assert session.session_key != old_key
    assert sessions.ENROL_KEY not in session
    assert SESSION_KEY in session
    assert ParkedLogin.objects.get().finished_at == NOW
    assert live.judge(session, reread(fan), now=NOW).allowed
    assert live.judge(other, reread(fan), now=NOW).verdict is Verdict.LOGIN


# --- recovery codes after enrolling ----------------------------------------------------------


def test_storing_the_codes_lets_the_sign_in_go_on(ready, session):
    confirm(ready)
    waiting, said = events_of(enrol.codes_stored, found(session), **SAID)
    assert names(said) == [Event.RECOVERY_CODES_STORED]
    assert not waiting.awaits_codes
    assert waiting.decision.allowed


def test_a_lost_page_means_making_the_codes_anew(
    newcomer, ready, session, django_capture_on_commit_callbacks
):
    done, _ = confirm(ready)
    mail.outbox.clear()
    with django_capture_on_commit_callbacks(execute=True):
        codes, said = events_of(enrol.codes_again, found(session), OTHER_RANDOM, **SAID)
    assert len(codes) == recovery.SET_SIZE
    assert names(said) == [Event.RECOVERY_CODES_MADE]
    assert len(mail.outbox) == 1
    assert not recovery.spend(newcomer.pk, done.codes[0], now=NOW)
    assert recovery.spend(newcomer.pk, codes[0], now=NOW)


def test_codes_are_not_made_anew_once_they_are_stored_or_before_anything_was_enrolled(
    newcomer, ready, session
):
    for prepare in (lambda: None, lambda: confirm(ready), None):
        if prepare:
            prepare()
        if prepare is None or found(session).awaits_codes:
            enrol.codes_stored(found(session), **SAID)
        codes, said = events_of(enrol.codes_again, found(session), CODES_RANDOM, **SAID)
        assert codes == ()
        assert names(said) == [Event.ENROLMENT_REFUSED]


def test_no_secret_of_an_enrolment_reaches_events_or_logs(ready, session, caplog):
    caplog.set_level("DEBUG")
    confirm(ready, WRONG)
    done, _ = confirm(ready)
    again_codes = enrol.codes_again(found(session), OTHER_RANDOM, **SAID)
    said = str(list(SecurityEvent.objects.values())) + caplog.text
    secrets = (*done.codes, *again_codes, otp.base32(FACTOR_RANDOM), WRONG, CODE)
    assert not [secret for secret in secrets if secret in said]
