"""What the login view wrote is hidden and comes back; completion, cancelling, and their events."""

from __future__ import annotations

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.middleware.csrf import CSRF_SESSION_KEY

from hardening import host, sessions
from hardening.audit import Event
from hardening.core.values import Proof, ProofKind, Verdict
from hardening.flows import enrol, live, login, parking, record, rows
from hardening.models import Account, ParkedLogin
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
    signed_in,
)

LOGIN = {"now": NOW, "where": HERE}


def proven(session, factor):
    """Return the record after its owner has proven `factor`."""
    waiting = found(session)
    proof = Proof(ProofKind.FACTOR, NOW, waiting.who.account_epoch, factor_id=factor.pk)
    return record.add_proof(waiting, proof, now=NOW)


# --- concealing ------------------------------------------------------------------------------


@pytest.fixture
def watched(member):
    """Return a session with older data, in a request whose login has just been parked."""
    stored = new_session()
    stored["older"] = "kept"
    stored["_messages"] = "older"
    stored[CSRF_SESSION_KEY] = "token"
    stored.save()
    session = again(stored)
    sessions.watch(session)
    logged_in(member, session=session)
    login.arrive(session, member, kind=ProofKind.PASSWORD, in_view=True, now=NOW, where=HERE)
    session["written"] = "by the login view"
    session["_messages"] = "signed in as member"
    return session


def test_what_the_login_wrote_goes_into_the_row_and_what_was_there_stays(watched):
    row = parking.mark_of(watched).row
    parking.conceal(watched, row, mid_life=False, next_url="/heading/")
    assert set(watched.keys()) == {"older", "_messages", CSRF_SESSION_KEY, sessions.PARKED_KEY}
    assert watched["_messages"] == "older"
    row.refresh_from_db()
    assert "by the login view" not in row.data
    assert rows.open_data(row) == {"written": "by the login view"}
    assert row.next == "/heading/"


def test_what_a_repeated_login_writes_is_added_to_what_the_row_holds(watched):
    row = parking.mark_of(watched).row
    parking.conceal(watched, row, mid_life=False, next_url="/heading/")
    watched["more"] = "of it"
    row.refresh_from_db()
    parking.conceal(watched, row, mid_life=False, next_url="")
    row.refresh_from_db()
    assert rows.open_data(row) == {"written": "by the login view", "more": "of it"}
    assert row.next == "/heading/"


def test_data_that_opens_no_more_does_not_keep_new_data_from_being_hidden(watched):
    row = parking.mark_of(watched).row
    row.data = "v1.0.broken"
    parking.conceal(watched, row, mid_life=False, next_url="")
    row.refresh_from_db()
    assert rows.open_data(row) == {"written": "by the login view"}


def test_after_a_rollback_the_row_and_the_session_are_made_anew(watched):
    row = parking.mark_of(watched).row
    ParkedLogin.objects.all().delete()
    watched.delete()
    parking.conceal(watched, row, mid_life=False, next_url="")
    watched.save()
    waiting = found(watched)
    assert waiting.decision.verdict is Verdict.CHALLENGE
    assert rows.open_data(waiting.row) == {"written": "by the login view"}
    assert again(watched)["older"] == "kept"


def test_nothing_written_seals_nothing(member):
    session = parked(member)
    row = ParkedLogin.objects.get()
    parking.conceal(session, row, mid_life=False, next_url="")
    row.refresh_from_db()
    assert row.data == ""
    assert rows.open_data(row) == {}


def test_a_session_without_a_key_needs_no_row_of_its_own(member):
    session = new_session()
    session._session_key = None
    logged_in(member, session=session)
    session._session_key = None
    login.arrive(session, member, kind=ProofKind.UNKNOWN, in_view=True, now=NOW, where=HERE)
    parking.conceal(session, parking.mark_of(session).row, mid_life=True, next_url="")
    assert list(session.keys()) == [sessions.PARKED_KEY]


# --- completing ------------------------------------------------------------------------------


def test_a_proven_sign_in_becomes_a_live_session_under_a_new_key(member, factor):
    session = parked(member, next_url="/later/")
    waiting = proven(session, factor)
    current = again(session)
    old_key = current.session_key
    done, said = events_of(login.complete, current, waiting, **LOGIN)
    assert done
    assert names(said) == [Event.LOGIN_COMPLETED]
    assert said[0].data["proofs"] == ["password", "factor"]
    assert "data_lost" not in said[0].data
    assert current.session_key != old_key
    assert current[SESSION_KEY] == str(member.pk)
    assert current[BACKEND_SESSION_KEY] == host.OUR_BACKEND
    assert current[HASH_SESSION_KEY] == member.get_session_auth_hash()
    assert sessions.PARKED_KEY not in current
    stamp = sessions.read(current, member.pk)
    assert [proof.kind for proof in stamp.proofs] == [ProofKind.PASSWORD, ProofKind.FACTOR]
    assert (stamp.next, stamp.started, bool(stamp.id)) == ("/later/", NOW, True)
    assert live.judge(current, member, now=NOW).allowed


