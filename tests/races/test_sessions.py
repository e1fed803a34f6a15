"""Sessions that begin, end and are seen at the same moment, on connections of their own."""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from hardening import sessions, testing
from hardening.flows import live, revoking, tracking
from hardening.flows import sessions as owned
from hardening.flows.sessions import Ended
from hardening.models import Account, Factor, UserSession
from hardening.models.factor import NEVER_SPENT
from tests.actors import HERE, again, fresh, reread, signed_in
from tests.races.runner import race, race_all
from tests.visitor import NOW, STEP

pytestmark = pytest.mark.django_db(transaction=True)
TURNS = 20
SAID = {"now": NOW, "where": HERE}


@pytest.fixture(autouse=True)
def _more_doors(settings):
    settings.ROOT_URLCONF = "tests.doors.site"


@pytest.fixture
def member(person, clock):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


def is_alive(session, user):
    return live.judge(again(session), reread(user), now=NOW).allowed


def epoch_of(user):
    return Account.objects.get(user=user).epoch


def listed(user):
    return {row.sid for row in tracking.alive(reread(user), epoch_of(user), 0, now=NOW)}


def proven(visitor):
    """Return a session that has just proven the member's factor, in the list."""
    session = fresh(visitor.user, Factor.objects.owned(visitor.user.pk).get())
    tracking.began(session, visitor.user, **SAID)
    return session


def test_of_sign_ins_at_once_as_many_live_as_may(member):
    def begin(session):
        tracking.began(session, member.user, most=1, **SAID)

    for turn in range(TURNS):
        UserSession.objects.all().delete()
        begun = [signed_in(member.user) for _ in range(4)]
        race_all(begin, begun)
        alive = [s for s in begun if sessions.read(s, member.user.pk).id in listed(member.user)]
        assert len(alive) == 1, f"round {turn}"
        ended = Account.objects.get(user=member.user).ended_sessions
        for session in begun:
            sid = sessions.read(session, member.user.pk).id
            assert (sid in ended) is (session not in alive), f"round {turn}"
        Account.objects.update(ended_sessions="")


def test_a_sign_in_that_completes_while_all_others_end_is_out(member):
    for turn in range(TURNS):
        here = proven(member)
        browser = member.again()
        browser.sign_in("/form-login/")
        changed, _done = race(
            lambda here=here: owned.end_others(here, member.user, **SAID), browser.verify
        )
        assert changed is Ended.DONE, f"round {turn}"
        here.save()
        assert not browser.is_signed_in(), f"round {turn}"
        assert listed(member.user) == {sessions.read(here, member.user.pk).id}, f"round {turn}"
        assert is_alive(here, member.user)
        testing.no_throttle()
        Factor.objects.update(last_step=NEVER_SPENT)


def test_a_sign_in_while_the_account_is_revoked_is_out_or_of_the_new_epoch(person, clock):
    fan = person("fan")
    revoke = partial(
        revoking.listed, [fan.user.pk], revoking.Order(now=NOW, where=HERE, mail=False)
    )
    for turn in range(TURNS):
        browser = fan.again()
        race(revoke, lambda browser=browser: browser.sign_in("/form-login/"))
        stamp = browser.client.session.get(sessions.STAMP_KEY)
        new = stamp is not None and stamp["epochs"][0] == epoch_of(fan.user)
        assert browser.is_signed_in() is new, f"round {turn}"
        assert listed(fan.user) == ({stamp["id"]} if new else set()), f"round {turn}"
        testing.no_throttle()
        UserSession.objects.all().delete()


def test_of_two_who_end_each_other_one_stays(member):
    for turn in range(TURNS):
        both = [proven(member) for _ in range(2)]
        changes = race_all(lambda session: owned.end_others(session, member.user, **SAID), both)
        assert sorted(changes, key=str) == [Ended.DONE, Ended.NOT_FRESH], f"round {turn}"
        for session, change in zip(both, changes, strict=True):
            session.save()
            assert is_alive(session, member.user) is (change is Ended.DONE), f"round {turn}"


def test_one_session_is_ended_once(member):
    here = proven(member)
    for turn in range(TURNS):
        other = proven(member)
        pk = UserSession.objects.get(sid=sessions.read(other, member.user.pk).id).pk
        ends = partial(owned.end, here, member.user, pk, **SAID)
        assert sorted(race(ends, ends, ends), key=str) == [Ended.DONE, Ended.GONE, Ended.GONE]
        assert not is_alive(other, member.user), f"round {turn}"
        Account.objects.update(ended_sessions="")


# --- the time in the session ------------------------------------------------------------------


@pytest.fixture
def idle(settings):
    settings.HARDENING = {**getattr(settings, "HARDENING", {}), "SESSION_IDLE_SECONDS": 600}


def tab(visitor):
    """Return a request that leaves the browser now, with the cookies of now."""
    client = Client(headers={"accept": "text/html"}, raise_request_exception=False)
    client.cookies = visitor.client.cookies.copy()
    return client


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("store", ["db", "cached_db"])
def test_readers_at_once_write_the_time_and_lose_nothing_of_a_writer(
    store, person, clock, settings
):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{store}"
    fan = person("fan")
    fan.sign_in("/form-login/")
    for turn in range(TURNS):
        clock.shift(2 * STEP)
        readers = [partial(tab(fan).get, "/reads-user/") for _ in range(3)]
        writer = partial(tab(fan).post, "/remember/", {"turn": str(turn)})
        answers = race(writer, *readers)
        assert [answer.status_code for answer in answers] == [200] * 4, f"round {turn}"
        assert fan.get("/remember/").json()["turn"] == str(turn), f"round {turn}"
        assert fan.is_signed_in(), f"round {turn}"


@pytest.mark.usefixtures("idle")
@pytest.mark.parametrize("store", ["db", "cached_db"])
def test_readers_that_write_the_time_bring_no_older_key_back(store, member, clock, settings):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{store}"
    member.sign_in_fully()
    for turn in range(TURNS):
        clock.shift(2 * STEP)
        testing.no_throttle()
        late = [tab(member) for _ in range(3)]
        readers = [partial(client.get, "/reads-user/") for client in late]
        code = {"code": member.code()}
        done, *answers = race(lambda code=code: member.post("hardening:step_up", code), *readers)
        assert done.status_code == 302, f"round {turn}"
        assert {answer.status_code for answer in answers} <= {200, 302}, f"round {turn}"
        assert member.is_signed_in(), f"round {turn}"
        for client, answer in zip(late, answers, strict=True):
            assert "sessionid" not in answer.cookies, f"round {turn}"
            assert client.get("/reads-user/").content != b"Here is member", f"round {turn}"
