"""Sessions in the API: judged by the middleware, refused in JSON, CSRF as ever."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from hardening import facts, testing
from hardening.models import Account, ParkedLogin
from tests.sites.drf.people_table import (
    IN_GRACE,
    NO_FLOOR,
    STAFF,
    SWITCHED_OFF,
    freeze,
    must_change,
    report,
)
from tests.sites.drf.views import LEAK, Here
from tests.visitor import Visitor, leads_to

pytestmark = pytest.mark.django_db

JSON = {"accept": "application/json"}


def promote(user):
    get_user_model().objects.filter(pk=user.pk).update(is_staff=True)


def deactivate(user):
    get_user_model().objects.filter(pk=user.pk).update(is_active=False)


def revoke(user):
    Account.objects.bump_epoch(user.pk)


# --- a live session, and what happens to it ---------------------------------------------------

LIVE = [
    # what happens, under which settings, and what the next request is answered
    (lambda user: None, {}, (200, None)),
    (promote, {}, (401, "mailbox_required")),
    (promote, IN_GRACE, (200, None)),
    (promote, SWITCHED_OFF, (200, None)),
    (must_change, {}, (401, "mailbox_required")),
    (freeze, {}, (401, "login_required")),
    (deactivate, {}, (403, None)),  # Django itself finds nobody in the session
    (revoke, {}, (401, "login_required")),
    (testing.enrol, {}, (401, "login_required")),  # elsewhere: other sessions end
]


@pytest.mark.parametrize("happens, hardening, comes_to", LIVE)
@pytest.mark.parametrize("method", ["get", "post", "options"])
def test_what_happens_to_an_account_bites_on_its_next_request(
    happens, hardening, comes_to, method, person, settings
):
    settings.HARDENING = hardening
    robin = person("robin")
    client = Client(headers=JSON)
    client.force_login(robin.user)
    assert client.get("/api/session/").json() == {"user": "robin"}
    happens(robin.user)
    answer = getattr(client, method)("/api/session/")
    assert (answer.status_code, answer.json().get("code")) == comes_to
    assert "Location" not in answer.headers


def test_a_policy_that_only_reports_stops_nobody(person, settings):
    settings.HARDENING = NO_FLOOR
    robin = person("robin", **STAFF)
    report(robin.user)
    robin.client.force_login(robin.user)
    assert robin.client.get("/api/session/").status_code == 200


@pytest.mark.parametrize(
    "enrolled, code, step",
    [
        (False, "mailbox_required", "/security/mailbox/"),
        (True, "verification_required", "/security/verify/"),
    ],
)
@pytest.mark.parametrize("path", ["/api/session/", "/api/here/", "/api/exempt/"])
def test_a_parked_sign_in_is_answered_with_its_step(enrolled, code, step, path, person):
    robin = person("robin", **STAFF)
    if enrolled:
        testing.enrol(robin.user)
    client = Client(headers=JSON)
    client.login(username="robin", password=robin.password)
    answer = client.get(path)
    assert answer.status_code == 401
    assert (answer.json()["code"], answer.json()["step"]) == (code, step)


@pytest.mark.parametrize("path", ["/api/session/", "/api/here/", "/api/staff/"])
def test_a_proven_factor_opens(path, person):
    client = Client(headers=JSON)
    testing.login(client, person("robin", **STAFF).user)
    assert client.get(path).json() == {"user": "robin"}


def test_facts_that_cannot_be_read_are_503_and_nobody_is_signed_out(person, facts_out, monkeypatch):
    robin = person("robin")
    client = Client(headers=JSON)
    client.force_login(robin.user)
    with monkeypatch.context() as broken:
        broken.setattr(facts, "of", lambda user: (_ for _ in ()).throw(facts.FactsError("out")))
        answer = client.get("/api/session/")
        assert (answer.status_code, answer.json()) == (503, {"code": "unavailable"})
    assert client.get("/api/session/").json() == {"user": "robin"}


def test_nobody_is_nobody():
    answer = Client(headers=JSON).get("/api/session/")
    assert answer.status_code == 403  # Django REST framework's rule for sessions
    assert not answer.cookies


# --- signing in through the API ---------------------------------------------------------------


def rest_login(client, visitor):
    given = {"username": visitor.user.username, "password": visitor.password}
    return client.post("/api/rest-login/", given, "application/json")


@pytest.mark.parametrize(
    "enrolled, code", [(False, "mailbox_required"), (True, "verification_required")]
)
@pytest.mark.parametrize("headers", [{}, JSON, {"accept": "*/*"}])
def test_a_login_through_the_api_leaks_nothing_while_it_is_parked(enrolled, code, headers, person):
    robin = person("robin", **STAFF)
    if enrolled:
        testing.enrol(robin.user)
    client = Client(headers=headers)
    answer = rest_login(client, robin)
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert LEAK not in answer.content.decode()
    assert "X-Leak" not in answer.headers
    assert "left_by_login" not in client.session
    assert client.get("/api/session/").status_code == 401


def test_a_login_through_the_api_is_completed_on_our_pages(clock, person):
    robin = person("robin", **STAFF)
    robin.secret = testing.secret_of(testing.enrol(robin.user))
    program = Visitor(robin.user, json_client=True)
    program.secret = robin.secret
    assert leads_to(rest_login(program.client, robin), "hardening:verify")
    assert program.verify().json()["code"] == "ok"
    assert program.client.get("/api/session/").json() == {"user": "robin"}
    assert program.client.session["left_by_login"] == LEAK


def test_a_login_through_the_api_that_owes_nothing_is_answered_by_the_view(person):
    answer = rest_login(Client(), person("robin"))
    assert (answer.status_code, answer.json()["secret"]) == (200, LEAK)


# --- CSRF -------------------------------------------------------------------------------------


def test_a_request_of_another_site_is_refused_with_a_code(person):
    client = Client(headers=JSON, enforce_csrf_checks=True)
    client.force_login(person("robin").user)
    answer = client.post("/api/session/")
    assert answer.status_code == 403
    assert answer.json()["code"] == "csrf_failed"
    assert answer.json()["detail"].startswith("CSRF Failed")


def test_a_request_with_the_token_of_the_cookie_passes(person):
    client = Client(headers=JSON, enforce_csrf_checks=True)
    client.get("/security/login/", headers={"accept": "text/html"})
    client.force_login(person("robin").user)
    token = client.cookies["csrftoken"].value
    assert client.post("/api/session/", headers={"x-csrftoken": token}).status_code == 200


# --- what does not come from the middleware ---------------------------------------------------


@pytest.mark.parametrize("fields, status", [({}, 200), (STAFF, 403)])
def test_a_user_whom_other_code_put_into_the_request_is_judged(fields, status, person):
    view = Here.as_view()
    request = RequestFactory().get("/api/here/")
    request.user = person("robin", **fields).user
    answer = view(request)
    assert answer.status_code == status
    assert answer.data.get("code") == (None if status == 200 else "mailbox_required")


def test_a_request_that_bears_no_user_is_nobodys():
    request = RequestFactory().get("/api/here/")
    request.user = AnonymousUser()
    assert Here.as_view()(request).status_code == 403


# --- pages ------------------------------------------------------------------------------------


def test_the_browsable_api_shows_itself_to_whom_it_is_open(person):
    robin = person("robin", **STAFF)
    testing.login(robin.client, robin.user)
    shown = robin.client.get("/api/here/").content.decode()
    assert "robin" in shown
    assert "<form" in shown


def test_the_browsable_api_leads_to_the_step_when_a_session_is_stopped(person):
    robin = person("robin")
    robin.client.force_login(robin.user)
    promote(robin.user)
    assert leads_to(robin.client.get("/api/here/"), "hardening:mailbox")
    assert ParkedLogin.objects.get().next == "/api/here/"


def test_the_browsable_api_shows_a_parked_person_what_it_shows_anybody(person):
    robin = person("robin", **STAFF)
    robin.client.login(username="robin", password=robin.password)
    answer = robin.client.get("/api/here/")
    assert answer.status_code == 403
    assert "Authentication credentials were not provided." in answer.content.decode()
    assert "robin" not in answer.content.decode()


def test_a_hosts_tests_sign_in_with_our_helper(person):
    client = APIClient(headers=JSON)
    testing.login(client, person("robin", **STAFF).user)
    assert client.get("/api/staff/").json() == {"user": "robin"}
