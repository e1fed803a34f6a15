"""Requests on their way while the session's key changes, told step by step.

`/slow/` calls, in its middle, what another request does (`tests/host/slow.py`). What cannot be
helped is in `docs/boxes/rotation-race.md`, and shown here.
"""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from hardening import testing
from tests.doors.conftest import COOKIE, HTML, key, name_shown, sign_in, with_key
from tests.host.slow import meanwhile
from tests.visitor import STEP as SECONDS

pytestmark = pytest.mark.django_db
STEP = "/security/verify/"


@pytest.fixture(autouse=True)
def _slow_views(settings, clock):
    settings.ROOT_URLCONF = "tests.host.slow"
    yield
    meanwhile.clear()


def keeps(client: Client, answer) -> bool:
    """Let the browser take the cookies of a late answer; is its session still the new one?"""
    client.cookies.update(answer.cookies)
    return name_shown(client) == "armed"


@pytest.fixture
def waiting(armed) -> Client:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    sign_in(client, armed)
    return client


# --- requests that come too late ------------------------------------------------------------------

LATE = ["/public/", "/slow/", "/slow/?before=reads", "/slow/?before=user", "/members/", STEP]


@pytest.mark.parametrize("path", LATE)
def test_a_request_that_arrives_with_the_old_key_does_not_take_the_new_cookie_away(
    engine, path, waiting, armed
) -> None:
    old = key(waiting)
    waiting.post(STEP, {"code": testing.code_for(armed)})
    answer = with_key(old).get(path)
    assert answer.status_code in (200, 302, 410)
    assert COOKIE not in answer.cookies
    assert keeps(waiting, answer)


@pytest.mark.parametrize("path", LATE)
def test_so_it_is_when_the_password_was_given_meanwhile(engine, path, armed) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    old = key(client)
    sign_in(client, armed)
    answer = with_key(old).get(path)
    assert COOKIE not in answer.cookies
    client.cookies.update(answer.cookies)
    assert client.post(STEP, {"code": testing.code_for(armed)}).status_code == 302
    assert name_shown(client) == "armed"


def test_a_late_logout_ends_what_it_found_and_no_more(engine, waiting, armed) -> None:
    old = key(waiting)
    waiting.post(STEP, {"code": testing.code_for(armed)})
    with_key(old).post("/accounts/logout/")
    assert name_shown(waiting) == "armed"  # the row of the new key is not touched


# --- requests that began before and end after -----------------------------------------------------


def slow_while_completing(client: Client, armed: User, query: str):
    """Return what a slow request answers while another one completes the sign-in."""
    late = with_key(key(client))
    late.raise_request_exception = False
    code = testing.code_for(armed)
    meanwhile.append(lambda: client.post(STEP, {"code": code}))
    return late.get(f"/slow/?{query}")


@pytest.mark.parametrize(
    "query",
    ["", "before=reads", "before=user", "after=reads", "after=user", "before=user&after=user"],
)
def test_a_request_that_only_reads_never_takes_the_new_cookie_away(
    engine, query, waiting, armed
) -> None:
    answer = slow_while_completing(waiting, armed, query)
    assert answer.content == b"at last"
    assert COOKIE not in answer.cookies
    assert keeps(waiting, answer)
    assert waiting.get("/remember/").json()["cart"] == "3 records"


@pytest.mark.parametrize("query", ["before=writes", "before=reads&after=writes"])
def test_a_writer_that_read_the_session_before_is_refused_and_the_new_one_stands(
    engine, query, waiting, armed
) -> None:
    answer = slow_while_completing(waiting, armed, query)
    if engine == "signed_cookies":  # nobody can refuse: its copy goes to the browser
        assert not keeps(waiting, answer)
        assert waiting.get(STEP).status_code == 410
    else:
        assert answer.status_code == 400  # Django: the session was deleted meanwhile
        assert COOKIE not in answer.cookies
        assert keeps(waiting, answer)


def test_a_writer_that_finds_no_session_any_more_signs_the_browser_out_and_opens_nothing(
    engine, waiting, armed
) -> None:
    answer = slow_while_completing(waiting, armed, "after=writes")
    assert answer.content == b"at last"
    assert not keeps(waiting, answer)
    assert name_shown(waiting) == "nobody"
    testing.no_throttle()
    assert sign_in(waiting, armed).url == STEP  # signing in again mends it


