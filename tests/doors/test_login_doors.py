"""Every way in: a right password alone gives a mandated person what a stranger gets."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from hardening import testing
from hardening.models import ParkedLogin
from tests.doors.conftest import HTML, JSON, PASSWORD, name_shown, sign_in
from tests.host.doors import LEAK
from tests.host.middleware import HEADER

Door = Callable[[Client, User], HttpResponse | None]


def _posted(door: str) -> Door:
    return lambda client, user: sign_in(client, user, door)


def _json(door: str) -> Door:
    def knock(client: Client, user: User) -> HttpResponse:
        body = {"username": user.username, "password": PASSWORD}
        return client.post(door, json.dumps(body), content_type="application/json")

    return knock


def _client_login(client: Client, user: User) -> None:
    client.login(username=user.username, password=PASSWORD)


def _force_login(client: Client, user: User) -> None:
    client.force_login(user)


def _reset_link(client: Client, user: User) -> HttpResponse:
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    link = f"/reset/{uid}/{default_token_generator.make_token(user)}/"
    new = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    return client.post(client.get(link, headers=HTML).url, new, headers=HTML)


DOORS: dict[str, Door] = {
    "LoginView of Django": _posted("/accounts/login/"),
    "LoginView of ours": _posted("/security/login/"),
    "the admin": _posted("/admin/login/"),
    "a second AdminSite": _posted("/desk/login/"),
    "a form": _posted("/form-login/"),
    "a page": _posted("/page-login/"),
    "a stream": _posted("/stream-login/"),
    "a callback without a password": _posted("/trusting-login/"),
    "a JSON view": _json("/api/login/"),
    "our LoginView, JSON": _json("/security/login/"),
    "an async view": _json("/async-login/"),
    "a password reset": _reset_link,
    "Client.login": _client_login,
    "Client.force_login": _force_login,
}
ADMIN_DOORS = {"the admin", "a second AdminSite"}
JSON_DOORS = {"a JSON view", "our LoginView, JSON", "an async view"}
doors = pytest.mark.parametrize("door", DOORS)

pytestmark = pytest.mark.django_db


def assert_a_stranger(client: Client) -> None:
    """Nothing but an anonymous visitor's view, by any page and by the session itself."""
    assert name_shown(client) == "nobody"
    assert client.get("/async-reads-user/").content == b"Here is nobody"
    assert client.get("/api/refusing/", headers=JSON).status_code == 401
    for walled in ("/members/", "/admin/", "/desk/", "/admin/auth/user/", "/vault/"):
        answer = client.get(walled, headers=HTML)
        assert answer.status_code == 302, walled
    assert "_auth_user_id" not in client.session
    assert client.get("/remember/").json() == {}
    assert client.get("/notes/").json() == {"messages": []}


@doors
@pytest.mark.parametrize("who", ["staff", "armed"])
def test_a_right_password_alone_opens_nothing_to_a_mandated_person(
    door, who, request, clock
) -> None:
    user = request.getfixturevalue(who)
    client = Client()
    DOORS[door](client, user)
    assert ParkedLogin.objects.filter(user=user, finished_at=None).count() == 1
    assert_a_stranger(client)


@pytest.mark.parametrize("door", [door for door in DOORS if door not in ADMIN_DOORS])
def test_a_fan_is_left_in_peace(door, fan, clock) -> None:
    client = Client()
    response = DOORS[door](client, fan)
    assert response is None or response.status_code in (200, 302)
    assert name_shown(client) == "fan"
    assert client.get("/members/", headers=HTML).status_code == 200
    assert not ParkedLogin.objects.exists()


@doors
def test_the_answer_of_the_login_view_is_dropped(door, armed, clock) -> None:
    client = Client()
    response = DOORS[door](client, armed)
    if response is None:
        return_to = client.get("/members/", headers=HTML)
        assert return_to.url == "/security/verify/"
        return
    body = b"".join(response.streaming_content) if response.streaming else response.content
    assert LEAK.encode() not in body
    assert b"armed" not in body
    assert "X-Leak" not in response.headers
    assert set(response.cookies) <= {"sessionid", "csrftoken"}
    assert "no-store" in response.headers["Cache-Control"]
    if door in JSON_DOORS:
        assert response.status_code == 401
        assert response.json() == {
            "code": "verification_required",
            "step": "/security/verify/",
            "reason": "factor_not_proven",
        }
    else:
        assert (response.status_code, response.url) == (302, "/security/verify/")
        assert response.content == b""


@doors
def test_whoever_proves_the_factor_is_in(door, armed, clock) -> None:
    client = Client()
    DOORS[door](client, armed)
    done = client.post("/security/verify/", {"code": testing.code_for(armed)}, headers=HTML)
    assert done.status_code == 302
    assert name_shown(client) == "armed"


@pytest.mark.parametrize("accept", ["application/json", "application/vnd.api+json, */*;q=0.5"])
@pytest.mark.parametrize(
    "door", ["/form-login/", "/page-login/", "/accounts/login/", "/admin/login/"]
)
def test_a_json_client_is_never_redirected(door, accept, armed, clock) -> None:
    fields = {"username": "armed", "password": PASSWORD}
    response = Client().post(door, fields, headers={"Accept": accept})
    assert response.status_code == 401
    assert response.json()["code"] == "verification_required"


def test_a_browser_that_posts_json_but_takes_html_gets_html(armed, clock) -> None:
    body = json.dumps({"username": "armed", "password": PASSWORD})
    answer = Client().post("/api/login/", body, content_type="application/json", headers=HTML)
    assert (answer.status_code, answer.url) == (302, "/security/verify/")


