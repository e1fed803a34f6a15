"""The same app under WSGI and ASGI: views and middlewares of both makes, and streams."""

from __future__ import annotations

import json
import warnings

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from hardening import testing
from hardening.models import ParkedLogin
from tests.doors.conftest import HTML, PASSWORD
from tests.host.doors import LEAK

pytestmark = pytest.mark.django_db
OURS = "hardening.middleware.HardeningMiddleware"
STEP = "/security/verify/"
HOSTS = "tests.host.middleware."


class Caller:
    """A client of either handler, used the same way from a test that is no coroutine."""

    def __init__(self, server: str) -> None:
        self.client = AsyncClient() if server == "asgi" else Client()

    def get(self, path: str):
        return self.run(self.client.get, path)

    def post(self, path: str, *data, **more):
        return self.run(self.client.post, path, *data, **more)

    def run(self, method, *args, **more):
        """Call the client; headers go with each call, AsyncClient drops those it is made with."""
        if isinstance(self.client, AsyncClient):
            method = async_to_sync(method)
        return method(*args, headers=HTML, **more)

    def body(self, path: str) -> bytes:
        """Return what a page shows, streamed or not."""
        answer = self.get(path)
        if not answer.streaming:
            return answer.content
        if not answer.is_async:
            return b"".join(answer.streaming_content)
        return async_to_sync(joined)(answer)


async def joined(answer) -> bytes:
    return b"".join([part async for part in answer.streaming_content])


@pytest.fixture(params=["wsgi", "asgi"])
def caller(request, settings, clock) -> Caller:
    settings.ROOT_URLCONF = "tests.host.slow"
    return Caller(request.param)


def sign_in(caller: Caller, user: User, door: str):
    given = {"username": user.username, "password": PASSWORD}
    if door == "/async-login/":
        return caller.post(door, json.dumps(given), content_type="application/json")
    return caller.post(door, given)


PLACES = {
    "alone": ([], []),
    "sync inside": ([], ["sync_only"]),
    "sync outside": (["sync_only"], []),
    "async inside": ([], ["async_only"]),
    "async outside": (["async_only"], []),
    "mixed": (["either", "sync_only"], ["async_only", "sync_only", "either"]),
    "reader": ([], ["reads_in_a_coroutine"]),
}


@pytest.fixture(params=PLACES)
def _chain(request, settings) -> None:
    """Middlewares of the host's around ours."""
    outside, inside = ([HOSTS + name for name in names] for names in PLACES[request.param])
    place = settings.MIDDLEWARE.index(OURS)
    before, after = settings.MIDDLEWARE[:place], settings.MIDDLEWARE[place + 1 :]
    settings.MIDDLEWARE = [*before, *outside, OURS, *inside, *after]


@pytest.mark.usefixtures("_chain")
@pytest.mark.parametrize("door", ["/form-login/", "/async-login/", "/security/login/"])
def test_a_journey_is_the_same_whatever_stands_around(caller, door, armed) -> None:
    answer = sign_in(caller, armed, door)
    assert (answer.status_code, answer.url) == (302, STEP)
    assert LEAK.encode() not in answer.content
    for path in ("/reads-user/", "/async-reads-user/"):
        assert caller.get(path).content == b"Here is nobody"
    assert caller.get("/members/?a=1").url == STEP
    assert caller.post(STEP, {"code": "000000"}).status_code == 400
    done = caller.post(STEP, {"code": testing.code_for(armed)})
    assert done.url == "/members/?a=1"
    for path in ("/reads-user/", "/async-reads-user/"):
        assert caller.get(path).content == b"Here is armed"
    assert ParkedLogin.objects.get().finished_at is not None


@pytest.mark.usefixtures("_chain")
@pytest.mark.parametrize("page", ["/reads-user/", "/async-reads-user/", "/fail/members/"])
def test_a_live_session_is_parked_by_whatever_reads_it_first(caller, page, fan) -> None:
    sign_in(caller, fan, "/form-login/")
    assert caller.get(page).status_code == 200
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert caller.get(f"{page}?a=1").url == "/security/mailbox/"
    assert caller.get("/async-reads-user/").content == b"Here is nobody"
    User.objects.filter(pk=fan.pk).update(is_staff=False)
    assert caller.get("/security/mailbox/").url == f"{page}?a=1"


def test_a_user_read_in_a_coroutine_the_wrong_way_is_djangos_error_and_no_hole(
    caller, armed
) -> None:
    sign_in(caller, armed, "/form-login/")
    assert caller.get("/wrong-reader/").content == b"refused"
    caller.post(STEP, {"code": testing.code_for(armed)})
    assert caller.get("/wrong-reader/").content == b"refused"
    assert caller.get("/reads-user/").content == b"Here is armed"


# --- streams --------------------------------------------------------------------------------------


@pytest.fixture
def _either_kind_of_iterator():
    """Django warns where a stream is of the other kind than the server; it works all the same."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume")
        yield


STREAMS = ["/stream/", "/async-stream/", "/stream/?early", "/async-stream/?early"]


@pytest.mark.usefixtures("_either_kind_of_iterator")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_shows_whoever_is_signed_in_completely(caller, stream, armed) -> None:
    assert caller.body(stream) == b"user: nobody"
    sign_in(caller, armed, "/form-login/")
    assert caller.body(stream) == b"user: nobody"
    caller.post(STEP, {"code": testing.code_for(armed)})
    assert caller.body(stream) == b"user: armed"


@pytest.mark.usefixtures("_either_kind_of_iterator")
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_shows_nobody_where_a_page_would_have_been_stopped(caller, stream, fan) -> None:
    sign_in(caller, fan, "/form-login/")
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    if stream.endswith("early"):  # the head has not gone out yet
        assert caller.get(stream).url == "/security/mailbox/"
    else:
        assert caller.body(stream) == b"user: nobody"
        assert not ParkedLogin.objects.exists()  # too late to park
        assert caller.get("/reads-user/").url == "/security/mailbox/"


@pytest.mark.usefixtures("_either_kind_of_iterator")
@pytest.mark.parametrize("door", ["/stream-login/", "/async-stream-login/"])
def test_a_stream_that_tells_of_a_login_is_never_sent(caller, door, armed) -> None:
    given = {"username": "armed", "password": PASSWORD}
    if door == "/async-stream-login/":
        answer = caller.post(door, json.dumps(given), content_type="application/json")
    else:
        answer = caller.post(door, given)
    assert (answer.status_code, answer.url, answer.streaming) == (302, STEP, False)
    assert LEAK not in f"{answer.content} {answer.headers}"
