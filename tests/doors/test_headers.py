"""What our pages say beside their text: never stored, never framed, nothing inline."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from hardening import testing
from tests.doors.conftest import HTML, JSON, PAGES, name_shown, sign_in
from tests.doors.test_bad_input import URLS

pytestmark = pytest.mark.django_db


class Inline(HTMLParser):
    """Collects what a strict Content-Security-Policy would block, and addresses elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.blocked: list[str] = []
        self.titles = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.titles += tag == "h1"
        if tag == "style" or (tag == "script" and not given.get("src")):
            self.blocked.append(f"<{tag}>")
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name == "style" or name.startswith("on") or text.startswith("javascript:"):
                self.blocked.append(f"{tag} {name}={value}")
            loads = tag in ("script", "img", "link", "iframe", "source", "use", "object", "embed")
            if loads and name in ("src", "href", "data") and not text.startswith("/"):
                self.blocked.append(f"{tag} {name}={value}")
            if tag == "form" and name == "action" and text and not text.startswith("/"):
                self.blocked.append(f"{tag} {name}={value}")


def inspect(response: Any) -> None:
    directives = response.headers["Cache-Control"]
    assert "no-store" in directives
    assert "private" in directives
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Referrer-Policy"] == "same-origin"
    if response.headers["Content-Type"].startswith("text/html"):
        parser = Inline()
        parser.feed(response.content.decode())
        assert parser.blocked == []
        assert parser.titles == 1 or not response.content


@pytest.fixture(params=["nobody", "parked", "parked_bare", "enrolling", "fan", "armed", "codes"])
def visitor(request, clock) -> Client:
    client = Client(headers=HTML)
    if request.param in ("parked", "parked_bare"):
        return request.getfixturevalue(request.param).client
    if request.param in ("fan", "armed"):
        user = request.getfixturevalue(request.param)
        testing.login(client, user)
        if request.param == "armed":
            client.post("/security/enrol/")  # a pending authenticator, with its key and QR code
        return client
    if request.param in ("enrolling", "codes"):
        user = request.getfixturevalue("armed")
        testing.recovery_codes(user)
        sign_in(client, user)
        client.post("/security/recovery-code/", {"code": testing.recovery_codes(user)[0]})
        client.post("/security/enrol/")
    return client


@pytest.mark.parametrize("headers", [HTML, JSON], ids=["html", "json"])
def test_every_answer_of_every_page(visitor, headers) -> None:
    seen = set()
    for url in [*URLS, "/security/factor/1/"]:
        for method in ("get", "post"):
            if (method, url) == ("post", "/security/cancel/"):
                continue
            testing.no_throttle()
            response = getattr(visitor, method)(url, headers=headers)
            if response.status_code != 404:
                inspect(response)
            seen.add(response.status_code)
    assert seen - {302, 404, 405}


def test_the_pages_are_all_walked() -> None:
    assert len(URLS) == len(PAGES)


def test_pages_with_a_key_and_with_recovery_codes(parked_bare, mailoutbox) -> None:
    client = parked_bare.client
    client.post("/security/mailbox/", {"action": "send"})
    code = next(word for word in mailoutbox[-1].body.split() if word.isdigit() and len(word) == 8)
    assert client.post("/security/mailbox/", {"code": code}).url == "/security/enrol/"
    assert client.post("/security/enrol/").url == "/security/enrol/authenticator/"
    page = client.get("/security/enrol/authenticator/")
    assert b"<svg" in page.content
    inspect(page)
    wrong = client.post("/security/enrol/authenticator/", {"code": "000000", "name": "phone"})
    assert wrong.status_code == 400
    inspect(wrong)


def test_cancelled_and_over_and_unavailable_pages(parked, monkeypatch) -> None:
    def boom(*_args, **_kwargs):
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr("hardening.flows.record.decide", boom)
        answer = parked.client.get("/security/verify/")
        assert answer.status_code == 503
        inspect(answer)
    inspect(parked.client.post("/security/cancel/"))
    over = parked.client.get("/security/verify/")
    assert over.status_code == 410
    inspect(over)


def test_throttled_pages(parked) -> None:
    for _ in range(4):
        answer = parked.client.post("/security/verify/", {"code": "000000"})
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    inspect(answer)
    assert name_shown(parked.client) == "nobody"