@pytest.mark.parametrize(
    "heading, kept",
    [
        ("/members/?page=2", "/members/?page=2"),
        ("http://testserver/members/", "/members/"),
        ("https://evil.example/", "/reads-user/"),
        ("//evil.example/", "/reads-user/"),
        ("/\\evil.example/", "/%5Cevil.example/"),
        ("http://testserver//evil.example/", "/reads-user/"),
        ("http://testserver@evil.example/", "/reads-user/"),
    ],
)
def test_next_is_kept_from_the_login_view_for_this_host_only(heading, kept, armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed, next=heading)
    done = client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert done.url == kept


def test_an_async_login_under_asgi_parks(armed, clock) -> None:
    async def visit() -> None:
        client = AsyncClient()
        body = json.dumps({"username": "armed", "password": PASSWORD})
        response = await client.post("/async-login/", body, content_type="application/json")
        assert response.status_code == 401
        assert LEAK.encode() not in response.content
        seen = await client.get("/async-reads-user/")
        assert seen.content == b"Here is nobody"
        walled = await client.get("/members/", headers={"accept": "text/html"})
        assert walled.url == "/security/verify/"

    async_to_sync(visit)()


# --- middlewares that sign in ------------------------------------------------------------------

REMOTE = "django.contrib.auth.middleware.RemoteUserMiddleware"
OURS = "hardening.middleware.HardeningMiddleware"
EACH = "tests.host.middleware.LoginEachRequest"


@pytest.fixture(params=["inside", "outside"])
def remote_user(request, settings) -> dict[str, str]:
    """RemoteUserMiddleware, inside of ours or outside."""
    place = settings.MIDDLEWARE.index(OURS) + (request.param == "inside")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], REMOTE, *settings.MIDDLEWARE[place:]]
    settings.AUTHENTICATION_BACKENDS = [
        "hardening.backends.HardeningBackend",
        "django.contrib.auth.backends.RemoteUserBackend",
    ]
    return {"REMOTE_USER": "armed"}


def test_a_remote_user_is_parked_and_does_not_loop(remote_user, armed, clock) -> None:
    client = Client(headers=HTML, **remote_user)
    client.get("/reads-user/")
    assert name_shown(client) == "nobody"
    assert client.get("/members/").url == "/security/verify/"
    assert ParkedLogin.objects.count() == 1
    assert client.get("/security/verify/").status_code == 200
    done = client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert done.status_code == 302
    assert name_shown(client) == "armed"
    assert name_shown(client) == "armed"
    assert ParkedLogin.objects.count() == 1


def test_a_remote_user_may_post_the_step_with_the_token_of_its_page(
    remote_user, armed, clock
) -> None:
    client = Client(headers=HTML, enforce_csrf_checks=True, **remote_user)
    client.get("/reads-user/")
    token = str(client.get("/security/verify/").context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    client.post("/security/verify/", fields)
    assert name_shown(client) == "armed"


@pytest.fixture(params=["inside", "outside"])
def proxied(request, settings) -> dict[str, str]:
    """A middleware that calls `login()` whatever the session says."""
    place = settings.MIDDLEWARE.index(OURS) + (request.param == "inside")
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], EACH, *settings.MIDDLEWARE[place:]]
    return {HEADER: "armed"}


def test_a_login_on_each_request_keeps_one_record_with_its_failures(proxied, armed, clock) -> None:
    client = Client(headers={**HTML, **proxied})
    for _ in range(3):
        client.get("/reads-user/")
    client.post("/security/verify/", {"code": "000000"})
    client.get("/reads-user/")
    row = ParkedLogin.objects.get()
    assert row.failures == 1
    assert name_shown(client) == "nobody"


def test_a_login_on_each_request_is_in_once_the_factor_is_proven(proxied, armed, clock) -> None:
    client = Client(headers={**HTML, **proxied})
    client.get("/reads-user/")
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert [name_shown(client) for _ in range(3)] == ["armed"] * 3


def test_a_login_on_each_request_leaves_the_forms_of_a_live_session_usable(
    proxied, armed, clock
) -> None:
    client = Client(headers={**HTML, **proxied}, enforce_csrf_checks=True)
    client.get("/reads-user/")
    token = str(client.get("/security/verify/").context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    client.post("/security/verify/", fields)
    assert name_shown(client) == "armed"
    token = str(client.get("/admin/password_change/").context["csrf_token"])
    answer = client.post("/admin/password_change/", {"csrfmiddlewaretoken": token})
    assert answer.status_code == 200  # the form with its errors, and not a 403


def test_somebody_else_by_the_proxy_gets_a_record_of_his_own(proxied, armed, staff, clock) -> None:
    client = Client(headers=HTML)
    client.get("/reads-user/", headers=proxied)
    client.get("/reads-user/", headers={HEADER: "staff"})
    open_rows = ParkedLogin.objects.filter(finished_at=None)
    assert [row.user_id for row in open_rows] == [staff.pk]


def test_a_login_that_names_djangos_own_backend_is_completed_as_ours(armed, clock) -> None:
    """Many a host's view says ``login(request, user, "…ModelBackend")``, which ours replaced."""
    client = Client(headers=HTML)
    client.force_login(armed, "django.contrib.auth.backends.ModelBackend")
    assert name_shown(client) == "nobody"
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"
