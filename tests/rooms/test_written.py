"""What a login wrote into a session: told apart, taken out, put back, forgotten."""

from __future__ import annotations

import asyncio

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cache import SessionStore as CacheStore
from django.contrib.sessions.backends.db import SessionStore
from django.middleware.csrf import CSRF_SESSION_KEY
from django.test import override_settings

from hardening import sessions
from hardening.sessions import Stamp

pytestmark = pytest.mark.django_db

STAMP = Stamp("5", "name", account_epoch=3, site_epoch=2)
LOGIN = {SESSION_KEY: "5", BACKEND_SESSION_KEY: "a.b", HASH_SESSION_KEY: "h"}


@pytest.fixture
def session():
    return SessionStore()


def stored(**data) -> SessionStore:
    """A session that was saved before this request, watched and not loaded yet."""
    before = SessionStore()
    before.update(data)
    before.save()
    again = SessionStore(before.session_key)
    sessions.watch(again)
    return again


def test_watching_loads_nothing(django_assert_num_queries) -> None:
    held = stored(cart=[1])
    with django_assert_num_queries(0):
        assert sessions.is_watched(held)
        assert not held.accessed


def test_what_the_request_wrote_is_taken_out_and_the_rest_stays() -> None:
    held = stored(cart=[1], seen="yes")
    held.update({**LOGIN, "rights": "all", "seen": "no"})
    taken = sessions.take_written(held, everything=False)
    assert taken == {"rights": "all", "seen": "no"}
    assert dict(held.items()) == {"cart": [1]}


def test_a_change_deep_inside_counts_as_written() -> None:
    held = stored(cart={"items": [{"id": 1}]})
    held["cart"]["items"][0]["id"] = 2
    assert sessions.take_written(held, everything=False) == {"cart": {"items": [{"id": 2}]}}
    assert dict(held.items()) == {}


def test_an_async_load_is_watched_too() -> None:
    before = CacheStore()  # the database's connection belongs to this thread
    before["cart"] = [1]
    before.save()
    held = CacheStore(before.session_key)
    sessions.watch(held)

    async def write() -> None:
        await held.aset("rights", "all")

    asyncio.run(write())
    assert sessions.take_written(held, everything=False) == {"rights": "all"}
    assert held["cart"] == [1]


def test_parking_in_mid_life_takes_everything() -> None:
    held = stored(cart=[1], **LOGIN)
    assert sessions.take_written(held, everything=True) == {"cart": [1]}
    assert dict(held.items()) == {}


def test_a_session_nobody_watched_gives_up_everything(session) -> None:
    session.update({**LOGIN, "cart": [1]})
    assert not sessions.is_watched(session)
    assert sessions.take_written(session, everything=False) == {"cart": [1]}


@pytest.mark.parametrize("everything", [True, False])
def test_the_handle_and_the_csrf_token_stay(everything) -> None:
    held = stored()
    held.update({sessions.PARKED_KEY: "h", CSRF_SESSION_KEY: "t", "more": 1})
    assert sessions.take_written(held, everything=everything) == {"more": 1}
    assert set(held.keys()) == {sessions.PARKED_KEY, CSRF_SESSION_KEY}


def test_neither_the_three_keys_nor_our_stamp_go_into_the_row() -> None:
    held = stored()
    held.update(LOGIN)
    sessions.write(held, STAMP)
    assert sessions.take_written(held, everything=False) == {}
    assert dict(held.items()) == {}


def test_messages_of_the_login_vanish_and_older_ones_stay() -> None:
    held = stored(_messages="welcome")
    held["_messages"] = "signed in as ada"
    assert sessions.take_written(held, everything=False) == {}
    assert held["_messages"] == "welcome"


@pytest.mark.parametrize("everything", [True, False])
def test_messages_never_go_into_the_row(everything) -> None:
    held = stored()
    held["_messages"] = "signed in as ada"
    assert sessions.take_written(held, everything=everything) == {}
    assert "_messages" not in held


def test_taking_a_login_out_leaves_the_rest() -> None:
    held = stored(cart=[1], **LOGIN)
    sessions.write(held, STAMP)
    held[sessions.ENROL_KEY] = "h"
    sessions.take_login(held)
    assert dict(held.items()) == {"cart": [1]}


def test_a_restart_keeps_the_login_just_written_and_nothing_else() -> None:
    held = stored(cart=[1])
    key = held.session_key
    held.update({**LOGIN, "rights": "all", sessions.PARKED_KEY: "h", CSRF_SESSION_KEY: "t"})
    sessions.restart(held)
    assert dict(held.items()) == {**LOGIN, CSRF_SESSION_KEY: "t"}
    assert not SessionStore().exists(key)


def test_after_a_flush_everything_counts_as_written() -> None:
    held = stored(cart=[1])
    assert held["cart"] == [1]
    held.flush()
    held["cart"] = [1]
    assert sessions.take_written(held, everything=False) == {"cart": [1]}


