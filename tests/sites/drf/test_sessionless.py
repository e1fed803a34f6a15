"""Basic and tokens: each request is judged by itself, and refused with a code."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from rest_framework.authtoken.models import Token

from hardening import facts, testing
from hardening.core.values import ProofKind
from hardening.facts import NotMigratedError
from hardening.flows import sessionless
from hardening.models import Account, ParkedLogin
from tests.sites.drf.people_table import FAN, MANDATED, PEOPLE, REFUSED, STAFF, freeze
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db

SCHEMES = ("basic", "token")
METHODS = ("get", "post", "put", "patch", "delete", "options")


def steps_open(answer):
    """Return whether anything of a session came of a request."""
    return bool(answer.cookies) or "Location" in answer.headers


# --- the table --------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("who", PEOPLE, ids=str)
def test_a_request_without_a_session_comes_to(who, scheme, person, settings, asking):
    user = who.appear(person, settings)
    answer = asking(user, scheme).get(f"/api/{scheme}/")
    assert answer.status_code == who.status
    if who.status == 200:
        assert answer.json() == {"user": "robin"}
    elif who.reason:
        said = answer.json()
        assert (said["code"], said["reason"]) == (who.code, who.reason)
        assert said["step"].startswith("/security/")
        assert set(said) == {"detail", "code", "step", "reason"}
    else:
        assert answer.json() == REFUSED
    assert answer.headers["Content-Type"] == "application/json"
    assert not steps_open(answer)
    assert not ParkedLogin.objects.exists()


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", METHODS)
def test_no_method_gets_past(method, scheme, person, settings, asking):
    user = MANDATED.appear(person, settings)
    answer = getattr(asking(user, scheme), method)(f"/api/{scheme}/")
    assert (answer.status_code, answer.json()["code"]) == (401, MANDATED.code)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_head_is_refused_without_a_body(scheme, person, settings, asking):
    answer = asking(MANDATED.appear(person, settings), scheme).head(f"/api/{scheme}/")
    assert (answer.status_code, answer.content) == (401, b"")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_whoever_may_pass_writes_without_a_csrf_token(scheme, person, settings, asking):
    user = FAN.appear(person, settings)
    client = asking(user, scheme)
    client.handler.enforce_csrf_checks = True
    assert client.post(f"/api/{scheme}/").json() == {"user": "robin"}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_browser_reads_a_page_and_is_led_nowhere(scheme, person, settings, asking):
    user = MANDATED.appear(person, settings)
    answer = asking(user, scheme).get(f"/api/{scheme}/", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert MANDATED.code in answer.content.decode()
    assert "Location" not in answer.headers


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("fields", [{}, STAFF])
def test_facts_that_cannot_be_read_are_503_for_everybody(
    scheme, fields, person, asking, facts_out, caplog
):
    client = asking(person("robin", **fields).user, scheme)
    facts_out()
    with caplog.at_level(logging.ERROR, "hardening"):
        answer = client.get(f"/api/{scheme}/")
    assert answer.status_code == 503
    assert answer.json()["code"] == "unavailable"
    assert answer.headers["Retry-After"] == "30"
    assert "answering 503" in caplog.text
    assert PASSWORD not in caplog.text
    assert Token.objects.values_list("key", flat=True).first() is None or (
        Token.objects.get().key not in caplog.text
    )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_decision_that_fails_is_503_too(scheme, person, asking, monkeypatch):
    client = asking(person("robin").user, scheme)
    monkeypatch.setattr("hardening.flows.record.decide", lambda *_a, **_k: 1 / 0)
    assert client.get(f"/api/{scheme}/").status_code == 503


@pytest.mark.parametrize("scheme", SCHEMES)
def test_code_that_came_before_its_tables_lets_everybody_in(scheme, person, asking, monkeypatch):
    def missing(*_args):
        raise NotMigratedError

    client = asking(person("robin", **STAFF).user, scheme)
    monkeypatch.setattr(facts, "fresh", missing)
    monkeypatch.setattr(facts, "load_user_by_name", missing)
    assert client.get(f"/api/{scheme}/").status_code == 200


# --- no session, no leftovers, next request ---------------------------------------------------


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_live_session_is_not_even_read(scheme, person, settings, asking):
    settings.SESSION_SAVE_EVERY_REQUEST = False
    user = FAN.appear(person, settings)
    client = asking(user, scheme)
    testing.login(client, person("other", **STAFF).user)
    answer = client.get(f"/api/{scheme}/")
    assert answer.json() == {"user": "robin"}
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert not answer.cookies


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_proven_session_does_not_vouch_for_a_header_beside_it(scheme, person, settings, asking):
    user = MANDATED.appear(person, settings)
    client = asking(user, scheme)
    testing.login(client, user)
    answer = client.get(f"/api/{scheme}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "verification_required")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_role_bites_on_the_next_request_and_lets_go_on_the_next(scheme, person, asking):
    user = person("robin").user
    client = asking(user, scheme)
    seen = []
    for is_staff in (False, True, False):
        get_user_model().objects.filter(pk=user.pk).update(is_staff=is_staff)
        seen.append(client.get(f"/api/{scheme}/").status_code)
    assert seen == [200, 401, 200]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_decision_costs_one_query_at_most(
    scheme, person, asking, clock, django_assert_num_queries
):
    client = asking(person("robin").user, scheme)
    client.get(f"/api/{scheme}/")
    # What a try of the password costs, with her facts; or the token with its user, and the facts.
    with CaptureQueriesContext(connection) as checked:
        authenticate(RequestFactory().get("/"), username="robin", password=PASSWORD)
    with django_assert_num_queries(len(checked) if scheme == "basic" else 2):
        client.get(f"/api/{scheme}/")


def test_a_password_is_hashed_once(person, asking, monkeypatch):
    tried = []
    verify = MD5PasswordHasher.verify
    monkeypatch.setattr(MD5PasswordHasher, "verify", lambda *args: tried.append(1) or verify(*args))
    asking(person("robin", **STAFF).user, "basic").get("/api/basic/")
    assert tried == [1]


# --- what a request proves --------------------------------------------------------------------


def proofs_seen(monkeypatch):
    """Return a list that fills with the session of each decision."""
    seen = []
    ask = sessionless.record.ask

    def spy(need, who, state, **options):
        seen.append(state)
        return ask(need, who, state, **options)

    monkeypatch.setattr(sessionless.record, "ask", spy)
    return seen


@pytest.mark.parametrize(
    "scheme, kind", [("basic", ProofKind.PASSWORD), ("token", ProofKind.UNKNOWN)]
)
def test_a_request_proves_what_it_carries_under_the_epoch_of_now(
    scheme, kind, person, asking, monkeypatch
):
    user = person("robin").user
    Account.objects.bump_epoch(user.pk)
    seen = proofs_seen(monkeypatch)
    asking(user, scheme).get(f"/api/{scheme}/")
    (state,) = seen
    assert [(proof.kind, proof.epoch) for proof in state.proofs] == [(kind, 1)]
    assert (state.signing_in, state.known_browser, state.id) == (True, False, "")


def test_a_password_that_another_backend_checked_is_still_a_password(
    person, asking, settings, monkeypatch
):
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    seen = proofs_seen(monkeypatch)
    asking(person("robin").user, "basic").get("/api/basic/")
    assert seen[0].has(ProofKind.PASSWORD)
    assert not seen[0].has(ProofKind.UNKNOWN)


# --- how a token is come by -------------------------------------------------------------------


def test_a_token_handed_out_for_a_password_opens_nothing_to_whom_a_policy_covers(person):
    robin = person("robin", **STAFF)
    given = {"username": "robin", "password": robin.password}
    key = Client().post("/api/obtain-token/", given, "application/json").json()["token"]
    answer = Client(headers={"authorization": f"Token {key}"}).get("/api/token/")
    assert (answer.status_code, answer.json()["code"]) == (401, "mailbox_required")


def test_no_token_is_handed_out_to_a_frozen_account(person):
    robin = person("robin")
    freeze(robin.user)
    given = {"username": "robin", "password": robin.password}
    answer = Client().post("/api/obtain-token/", given, "application/json")
    assert answer.status_code == 400
    assert not Token.objects.exists()


# --- Django REST framework goes on ------------------------------------------------------------


def test_throttles_count_those_who_pass(person, settings, asking):
    client = asking(FAN.appear(person, settings), "basic")
    assert [client.get("/api/throttled/").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_permissions_of_the_site_are_asked_as_ever(scheme, person, settings, asking):
    user = FAN.appear(person, settings)
    assert asking(user, scheme).get("/api/staff/").status_code == 403
    settings.HARDENING = {"POLICIES": []}
    get_user_model().objects.update(is_staff=True)
    assert asking(user, scheme).get("/api/staff/").status_code == 200
