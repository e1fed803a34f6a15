"""How a sign-in arrives: judged once, completed, parked, kept or ended, with one event at most."""

from __future__ import annotations

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from hardening import facts, host, sessions, testing
from hardening.audit import Event
from hardening.core.values import ProofKind, Reason, Verdict
from hardening.flows import enrol, live, login, parking, record, rows, stepup
from hardening.flows.login import Arrival
from hardening.models import Account, ParkedLogin, RolePolicy
from hardening.moments import moment
from tests.actors import (
    HERE,
    NOW,
    again,
    events,
    events_of,
    found,
    logged_in,
    names,
    new_session,
    parked,
    reread,
    signed_in,
)

LOGIN = {"now": NOW, "where": HERE}


def arrive(session, user, kind=ProofKind.PASSWORD, *, in_view=True, now=NOW):
    return events_of(login.arrive, session, user, kind=kind, in_view=in_view, now=now, where=HERE)


def begin(session, user, next_url="/later/"):
    return events_of(
        login.begin, session, user, backend=host.OUR_BACKEND, next_url=next_url, **LOGIN
    )


# --- begin: our own login page ---------------------------------------------------------------


def test_a_sign_in_that_owes_nothing_is_left_to_login_itself(fan):
    session = new_session()
    (arrival, decision), said = begin(session, fan)
    assert arrival is Arrival.COMPLETED
    assert decision.allowed
    assert said == []
    assert list(session.keys()) == []


def test_a_right_password_that_owes_more_is_parked_before_login_is_called(newcomer):
    session = new_session()
    old_key = session.session_key
    (arrival, decision), said = begin(session, newcomer)
    assert arrival is Arrival.PARKED
    assert decision.verdict is Verdict.MAILBOX
    assert names(said) == [Event.LOGIN_PARKED]
    assert said[0].data == {"verdict": "mailbox", "roles": ["staff"]}
    assert list(session.keys()) == [sessions.PARKED_KEY]
    assert session.session_key != old_key
    row = ParkedLogin.objects.get()
    assert (row.next, row.announced, row.purpose) == ("/later/", False, "login")
    assert row.handle != session[sessions.PARKED_KEY]


def test_beginning_anew_ends_the_sign_in_that_waited_here(newcomer):
    session = parked(newcomer)
    first = ParkedLogin.objects.get()
    begin(session, newcomer)
    first.refresh_from_db()
    assert first.finished_at == NOW
    assert ParkedLogin.objects.filter(finished_at=None).count() == 1


def test_beginning_over_somebody_elses_live_session_ends_that_session(fan, newcomer):
    session = signed_in(fan)
    session["basket"] = "the fan's"
    (arrival, _), _said = begin(session, newcomer)
    assert arrival is Arrival.PARKED
    assert list(session.keys()) == [sessions.PARKED_KEY]


def test_beginning_over_somebody_elses_parked_login_keeps_nothing_of_it(member, newcomer):
    session = parked(member)
    session["basket"] = "the member's"
    begin(session, newcomer)
    assert list(session.keys()) == [sessions.PARKED_KEY]
    assert found_owner(session) == newcomer


def found_owner(session):
    session.save()
    return found(session).user


@pytest.mark.parametrize(
    "column, reason", [("frozen", Reason.FROZEN), ("is_active", Reason.INACTIVE)]
)
def test_a_refused_account_is_not_even_parked(fan, column, reason):
    if column == "frozen":
        Account.objects.of(fan.pk)
        Account.objects.update(frozen=True)
    else:
        fan.is_active = False
    session = new_session()
    (arrival, decision), said = begin(session, fan)
    assert arrival is Arrival.ENDED
    assert decision.reason is reason
    assert names(said) == [Event.LOGIN_ENDED]
    assert said[0].reason == reason
    assert not ParkedLogin.objects.exists()


def test_beginning_needs_facts(newcomer, no_facts):
    no_facts()
    session = new_session()
    with pytest.raises(facts.FactsError):
        begin(session, newcomer)
    assert list(session.keys()) == []
    assert events() == []