def test_a_sign_in_is_completed_once(member, factor):
    session = parked(member)
    waiting = proven(session, factor)
    assert login.complete(again(session), waiting, **LOGIN)
    second = again(session)
    done, said = events_of(login.complete, second, waiting, **LOGIN)
    assert (done, said) == (False, [])
    assert SESSION_KEY not in second


def test_a_sign_in_that_owes_something_is_not_completed(member):
    session = parked(member)
    done, said = events_of(login.complete, session, found(session), **LOGIN)
    assert (done, said) == (False, [])
    assert found(session) is not None


def test_a_sign_in_waits_until_its_recovery_codes_are_stored(member, factor):
    session = parked(member)
    proven(session, factor)
    ParkedLogin.objects.update(codes_shown=True)
    assert login.complete(again(session), found(session), **LOGIN) is False
    enrol.codes_stored(found(session), **LOGIN)
    assert login.complete(again(session), found(session), **LOGIN)


def test_what_the_login_view_wrote_comes_back(watched, factor):
    parking.conceal(watched, parking.mark_of(watched).row, mid_life=False, next_url="")
    watched.save()
    waiting = proven(watched, factor)
    current = again(watched)
    assert login.complete(current, waiting, **LOGIN)
    assert (current["older"], current["written"]) == ("kept", "by the login view")
    assert ParkedLogin.objects.get().data == ""


def test_lost_data_is_said_and_stops_nobody(watched, factor):
    parking.conceal(watched, parking.mark_of(watched).row, mid_life=False, next_url="")
    watched.save()
    ParkedLogin.objects.update(data="v1.0.broken")
    waiting = proven(watched, factor)
    current = again(watched)
    done, said = events_of(login.complete, current, waiting, **LOGIN)
    assert done
    assert said[0].data["data_lost"] is True
    assert "written" not in current


def test_a_session_from_before_the_app_starts_when_it_is_completed(member, factor):
    Account.objects.update(epoch=0)  # nothing has changed since the app came
    session = logged_in(member)
    decision = live.judge(session, member, now=NOW)
    live.leave(session, member, decision, next_url="", **LOGIN)
    session.save()
    waiting = proven(session, factor)
    current = again(session)
    assert waiting.session.started is None
    assert login.complete(current, waiting, **LOGIN)
    assert sessions.read(current, member.pk).started == NOW


def test_a_live_session_that_was_parked_keeps_its_name_and_start(member, factor):
    session = signed_in(member, now=NOW - 500)
    name = sessions.read(session, member.pk).id
    decision = live.judge(session, member, now=NOW)
    live.leave(session, member, decision, next_url="", **LOGIN)
    session.save()
    current = again(session)
    assert login.complete(current, proven(session, factor), **LOGIN)
    stamp = sessions.read(current, member.pk)
    assert (stamp.id, stamp.started) == (name, NOW - 500)


def test_an_address_that_opens_no_more_does_not_stop_a_completion(member, factor):
    session = parked(member)
    Account.objects.update(email="v1.0.broken")
    assert login.complete(again(session), proven(session, factor), **LOGIN)


# --- cancelling ------------------------------------------------------------------------------


def test_cancelling_ends_the_sign_in_and_is_said_once(member):
    session = parked(member)
    done, said = events_of(login.cancel, session, **LOGIN)
    assert done
    assert names(said) == [Event.LOGIN_CANCELLED]
    assert ParkedLogin.objects.get().finished_at == NOW
    assert sessions.PARKED_KEY not in session


def test_cancelling_nothing_says_nothing(db, clock):
    done, said = events_of(login.cancel, new_session(), **LOGIN)
    assert (done, said) == (False, [])


def test_cancelling_what_is_over_forgets_its_handle(member):
    session = parked(member)
    ParkedLogin.objects.update(finished_at=NOW)
    assert login.cancel(session, **LOGIN) is False
    assert sessions.PARKED_KEY not in session


def test_cancelling_an_enrolment_leaves_the_live_session_alone(fan):
    session = signed_in(fan)
    enrol.open_beside(session, fan, backend=host.OUR_BACKEND, now=NOW)
    _, said = events_of(login.cancel_enrolment, session, fan, **LOGIN)
    assert names(said) == [Event.ENROLMENT_CANCELLED]
    assert sessions.ENROL_KEY not in session
    assert SESSION_KEY in session
    assert ParkedLogin.objects.get().finished_at == NOW


def test_cancelling_no_enrolment_says_nothing(fan):
    login.cancel_enrolment(signed_in(fan), fan, **LOGIN)
    assert events() == []
