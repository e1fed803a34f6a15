"""What goes wrong around a parked sign-in: exceptions, rollbacks, tabs, stale tokens, stores."""

from __future__ import annotations

import json
import logging

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from hardening import facts, testing
from hardening.models import ParkedLogin
from tests.doors.conftest import HTML, JSON, PASSWORD, name_shown, sign_in
from tests.host.doors import LEAK

pytestmark = pytest.mark.django_db


# --- exceptions ---------------------------------------------------------------------------------


def test_a_view_that_fails_after_login_is_replaced_and_logged_once(armed, clock, caplog) -> None:
    client = Client(headers=HTML)
    response = sign_in(client, armed, "/failing-login/")
    assert (response.status_code, response.url) == (302, "/security/verify/")
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in errors] == ["hardening"]
    assert errors[0].exc_info[0] is RuntimeError
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"


def test_a_path_cannot_forge_a_line_of_the_log(armed, clock, caplog) -> None:
    sign_in(Client(headers=HTML), armed, "/failing-login/x%0AERROR forged-login/")
    (said,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert said.startswith("the view failed")
    assert "\n" not in said
    assert "'/failing-login/x\\nERROR forged-login/'" in said


def test_a_view_that_fails_for_a_fan_fails_as_ever(fan, clock) -> None:
    client = Client(headers=HTML, raise_request_exception=False)
    assert sign_in(client, fan, "/failing-login/").status_code == 500


@pytest.fixture
def undecided(monkeypatch, caplog):
    """Make every decision about a sign-in or a live session raise."""

    def boom(*_args, **_kwargs):
        message = "no idea"
        raise RuntimeError(message)

    monkeypatch.setattr("hardening.flows.record.decide", boom)
    return monkeypatch


@pytest.mark.parametrize("who", ["fan", "armed"])
@pytest.mark.parametrize("door", ["/form-login/", "/accounts/login/", "/admin/login/"])
def test_a_login_that_cannot_be_judged_is_503_and_leaves_no_trace(
    who, door, request, clock, undecided
) -> None:
    user = request.getfixturevalue(who)
    if door == "/admin/login/" and who == "fan":
        door = "/page-login/"
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    response = sign_in(client, user, door)
    assert response.status_code == 503
    assert response.headers["Retry-After"] == "30"
    assert LEAK.encode() not in response.content
    undecided.undo()
    assert name_shown(client) == "nobody"
    assert client.get("/remember/").json() == {"cart": "3 records"}
    assert client.get("/notes/").json() == {"messages": []}
    assert not ParkedLogin.objects.exists()


def test_a_login_that_cannot_be_judged_is_503_to_a_script(armed, clock, undecided) -> None:
    body = json.dumps({"username": "armed", "password": PASSWORD})
    answer = Client().post("/api/login/", body, content_type="application/json")
    assert (answer.status_code, answer.json()) == (503, {"code": "unavailable"})
    assert answer.headers["Retry-After"] == "30"


def test_our_login_page_answers_503_where_facts_cannot_be_read(armed, clock, monkeypatch) -> None:
    def boom(_user):
        raise facts.FactsError

    monkeypatch.setattr(facts, "load_user_by_name", boom)
    fields = {"username": "armed", "password": PASSWORD}
    page = Client(headers=HTML).post("/security/login/", fields)
    assert page.status_code == 503
    assert Client(headers=JSON).post("/security/login/", fields).json() == {"code": "unavailable"}


@pytest.mark.parametrize("fault", [facts.FactsError, RuntimeError])
def test_a_step_page_answers_503_where_nobody_can_tell_and_loses_nothing(
    parked, monkeypatch, caplog, fault
) -> None:
    def boom(*_args, **_kwargs):
        raise fault

    with monkeypatch.context() as broken:
        broken.setattr("hardening.flows.record.decide", boom)
        for path in ("/security/verify/", "/security/mailbox/", "/members/"):
            caplog.clear()
            answer = parked.client.get(path)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30"), path
            assert [r.name for r in caplog.records if r.levelno >= logging.ERROR][:1] == [
                "hardening"
            ]
    assert parked.prove().status_code == 302


# --- tabs ---------------------------------------------------------------------------------------


def test_the_second_tab_goes_where_the_first_one_went(parked) -> None:
    parked.client.get("/members/?page=2")
    second = parked.client.get("/security/verify/")
    assert second.status_code == 200
    assert parked.prove().url == "/members/?page=2"
    for path in ("/security/verify/", "/security/mailbox/", "/security/recover/"):
        assert parked.client.get(path).url == "/members/?page=2"
    again = parked.client.post("/security/verify/", {"code": "123456"})
    assert again.url == "/members/?page=2"
    assert name_shown(parked.client) == "armed"


def test_a_late_answer_under_the_old_key_does_not_sign_out(parked) -> None:
    late = Client(headers=HTML)
    late.cookies["sessionid"] = parked.client.cookies["sessionid"].value
    parked.prove()
    answer = late.get("/reads-user/")
    assert answer.content == b"Here is nobody"
    assert "sessionid" not in answer.cookies
    assert late.get("/security/verify/").status_code == 410


def test_a_logout_still_takes_the_cookie(parked) -> None:
    parked.prove()
    answer = parked.client.post("/accounts/logout/")
    assert answer.cookies["sessionid"]["max-age"] == 0


# --- stale tokens ---------------------------------------------------------------------------------


@pytest.fixture
def checked(clock, armed) -> Client:
    """A parked browser whose requests are checked for CSRF tokens."""
    client = Client(headers=HTML, enforce_csrf_checks=True)
    client.get("/security/login/")
    token = client.cookies["csrftoken"].value
    sign_in(client, armed, "/security/login/", csrfmiddlewaretoken=token)
    return client


@pytest.mark.parametrize("token", [None, "", "stale", "a" * 64, "é" * 64])
@pytest.mark.parametrize("step", ["verify", "mailbox", "cancel", "recovery-code", "login"])
def test_a_stale_token_leads_back_to_the_step(checked, step, token) -> None:
    fields = {"code": "123456"} | ({} if token is None else {"csrfmiddlewaretoken": token})
    answer = checked.post(f"/security/{step}/", fields)
    assert (answer.status_code, answer.url) == (302, f"/security/{step}/")
    assert "no-store" in answer.headers["Cache-Control"]
    script = checked.post(f"/security/{step}/", fields, headers=JSON)
    assert script.status_code == 403
    assert script.json()["code"] == "csrf_failed"
    assert ParkedLogin.objects.get().finished_at is None
    assert ParkedLogin.objects.get().failures == 0


def test_the_token_of_the_page_works(checked, armed) -> None:
    token = str(checked.get("/security/verify/").context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    checked.post("/security/verify/", fields)
    assert name_shown(checked) == "armed"


def test_a_foreign_login_leaves_a_token_that_the_step_takes(armed, clock) -> None:
    client = Client(headers=HTML, enforce_csrf_checks=True)
    client.get("/security/login/")  # sets the cookie
    token = client.cookies["csrftoken"].value
    sign_in(client, armed, "/protected-login/", csrfmiddlewaretoken=token)
    token = str(client.get("/security/verify/").context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    client.post("/security/verify/", fields)
    assert name_shown(client) == "armed"


def test_tokens_in_the_session_survive_parking(armed, clock, settings) -> None:
    settings.CSRF_USE_SESSIONS = True
    client = Client(headers=HTML, enforce_csrf_checks=True)
    token = str(client.get("/security/login/").context["csrf_token"])
    sign_in(client, armed, "/protected-login/", csrfmiddlewaretoken=token)
    token = str(client.get("/security/verify/").context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    client.post("/security/verify/", fields)
    assert name_shown(client) == "armed"


# --- around it ------------------------------------------------------------------------------------


def test_a_step_costs_no_more_than_a_handful_of_queries(parked) -> None:
    with CaptureQueriesContext(connection) as caught:
        parked.client.get("/security/verify/")
    assert len(caught) <= 6


def test_a_middleware_that_writes_the_session_late_breaks_nothing(armed, clock, settings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "tests.host.middleware.CountResponses"]
    settings.SESSION_SAVE_EVERY_REQUEST = True
    client = Client(headers=HTML)
    client.get("/public/")
    sign_in(client, armed)
    assert name_shown(client) == "nobody"
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"
