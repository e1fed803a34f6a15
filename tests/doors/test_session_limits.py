"""Sessions end when they are idle, or too old, on each store of sessions; and what keeps them up.

`/slow/` calls, in its middle, what another request does (`tests/host/slow.py`).
"""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.db import DatabaseError
from django.test import AsyncClient, Client

from hardening import sessions, testing
from hardening.models import RolePolicy, UserSession
from hardening.moments import moment
from tests.doors.conftest import COOKIE, HTML, START, is_out, key, name_shown, sign_in, with_key
from tests.host.slow import meanwhile
from tests.visitor import STEP

pytestmark = pytest.mark.django_db
IDLE, ABSOLUTE = 600, 3600
GRAIN = 60


@pytest.fixture(autouse=True)
def _limits(settings, clock):
    settings.ROOT_URLCONF = "tests.host.slow"
    given = getattr(settings, "HARDENING", {})
    settings.HARDENING = {**given, "SESSION_IDLE_SECONDS": IDLE}
    yield
    meanwhile.clear()


@pytest.fixture
def only_absolute(settings) -> None:
    settings.HARDENING = {
        **settings.HARDENING,
        "SESSION_IDLE_SECONDS": None,
        "SESSION_ABSOLUTE_SECONDS": ABSOLUTE,
    }


def stamp(client: Client) -> dict:
    return client.session[sessions.STAMP_KEY]


def from_before(user: User) -> Client:
    """Return a browser with a session from before the app was installed."""
    client = Client(headers=HTML)
    client.force_login(user)
    session = client.session
    del session[sessions.STAMP_KEY]
    session.save()
    client.cookies[COOKIE] = session.session_key
    UserSession.objects.all().delete()
    return client


# --- idle -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pause, stays", [(IDLE, True), (IDLE + 1, False)])
def test_a_session_lasts_as_long_as_it_may_be_idle_and_not_a_second_longer(
    engine, pause, stays, fan, clock
) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(pause)
    assert name_shown(client) == "fan" if stays else is_out(client)


