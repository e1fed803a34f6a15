"""What an owner does with her sessions, and what is refused; one event each."""

from __future__ import annotations

import pytest

from hardening import audit, devices, sessions
from hardening.audit import Event
from hardening.conf import conf
from hardening.core.values import Reason
from hardening.flows import live, tracking
from hardening.flows import sessions as owned
from hardening.flows.sessions import Ended
from hardening.models import Account, RolePolicy, UserSession
from hardening.moments import moment
from tests.actors import HERE, NOW, again, events_of, fresh, logged_in, names, reread, signed_in
from tests.visitor import DAY, STEP

SAID = {"now": NOW, "where": HERE}


@pytest.fixture
def here(member, factor):
    """Return the session at hand: its owner has just proven a factor."""
    return listed_one(fresh(member, factor), member)


def listed_one(session, user, *, now=NOW):
    tracking.began(session, user, now=now, where=HERE)
    session.save()
    return session


def elsewhere(user, *, now=NOW):
    """Return another session of the same user."""
    return listed_one(signed_in(user, now=now), user, now=now)


def row_of(session, user):
    return UserSession.objects.get(sid=sessions.read(session, user.pk).id)


def shown(session, user, *, now=NOW):
    user = reread(user)
    assert live.judge(session, user, now=now).allowed
    return owned.listed(session, user, now=now, where=HERE)


def verdict(session, user, *, now=NOW):
    return live.judge(again(session), reread(user), now=now)


# --- the list ---------------------------------------------------------------------------------


def test_the_list_begins_with_the_session_at_hand_then_the_last_seen(fan):
    old, here, newer = (elsewhere(fan, now=NOW - age) for age in (900, 800, 700))
    found = shown(here, fan)
    assert [one.pk for one in found] == [row_of(one, fan).pk for one in (here, newer, old)]
    assert [one.current for one in found] == [True, False, False]
    assert found[0].seen == NOW
    assert (found[1].seen, found[1].address) == (NOW - 700, HERE.address)


@pytest.mark.parametrize("make", [signed_in, logged_in])
def test_the_session_at_hand_is_listed_without_a_row_too(fan, make):
    elsewhere(fan)
    here = make(fan)
    first, second = shown(here, fan)
    assert (first.pk, first.current, first.address) == (None, True, HERE.address)
    assert first.started == (NOW if make is signed_in else None)
    assert not second.current


@pytest.mark.parametrize("why", ["ended", "listed as ended", "expired", "password", "site", "own"])
def test_what_is_over_is_not_listed(fan, why):
    other = elsewhere(fan)
    row = row_of(other, fan)
    Account.objects.of(fan.pk)
    if why == "ended":
        UserSession.objects.update(ended_at=NOW)
    elif why == "listed as ended":
        Account.objects.update(ended_sessions=f"{row.sid}:{NOW + DAY}")
    elif why == "expired":
        UserSession.objects.update(expires_at=NOW)
    elif why == "password":
        UserSession.objects.update(password_mark="")
    else:
        UserSession.objects.update(**{"site": {"site_epoch": 7}, "own": {"account_epoch": 7}}[why])
    assert len(shown(signed_in(fan), fan)) == 1


@pytest.mark.parametrize(
    "limit, age, is_listed",
    [
        ({"absolute_seconds": 3600}, 3600, True),
        ({"absolute_seconds": 3600}, 3601, False),
        ({"idle_seconds": 600}, 600 + tracking.SEEN_SECONDS, True),
        ({"idle_seconds": 600}, 601 + tracking.SEEN_SECONDS, False),
    ],
)
def test_what_a_limit_has_ended_is_not_listed(fan, limit, age, is_listed):
    elsewhere(fan, now=NOW - age)
    start = moment(NOW - 1)
    RolePolicy.objects.create(
        role="everyone", mode="enforce", grace_days=300, starts_at=start, **limit
    )
    assert len(shown(signed_in(fan), fan)) == 1 + is_listed


def test_an_older_signing_key_hides_no_session(fan, settings):
    here, other = signed_in(fan), elsewhere(fan)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-the-site-for-this-test-alone"
    assert [one.pk for one in shown(here, fan)] == [None, row_of(other, fan).pk]


# --- ending one -------------------------------------------------------------------------------


def test_ending_one_acts_on_its_next_request_and_on_no_other(member, here):
    other, third = elsewhere(member), elsewhere(member)
    pk = row_of(other, member).pk
    change, said = events_of(owned.end, here, member, pk, **SAID)
    assert change is Ended.DONE
    assert [(e.event, e.reason, e.data) for e in said] == [
        (Event.SESSION_ENDED, "owner", {"session": pk})
    ]
    assert verdict(other, member).reason is Reason.SESSION_ENDED
    for session in (here, third):
        assert row_of(session, member).ended_at is None
        assert verdict(session, member).reason is not Reason.SESSION_ENDED
    assert verdict(here, member).allowed


def test_what_was_ended_stays_so_for_longer_than_a_session_lives(member, here):
    other = elsewhere(member)
    owned.end(here, member, row_of(other, member).pk, **SAID)
    text = Account.objects.get(user=member).ended_sessions
    assert int(text.rpartition(":")[2]) >= NOW + 14 * DAY + 30 * DAY


def test_ending_it_twice_is_done_once(member, here):
    pk = row_of(elsewhere(member), member).pk
    assert owned.end(here, member, pk, **SAID) is Ended.DONE
    assert events_of(owned.end, here, member, pk, **SAID) == (Ended.GONE, [])