# --- arrive: anybody's login() ---------------------------------------------------------------


def test_an_allowed_login_is_stamped_with_what_it_proved(fan):
    session = logged_in(fan)
    (arrival, _), said = arrive(session, fan)
    assert arrival is Arrival.COMPLETED
    assert names(said) == [Event.LOGIN_COMPLETED]
    stamp = sessions.read(session, fan.pk)
    assert [proof.kind for proof in stamp.proofs] == [ProofKind.PASSWORD]
    assert stamp.started == NOW
    assert parking.mark_of(session) is None
    assert Account.objects.get().email  # remembered from the first sign-in on


def test_a_completed_login_says_what_a_policy_that_only_reports_would_have_done(fan):
    RolePolicy.objects.create(role="everyone", mode="report", starts_at=moment(NOW - 1))
    (arrival, _), said = arrive(logged_in(fan), fan)
    assert arrival is Arrival.COMPLETED
    assert said[0].data == {
        "proofs": ["password"],
        "would_be_stopped": ["everyone"],
        "new_browser": True,
    }


def test_a_login_is_completed_even_if_the_remembered_address_does_not_open(fan):
    arrive(logged_in(fan), fan)
    Account.objects.update(email="v1.0.broken")
    (arrival, _), said = arrive(logged_in(fan), fan)
    assert arrival is Arrival.COMPLETED
    assert names(said) == [Event.LOGIN_COMPLETED]


def test_signing_in_again_does_not_inherit_what_was_proven_before(fan):
    factor = testing.enrol(fan)
    session = signed_in(fan, (ProofKind.FACTOR, factor.pk))
    (arrival, decision), _ = arrive(session, fan)
    assert arrival is Arrival.PARKED
    assert decision.verdict is Verdict.CHALLENGE


@pytest.mark.parametrize("kind", [ProofKind.PASSWORD, ProofKind.UNKNOWN])
def test_a_login_with_a_factor_to_prove_is_taken_out_again(member, kind):
    session = logged_in(member)
    (arrival, decision), said = arrive(session, member, kind)
    assert arrival is Arrival.PARKED
    assert decision.verdict is Verdict.CHALLENGE
    assert names(said) == [Event.LOGIN_PARKED]
    assert not sessions.AUTH_KEYS & set(session.keys())
    mark = parking.mark_of(session)
    assert (mark.decision, mark.row.announced) == (decision, True)


def test_a_foreign_login_that_must_change_its_password_proves_the_mailbox_first(fan, must_change):
    must_change(fan)
    (arrival, decision), said = arrive(logged_in(fan), fan, ProofKind.UNKNOWN)
    assert (arrival, decision.verdict) == (Arrival.PARKED, Verdict.MAILBOX)
    assert names(said) == [Event.LOGIN_PARKED]


def test_a_login_of_an_inactive_account_is_flushed(fan):
    session = logged_in(fan)
    session["left"] = "by the view"
    fan.is_active = False
    (arrival, decision), said = arrive(session, fan)
    assert arrival is Arrival.ENDED
    assert decision.verdict is Verdict.DENY
    assert names(said) == [Event.SESSION_ENDED]
    assert list(session.keys()) == []
    assert parking.mark_of(session).decision is decision


def test_arriving_needs_facts_and_changes_nothing_without_them(fan, no_facts):
    session = logged_in(fan)
    no_facts()
    with pytest.raises(facts.FactsError):
        arrive(session, fan)
    assert SESSION_KEY in session


def test_a_fault_takes_the_login_out_and_is_said_once(fan):
    session = logged_in(fan)
    _, said = events_of(login.fault, session, fan, **LOGIN)
    assert names(said) == [Event.LOGIN_FAULT]
    assert not sessions.AUTH_KEYS & set(session.keys())
    assert parking.mark_of(session).decision is None


def test_a_second_login_in_one_request_inherits_nothing_of_the_first(member, newcomer):
    session = new_session()
    sessions.watch(session)
    logged_in(member, session=session)
    arrive(session, member)
    session["left_by_login"] = "the member's"
    logged_in(newcomer, session=session)
    (arrival, _), _said = arrive(session, newcomer)
    assert arrival is Arrival.PARKED
    assert "left_by_login" not in session
    assert parking.mark_of(session).row.user_id == newcomer.pk


