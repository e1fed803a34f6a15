"""The app is put into a site that runs: who owes nothing notices nothing.

The sessions here are made by plain Django before, with its three keys and no word of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.signals import user_logged_in
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from hardening import receivers, sessions
from hardening.models import Account, ParkedLogin, SecurityEvent
from tests.doors.conftest import HTML, PASSWORD, name_shown
from tests.visitor import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]
COOKIE = "sessionid"
DJANGOS = "django.contrib.auth.backends.ModelBackend"
FOREIGN = f"{__name__}.Directory"
OURS = "hardening.backends.HardeningBackend"
LOGIN = "/security/login/"
WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class Directory(ModelBackend):
    """A backend of another package, such as LDAP, which stays configured."""


def before(settings, user, backend: str = DJANGOS) -> Client:
    """Return a browser that signed in when the app was not there yet."""
    then = Client(headers=HTML)
    with plain_django(settings, backend):
        then.post("/accounts/login/", {"username": user.username, "password": PASSWORD})
        then.post("/remember/", {"cart": "3 records"})
    kept = set(then.session.keys())
    assert kept == {SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY, "cart"}
    now = Client(headers=HTML)  # a test client keeps the middlewares of its first request
    now.cookies = then.cookies
    return now


@contextmanager
def plain_django(settings, backend: str) -> Iterator[None]:
    """Plain Django: neither our middleware, nor our backend, nor our receiver."""
    ours = settings.MIDDLEWARE, settings.AUTHENTICATION_BACKENDS
    settings.MIDDLEWARE = [one for one in settings.MIDDLEWARE if "hardening" not in one]
    settings.AUTHENTICATION_BACKENDS = [backend]
    user_logged_in.disconnect(dispatch_uid="hardening.judge_login")
    try:
        yield
    finally:
        receivers.connect()
        settings.MIDDLEWARE, settings.AUTHENTICATION_BACKENDS = ours


def test_a_fan_stays_signed_in_under_the_same_key_and_nothing_is_written(
    engine, fan, settings
) -> None:
    client = before(settings, fan)
    key, data = client.cookies[COOKIE].value, dict(client.session)
    for path in ("/reads-user/", "/members/", "/async-reads-user/", "/remember/"):
        with CaptureQueriesContext(connection) as caught:
            answer = client.get(path)
        assert answer.status_code == 200, path
        assert COOKIE not in answer.cookies, path
        written = [q["sql"] for q in caught if q["sql"].startswith(WRITES)]
        assert written == [], path
    assert client.cookies[COOKIE].value == key
    assert dict(client.session) == data
    assert name_shown(client) == "fan"
    assert not SecurityEvent.objects.exists()
    assert not Account.objects.exists()


def test_so_it_is_under_asgi(engine, fan, settings) -> None:
    key = before(settings, fan).cookies[COOKIE].value

    async def visit() -> None:
        client = AsyncClient()
        client.cookies[COOKIE] = key
        for path in ("/async-reads-user/", "/reads-user/"):
            answer = await client.get(path, headers=HTML)
            assert answer.content == b"Here is fan"
            assert COOKIE not in answer.cookies

    async_to_sync(visit)()


def test_what_is_written_later_leaves_the_session_good_for_plain_django(
    engine, fan, settings
) -> None:
    client = before(settings, fan)
    client.post("/remember/", {"looked_at": "posters"})
    assert name_shown(client) == "fan"
    assert client.get("/remember/").json() == {"cart": "3 records", "looked_at": "posters"}


def test_staff_are_parked_with_everything_and_get_it_back(
    engine, staff, settings, mailoutbox
) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.client = before(settings, staff)
    assert visitor.get("/members/?page=2").url == "/security/mailbox/"
    assert visitor.get("/remember/").json() == {}
    visitor.prove_mailbox()
    assert visitor.enrol().url == "/members/?page=2"
    assert visitor.is_signed_in()
    assert visitor.get("/remember/").json() == {"cart": "3 records"}
    assert visitor.client.session[BACKEND_SESSION_KEY] == OURS


@pytest.mark.parametrize("who", ["fan", "staff"])
def test_a_session_of_a_foreign_backend_that_stays_is_judged_likewise(
    engine, who, request, settings
) -> None:
    user = request.getfixturevalue(who)
    client = before(settings, user, FOREIGN)
    settings.AUTHENTICATION_BACKENDS = [OURS, FOREIGN]
    if who == "fan":
        assert name_shown(client) == "fan"
        assert client.session[BACKEND_SESSION_KEY] == FOREIGN
    else:
        assert client.get("/members/").url == "/security/mailbox/"
        assert ParkedLogin.objects.get().backend == FOREIGN


def test_a_session_of_a_backend_that_is_gone_is_over_as_with_plain_django(
    engine, fan, settings
) -> None:
    client = before(settings, fan, FOREIGN)
    assert client.get("/members/").url.startswith(LOGIN)
    assert name_shown(client) == "nobody"


@pytest.mark.parametrize("who", ["fan", "staff"])
def test_a_secret_key_rotated_on_the_same_day_signs_nobody_out(
    engine, who, request, settings
) -> None:
    user = request.getfixturevalue(who)
    client = before(settings, user)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one, just as long and just as random as the first"
    if who == "fan":
        assert name_shown(client) == "fan"  # Django has given it a new key
        assert name_shown(client) == "fan"
        settings.SECRET_KEY_FALLBACKS = []
        assert name_shown(client) == "fan"
        assert client.get("/remember/").json() == {"cart": "3 records"}
    else:
        assert client.get("/members/").url == "/security/mailbox/"
        assert name_shown(client) == "nobody"


def test_a_sign_in_that_waits_survives_a_rotated_secret_key(
    engine, staff, settings, mailoutbox
) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.client = before(settings, staff)
    visitor.get("/members/")
    visitor.prove_mailbox()
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another one, just as long and just as random as the first"
    assert visitor.enrol().url == "/members/"
    assert visitor.is_signed_in()
    assert visitor.get("/remember/").json() == {"cart": "3 records"}


def test_a_session_says_nothing_of_us_until_somebody_proves_something(fan, settings) -> None:
    client = before(settings, fan)
    assert name_shown(client) == "fan"
    assert sessions.STAMP_KEY not in client.session