def test_a_slow_request_brings_its_older_copy_back_and_the_next_one_parks_again(
    engine, fan
) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    client.post("/remember/", {"draft": "mine"})
    late = with_key(key(client))

    def parked() -> None:
        User.objects.filter(pk=fan.pk).update(is_staff=True)
        assert client.get("/members/?page=2").url == "/security/mailbox/"
        assert client.get("/remember/").json() == {}

    meanwhile.append(parked)
    answer = late.get("/slow/?before=user&after=writes")
    assert answer.content == b"at last"  # it was judged when it read the user, and let through
    client.cookies.update(answer.cookies)
    assert client.get("/members/?page=3").url == "/security/mailbox/"
    assert name_shown(client) == "nobody"
    assert client.get("/remember/").json() == {}
    User.objects.filter(pk=fan.pk).update(is_staff=False)
    assert client.get("/security/mailbox/").url == "/members/?page=3"
    assert client.get("/remember/").json()["draft"] == "mine"


def test_a_slow_request_of_a_cancelled_sign_in_brings_nothing_back(engine, waiting, armed) -> None:
    late = with_key(key(waiting))
    meanwhile.append(lambda: waiting.post("/security/cancel/"))
    answer = late.get("/slow/?before=reads&after=writes")
    waiting.cookies.update(answer.cookies)  # with its handle, as it was read
    assert waiting.post(STEP, {"code": testing.code_for(armed)}).status_code == 410
    assert name_shown(waiting) == "nobody"


def test_a_step_up_in_another_tab_leaves_a_reader_its_session(engine, armed, live, clock) -> None:
    client = live(armed)
    clock.shift(SECONDS)
    late, code = with_key(key(client)), testing.code_for(armed)
    meanwhile.append(lambda: client.post("/security/step-up/", {"code": code}))
    answer = late.get("/slow/?before=user&after=user")
    assert COOKIE not in answer.cookies
    assert keeps(client, answer)


# --- SESSION_SAVE_EVERY_REQUEST -------------------------------------------------------------------


@pytest.fixture
def save_every_request(settings) -> None:
    settings.SESSION_SAVE_EVERY_REQUEST = True


@pytest.mark.usefixtures("save_every_request")
def test_where_every_request_saves_a_journey_is_the_same(engine, waiting, armed) -> None:
    assert name_shown(waiting) == "nobody"
    assert waiting.get("/members/?page=2").url == STEP
    assert waiting.get("/public/").status_code == 200
    assert waiting.post(STEP, {"code": testing.code_for(armed)}).url == "/members/?page=2"
    assert waiting.get("/public/").status_code == 200
    assert name_shown(waiting) == "armed"
    assert waiting.get("/remember/").json()["cart"] == "3 records"


@pytest.mark.usefixtures("save_every_request")
@pytest.mark.parametrize("query", ["", "before=reads", "after=user"])
def test_where_every_request_saves_a_slow_one_opens_nothing(engine, query, waiting, armed) -> None:
    answer = slow_while_completing(waiting, armed, query)
    assert answer.status_code in (200, 400)
    waiting.cookies.update(answer.cookies)
    assert name_shown(waiting) in ("armed", "nobody")
    assert waiting.post(STEP, {"code": "000000"}).status_code in (302, 410)
    testing.no_throttle()
    sign_in(waiting, armed)
    assert waiting.get(STEP).status_code == 200


@pytest.mark.usefixtures("save_every_request")
@pytest.mark.parametrize("path", LATE)
def test_where_every_request_saves_a_late_one_may_sign_the_browser_out_and_no_more(
    engine, path, waiting, armed
) -> None:
    old = key(waiting)
    waiting.post(STEP, {"code": testing.code_for(armed)})
    answer = with_key(old).get(path)
    assert answer.status_code in (200, 302, 410)
    assert name_shown(waiting) == "armed"  # what the server holds is not touched
    assert not keeps(waiting, answer)  # as the box says
    assert waiting.get("/members/").url.startswith("/security/login/")
    assert waiting.post(STEP, {"code": "000000"}).status_code == 410
