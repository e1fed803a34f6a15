"""Wrong, frozen, inactive: what may not be told apart is answered alike."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from tests.sites.drf.people_table import MANDATED, REFUSED, STAFF, freeze

pytestmark = pytest.mark.django_db

SCHEMES = ("basic", "token")


def wrong_password(user, asking):
    return asking(user, "basic", password="guessed").get("/api/basic/")


def nobody_of_that_name(user, asking):
    user.username = "nobody"
    return asking(user, "basic").get("/api/basic/")


def frozen_basic(user, asking):
    freeze(user)
    return asking(user, "basic").get("/api/basic/")


def inactive_basic(user, asking):
    get_user_model().objects.update(is_active=False)
    return asking(user, "basic").get("/api/basic/")


def wrong_token(user, asking):
    return Client(headers={"authorization": "Token guessed"}).get("/api/token/")


def frozen_token(user, asking):
    client = asking(user, "token")
    freeze(user)
    return client.get("/api/token/")


def inactive_token(user, asking):
    client = asking(user, "token")
    get_user_model().objects.update(is_active=False)
    return client.get("/api/token/")


@pytest.mark.parametrize(
    "ask",
    [
        wrong_password,
        nobody_of_that_name,
        frozen_basic,
        inactive_basic,
        wrong_token,
        frozen_token,
        inactive_token,
    ],
)
@pytest.mark.parametrize("fields", [{}, STAFF])
def test_wrong_frozen_and_inactive_answer_alike(ask, fields, person, asking):
    answer = ask(person("robin", **fields).user, asking)
    assert (answer.status_code, answer.json()) == (401, REFUSED)
    assert answer.headers["WWW-Authenticate"] == (
        'Basic realm="api"' if "basic" in answer.request["PATH_INFO"] else "Token"
    )


@pytest.mark.parametrize(
    "header", ["Basic", "Basic a b", "Basic %%%", "Token", "Token a b", "Token \xff"]
)
def test_a_header_that_cannot_be_read_says_what_is_wrong_with_it(header):
    path = f"/api/{header.split()[0].lower()}/"
    answer = Client(headers={"authorization": header}).get(path)
    assert (answer.status_code, answer.json()["code"]) == (401, "login_required")
    assert answer.json()["detail"].startswith(f"Invalid {header.split()[0].lower()} header.")


def test_a_subclass_says_in_its_own_words_why_a_token_is_refused(person, asking):
    answer = asking(person("robin").user, "token").get("/api/expiring/")
    assert answer.json() == {**REFUSED, "detail": "The token is too old."}


def test_no_credentials_are_nobody():
    answer = Client().get("/api/basic/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Basic realm="api"'
    assert Client().get("/api/token/").headers["WWW-Authenticate"] == "Token"


def test_the_first_class_decides_between_401_and_403(person, settings, asking):
    # Django REST framework's rule: a session names no scheme, so there is nothing to ask for.
    user = MANDATED.appear(person, settings)
    for scheme in SCHEMES:
        answer = asking(user, scheme).get("/api/here/")
        assert (answer.status_code, answer.json()["code"]) == (403, MANDATED.code)
