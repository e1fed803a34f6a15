"""The whole URLconf with every method, by somebody whose sign-in waits.

Each answer is a step page of ours, what an anonymous visitor gets, or the way to the step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve

from hardening.models import Factor, ParkedLogin
from tests.doors.conftest import HTML, JSON, name_shown

pytestmark = pytest.mark.django_db
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
ENDS = {"/admin/logout/", "/desk/logout/", "/accounts/logout/"}  # a logout ends whatever waits
# They read names and passwords that this walk does not send, and fail for everybody.
LOGINS = ("-login/", "login-twice/", "login-logout/", "api/login/", "/say/")


def patterns(entries: Any, prefix: str = "/") -> Iterator[str]:
    """Yield one path for each pattern, its parameters filled in."""
    for entry in entries:
        route = re.sub(r"\(\?P<\w+>[^)]*\)|\.\*", "1", str(entry.pattern)).strip("^$")
        route = re.sub(r"\\Z|\\", "", re.sub(r"<(\w+:)?\w+>", "1", route))
        if isinstance(entry, URLResolver):
            yield from patterns(entry.url_patterns, prefix + route)
        elif isinstance(entry, URLPattern):
            yield prefix + route


@pytest.fixture
def paths(settings) -> list[str]:
    found = sorted(set(patterns(get_resolver("tests.doors.site").url_patterns)))
    return [path for path in found if not path.endswith(LOGINS)]


def content(response: Any) -> tuple[Any, ...]:
    """Return what tells two answers apart, without tokens that always differ."""
    body = b"".join(response.streaming_content) if response.streaming else response.content
    body = re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", body)
    headers = {k: v for k, v in response.headers.items() if k not in ("Vary", "Expires")}
    return response.status_code, headers, set(response.cookies) - {"csrftoken"}, body


def test_the_walk_meets_every_kind_of_page(paths) -> None:
    assert len(paths) > 50
    for path in paths:
        assert resolve(path, "tests.doors.site")
    assert {"/security/factor/1/", "/admin/auth/user/1/change/", "/desk/", "/members/"} <= set(
        paths
    )


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("headers", [HTML, JSON], ids=["html", "json"])
@pytest.mark.parametrize("who", ["parked", "parked_bare"])
def test_a_walk_finds_nothing_that_an_anonymous_visitor_does_not(
    who, method, headers, paths, request
) -> None:
    waiting = request.getfixturevalue(who)
    step = "/security/verify/" if who == "parked" else "/security/mailbox/"
    jar = waiting.client.cookies
    factors = set(Factor.objects.values_list("pk", "name", "removed_at"))
    for path in paths:
        if method == "POST" and path in {*ENDS, "/security/cancel/", "/remember/"}:
            continue
        browser, stranger = Client(headers=headers), Client(headers=headers)
        browser.cookies["sessionid"] = jar["sessionid"].value
        mine = browser.generic(method, path)
        name = f"{method} {path}"
        assert mine.status_code < 500, name
        assert "sessionid" not in mine.cookies, name
        if mine.status_code == 302 and mine.url == step:
            continue
        if mine.status_code == 401:
            assert method == "HEAD" or mine.json()["step"] == step
            continue
        ours = path.startswith("/security/")
        if ours and mine.status_code in (200, 400, 405):
            assert "no-store" in mine.headers["Cache-Control"], name
            assert b"JBSW" not in mine.content
            continue
        assert content(mine) == content(stranger.generic(method, path)), name
    assert ParkedLogin.objects.get().finished_at is None
    assert set(Factor.objects.values_list("pk", "name", "removed_at")) == factors
    assert name_shown(waiting.client) == "nobody"


@pytest.mark.parametrize("name", ["enrol", "enrol/authenticator", "recovery-codes", "step-up", ""])
@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("action", ["make", "stored", "remove", "send"])
def test_pages_for_owners_refuse_whoever_waits(parked, name, method, action) -> None:
    url = f"/security/{name}/" if name else "/security/"
    fields = {"action": action, "code": "123456", "name": "planted", "stored": "on"}
    answer = getattr(parked.client, method)(url, fields)
    assert answer.status_code in (302, 405)
    if answer.status_code == 302:
        assert answer.url == "/security/verify/"
    assert Factor.objects.count() == 1


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_right_password_alone_plants_no_first_factor(parked_bare, method) -> None:
    for page in ("enrol/", "enrol/authenticator/", "recovery-codes/", "verify/", "recovery-code/"):
        fields = {"code": "123456", "name": "planted", "kind": "totp", "action": "make"}
        answer = getattr(parked_bare.client, method)(f"/security/{page}", fields)
        assert answer.url == "/security/mailbox/", page
    assert not Factor.objects.exists()


@pytest.mark.parametrize("door", sorted(ENDS - {"/accounts/logout/"}))
def test_a_logout_that_knows_nobody_leads_to_the_step_with_its_cancel_button(parked, door) -> None:
    assert parked.client.post(door, follow=True).redirect_chain[-1][0] == "/security/verify/"
    assert 'action="/security/cancel/"' in parked.client.get("/security/verify/").content.decode()


def test_a_logout_page_of_the_host_ends_what_waits(parked) -> None:
    parked.client.post("/accounts/logout/")
    assert parked.prove().status_code == 410
    assert name_shown(parked.client) == "nobody"