def test_of_two_who_end_it_at_once_one_does(member, here, monkeypatch):
    row = row_of(elsewhere(member), member)
    found = UserSession.objects.get(pk=row.pk)
    UserSession.objects.end([row.sid], why="owner", now=NOW)  # between the look and the deed
    monkeypatch.setattr(owned, "_find", lambda *_a, **_k: found)
    assert events_of(owned.end, here, member, row.pk, **SAID) == (Ended.GONE, [])
    assert Account.objects.get(user=member).ended_sessions == ""


def test_somebody_elses_session_is_as_one_that_is_not_there_and_an_event(member, here, fan):
    pk = row_of(elsewhere(fan), fan).pk
    change, said = events_of(owned.end, here, member, pk, **SAID)
    assert change is Ended.GONE
    assert [(e.event, e.target_pk, e.data) for e in said] == [
        (Event.SESSION_FOREIGN, audit.pk_of(member), {"session": pk})
    ]
    assert events_of(owned.end, here, member, pk + 1000, **SAID) == (Ended.GONE, [])
    assert UserSession.objects.get(pk=pk).ended_at is None


def test_the_session_at_hand_is_not_ended_here(member, here):
    pk = row_of(here, member).pk
    assert owned.end(here, member, pk, **SAID) is Ended.CURRENT
    assert verdict(here, member).allowed


def test_ending_takes_a_fresh_proof_even_under_the_kill_switch(member, factor, settings):
    settings.HARDENING = {**settings.HARDENING, "ENFORCE": False}
    stale = listed_one(fresh(member, factor, now=NOW - conf().STEP_UP_SECONDS - 1), member)
    other = elsewhere(member)
    pk = row_of(other, member).pk
    assert owned.end(stale, member, pk, **SAID) is Ended.NOT_FRESH
    assert owned.end_others(stale, member, **SAID) is Ended.NOT_FRESH
    assert row_of(other, member).ended_at is None
    assert Account.objects.get(user=member).ended_sessions == ""


def test_one_too_many_ends_all_others_and_not_the_one_at_hand(member, here):
    other, third = elsewhere(member), elsewhere(member)
    full = ",".join(f"{n}:{NOW + DAY}" for n in range(100))
    Account.objects.filter(user=member).update(ended_sessions=full)
    assert owned.end(here, member, row_of(other, member).pk, **SAID) is Ended.DONE
    here.save()
    assert verdict(here, member).allowed
    for session in (other, third):
        assert verdict(session, member).reason is Reason.REVOKED


@pytest.mark.parametrize("other", ["all", "this one"])
def test_one_too_many_revives_no_session_that_was_ended_meanwhile(member, here, monkeypatch, other):
    victim = row_of(elsewhere(member), member).pk
    stamp = sessions.read(here, member.pk)
    full = ",".join(f"{n}:{NOW + DAY}" for n in range(100))
    asked = owned.stepup.ask

    def overtaken(*args, **kwargs):
        found = asked(*args, **kwargs)
        if other == "all":
            Account.objects.bump_epoch(member.pk)
        else:
            UserSession.objects.end([stamp.id], why="owner", now=NOW)
        Account.objects.filter(user=member).update(ended_sessions=full)
        return found

    monkeypatch.setattr(owned.stepup, "ask", overtaken)
    assert owned.end(here, member, victim, **SAID) is Ended.DONE
    here.save()
    assert verdict(here, member).reason is Reason.REVOKED


# --- ending all others ------------------------------------------------------------------------


def test_ending_all_others_leaves_the_one_at_hand(member, here, mailoutbox):
    others = [elsewhere(member) for _ in range(2)]
    before = here.session_key
    change, said = events_of(owned.end_others, here, member, **SAID)
    here.save()
    assert change is Ended.DONE
    assert names(said) == [Event.SESSIONS_ENDED]
    assert said[0].data == {"sessions": 2}
    assert verdict(here, member).allowed
    assert here.session_key != before
    for session in others:
        assert verdict(session, member).reason is Reason.REVOKED
        assert row_of(session, member).ended_why == "others"
    assert row_of(here, member).account_epoch == Account.objects.get(user=member).epoch
    assert [one.current for one in shown(here, member)] == [True]


def test_its_mail_says_what_was_done_and_from_where(
    member, here, mailoutbox, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        owned.end_others(here, member, **SAID)
    (mail,) = mailoutbox
    assert mail.to == [member.email]
    assert "signed out everywhere else" in mail.subject
    assert HERE.address in mail.body
    assert "Only the browser in which that was done is still signed in" in " ".join(
        mail.body.split()
    )
    assert mail.alternatives[0][1] == "text/html"


def test_afterwards_a_proof_has_to_be_given_again(member, here):
    assert owned.end_others(here, member, **SAID) is Ended.DONE
    assert owned.end_others(here, member, **SAID) is Ended.NOT_FRESH


def test_who_was_signed_out_meanwhile_ends_nobody(member, here, monkeypatch):
    asked = owned.stepup.ask

    def overtaken(*args, **kwargs):
        found = asked(*args, **kwargs)
        Account.objects.bump_epoch(member.pk)  # the owner was first
        return found

    monkeypatch.setattr(owned.stepup, "ask", overtaken)
    epoch = Account.objects.get(user=member).epoch + 1
    assert events_of(owned.end_others, here, member, **SAID) == (Ended.NOT_FRESH, [])
    assert Account.objects.get(user=member).epoch == epoch


def test_no_browser_is_known_any_more(member, here):
    bound = {"password": member.password, "site_epoch": 0}
    epoch = Account.objects.get(user=member).epoch
    cookie = devices.issue(
        None, member.pk, account_epoch=epoch, proven=True, random=bytes(16), now=NOW, **bound
    )
    assert devices.find(cookie, member.pk, account_epoch=epoch, now=NOW, **bound)
    owned.end_others(here, member, **SAID)
    assert devices.find(cookie, member.pk, account_epoch=epoch + 1, now=NOW + STEP, **bound) is None
