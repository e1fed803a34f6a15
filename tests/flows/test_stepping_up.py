"""Stepping up, and changing passwords: what is fresh, for how long, and one event each."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import facts, testing
from hardening.audit import Event
from hardening.core import otp
from hardening.core.values import (
    NoteKind,
    Proof,
    ProofKind,
    Verdict,
)
from hardening.flows import login, password, record, stepup
from hardening.models import Account, ParkedLogin, RolePolicy, SecurityEvent
from hardening.moments import moment
from tests.actors import (
    HERE,
    NOW,
    STEP,
    events_of,
    found,
    fresh,
    names,
    parked,
    reread,
    signed_in,
)
from tests.visitor import PASSWORD

SAID = {"now": NOW, "where": HERE}
NEW_PASSWORD = "a kite above the harbour"


# --- stepping up -----------------------------------------------------------------------------


def ask(session, user, **more):
    return stepup.ask(session, user, **{"max_age": None, "now": NOW, **more})[1]


def prove(session, user, code, factor_id=None, now=NOW):
    return events_of(stepup.prove, session, user, factor_id, code, now=now, where=HERE)


@pytest.mark.parametrize("age, verdict", [(299, "allow"), (300, "allow"), (301, "step_up")])
def test_a_proof_is_fresh_for_as_long_as_the_settings_say(fan, fans_factor, age, verdict):
    assert ask(fresh(fan, fans_factor, now=NOW - age), fan).verdict == verdict


def test_a_policy_may_ask_for_younger_proofs(member, factor):
    RolePolicy.objects.create(
        role="staff", mode="enforce", starts_at=moment(NOW - 1), step_up_seconds=60
    )
    session = fresh(member, factor, now=NOW - 61)
    assert ask(session, member).verdict is Verdict.STEP_UP
    assert ask(session, member, max_age=61).allowed


def test_a_stamp_from_the_future_is_not_fresh(fan, fans_factor):
    assert ask(fresh(fan, fans_factor, now=NOW + 1), fan).verdict is Verdict.STEP_UP


def test_a_right_code_makes_the_session_fresh_under_a_new_key(fan, fans_factor):
    session = fresh(fan, fans_factor, now=NOW - 1000)
    old_key = session.session_key
    code = otp.code_at(testing.secret_of(fans_factor), now=NOW)
    done, said = prove(session, fan, code)
    assert done.accepted
    assert names(said) == [Event.STEP_UP_DONE]
    assert said[0].data == {"factor": fans_factor.pk}
    assert session.session_key != old_key
    assert ask(session, fan).allowed
    assert code not in str(list(SecurityEvent.objects.values()))


def test_a_wrong_code_makes_nothing_fresh(fan, fans_factor):
    session = fresh(fan, fans_factor, now=NOW - 1000)
    done, said = prove(session, fan, "no code")
    assert (done.accepted, done.retry_after) == (False, 0)
    assert names(said) == [Event.STEP_UP_REFUSED]
    assert ask(session, fan).verdict is Verdict.STEP_UP


def test_step_ups_are_limited(fan, fans_factor):
    session = fresh(fan, fans_factor, now=NOW - 1000)
    for _ in range(3):
        prove(session, fan, "no code")
    code = otp.code_at(testing.secret_of(fans_factor), now=NOW)
    done, said = prove(session, fan, code)
    assert not done.accepted
    assert done.retry_after > 0
    assert names(said) == [Event.STEP_UP_THROTTLED]
    assert ask(session, fan).verdict is Verdict.STEP_UP


def test_a_flood_of_refused_step_ups_is_said_twice(fan, fans_factor):
    session = fresh(fan, fans_factor, now=NOW - 1000)
    said = [names(prove(session, fan, "no code")[1]) for _ in range(7)]
    assert said[3:] == [[Event.STEP_UP_THROTTLED]] * 2 + [[]] * 2


def test_a_wrong_code_at_a_step_up_is_told(fan, fans_factor, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        prove(fresh(fan, fans_factor, now=NOW - 1000), fan, "no code")
    assert len(mail.outbox) == 1


def test_somebody_elses_authenticator_makes_nothing_fresh(fan, fans_factor, factor):
    session = fresh(fan, fans_factor, now=NOW - 1000)
    code = otp.code_at(testing.secret_of(factor), now=NOW)
    done, said = prove(session, fan, code, factor.pk)
    assert not done.accepted
    assert names(said) == [Event.STEP_UP_REFUSED]


def test_without_facts_nothing_is_fresh(fan, fans_factor, no_facts):
    session = fresh(fan, fans_factor)
    no_facts()
    with pytest.raises(facts.FactsError):
        ask(session, fan)
    with pytest.raises(facts.FactsError):
        prove(session, fan, "123456")


def test_notes_speak_of_deadlines_whatever_else_is_owed(newcomer):
    RolePolicy.objects.create(role="everyone", mode="enforce", starts_at=moment(NOW), grace_days=3)
    who = facts.fresh(newcomer).who()
    notes = stepup.notes(who, now=NOW)
    assert [note.kind for note in notes] == [NoteKind.DEADLINE]
    assert notes[0].value == NOW + 3 * 24 * 3600


# --- passwords -------------------------------------------------------------------------------


@pytest.fixture
def owing(member, factor, must_change):
    """Return a sign-in that owes nothing but a new password."""
    must_change(member)
    session = parked(member)
    waiting = found(session)
    proof = Proof(ProofKind.FACTOR, NOW, waiting.who.account_epoch, factor_id=factor.pk)
    record.add_proof(waiting, proof, now=NOW)
    return session


def test_a_forced_change_carries_its_own_record_over(
    member, owing, django_capture_on_commit_callbacks
):
    other = parked(member)
    live = signed_in(member)
    with django_capture_on_commit_callbacks(execute=True):
        after, said = events_of(password.change_parked, found(owing), NEW_PASSWORD, **SAID)
    assert after.decision.allowed
    assert names(said) == [Event.PASSWORD_CHANGED]
    assert len(mail.outbox) == 1
    assert found(owing).decision.allowed
    assert found(other) is None
    assert live["_auth_user_hash"] != reread(member).get_session_auth_hash()
    assert reread(member).check_password(NEW_PASSWORD)
    assert Account.objects.get().must_change == ""
    assert NEW_PASSWORD not in str(list(SecurityEvent.objects.values()))


def test_a_password_is_not_changed_on_a_record_that_was_not_asked_to(member):
    session = parked(member)
    result = events_of(password.change_parked, found(session), NEW_PASSWORD, **SAID)
    assert result == (None, [])
    assert reread(member).check_password(PASSWORD)


def test_a_record_that_ended_meanwhile_is_not_carried_over(owing):
    waiting = found(owing)
    ParkedLogin.objects.update(finished_at=NOW)
    after, said = events_of(password.change_parked, waiting, NEW_PASSWORD, **SAID)
    assert names(said) == [Event.PASSWORD_CHANGED]
    assert login.complete(owing, after, **SAID) is False
    assert found(owing) is None


def test_a_password_changed_of_ones_own_accord(fan, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        _, said = events_of(password.change_live, fan, NEW_PASSWORD, **SAID)
    assert names(said) == [Event.PASSWORD_CHANGED]
    assert len(mail.outbox) == 1
    assert reread(fan).check_password(NEW_PASSWORD)


def test_tries_at_the_current_password_are_limited(fan):
    admitted = [password.try_current(fan, now=NOW).admitted for _ in range(4)]
    assert admitted == [True, True, True, False]
    assert password.try_current(fan, now=NOW + 4 * STEP).admitted
