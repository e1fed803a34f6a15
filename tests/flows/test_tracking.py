"""The list of sessions beside the stamp: what is written when, and what a fault of it stops."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from hardening import facts, sessions
from hardening.audit import NOWHERE, Event
from hardening.core.values import Decision, ProofKind, Reason, Session, Verdict
from hardening.flows import lately, live, login, parking, status, tracking
from hardening.flows.judging import UNKNOWN
from hardening.models import Account, RolePolicy, SecurityEvent, SiteState, UserSession
from hardening.models.session import PRUNE_AFTER_SECONDS
from hardening.moments import moment
from tests.actors import HERE, NOW, events_of, fresh, logged_in, new_session, reread, signed_in
from tests.visitor import DAY

SAID = {"now": NOW, "where": HERE}
SEEN = tracking.SEEN_SECONDS


def begin(user, *, now=NOW, most=None, where=HERE):
    """Return a live session that is in the list."""
    session = signed_in(user, now=now)
    tracking.began(session, user, most=most, now=now, where=where)
    session.save()
    return session


def row_of(session, user):
    return UserSession.objects.get(sid=sessions.read(session, user.pk).id)


def seen(session, user, *, now, where=HERE):
    """Judge a live session and write it down, as a request does."""
    assert live.judge(session, reread(user), now=now).allowed
    tracking.touch(session, now=now, where=where)


def limited(**limits):
    """Put everybody under a policy that limits sessions, and asks for a factor much later."""
    limits = {"role": "everyone", "mode": "enforce", "grace_days": 300, **limits}
    return RolePolicy.objects.create(starts_at=moment(NOW - 1), **limits)


# --- a session begins -------------------------------------------------------------------------


def test_a_sign_in_is_one_row_that_says_where_it_came_from(fan):
    session = logged_in(fan)
    login.arrive(session, fan, kind=ProofKind.PASSWORD, in_view=True, came=UNKNOWN, **SAID)
    row = row_of(session, fan)
    assert (row.user, row.address, row.device) == (fan, HERE.address, HERE.device)
    assert (row.started_at, row.seen_at, row.expires_at) == (NOW, NOW, NOW + 14 * DAY)
    assert row.key_digest == sessions.name_of(session)
    assert session.session_key not in str(vars(row))


def test_beginning_is_one_statement(fan):
    session = signed_in(fan)
    with CaptureQueriesContext(connection) as caught:
        tracking.began(session, fan, **SAID)
    statements = [q["sql"] for q in caught if "SAVEPOINT" not in q["sql"]]
    assert [sql.split()[0] for sql in statements] == ["INSERT"]


def test_a_session_parked_in_mid_life_goes_on_in_the_same_row(fan):
    session = begin(fan)
    later = NOW + DAY
    tracking.began(session, fan, resumed=True, now=later, where=NOWHERE)
    assert (row_of(session, fan).started_at, row_of(session, fan).seen_at) == (NOW, later)
    UserSession.objects.all().delete()  # one from before the list
    tracking.began(session, fan, resumed=True, now=later, where=NOWHERE)
    assert row_of(session, fan).started_at == NOW


def test_a_sign_in_in_the_place_of_another_ends_its_row(fan):
    session = begin(fan)
    old = row_of(session, fan)
    logged_in(fan, session=session)
    login.arrive(session, fan, kind=ProofKind.PASSWORD, in_view=True, came=UNKNOWN, **SAID)
    old.refresh_from_db()
    assert (old.ended_at, old.ended_why) == (NOW, "replaced")
    assert row_of(session, fan).ended_at is None
    assert Account.objects.of(fan.pk).ended_sessions == ""  # its key is deleted: nobody has it


def test_so_it_is_where_our_own_page_parks_the_new_one(member, factor):
    session = fresh(member, factor)
    tracking.began(session, member, **SAID)
    old = row_of(session, member)
    where = {"backend": "hardening.backends.HardeningBackend", "next_url": ""}
    login.begin(session, member, **where, **SAID)
    old.refresh_from_db()
    assert old.ended_why == "replaced"


def test_our_own_page_ends_the_row_of_whoever_was_signed_in_there_before(fan, member):
    session = begin(fan)
    where = {"backend": "hardening.backends.HardeningBackend", "next_url": ""}
    login.begin(session, member, **where, **SAID)
    assert UserSession.objects.get(user=fan).ended_why == "replaced"


def test_a_sign_in_that_cannot_be_judged_ends_no_session(fan, no_facts):
    session = begin(fan)
    logged_in(fan, session=session)
    no_facts()
    with pytest.raises(facts.FactsError):
        login.arrive(session, fan, kind=ProofKind.PASSWORD, in_view=True, came=UNKNOWN, **SAID)
    assert row_of(session, fan).ended_at is None


def test_a_list_that_cannot_be_written_refuses_nobody(fan, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise DatabaseError

    for name in ("save", "save_base"):
        monkeypatch.setattr(UserSession, name, broken)
    session = logged_in(fan)
    came, _ = login.arrive(
        session, fan, kind=ProofKind.PASSWORD, in_view=True, came=UNKNOWN, **SAID
    )
    assert came is login.Arrival.COMPLETED
    assert "could not be written down" in caplog.text
    assert not UserSession.objects.exists()  # nor did the fault take the test's transaction along


# --- as many as may be ------------------------------------------------------------------------


def test_the_session_unseen_for_longest_gives_way(fan):
    first = begin(fan, now=NOW - 900)
    second = begin(fan, now=NOW - 800)
    seen(first, fan, now=NOW - 100)
    begin(fan, most=2)
    assert (row_of(first, fan).ended_at, row_of(second, fan).ended_at) == (None, NOW)
    assert row_of(second, fan).ended_why == "parallel"
    assert live.judge(first, reread(fan), now=NOW).allowed
    decision = live.judge(second, reread(fan), now=NOW)
    assert (decision.verdict, decision.reason) == (Verdict.LOGIN, Reason.SESSION_ENDED)
    event = SecurityEvent.objects.get(event=Event.SESSION_ENDED)
    assert (event.reason, event.data) == ("parallel", {"session": row_of(second, fan).pk})


def test_within_the_limit_nobody_is_ended(fan):
    for _ in range(2):
        begin(fan, most=2)
    assert UserSession.objects.of(fan.pk).count() == 2
    assert Account.objects.get(user=fan).ended_sessions == ""


@pytest.mark.parametrize("over", ["epoch", "password", "time", "ended"])
def test_what_is_over_takes_no_place(fan, over):
    begin(fan, now=NOW - 900)
    if over == "epoch":
        Account.objects.bump_epoch(fan.pk)
    elif over == "password":
        fan.set_password("a kite above the harbour")
        fan.save()
    elif over == "time":
        UserSession.objects.update(expires_at=NOW)
    else:
        UserSession.objects.update(ended_at=NOW - 1)
    begin(fan, most=1)
    assert not SecurityEvent.objects.filter(event=Event.SESSION_ENDED).exists()


def test_the_limit_of_a_policy_holds_at_a_sign_in(fan):
    limited(parallel_sessions=1)
    first, second = begin(fan, now=NOW - 1), logged_in(fan)
    login.arrive(second, fan, kind=ProofKind.PASSWORD, in_view=True, came=UNKNOWN, **SAID)
    assert row_of(first, fan).ended_why == "parallel"
    assert live.judge(second, reread(fan), now=NOW).allowed


def test_a_sign_in_by_a_middleware_ends_nobody(fan):
    limited(parallel_sessions=1)
    first, second = begin(fan, now=NOW - 1), logged_in(fan)
    login.arrive(second, fan, kind=ProofKind.UNKNOWN, in_view=False, came=UNKNOWN, **SAID)
    assert row_of(first, fan).ended_at is None
    assert live.judge(second, reread(fan), now=NOW).allowed


def test_where_too_many_were_ended_one_by_one_all_others_end_and_the_new_one_stays(fan):
    old, other = begin(fan, now=NOW - 900), begin(fan, now=NOW - 10)
    full = ",".join(f"{n}:{NOW + DAY}" for n in range(100))
    Account.objects.of(fan.pk)
    Account.objects.filter(user=fan).update(ended_sessions=full)
    new = begin(fan, most=2)
    assert live.judge(new, reread(fan), now=NOW).allowed
    for session in (old, other):
        assert live.judge(session, reread(fan), now=NOW).reason is Reason.REVOKED
    assert row_of(new, fan).account_epoch == Account.objects.get(user=fan).epoch == 1


# --- a session goes on ------------------------------------------------------------------------


def test_a_session_is_written_down_once_in_five_minutes(fan):
    session = begin(fan)
    with CaptureQueriesContext(connection) as caught:
        for now in (NOW, NOW + 1, NOW + SEEN - 1):
            assert live.judge(session, fan, now=now).allowed
            assert not tracking.is_due(session, now=now)
    assert not [q for q in caught if "hardening_usersession" in q["sql"]]
    assert live.judge(session, fan, now=NOW + SEEN).allowed
    assert tracking.is_due(session, now=NOW + SEEN)
    seen(session, fan, now=NOW + SEEN)
    assert row_of(session, fan).seen_at == NOW + SEEN
    assert not tracking.is_due(session, now=NOW + SEEN)


def test_what_another_process_wrote_lately_stands(fan, monkeypatch):
    session = begin(fan)
    UserSession.objects.update(seen_at=NOW + SEEN - 1, address="192.0.2.99")
    seen(session, fan, now=NOW + SEEN)
    assert row_of(session, fan).address == "192.0.2.99"


def test_being_seen_takes_over_what_the_session_bears(fan):
    session = begin(fan)
    UserSession.objects.update(password_mark="", key_digest="", address="", expires_at=0)
    seen(session, fan, now=NOW + SEEN)
    row = row_of(session, fan)
    assert list(tracking.alive(fan, 0, 0, now=NOW)) == [row]
    assert (row.address, row.key_digest) == (HERE.address, sessions.name_of(session))
    assert row.expires_at == NOW + SEEN + 14 * DAY
    seen(session, fan, now=NOW + 2 * SEEN, where=NOWHERE)
    assert row_of(session, fan).address == HERE.address


def test_a_session_from_before_the_list_gets_its_row(fan):
    session = signed_in(fan)
    seen(session, fan, now=NOW + 60)
    assert (row_of(session, fan).started_at, row_of(session, fan).seen_at) == (NOW, NOW + 60)


def test_a_session_from_before_the_app_is_left_alone_without_a_limit(fan):
    session = logged_in(fan)
    assert live.judge(session, fan, now=NOW).allowed
    assert not tracking.is_due(session, now=NOW)
    seen(session, fan, now=NOW)
    assert sessions.STAMP_KEY not in session
    assert not UserSession.objects.exists()


def test_a_row_that_was_ended_is_not_revived(fan):
    session = begin(fan)
    UserSession.objects.update(ended_at=NOW + 1)
    seen(session, fan, now=NOW + SEEN)
    assert row_of(session, fan).seen_at == NOW
    assert UserSession.objects.count() == 1


@pytest.mark.parametrize("way", ["signed out", "stopped", "another user", "nobody looked"])
def test_who_is_not_there_any_more_when_the_request_ends_is_not_seen(fan, newcomer, way):
    session = begin(fan)
    later = NOW + SEEN
    if way != "nobody looked":
        assert live.judge(session, fan, now=later).allowed
    if way == "signed out":
        session.flush()
    elif way == "stopped":
        Account.objects.bump_epoch(fan.pk)
        assert not live.judge(session, reread(fan), now=later).allowed
        assert not tracking.is_due(session, now=later)
    elif way == "another user":
        session.flush()
        signed = signed_in(newcomer)
        session.update(dict(signed.items()))
    tracking.touch(session, now=later, where=HERE)
    assert set(UserSession.objects.values_list("seen_at", flat=True)) == {NOW}


def test_a_process_forgets_the_oldest_of_very_many_sessions(monkeypatch):
    monkeypatch.setattr(lately, "MAX_NAMES", 2)
    known = lately.Lately(SEEN)
    assert all(known.claim(sid, NOW) for sid in "abc")
    assert [known.claim(sid, NOW) for sid in "cba"] == [False, False, True]


def test_a_clock_set_back_does_not_stop_the_writing():
    known = lately.Lately(SEEN)
    assert known.claim("a", NOW)
    assert known.claim("a", NOW - 1)


def test_following_a_session_without_a_row_or_a_stamp_changes_nothing(fan):
    for session in (signed_in(fan), logged_in(fan)):
        tracking.follow(session, fan)
    assert not UserSession.objects.exists()


# --- a session ends ---------------------------------------------------------------------------


def test_the_row_of_a_session_that_is_over_says_why(fan):
    session = begin(fan)
    row = row_of(session, fan)
    decision = Decision(Verdict.LOGIN, Reason.IDLE)
    parking.end(session, fan, decision, **SAID)
    row.refresh_from_db()
    assert (row.ended_at, row.ended_why) == (NOW, Reason.IDLE)


def test_signing_out_is_one_event_and_ends_the_row(fan):
    session = begin(fan)
    _, said = events_of(tracking.signed_out, session, fan, **SAID)
    assert [event.event for event in said] == [Event.LOGGED_OUT]
    assert row_of(session, fan).ended_why == "signed_out"
    assert Account.objects.of(fan.pk).ended_sessions == ""


@pytest.mark.parametrize("known", [True, False])
def test_signing_out_of_a_session_in_a_cookie_ends_its_copies(fan, known, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    session = begin(fan) if known else logged_in(fan, session=new_session(""))
    stamp = sessions.read(session, fan.pk)
    tracking.signed_out(session, fan, **SAID)
    listed = facts.fresh(fan).who().ended_sessions
    assert listed == (frozenset({stamp.id}) if known else frozenset())
    assert live.judge(session, reread(fan), now=NOW).allowed is not known


# --- looking and clearing away ----------------------------------------------------------------


def test_live_sessions_are_counted_by_their_epochs(fan, newcomer):
    begin(fan)
    begin(newcomer)
    assert tracking.count_alive(now=NOW) == 2
    Account.objects.bump_epoch(fan.pk)
    assert status.report(now=NOW)["counts"]["live sessions"] == 1
    assert tracking.count_alive(now=NOW + 15 * DAY) == 0
    SiteState.objects.bump_epoch()
    assert tracking.count_alive(now=NOW) == 0


def test_clearing_away_takes_sessions_that_are_over_by_a_day(fan):
    kept, ended, expired = (begin(fan) for _ in range(3))
    past = NOW - PRUNE_AFTER_SECONDS - 1
    UserSession.objects.filter(pk=row_of(ended, fan).pk).update(ended_at=past)
    UserSession.objects.filter(pk=row_of(expired, fan).pk).update(expires_at=past)
    assert status.prune(now=NOW)["sessions"] == 2
    assert UserSession.objects.get() == row_of(kept, fan)


def test_the_minutes_tidying_takes_a_small_batch(newcomer, monkeypatch):
    monkeypatch.setattr(parking, "_tidied_at", 0)
    monkeypatch.setattr(parking, "TIDY_SESSIONS", 2)
    for _ in range(3):
        begin(newcomer)
    UserSession.objects.update(expires_at=0)
    found = facts.fresh(newcomer)
    decision = Decision(Verdict.MAILBOX, Reason.FIRST_FACTOR)
    session = logged_in(newcomer)
    parking.park(session, found, Session(), decision, announced=True, now=NOW)
    assert UserSession.objects.count() == 1
