"""At the cap of wrong passwords its owner is told, and by the answer's time nobody can tell."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from hardening.flows import attempts
from hardening.models import ThrottleCell
from tests.doors.conftest import START
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = reverse("hardening:login")


@pytest.fixture
def capped(clock, person):
    """Let an account and a name that nobody has be at their cap."""
    person("owner")
    for name in ("owner", "nobody"):
        trial = attempts.start(name, address=None, cookie=None, now_us=START * 10**6)
        attempts.fail(trial)
    ThrottleCell.objects.update(total=100)


@pytest.fixture
def told(monkeypatch):
    """Return the list of those who were told."""
    found = []
    monkeypatch.setattr(attempts, "tell", lambda user, *_rest, **_more: found.append(user.username))
    return found


def sign_in(name):
    return Client().post(LOGIN, {"username": name, "password": PASSWORD})


def test_the_owner_is_told_when_the_answer_has_been_sent(capped, told, monkeypatch):
    before, close = [], HttpResponseBase.close

    def watched(response):
        before.append(list(told))
        close(response)

    monkeypatch.setattr(HttpResponseBase, "close", watched)
    assert sign_in("owner").status_code == 429
    assert (before, told) == ([[]], ["owner"])
    attempts.clear()  # another process would not know either
    sign_in("owner")
    assert told == ["owner"]


def test_until_then_a_known_name_and_an_unknown_one_ask_the_same(capped, told, monkeypatch):
    asked, close = {}, HttpResponseBase.close
    monkeypatch.setattr(
        HttpResponseBase,
        "close",
        lambda response: (asked.setdefault(name, len(queries)), close(response)),
    )
    for name in ("owner", "nobody"):
        with CaptureQueriesContext(connection) as queries:
            assert sign_in(name).status_code == 429
    assert told == ["owner"]
    assert asked["owner"] == asked["nobody"] > 0


@pytest.mark.parametrize("request_", [None, RequestFactory().post(LOGIN)])
def test_where_no_answer_of_ours_is_to_come_the_owner_is_told_at_once(capped, told, request_):
    assert authenticate(request_, username="owner", password=PASSWORD) is None
    assert told == ["owner"]


def test_a_fault_afterwards_is_logged_and_shown_to_nobody(capped, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise OSError

    monkeypatch.setattr(attempts, "tell", broken)
    assert sign_in("owner").status_code == 429
    assert "an owner could not be told" in caplog.text