def test_a_completed_login_takes_the_mark_of_an_earlier_one_away(member, fan):
    session = logged_in(member)
    arrive(session, member)
    logged_in(fan, session=session)
    (arrival, _), _said = arrive(session, fan)
    assert arrival is Arrival.COMPLETED
    assert parking.mark_of(session) is None


def test_a_login_over_somebody_elses_waiting_one_inherits_nothing_of_that_session(member, fan):
    session = parked(member)
    session["basket"] = "the member's"
    logged_in(fan, session=session)
    (arrival, _), _said = arrive(session, fan)
    assert arrival is Arrival.COMPLETED
    assert set(session.keys()) == sessions.AUTH_KEYS | {sessions.STAMP_KEY}
    assert ParkedLogin.objects.get().finished_at == NOW


def test_a_mark_tells_a_sign_in_from_a_live_session_that_was_stopped(member, newcomer):
    session = logged_in(member)
    arrive(session, member)
    assert parking.mark_of(session).signing_in
    live = signed_in(newcomer)
    leave(live, newcomer)
    assert not parking.mark_of(live).signing_in
    assert not parking.Mark(None).signing_in


# --- logins repeated with each request -------------------------------------------------------


@pytest.mark.parametrize("in_view", [True, False])
def test_a_repeated_login_keeps_its_record_with_clock_count_and_proofs(newcomer, in_view):
    session = logged_in(newcomer)
    arrive(session, newcomer, ProofKind.UNKNOWN, in_view=in_view)
    ParkedLogin.objects.reserve_try(ParkedLogin.objects.get().pk, now=NOW)
    before = ParkedLogin.objects.values().get()
    session.save()
    repeated = logged_in(newcomer, session=again(session))
    (arrival, decision), said = arrive(
        repeated, newcomer, ProofKind.UNKNOWN, in_view=in_view, now=NOW + 60
    )
    assert arrival is Arrival.KEPT
    assert decision.verdict is Verdict.MAILBOX
    assert said == []
    assert not sessions.AUTH_KEYS & set(repeated.keys())
    assert parking.mark_of(repeated).repeated is not in_view
    parking.set_aside(repeated)  # as the middleware does before a view runs
    assert (parking.mark_of(repeated) is not None) is in_view
    assert ParkedLogin.objects.values().get() == before
    assert before["failures"] == 1


def test_a_repeated_login_after_a_revocation_is_judged_anew(newcomer):
    session = logged_in(newcomer)
    arrive(session, newcomer, ProofKind.UNKNOWN)
    Account.objects.bump_epoch(newcomer.pk)
    logged_in(newcomer, session=session)
    (arrival, _), said = arrive(session, newcomer, ProofKind.UNKNOWN)
    assert arrival is Arrival.PARKED
    assert names(said) == [Event.LOGIN_PARKED]
    assert ParkedLogin.objects.filter(finished_at=None).count() == 1


@pytest.mark.parametrize("key", [BACKEND_SESSION_KEY, HASH_SESSION_KEY])
def test_a_login_by_another_backend_or_hash_is_no_repetition(newcomer, key):
    session = logged_in(newcomer)
    arrive(session, newcomer, ProofKind.UNKNOWN)
    logged_in(newcomer, session=session)
    session[key] = "another"
    (arrival, _), _said = arrive(session, newcomer, ProofKind.UNKNOWN)
    assert arrival is Arrival.PARKED
    assert ParkedLogin.objects.count() == 2


def test_a_password_typed_again_starts_a_new_record(newcomer):
    session = logged_in(newcomer)
    arrive(session, newcomer)
    logged_in(newcomer, session=session)
    arrive(session, newcomer)
    assert ParkedLogin.objects.filter(finished_at=None).count() == 1
    assert ParkedLogin.objects.count() == 2


