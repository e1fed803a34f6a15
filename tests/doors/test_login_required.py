"""Sites that demand a login of every page: Django's `LoginRequiredMiddleware`."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient, Client

from hardening import testing
from tests.doors.conftest import HTML, JSON, PASSWORD, name_shown, sign_in
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db
OURS = "hardening.middleware.HardeningMiddleware"
WALL = "django.contrib.auth.middleware.LoginRequiredMiddleware"
STEP = "/security/verify/"
HOPS = 5


@pytest.fixture(autouse=True, params=["after", "before"])
def _walled(request, settings) -> None:
    """The wall stands after our middleware, or before it."""
    place = settings.MIDDLEWARE.index(OURS) + (request.param == "after")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], WALL, *settings.MIDDLEWARE[place:]]


def lands(client: Client, path: str) -> str:
    """Follow redirects from a page and return where they end."""
    for _ in range(HOPS):
        answer = client.get(path)
        if answer.status_code != 302:
            return path
        path = answer.url
    raise AssertionError(f"a loop at {path}")


@pytest.mark.parametrize(
    "page", ["login", "verify", "recovery-code", "recover", "mailbox", "ticket", "enrol", "step-up"]
)
def test_our_pages_are_reached_by_strangers_without_a_loop(page) -> None:
    lands(Client(headers=HTML), f"/security/{page}/")
    assert Client(headers=HTML).get("/security/login/").status_code == 200


def test_a_stranger_is_led_to_the_login_page_and_back_again(armed, clock) -> None:
    client = Client(headers=HTML)
    assert client.get("/public/?page=2").url == "/security/login/?next=/public/%3Fpage%3D2"
    assert sign_in(client, armed, "/security/login/", next="/public/?page=2").url == STEP
    done = client.post(STEP, {"code": testing.code_for(armed)})
    assert done.url == "/public/?page=2"
    assert client.get("/public/?page=2").content == b"Open to everybody"


@pytest.mark.parametrize("page", ["/public/", "/reads-user/", "/async-reads-user/", "/members/"])
@pytest.mark.parametrize("door", ["/security/login/", "/accounts/login/", "/admin/login/"])
def test_whoever_waits_is_led_to_the_step_and_then_to_the_page(page, door, armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed, door)
    assert client.get(f"{page}?a=1").url == STEP
    assert lands(client, STEP) == STEP
    assert client.get(f"{page}?a=1", headers=JSON).json()["step"] == STEP
    assert client.post(STEP, {"code": testing.code_for(armed)}).url == f"{page}?a=1"
    assert client.get(page).status_code == 200


def test_whoever_waits_may_cancel_and_sign_in_again(armed, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed, "/security/login/")
    assert client.get("/security/login/").status_code == 200
    assert client.post("/security/cancel/").status_code == 200
    assert client.get("/public/").url.startswith("/security/login/")
    sign_in(client, fan, "/security/login/")
    assert client.get("/public/").status_code == 200


def test_a_newcomer_walks_all_the_way_behind_the_wall(staff, clock, mailoutbox) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.sign_in(next="/members/")
    visitor.prove_mailbox()
    assert visitor.enrol().url == "/members/"
    assert visitor.is_signed_in()


def test_a_live_session_that_owes_something_is_led_to_the_step_without_a_loop(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan, "/security/login/")
    fan.is_staff = True
    fan.save()
    assert lands(client, "/public/?page=2") == "/security/mailbox/"
    fan.is_staff = False
    fan.save()
    assert lands(client, "/security/mailbox/") == "/public/?page=2"
    assert name_shown(client) == "fan"


def test_so_it_is_under_asgi(armed, clock) -> None:
    code = testing.code_for(armed)

    async def visit() -> None:
        client = AsyncClient()
        wall = await client.get("/async-reads-user/", headers=HTML)
        assert wall.url.startswith("/security/login/")
        fields = {"username": "armed", "password": PASSWORD}
        assert (await client.post("/security/login/", fields, headers=HTML)).url == STEP
        assert (await client.get("/async-reads-user/?a=1", headers=HTML)).url == STEP
        done = await client.post(STEP, {"code": code}, headers=HTML)
        assert done.url == "/async-reads-user/?a=1"
        assert (await client.get(done.url)).content == b"Here is armed"

    async_to_sync(visit)()
