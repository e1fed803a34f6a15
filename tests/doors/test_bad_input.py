"""Bad input on every page of ours: a clear answer, never a 500, nothing lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from hardening import testing
from hardening.models import Factor, ParkedLogin
from tests.doors.conftest import HTML, JSON, PAGES, Parked, name_shown

pytestmark = pytest.mark.django_db
URLS = [f"/security/{name.replace('_', '-')}/" for name in PAGES if name != "overview"]
URLS = [url.replace("enrol-totp", "enrol/authenticator") for url in URLS] + ["/security/"]
FIELDS = (
    "code",
    "ticket",
    "password",
    "name",
    "username",
    "authenticator",
    "stored",
    "action",
    "remove",
    "old_password",
    "new_password1",
    "new_password2",
    "next",
    "kind",
)
MEGABYTE = "9" * 2**20
VALUES = {
    "nothing": "",
    "spaces": " \t\r\n ",
    "letters": "abcdef",
    "short": "12345",
    "long": "1234567",
    "full-width": "１２３４５６",
    "arabic": "١٢٣٤٥٦",
    "underscore": "731_505",
    "newline": "123456\n",
    "nul": "123\x00456",
    "control": "\x01\x1b[31m\x7f",
    "bidi": "\u202e654321",
    "minus": "-1",
    "float": "1e5",
    "huge": "9" * 5000,
    "markup": "<script>alert(1)</script>",
    "format": "{0.__class__} %s %(x)s {{ 7 }}",
    "sql": "' OR 1=1 --",
    "emoji": "🔑" * 6,
    "megabyte": MEGABYTE,
}
JSON_BODIES = {
    "empty": "",
    "half": '{"code": ',
    "array": '["123456"]',
    "text": '"123456"',
    "number": "7",
    "null": "null",
    "nan": '{"code": NaN}',
    "nested": '{"code": {"a": [1, 2, {"b": null}]}}',
    "list": '{"code": ["1", "2"], "username": ["a"], "password": [[]]}',
    "deep": "[" * 100_000,
    "deep object": '{"code": ' + "[" * 900 + "]" * 900 + "}",
    "big number": '{"code": ' + "9" * 5000 + "}",
    "half a surrogate": '{"code": "\\ud800", "username": "\\ud800", "password": "\\udfff", '
    '"name": "\\ud800", "ticket": "\\ud800", "next": "/\\ud800", "old_password": "\\ud800"}',
    "surrogate as key": '{"\\ud800": "x"}',
    "nul": '{"code": "\\u0000", "username": "\\u0000", "password": "\\u0000", "name": "\\u0000"}',
    "not utf-8": b'{"code": "\xff\xfe"}',
    "utf-16": '{"code": "123456"}'.encode("utf-16"),
    "megabyte": json.dumps({"code": MEGABYTE}),
    "too many megabytes": json.dumps({"code": MEGABYTE, "password": MEGABYTE, "name": MEGABYTE}),
    "many": json.dumps({f"f{n}": n for n in range(5000)}),
}


@pytest.fixture(params=["nobody", "parked", "parked_bare", "fan", "armed"])
def visitor(request, clock) -> Client:
    """Everybody who may come to a page of ours."""
    if request.param == "nobody":
        request.getfixturevalue("db")
        return Client(headers=HTML)
    if request.param in ("fan", "armed"):
        client = Client(headers=HTML)
        user = request.getfixturevalue(request.param)
        if request.param == "fan":
            client.force_login(user)
        else:
            testing.login(client, user)
        return client
    waiting: Parked = request.getfixturevalue(request.param)
    return waiting.client


def assert_clear(answer: Any, name: str) -> None:
    assert answer.status_code in (200, 302, 400, 401, 403, 404, 405, 409, 410, 429), name
    if answer.status_code == 302:
        assert answer.url.startswith("/"), name
        assert not answer.url.startswith("//"), name
        return
    body = answer.content.decode()
    assert body or answer.status_code == 405, name
    assert "Traceback" not in body
    assert "<script>alert" not in body, name


def wholeness(client: Client) -> tuple[Any, ...]:
    """Return what bad input must not change."""
    return (
        name_shown(client),
        list(Factor.objects.confirmed().order_by("pk").values_list("pk", "name", "removed_at")),
        ParkedLogin.objects.filter(finished_at=None, purpose="login").count(),
    )


@pytest.mark.parametrize("value", VALUES, ids=VALUES)
def test_malformed_fields_on_every_page(visitor, value) -> None:
    before = wholeness(visitor)
    for url in URLS:
        if url == "/security/cancel/":
            continue
        for fields in (FIELDS, [f for f in FIELDS if f not in ("action", "kind")]):
            testing.no_throttle()
            ParkedLogin.objects.update(failures=0)
            answer = visitor.post(url, dict.fromkeys(fields, VALUES[value]))
            assert_clear(answer, f"{url} {value}")
    ParkedLogin.objects.update(failures=0)
    assert wholeness(visitor) == before


@pytest.mark.parametrize("field", ["code", "ticket", "password", "name", "username", "next"])
def test_a_megabyte_in_one_field_on_every_page(visitor, field) -> None:
    before = wholeness(visitor)
    for url in URLS:
        if url != "/security/cancel/":
            testing.no_throttle()
            assert_clear(visitor.post(url, {field: MEGABYTE}), f"{url} {field}")
    assert wholeness(visitor) == before


@pytest.mark.parametrize("body", JSON_BODIES, ids=JSON_BODIES)
def test_malformed_json_on_every_page(visitor, body) -> None:
    before = wholeness(visitor)
    for url in URLS:
        if url == "/security/cancel/":
            continue
        for headers in (JSON, {"Accept": "*/*"}, HTML):
            testing.no_throttle()
            ParkedLogin.objects.update(failures=0)
            answer = visitor.generic(
                "POST", url, JSON_BODIES[body], "application/json", headers=headers
            )
            assert_clear(answer, f"{url} {body}")
            if headers is JSON and answer.status_code != 405:
                assert "code" in answer.json(), url
    ParkedLogin.objects.update(failures=0)
    assert wholeness(visitor) == before


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/xml",
        "application/octet-stream",
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "multipart/form-data; boundary=" + "x" * 300,
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=nonsense",
        "multipart/form-data; boundary=x; charset=unicode_escape",
        "application/json; charset=nonsense",
        "",
        "\\",
        "json",
    ],
)
def test_wrong_content_types_on_every_page(visitor, content_type) -> None:
    before = wholeness(visitor)
    part = b'--x\r\nContent-Disposition: form-data; name="%s"\r\n\r\n\\ud800\r\n'
    body = b"".join(part % field.encode() for field in FIELDS) + b"--x--\r\n"
    for url in URLS:
        if url != "/security/cancel/":
            for data in (b"code=123456&username=a&password=b", body, b"\xff\x00" * 50, b""):
                testing.no_throttle()
                ParkedLogin.objects.update(failures=0)
                answer = visitor.generic("POST", url, data, content_type)
                assert_clear(answer, f"{url} {content_type}")
    ParkedLogin.objects.update(failures=0)
    assert wholeness(visitor) == before


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"])
def test_wrong_methods_on_every_page(visitor, method) -> None:
    before = wholeness(visitor)
    for url in [*URLS, "/security/factor/1/"]:
        answer = visitor.generic(method, url, b"code=123456")
        assert answer.status_code == 405, url
        assert "POST" in answer.headers["Allow"] or "GET" in answer.headers["Allow"]
    assert wholeness(visitor) == before


def test_odd_queries_on_every_page(visitor) -> None:
    before = wholeness(visitor)
    for url in URLS:
        for query in ("next=%00", "next=%ff%fe", "next=" + "a" * 5000, "a=" * 900, "%", "next[]=/"):
            assert_clear(visitor.get(f"{url}?{query}"), f"{url} {query[:20]}")
    assert wholeness(visitor) == before or name_shown(visitor) == before[0]
