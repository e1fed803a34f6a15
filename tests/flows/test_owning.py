"""What an owner does with factors she has: one event a change, nothing without a fresh proof."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import sessions, signals, testing
from hardening.audit import Event
from hardening.core.values import (
    Demand,
    Proof,
    ProofKind,
    Reason,
    Requirement,
    Strength,
    Verdict,
    Who,
)
from hardening.core.values import Factor as FactorValue
from hardening.factors import recovery
from hardening.flows import authenticators, live, stepup
from hardening.flows.authenticators import Change
from hardening.models import Account, Factor, RecoveryCode, SecurityEvent
from hardening.moments import moment
from tests.actors import (
    CODES_RANDOM,
    HERE,
    NOW,
    events_of,
    found,
    fresh,
    names,
    parked,
    reread,
    signed_in,
)

SAID = {"now": NOW, "where": HERE}
NEW_PASSWORD = "a kite above the harbour"


# --- looking ---------------------------------------------------------------------------------


def test_the_overview_shows_an_account_that_never_had_a_row(fan):
    shown = authenticators.overview(fan)
    assert (shown.factors, shown.account.codes_left, shown.codes_made) == ((), 0, None)


def test_the_overview_shows_factors_and_when_codes_were_made(member, factor):
    testing.recovery_codes(member)
    shown = authenticators.overview(member)
    assert shown.factors == (factor,)
    assert shown.account.codes_left == recovery.SET_SIZE
    assert shown.codes_made == moment(NOW)


def test_offered_authenticators_are_named_the_last_used_first(member, factor):
    other = testing.enrol(member, name="Tablet")
    Factor.objects.filter(pk=other.pk).update(last_used_at=moment(NOW))
    Factor.objects.filter(pk=factor.pk).update(last_used_at=moment(NOW - 1))
    decision = found(parked(member)).decision
    assert authenticators.named(member, decision) == [
        (other.pk, "Tablet"),
        (factor.pk, factor.name),
    ]


def test_where_one_authenticator_is_offered_there_is_nothing_to_choose(member, factor):
    assert authenticators.named(member, found(parked(member)).decision) == []


def test_somebody_elses_authenticator_is_not_found_and_said(member, fans_factor):
    row, said = events_of(authenticators.find, member, fans_factor.pk, **SAID)
    assert row is None
    assert names(said) == [Event.FACTOR_FOREIGN]
    assert said[0].data == {"factor": fans_factor.pk}


def test_an_id_that_nobody_has_is_not_found_and_not_said(member):
    assert events_of(authenticators.find, member, 10**9, **SAID) == (None, [])


def test_ones_own_authenticator_is_found(member, factor):
    assert events_of(authenticators.find, member, factor.pk, **SAID) == (factor, [])


# --- renaming --------------------------------------------------------------------------------


def refused(answer):
    """Return what a flow answered, having said by one event that it refused."""
    result, said = answer
    assert names(said) == [Event.FACTOR_REFUSED]
    return result


def rename(session, user, row, name="Old phone"):
    return events_of(authenticators.rename, session, user, row, name, **SAID)


def test_a_fresh_session_renames(fan, fans_factor):
    change, said = rename(fresh(fan, fans_factor), fan, fans_factor, "x" * 100)
    assert change is Change.DONE
    assert names(said) == [Event.FACTOR_RENAMED]
    fans_factor.refresh_from_db()
    assert fans_factor.name == "x" * 64
    assert Account.objects.get().epoch == 1  # a label ends no session


def test_a_session_that_is_not_fresh_changes_nothing(fan, fans_factor):
    for session in (signed_in(fan), fresh(fan, fans_factor, now=NOW - 301)):
        assert refused(rename(session, fan, fans_factor)) is Change.NOT_FRESH
        assert refused(remove(session, fan, fans_factor)) is Change.NOT_FRESH
        made = events_of(authenticators.make_codes, session, fan, CODES_RANDOM, **SAID)
        assert refused(made) == ()
    assert Factor.objects.confirmed().count() == 1


def test_the_kill_switch_does_not_make_a_password_enough_to_change_factors(
    fan, fans_factor, settings
):
    settings.HARDENING = {"ENFORCE": False}
    session = signed_in(fan)
    assert rename(session, fan, fans_factor)[0] is Change.NOT_FRESH
    assert authenticators.remove(session, fan, fans_factor, **SAID) is Change.NOT_FRESH
    assert authenticators.make_codes(session, fan, CODES_RANDOM, **SAID) == ()


def test_a_recovery_code_or_somebody_elses_factor_makes_nothing_fresh(fan, fans_factor, factor):
    for proof in ((ProofKind.RECOVERY_CODE, None), (ProofKind.FACTOR, factor.pk)):
        assert rename(signed_in(fan, proof), fan, fans_factor)[0] is Change.NOT_FRESH


@pytest.mark.parametrize("change", [authenticators.remove, authenticators.rename])
def test_an_authenticator_that_is_gone_changes_nothing_at_all(fan, fans_factor, change):
    other = testing.enrol(fan)
    row = Factor.objects.get(pk=other.pk)
    Factor.objects.retire(other.pk, now=NOW)
    name = ["New"] if change is authenticators.rename else []
    session = fresh(fan, fans_factor)
    epoch = Account.objects.get().epoch
    assert refused(events_of(change, session, fan, row, *name, **SAID)) is Change.GONE
    assert Account.objects.get().epoch == epoch
    assert live.judge(session, reread(fan), now=NOW).allowed


def test_somebody_elses_authenticator_is_neither_renamed_nor_removed(fan, fans_factor, factor):
    session = fresh(fan, fans_factor)
    assert rename(session, fan, factor)[0] is Change.GONE
    assert authenticators.remove(session, fan, factor, **SAID) is Change.GONE
    assert Factor.objects.confirmed().filter(pk=factor.pk).exists()


# --- removing --------------------------------------------------------------------------------


def remove(session, user, row):
    return events_of(authenticators.remove, session, user, row, **SAID)


def test_removing_one_of_two_keeps_the_codes_and_ends_other_sessions(
    fan, fans_factor, django_capture_on_commit_callbacks
):
    second = testing.enrol(fan)
    testing.recovery_codes(fan)
    session, other = fresh(fan, fans_factor), fresh(fan, fans_factor)
    old_key = session.session_key
    heard = []

    def hear(**said):
        heard.append(said["factor_id"])

    signals.factor_removed.connect(hear)
    with django_capture_on_commit_callbacks(execute=True):
        change, said = remove(session, fan, second)
    signals.factor_removed.disconnect(hear)
    assert change is Change.DONE
    assert names(said) == [Event.FACTOR_REMOVED]
    assert heard == [second.pk]
    assert len(mail.outbox) == 1
    assert session.session_key != old_key
    assert live.judge(session, reread(fan), now=NOW).allowed
    assert live.judge(other, reread(fan), now=NOW).verdict is Verdict.LOGIN
    assert Account.objects.get().codes_left == recovery.SET_SIZE
    second.refresh_from_db()
    assert second.secret == ""


def test_removing_the_last_one_removes_the_recovery_codes(fan, fans_factor):
    testing.recovery_codes(fan)
    assert remove(fresh(fan, fans_factor), fan, fans_factor)[0] is Change.DONE
    assert not RecoveryCode.objects.exists()
    account = Account.objects.get()
    assert (account.factors, account.codes_left) == ("", 0)


def test_after_removing_the_proof_is_not_fresh_any_more(fan, fans_factor):
    second, third = testing.enrol(fan), testing.enrol(fan)
    session = fresh(fan, fans_factor)
    assert remove(session, fan, second)[0] is Change.DONE
    assert remove(session, fan, third)[0] is Change.NOT_FRESH


def test_what_a_policy_needs_is_not_removed(member, factor):
    assert refused(remove(fresh(member, factor), member, factor)) is Change.LAST_REQUIRED
    testing.enrol(member)
    assert remove(fresh(member, factor), member, factor)[0] is Change.DONE


def test_a_removal_overtaken_by_another_change_is_rolled_back(fan, fans_factor, monkeypatch):
    session = fresh(fan, fans_factor)
    needed = authenticators.needed

    def overtaken(*args, **kwargs):
        Account.objects.bump_epoch(fan.pk)
        return needed(*args, **kwargs)

    monkeypatch.setattr(authenticators, "needed", overtaken)
    assert refused(remove(session, fan, fans_factor)) is Change.NOT_FRESH
    assert Factor.objects.confirmed().count() == 1


def test_a_session_from_before_the_app_gets_a_name_when_it_is_kept(fan, fans_factor):
    session = fresh(fan, fans_factor)
    second = testing.enrol(fan)
    stamp = sessions.read(session, fan.pk)
    proof = Proof(ProofKind.FACTOR, NOW, 2, factor_id=fans_factor.pk)
    nameless = sessions.Stamp(stamp.user_pk, "", 2, 0, proofs=(proof,))
    sessions.write(session, nameless)
    assert remove(session, fan, second)[0] is Change.DONE
    assert sessions.read(session, fan.pk).id


@pytest.mark.parametrize(
    "strengths, due, expected",
    [
        ([Strength.ANY], NOW, True),
        ([Strength.ANY], NOW + 1, False),
        ([Strength.ANY, Strength.ANY], NOW, False),
        ([Strength.PHISHING_RESISTANT, Strength.ANY], NOW, False),
    ],
)
def test_needed_means_that_a_policy_which_is_due_could_not_be_met(strengths, due, expected):
    who = Who(
        factors=tuple(FactorValue(n, "totp", s) for n, s in enumerate(strengths)),
        requirement=Requirement(demands=(Demand(Strength.ANY, due, "staff"),)),
    )
    assert authenticators.needed(who, 0, now=NOW) is expected


def test_nothing_is_needed_where_no_policy_asks():
    assert authenticators.needed(Who(), 0, now=NOW) is False


# --- recovery codes --------------------------------------------------------------------------


def test_a_fresh_session_makes_new_codes(fan, fans_factor, django_capture_on_commit_callbacks):
    old = testing.recovery_codes(fan)
    session = fresh(fan, fans_factor)
    with django_capture_on_commit_callbacks(execute=True):
        codes, said = events_of(authenticators.make_codes, session, fan, CODES_RANDOM, **SAID)
    assert len(codes) == recovery.SET_SIZE
    assert names(said) == [Event.RECOVERY_CODES_MADE]
    assert len(mail.outbox) == 1
    assert not recovery.spend(fan.pk, old[0], now=NOW)
    assert recovery.spend(fan.pk, codes[0], now=NOW)
    assert codes[0] not in str(list(SecurityEvent.objects.values()))


def test_nobody_without_a_factor_gets_codes(fan, monkeypatch):
    who, decision = stepup.ask(signed_in(fan), fan, max_age=None, now=NOW)
    allowed = type(decision)(Verdict.ALLOW, Reason.ALLOWED)
    monkeypatch.setattr(stepup, "ask", lambda *_args, **_kwargs: (who, allowed))
    assert authenticators.make_codes(signed_in(fan), fan, CODES_RANDOM, **SAID) == ()