def test_a_session_was_live_if_it_was_loaded_with_somebody_and_not_flushed() -> None:
    live, empty = stored(**LOGIN), stored(cart=[1])
    for held in (live, empty):
        held.get("anything")
    empty.update(LOGIN)
    assert sessions.was_live(live)
    assert not sessions.was_live(empty)
    live.flush()
    assert not sessions.was_live(live)


def test_a_session_signs_in_whom_djangos_login_wrote_and_nobody_else(user, other, session) -> None:
    assert not sessions.signs_in(session, user)
    session[SESSION_KEY] = str(user.pk)
    assert not sessions.signs_in(session, user)
    session[BACKEND_SESSION_KEY] = "a.b"
    assert sessions.signs_in(session, user)
    assert not sessions.signs_in(session, other)


@pytest.mark.parametrize("rotated", [True, False])
def test_a_login_that_could_not_be_judged_leaves_no_trace(rotated) -> None:
    held = stored(cart=[1])
    key = held.session_key
    assert held["cart"] == [1]
    if rotated:
        held.cycle_key()
    held.update({**LOGIN, "rights": "all"})
    held["cart"].append(2)
    sessions.undo(held)
    assert held.session_key == key
    assert dict(SessionStore(key).items()) == {"cart": [1]}


def test_undoing_a_login_of_a_visitor_without_a_session_leaves_none() -> None:
    held = SessionStore()
    sessions.watch(held)
    held.update(LOGIN)
    sessions.undo(held)
    assert dict(held.items()) == {}
    assert held.session_key is None


def test_what_is_taken_comes_back_in_the_hosts_own_format() -> None:
    data = {"cart": [1, {"a": None}]}
    assert sessions.loads(sessions.dumps(data)) == data


# ---------------------------------------------------------------- the old backend, and cookies


def test_a_session_of_djangos_backend_is_read_as_ours(session) -> None:
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    sessions.adopt_model_backend(session)
    assert session[BACKEND_SESSION_KEY] == "hardening.backends.HardeningBackend"


@pytest.mark.parametrize("backend", ["elsewhere.Backend", ""])
def test_a_session_of_another_backend_is_left_alone(session, backend) -> None:
    session[BACKEND_SESSION_KEY] = backend
    sessions.adopt_model_backend(session)
    assert session[BACKEND_SESSION_KEY] == backend


def test_djangos_backend_stays_where_the_site_still_has_it(session) -> None:
    path = "django.contrib.auth.backends.ModelBackend"
    session[BACKEND_SESSION_KEY] = path
    with override_settings(AUTHENTICATION_BACKENDS=[path]):
        sessions.adopt_model_backend(session)
    assert session[BACKEND_SESSION_KEY] == path


def test_completing_is_said_on_the_object_and_never_in_the_data(session) -> None:
    assert not sessions.is_completing(session)
    sessions.set_completing(session, completing=True)
    assert sessions.is_completing(session)
    assert dict(session.items()) == {}


def test_a_request_with_a_rotated_key_keeps_the_new_cookie() -> None:
    late = SessionStore("0" * 32)
    assert late.get("anything") is None
    assert late.is_empty()
    sessions.keep_cookie(late, presented=True)
    assert not late.is_empty()


@pytest.mark.parametrize("case", ["no cookie", "not looked at", "signed out"])
def test_a_cookie_that_is_to_go_does_go(case) -> None:
    late = SessionStore("0" * 32)
    if case != "not looked at":
        late.get("anything")
    if case == "signed out":
        late.flush()
    sessions.keep_cookie(late, presented=case != "no cookie")
    assert "is_empty" not in vars(late)  # Django judges, as ever


# --- how a session is watched ---------------------------------------------------------------------


def test_a_session_watched_twice_is_watched_once() -> None:
    held = stored(cart=[1])
    kind = type(held)
    sessions.watch(held)
    assert type(held) is kind
    assert isinstance(held, SessionStore)
    assert type(stored()) is kind
    assert (kind.__name__, kind.__module__) == (SessionStore.__name__, SessionStore.__module__)


@pytest.mark.parametrize(
    "value",
    [1, None, 1.5, True, "text", [1, [2]], {"a": {"b": [3]}}, (1, [2]), {3}],
    ids=repr,
)
def test_what_was_there_is_remembered_whatever_it_is(value, monkeypatch) -> None:
    monkeypatch.setattr(SessionStore, "load", lambda _self: {"cart": value})
    held = stored()
    held["rights"] = "all"
    assert sessions.take_written(held, everything=False) == {"rights": "all"}
    assert held["cart"] == value


def test_data_that_hold_themselves_are_remembered_too(monkeypatch) -> None:
    ring: list = []
    ring.append(ring)
    monkeypatch.setattr(SessionStore, "load", lambda _self: {"ring": ring, **LOGIN})
    held = stored()
    assert held["ring"] is ring
    assert sessions.was_live(held)