def test_a_repeated_login_of_a_complete_session_changes_nothing(fan):
    session = signed_in(fan)
    stamp = session[sessions.STAMP_KEY]
    (arrival, decision), said = arrive(session, fan, ProofKind.UNKNOWN, in_view=False)
    assert (arrival, decision.verdict) == (Arrival.STANDS, Verdict.ALLOW)
    assert said == []
    assert session[sessions.STAMP_KEY] == stamp
    assert SESSION_KEY in session


def test_a_repeated_login_stands_only_while_the_decision_allows_it(fan):
    session = signed_in(fan)
    testing.enrol(fan)
    (arrival, _), said = arrive(session, fan, ProofKind.UNKNOWN, in_view=False)
    assert arrival is Arrival.PARKED
    assert names(said) == [Event.LOGIN_PARKED]


def test_the_first_of_many_logins_has_nothing_to_stand_on(fan):
    (arrival, _), said = arrive(logged_in(fan), fan, ProofKind.UNKNOWN, in_view=False)
    assert arrival is Arrival.COMPLETED
    assert names(said) == [Event.LOGIN_COMPLETED]


# --- live sessions ---------------------------------------------------------------------------


def test_a_live_session_is_judged_by_facts_of_this_request(fan):
    session = signed_in(fan)
    assert live.judge(session, reread(fan), now=NOW).allowed
    testing.enrol(fan)
    assert live.judge(session, reread(fan), now=NOW).verdict is Verdict.LOGIN
    assert live.judge(signed_in(fan), reread(fan), now=NOW).verdict is Verdict.CHALLENGE


def test_a_live_session_is_not_judged_without_facts(fan, no_facts):
    session = signed_in(fan)
    no_facts()
    with pytest.raises(facts.FactsError):
        live.judge(session, fan, now=NOW)


@pytest.mark.parametrize(
    "ask",
    [
        lambda session, user: live.judge(session, user, now=NOW),
        arrive,
        lambda session, user: arrive(session, user, ProofKind.UNKNOWN, in_view=False),
        begin,
        lambda session, user: stepup.ask(session, user, max_age=None, now=NOW),
        lambda session, user: enrol.permission(session, user, now=NOW),
    ],
    ids=["live", "arrive", "repeated", "begin", "step up", "enrol"],
)
def test_a_decision_that_fails_is_a_fault_and_changes_nothing(fan, monkeypatch, ask):
    session = signed_in(fan)
    before = dict(session.items())

    def fails(*_args, **_kwargs):
        raise ZeroDivisionError

    monkeypatch.setattr(record, "decide", fails)
    with pytest.raises(facts.FactsError):
        ask(session, fan)
    assert dict(session.items()) == before
    assert events() == []


def leave(session, user):
    decision = live.judge(session, reread(user), now=NOW)
    _, said = events_of(live.leave, session, user, decision, next_url="/was/here/", **LOGIN)
    return decision, said


def test_a_live_session_that_owes_something_is_parked_with_all_it_held(newcomer):
    session = signed_in(newcomer)
    session["basket"] = "kept"
    decision, said = leave(session, newcomer)
    assert names(said) == [Event.SESSION_PARKED]
    assert said[0].reason == decision.reason == Reason.POLICY_REQUIRES_FACTOR
    mark = parking.mark_of(session)
    assert mark.mid_life
    assert (mark.row.purpose, mark.row.next) == ("live", "/was/here/")
    parking.conceal(session, mark.row, mid_life=mark.mid_life, next_url="")
    assert list(session.keys()) == [sessions.PARKED_KEY]
    session.save()
    waiting = found(session)
    assert waiting.row.next == "/was/here/"
    assert rows.open_data(waiting.row)["basket"] == "kept"
    assert [proof.kind for proof in waiting.session.proofs] == [ProofKind.PASSWORD]


def test_a_revoked_live_session_is_ended_and_not_parked(fan):
    session = signed_in(fan)
    Account.objects.bump_epoch(fan.pk)
    decision, said = leave(session, fan)
    assert decision.verdict is Verdict.LOGIN
    assert names(said) == [Event.SESSION_ENDED]
    assert list(session.keys()) == []
    assert not ParkedLogin.objects.exists()
