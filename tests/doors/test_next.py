"""`next` comes from strangers: a path on this host, or nothing."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from hardening import answers, testing
from tests.doors.conftest import HTML, PASSWORD

pytestmark = pytest.mark.django_db
HOME = "/reads-user/"
EVIL = [
    "https://evil.example/",
    "http:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "//evil.example/",
    "///evil.example/",
    "////evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\\/evil.example/",
    "\\/evil.example",
    "/\t/evil.example/",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "\x00//evil.example",
    "/\x00/evil.example",
    "\x7f//evil.example",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "testserver@evil.example",
    "//testserver@evil.example/",
    "http://testserver@evil.example/",
    "http://testserver:80@evil.example/",
    "http://testserver\\@evil.example/",
    "http://evil.example\\.testserver/",
    "http://testserver.evil.example/",
    "http://testserver:8080/",
    "http://[::1]/",
    "http://[",
    "//[",
    "http://testserver//evil.example/",
    "http://testserver/\\evil.example/",
    "ftp://testserver/",
    "evil.example",
    "//\u2100evil.example",
    "／／evil.example",
    "/" + "a" * 5000,
    "a" * 2**20,
    "",
]
DJANGO_REFUSES = ("javascript", "JaVa", "data", "http://[", "//[")  # to redirect there at all
FINE = {
    "/members/": "/members/",
    "/members/?a=b&next=//evil.example": "/members/?a=b&next=//evil.example",
    "/members/#part": "/members/",
    "http://testserver/members/?a=1": "/members/?a=1",
    "/@evil.example": "/@evil.example",
    "/%2f%2fevil.example": "/%2f%2fevil.example",
    "/é": "/%C3%A9",
    "?page=2": "/?page=2",
    "#part": "/",
}


def lands(door: str, value: str, user, how: str) -> str:
    """Return where a whole sign-in ends that was asked to lead to `value`."""
    client = Client(headers=HTML)
    fields = {"username": user.username, "password": PASSWORD}
    if how == "query":
        client.post(f"{door}?next={quote(value)}", fields)
    elif how == "field":
        client.post(door, {**fields, "next": value})
    else:
        client.generic("POST", door, json.dumps({**fields, "next": value}), "application/json")
    return client.post("/security/verify/", {"code": testing.code_for(user)}).url


@pytest.mark.parametrize("how", ["query", "field", "json"])
@pytest.mark.parametrize("value", EVIL, ids=lambda value: repr(value[:30]))
def test_our_login_page_leads_nowhere_else(value, how, armed, clock) -> None:
    assert lands("/security/login/", value, armed, how) == HOME


@pytest.mark.parametrize("value", FINE)
def test_our_login_page_keeps_a_path_on_this_host(value, armed, clock) -> None:
    assert lands("/security/login/", value, armed, "field") == FINE[value]


@pytest.mark.parametrize(
    "value",
    [value for value in EVIL if not value.startswith(DJANGO_REFUSES)],
    ids=lambda value: repr(value[:30]),
)
def test_a_login_view_that_would_lead_anywhere_leads_to_this_host(value, armed, clock) -> None:
    landed = lands("/form-login/", value, armed, "field")
    assert landed.startswith("/")
    assert not landed.startswith(("//", "/\\"))


@pytest.mark.parametrize("value", EVIL, ids=lambda value: repr(value[:30]))
def test_step_up_and_a_signed_in_login_page_lead_nowhere_else(value, armed, live, clock) -> None:
    client = live(armed)
    assert client.get("/security/login/", {"next": value}).url == HOME
    clock.shift(30)
    done = client.post("/security/step-up/", {"code": testing.code_for(armed), "next": value})
    assert done.url == "/security/"


@given(st.text(max_size=60), st.sampled_from(["", "/", "//", "http://testserver", "\\", "/\\"]))
def test_whatever_is_given_only_a_path_of_this_host_comes_back(text, start) -> None:
    request = RequestFactory().get("/")
    kept = answers.safe_next(request, start + text)
    assert kept == "" or kept.startswith("/")
    assert not kept.startswith(("//", "/\\"))
    assert not any(character <= " " or character in "\\\x7f" for character in kept)
    kept.encode()
