"""Who signs in is said by the web server: `RemoteUserMiddleware`, plain and persistent.

The plain one calls `login()` on every request that finds nobody, so for somebody who waits on all
of them; the persistent one only where the header comes.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from hardening import testing
from hardening.models import Account, ParkedLogin
from tests.doors.conftest import HTML, JSON, PASSWORD
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db
OURS = "hardening.middleware.HardeningMiddleware"
MODULE = "django.contrib.auth.middleware."
STEP = "/security/verify/"
HOPS = 5


@dataclass(frozen=True, slots=True)
class Proxied:
    """A browser behind a web server that knows who is there."""

    client: Client
    persistent: bool

    def get(self, path: str, name: str = "", **more):
        """Ask for a page; the web server says `name`."""
        return self.client.get(path, **({"REMOTE_USER": name} if name else {}), **more)

    def post(self, path: str, data: dict[str, str], name: str = ""):
        return self.client.post(path, data, **({"REMOTE_USER": name} if name else {}))

    def shown(self, name: str = "") -> str:
        """Return whom a page sees."""
        return self.get("/reads-user/", name).content.decode().removeprefix("Here is ")

    def lands(self, path: str, name: str) -> str:
        """Follow redirects and return where they end."""
        for _ in range(HOPS):
            answer = self.get(path, name)
            if answer.status_code != 302:
                return path
            path = answer.url
        raise AssertionError(f"a loop at {path}")


@pytest.fixture(params=["RemoteUserMiddleware", "PersistentRemoteUserMiddleware"])
def middleware(request, settings, clock) -> str:
    settings.AUTHENTICATION_BACKENDS = [
        "hardening.backends.HardeningBackend",
        "django.contrib.auth.backends.RemoteUserBackend",
    ]
    return request.param


@pytest.fixture(params=["inside", "outside"])
def proxied(request, middleware, settings) -> Proxied:
    place = settings.MIDDLEWARE.index(OURS) + (request.param == "inside")
    before, after = settings.MIDDLEWARE[:place], settings.MIDDLEWARE[place:]
    settings.MIDDLEWARE = [*before, MODULE + middleware, *after]
    client = Client(headers=HTML, enforce_csrf_checks=True)
    return Proxied(client, middleware.startswith("Persistent"))


def prove(proxied: Proxied, user: User, name: str):
    token = str(proxied.get(STEP, name).context["csrf_token"])
    fields = {"code": testing.code_for(user), "csrfmiddlewaretoken": token}
    return proxied.post(STEP, fields, name)


def test_whoever_has_a_factor_waits_on_one_record_and_completes(proxied, armed) -> None:
    assert proxied.lands("/members/?a=1", "armed") == STEP
    row = ParkedLogin.objects.get()
    for _ in range(3):
        assert proxied.shown("armed") == "nobody"
    token = str(proxied.get(STEP, "armed").context["csrf_token"])
    wrong = proxied.post(STEP, {"code": "000000", "csrfmiddlewaretoken": token}, "armed")
    assert wrong.status_code == 400  # and no 403
    assert ParkedLogin.objects.get().failures == 1
    assert ParkedLogin.objects.get().started_at == row.started_at
    prove(proxied, armed, "armed")
    assert [proxied.shown("armed") for _ in range(3)] == ["armed"] * 3
    assert ParkedLogin.objects.count() == 1


def test_whoever_has_none_enrols_behind_the_proxy(proxied, staff, mailoutbox) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.client.defaults["REMOTE_USER"] = "staff"
    assert visitor.get("/members/").url == "/security/mailbox/"
    visitor.prove_mailbox()
    visitor.enrol()
    assert visitor.is_signed_in()
    assert ParkedLogin.objects.count() == 1


def test_a_fan_is_in_at_once_and_stays_one_session(proxied, fan) -> None:
    assert proxied.shown("fan") == "fan"
    key = proxied.client.session.session_key
    assert proxied.shown("fan") == "fan"
    assert proxied.client.session.session_key == key


def test_without_the_header_whoever_waits_still_may_prove_the_factor(proxied, armed) -> None:
    proxied.get("/members/", "armed")
    assert proxied.shown() == "nobody"
    assert prove(proxied, armed, "").status_code == 302
    # Plain: the web server vouches for nobody now, and Django ends the session at once.
    assert proxied.shown() == ("armed" if proxied.persistent else "nobody")


def test_when_the_header_goes_the_plain_kind_signs_out_and_the_persistent_does_not(
    proxied, armed
) -> None:
    proxied.get("/members/", "armed")
    prove(proxied, armed, "armed")
    assert proxied.shown("armed") == "armed"
    assert proxied.shown() == ("armed" if proxied.persistent else "nobody")
    if not proxied.persistent:
        assert proxied.lands("/members/", "armed") == STEP  # and is asked for the factor again


def test_another_name_in_the_header_inherits_nothing(proxied, armed, fan) -> None:
    proxied.get("/members/", "armed")
    prove(proxied, armed, "armed")
    assert proxied.shown("fan") == "fan"
    assert proxied.lands("/members/", "armed") == STEP


def test_a_live_session_that_owes_something_is_parked_without_a_loop(proxied, fan) -> None:
    assert proxied.shown("fan") == "fan"
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert proxied.lands("/members/?a=1", "fan") == "/security/mailbox/"
    assert proxied.shown("fan") == "nobody"


@pytest.mark.parametrize("state", ["new", "live"])
@pytest.mark.parametrize("login_url", ["hardening:login", "host_login", "/admin/login/"])
def test_a_frozen_account_is_nobody_and_does_not_loop(
    proxied, armed, state, login_url, settings
) -> None:
    settings.LOGIN_URL = login_url
    if state == "live":
        proxied.get("/members/", "armed")
        prove(proxied, armed, "armed")
    Account.objects.of(armed.pk)
    Account.objects.filter(user_id=armed.pk).update(frozen=True)
    for path in ("/members/", "/reads-user/"):
        landed = proxied.lands(path, "armed")
        assert "login" in landed
        assert b"armed" not in proxied.get(landed, "armed").content
    assert proxied.get("/members/", "armed", headers=JSON).json()["code"] == "login_required"


def test_so_it_is_under_asgi(middleware, armed, settings) -> None:
    place = settings.MIDDLEWARE.index(OURS) + 1
    before, after = settings.MIDDLEWARE[:place], settings.MIDDLEWARE[place:]
    settings.MIDDLEWARE = [*before, MODULE + middleware, *after]
    code = testing.code_for(armed)

    async def visit() -> None:
        client, headers = AsyncClient(), {**HTML, "REMOTE_USER": "armed"}
        assert (await client.get("/members/?a=1", headers=headers)).url == STEP
        for _ in range(2):
            seen = await client.get("/async-reads-user/", headers=headers)
            assert seen.content == b"Here is nobody"
        done = await client.post(STEP, {"code": code}, headers=headers)
        assert done.status_code == 302
        for _ in range(2):
            seen = await client.get("/async-reads-user/", headers=headers)
            assert seen.content == b"Here is armed"

    async_to_sync(visit)()
    assert ParkedLogin.objects.count() == 1


def test_requests_side_by_side_keep_one_session_and_one_record(engine, proxied, armed) -> None:
    proxied.get("/members/", "armed")
    cookie = proxied.client.cookies["sessionid"].value
    for _ in range(3):  # a page and what it polls, sent with the same cookie
        side = Client(headers=HTML)
        side.cookies["sessionid"] = cookie
        assert side.get("/reads-user/", REMOTE_USER="armed").content == b"Here is nobody"
    assert ParkedLogin.objects.count() == 1
    prove(proxied, armed, "armed")
    assert proxied.shown("armed") == "armed"
    if engine != "signed_cookies":
        assert proxied.get("/reads-user/", "armed").status_code == 200
        late = Client(headers=HTML)
        late.cookies["sessionid"] = cookie
        assert late.get("/reads-user/").content == b"Here is nobody"
