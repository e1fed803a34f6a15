"""Requests in flight, on connections of their own, while the session's key is rotated.

The interleavings one by one are in `tests/doors/test_rotation.py`; here nobody arranges them.
"""

from __future__ import annotations

from functools import partial

import pytest
from django.test import Client

from hardening import testing
from tests.races.runner import race
from tests.visitor import STEP

pytestmark = pytest.mark.django_db(transaction=True)
ENGINES = ("db", "cached_db", "cache")
TURNS = 20
READERS = ("/reads-user/", "/remember/", "/members/", "/public/")


@pytest.fixture(params=ENGINES)
def engine(request, settings) -> str:
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.ROOT_URLCONF = "tests.doors.site"
    return request.param


def tab(visitor) -> Client:
    """Return a request that leaves the browser now, with the cookies of now."""
    client = Client(headers={"accept": "text/html"}, raise_request_exception=False)
    client.cookies = visitor.client.cookies.copy()
    return client


def test_readers_in_flight_never_take_the_new_cookie_away(engine, clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    for turn in range(TURNS):
        visitor.client.cookies.clear()
        visitor.post("/remember/", {"cart": "3 records"})
        visitor.sign_in("/form-login/")
        late = [tab(visitor) for _ in READERS]
        readers = [partial(client.get, path) for client, path in zip(late, READERS, strict=True)]
        done, *answers = race(visitor.verify, *readers)
        assert done.status_code == 302
        for answer in answers:
            assert answer.status_code in (200, 302), f"round {turn}"
            assert "sessionid" not in answer.cookies, f"round {turn}"
        assert visitor.is_signed_in(), f"round {turn}"
        testing.no_throttle()
        clock.shift(STEP)


def test_a_writer_in_flight_never_opens_what_waits(engine, clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    for turn in range(TURNS):
        visitor.client.cookies.clear()
        visitor.sign_in("/form-login/")
        late = tab(visitor)
        writer = partial(late.post, "/remember/", {"a": "b"})
        race(lambda: visitor.post("hardening:cancel"), writer)
        for client in (visitor.client, late):
            assert client.get("/reads-user/").content == b"Here is nobody", f"round {turn}"
            assert client.post("/security/verify/", {"code": visitor.code()}).status_code == 410
        testing.no_throttle()
        clock.shift(STEP)
