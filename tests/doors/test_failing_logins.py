"""Code that raises after `login()`, in every place where code can: nothing leaks, one log entry."""

from __future__ import annotations

import logging

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from hardening import testing
from hardening.models import ParkedLogin
from tests.doors.conftest import HTML, JSON, name_shown
from tests.host.doors import LEAK
from tests.host.middleware import HEADER
from tests.host.slow import FAULTS

pytestmark = pytest.mark.django_db
PLACES = ("sync", "async", "rendering")
OURS = "hardening.middleware.HardeningMiddleware"
STEP = "/security/verify/"


@pytest.fixture(autouse=True)
def _failing_views(settings) -> None:
    settings.ROOT_URLCONF = "tests.host.slow"


@pytest.fixture(params=["plain", "propagate", "debug"])
def handling(request, settings) -> str:
    """How Django is told to treat exceptions."""
    settings.DEBUG_PROPAGATE_EXCEPTIONS = request.param == "propagate"
    settings.DEBUG = request.param == "debug"
    return request.param


def seen_of(response) -> str:
    """Return everything that a client receives."""
    return f"{response.content} {response.headers} {response.cookies}"


def errors(caplog) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("headers", [HTML, JSON], ids=["html", "json"])
def test_a_view_that_raises_after_login_leaks_nothing_and_is_logged_once(
    place, fault, headers, armed, clock, caplog, handling
) -> None:
    client = Client(headers=headers)
    answer = client.post(f"/fail/{place}/{fault}/", {"username": "armed"})
    if headers is HTML:
        assert (answer.status_code, answer.url) == (302, STEP)
    else:
        assert (answer.status_code, answer.json()["step"]) == (401, STEP)
    assert LEAK not in seen_of(answer)
    logged = errors(caplog)
    assert [record.name for record in logged] == ["hardening"]
    assert logged[0].exc_info[0] is FAULTS[fault]
    assert name_shown(client) == "nobody"
    assert client.get("/notes/").json() == {"messages": []}
    assert client.get("/remember/").json() == {}
    client.post(STEP, {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"
    assert client.get("/remember/").json() == {"left_by_login": LEAK}


@pytest.mark.parametrize("place", PLACES)
def test_so_it_is_under_asgi(place, armed, clock, caplog, handling) -> None:
    async def visit() -> None:
        client = AsyncClient()
        path = f"/fail/{place}/RuntimeError/"
        answer = await client.post(path, {"username": "armed"}, headers=HTML)
        assert (answer.status_code, answer.url) == (302, STEP)
        assert LEAK not in seen_of(answer)
        assert (await client.get("/reads-user/")).content == b"Here is nobody"

    async_to_sync(visit)()
    assert [record.name for record in errors(caplog)] == ["hardening"]


@pytest.mark.parametrize("place", PLACES)
def test_a_fan_fails_as_with_plain_django(place, fan, clock, caplog) -> None:
    client = Client(headers=HTML, raise_request_exception=False)
    answer = client.post(f"/fail/{place}/RuntimeError/", {"username": "fan"})
    assert answer.status_code == 500
    assert [record.name for record in errors(caplog)] == ["django.request"]
    assert name_shown(client) == "nobody"  # Django saves no session with a 500


# --- middlewares --------------------------------------------------------------------------------


def placed(settings, middleware: str, *, inside: bool) -> None:
    place = settings.MIDDLEWARE.index(OURS) + inside
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], middleware, *settings.MIDDLEWARE[place:]]


@pytest.mark.parametrize("inside", [True, False], ids=["inside", "outside"])
@pytest.mark.parametrize("moment", ["before", "after", "view"])
def test_a_middleware_that_raises_after_its_login_lets_nobody_in(
    inside, moment, armed, clock, caplog, settings
) -> None:
    placed(settings, "tests.host.middleware.FailAfterLogin", inside=inside)
    client = Client(headers=HTML, raise_request_exception=False)
    answer = client.get("/public/", headers={HEADER: "armed", "X-Fail": moment})
    assert LEAK not in seen_of(answer)
    assert len(errors(caplog)) == 1
    assert answer.status_code == (302 if inside else 500)
    assert name_shown(client) == "nobody"
    if answer.status_code == 302:
        assert answer.url == STEP
        client.post(STEP, {"code": testing.code_for(armed)})
        assert name_shown(client) == "armed"


def test_a_fault_that_propagates_through_us_leaves_nobody_behind(armed, clock, settings) -> None:
    settings.DEBUG_PROPAGATE_EXCEPTIONS = True
    placed(settings, "tests.host.middleware.FailAfterLogin", inside=True)
    client = Client(headers=HTML)
    with pytest.raises(RuntimeError, match=LEAK):
        client.get("/public/", headers={HEADER: "armed", "X-Fail": "before"})
    client.exc_info = None  # Django's test client would raise it once more
    assert name_shown(client) == "nobody"
    assert client.get(STEP).status_code == 410
    assert ParkedLogin.objects.get().data == ""


# --- live sessions --------------------------------------------------------------------------------


def test_a_view_that_counts_on_a_user_and_has_none_any_more_is_no_500(
    fan, clock, caplog, handling
) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    assert client.get("/fail/members/").content == b"fan@example.com"
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert client.get("/fail/members/").url == "/security/mailbox/"
    assert [record.name for record in errors(caplog)] == ["hardening"]
    assert client.get("/remember/").json() == {}