def test_whoever_goes_on_reading_stays_signed_in(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    for _ in range(5):
        clock.shift(IDLE - GRAIN)
        assert name_shown(client) == "fan"
    clock.shift(IDLE + 1)
    assert is_out(client)


def test_reading_writes_into_the_session_once_a_minute_and_no_cookie(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    seen = []
    for _ in range(6):
        clock.shift(GRAIN // 2)
        answer = client.get("/reads-user/")
        assert (COOKIE in answer.cookies) <= (engine == "signed_cookies")
        seen.append(stamp(client).get("seen"))
    assert seen == [None, *(START + second for second in (60, 60, 120, 120, 180))]


def test_pages_that_look_at_nobody_keep_nobody_signed_in(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(IDLE)
    for path in ("/public/", "/remember/"):
        assert client.get(path).status_code == 200
    clock.shift(1)
    assert is_out(client)


def test_without_a_limit_nothing_is_written(engine, fan, clock, settings) -> None:
    settings.HARDENING = {**settings.HARDENING, "SESSION_IDLE_SECONDS": None}
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(IDLE + 1)
    assert name_shown(client) == "fan"
    assert "seen" not in stamp(client)


def test_a_policy_limits_its_role_alone(fan, armed, live, clock, settings) -> None:
    settings.HARDENING = {**settings.HARDENING, "SESSION_IDLE_SECONDS": None}
    RolePolicy.objects.create(
        role="staff", mode="enforce", starts_at=moment(START), idle_seconds=IDLE
    )
    browsers = [live(user) for user in (fan, armed)]
    clock.shift(IDLE + 1)
    assert name_shown(browsers[0]) == "fan"
    assert is_out(browsers[1])


def test_a_fresh_proof_counts_as_being_seen(armed, live, clock) -> None:
    client = live(armed)
    clock.shift(IDLE)
    code = testing.code_for(armed)
    assert client.post("/security/step-up/", {"code": code}).status_code == 302
    assert stamp(client)["seen"] == START + IDLE
    clock.shift(IDLE)
    assert name_shown(client) == "armed"


def test_activity_does_not_refresh_a_proof(engine, armed, live, clock) -> None:
    client = live(armed)
    for _ in range(6):
        clock.shift(GRAIN)
        assert name_shown(client) == "armed"
    answer = client.post("/security/sessions/", {"action": "end_others"})
    assert answer.url.startswith("/security/step-up/")


def test_who_waits_longer_than_one_may_be_idle_is_signed_in_nevertheless(
    armed, clock, settings
) -> None:
    settings.HARDENING = {**settings.HARDENING, "SESSION_IDLE_SECONDS": 60}
    client = Client(headers=HTML)
    sign_in(client, armed)
    clock.shift(10 * STEP)
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"


def test_an_async_page_counts_as_being_seen(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)

    async def visit() -> None:
        browser = AsyncClient()
        browser.cookies = client.cookies
        assert (await browser.get("/async-reads-user/")).content == b"Here is fan"

    async_to_sync(visit)()
    assert stamp(client)["seen"] == START + GRAIN


# --- from the sign-in, however busy ---------------------------------------------------------------


@pytest.mark.usefixtures("only_absolute")
@pytest.mark.parametrize("age, stays", [(ABSOLUTE, True), (ABSOLUTE + 1, False)])
def test_a_session_lasts_so_long_from_its_sign_in_and_activity_does_not_matter(
    engine, age, stays, fan, clock
) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    for _ in range(9):
        clock.shift(360)
        assert name_shown(client) == "fan"
    clock.shift(age - 9 * 360)
    assert name_shown(client) == "fan" if stays else is_out(client)


@pytest.mark.parametrize("limit", ["idle", "absolute"])
def test_a_session_from_before_the_app_begins_to_age_with_its_first_request(
    engine, limit, fan, clock, request
) -> None:
    if limit == "absolute":
        request.getfixturevalue("only_absolute")
    client = from_before(fan)
    clock.shift(10)
    assert name_shown(client) == "fan"
    kept = stamp(client)
    assert (kept["started"], kept["seen"]) == (START + 10, START + 10)
    assert UserSession.objects.get().sid == kept["id"]
    clock.shift((IDLE if limit == "idle" else ABSOLUTE) + 1)
    assert is_out(client)


# --- requests side by side --------------------------------------------------------------------


def slow(client: Client, other, query: str = "before=user"):
    """Return what a slow request answers that began before `other` and ends after it."""
    late = with_key(key(client))
    late.raise_request_exception = False
    meanwhile.append(other)
    answer = late.get(f"/slow/?{query}")
    client.cookies.update(answer.cookies)
    return answer


def test_a_reader_overwrites_nothing_that_another_request_wrote(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    answer = slow(client, lambda: client.post("/remember/", {"cart": "3 records"}))
    assert answer.status_code == 200
    # In a cookie the last answer wins, whoever wrote: docs/boxes/signed-cookies.md
    assert ("cart" in client.get("/remember/").json()) is (engine != "signed_cookies")
    assert stamp(client)["seen"] == START + GRAIN
    assert name_shown(client) == "fan"


def test_a_writer_stores_the_time_with_what_it_wrote(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    answer = slow(client, lambda: None, "before=user&after=writes")
    assert answer.status_code == 200
    assert stamp(client)["seen"] == START + GRAIN
    assert client.session["written_by"] == "a slow request"


@pytest.mark.parametrize("query", ["before=user", "before=user&after=reads"])
def test_a_reader_that_ends_after_the_key_was_rotated_is_answered_and_brings_nothing_back(
    engine, query, armed, live, clock
) -> None:
    client = live(armed)
    clock.shift(GRAIN)
    old, code = key(client), testing.code_for(armed)
    late = with_key(old)
    meanwhile.append(lambda: client.post("/security/step-up/", {"code": code}))
    answer = late.get(f"/slow/?{query}")
    assert answer.content == b"at last"
    assert name_shown(client) == "armed"
    if engine != "signed_cookies":
        assert COOKIE not in answer.cookies
        assert name_shown(with_key(old)) == "nobody"


def test_a_reader_that_ends_after_a_sign_out_brings_nothing_back(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    answer = slow(client, lambda: client.post("/accounts/logout/"))
    assert answer.status_code == 200
    assert is_out(client)


def test_a_reader_leaves_the_next_persons_session_alone(fan, armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    old = key(client)

    def another() -> None:
        session = client.session
        kept = {**session[sessions.STAMP_KEY], "id": "another", "user": str(armed.pk)}
        session[sessions.STAMP_KEY] = kept
        session.save()

    slow(client, another)
    assert key(client) == old
    assert "seen" not in stamp(client)


def test_of_two_readers_the_second_finds_it_written(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    slow(client, lambda: name_shown(client) == "fan")
    assert stamp(client)["seen"] == START + GRAIN


@pytest.mark.parametrize("every_request", [True, False])
def test_where_every_request_saves_the_time_is_saved_with_it(
    every_request, fan, clock, settings
) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = every_request
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)
    assert name_shown(client) == "fan"
    assert stamp(client)["seen"] == START + GRAIN


def test_a_session_that_goes_while_the_time_is_stored_stays_gone(
    fan, clock, monkeypatch, caplog
) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)

    def gone(*_args, **_kwargs):
        raise UpdateError

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.save", gone)
    assert name_shown(client) == "fan"
    assert "could not be stored" not in caplog.text


def test_a_store_that_fails_is_logged_and_the_page_stands(fan, clock, monkeypatch, caplog) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    clock.shift(GRAIN)

    def broken(*_args, **_kwargs):
        raise DatabaseError

    monkeypatch.setattr("django.contrib.sessions.backends.db.SessionStore.save", broken)
    assert name_shown(client) == "fan"
    assert "could not be stored when a session was last seen" in caplog.text
    assert "seen" not in stamp(client)
