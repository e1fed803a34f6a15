"""Guessing through the API: Basic, and a page that hands out tokens, count like a login page."""

from __future__ import annotations

import base64

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.test import Client

from hardening import testing
from hardening.models import SiteState, ThrottleCell
from hardening.throttle import database
from tests.visitor import NOW, PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

WRONG = "not the password"


@pytest.fixture
def hashes(monkeypatch):
    """Return a list that grows by each password that is hashed."""
    seen = []
    encode = MD5PasswordHasher.encode

    def spy(self, password, salt):
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", spy)
    return seen


@pytest.fixture
def fan(person):
    return person("fan").user


def basic(name, password, accept="application/json", **extra):
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    client = Client(headers={"accept": accept, "authorization": f"Basic {pair}"})
    return client.get("/api/basic/", **extra)


def token(name, password, accept="application/json", **extra):
    given = {"username": name, "password": password}
    return Client(headers={"accept": accept}).post("/api/obtain-token/", given, **extra)


def rest_login(name, password, accept="application/json", **extra):
    given = {"username": name, "password": password}
    client = Client(headers={"accept": accept})
    return client.post("/api/rest-login/", given, "application/json", **extra)


DOORS = pytest.mark.parametrize("knock", [basic, token, rest_login])


def elsewhere(number):
    return {"REMOTE_ADDR": f"198.18.{number}.1"}


def crowd(knock, name, times, *, first=0):
    return [knock(name, WRONG, **elsewhere(first + turn)) for turn in range(times)]


def told(answer):
    headers = {key: value for key, value in answer.headers.items() if key != "Content-Length"}
    return answer.status_code, headers, sorted(answer.cookies), answer.content


@DOORS
def test_known_and_unknown_names_are_answered_alike(knock, fan):
    said = {}
    for name in ("fan", "fon"):
        testing.no_throttle()
        said[name] = [told(answer) for answer in crowd(knock, name, 7)]
        said[name].append(told(knock(name, PASSWORD)))
    assert said["fan"] == said["fon"]
    assert [status for status, *_more in said["fan"]][5:] == [429] * 3


@DOORS
@pytest.mark.parametrize("accept", ["application/json", "*/*"])
def test_a_refused_try_is_429_by_its_code_and_computes_no_hash(knock, accept, fan, hashes):
    crowd(knock, "fan", 5)
    hashes.clear()
    answer = knock("fan", PASSWORD, accept)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")
    assert answer.json() == {"code": "throttled", "retry_after": 30}
    assert hashes == []


@DOORS
def test_right_passwords_cost_nothing_however_often(knock, fan):
    for _ in range(20):
        assert knock("fan", PASSWORD).status_code == 200
    assert not [cell for cell in ThrottleCell.objects.all() if cell.total]


def test_a_program_and_a_login_page_draw_on_one_budget(fan):
    crowd(basic, "fan", 3)
    crowd(token, "fan", 2, first=10)
    form = Client().post("/security/login/", {"username": "fan", "password": PASSWORD})
    assert form.status_code == 429


# --- a right password that nobody should trust --------------------------------------------------


def asked_for_the_mailbox(answer, reason):
    said = answer.json()
    assert (answer.status_code, said["code"], said["reason"]) == (401, "mailbox_required", reason)


def test_in_attack_mode_a_password_alone_opens_nothing(fan, clock):
    SiteState.objects.begin_attack(until=NOW + 1800, now=NOW)
    asked_for_the_mailbox(basic("fan", PASSWORD), "attack_mode")
    asked_for_the_mailbox(rest_login("fan", PASSWORD), "attack_mode")
    clock.shift(1800)
    assert basic("fan", PASSWORD).status_code == 200


def test_a_token_made_before_works_on_in_attack_mode(fan, asking):
    program = asking(fan, "token")
    SiteState.objects.begin_attack(until=NOW + 1800, now=NOW)
    assert program.get("/api/token/").status_code == 200


def test_from_a_flagged_address_a_password_alone_opens_nothing(fan, clock, monkeypatch):
    bits = iter(range(60))
    monkeypatch.setattr(database, "account_bit", lambda _key: 1 << next(bits))
    for number in range(5):
        basic(f"junk-{number}", WRONG)
    clock.shift(301)
    asked_for_the_mailbox(basic("fan", PASSWORD), "flagged_address")
    assert basic("fan", PASSWORD, **elsewhere(1)).status_code == 200


def test_a_wrong_password_is_answered_as_ever_in_attack_mode(fan):
    before = [told(basic(name, WRONG)) for name in ("fan", "fon")]
    SiteState.objects.begin_attack(until=NOW + 1800, now=NOW)
    assert [told(basic(name, WRONG)) for name in ("fan", "fon")] == before
