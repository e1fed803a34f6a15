"""One transaction for each request: Django REST framework rolls it back when it refuses."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client

from hardening import testing
from hardening.models import ParkedLogin, SecurityEvent
from tests.sites.drf.people_table import STAFF
from tests.visitor import Visitor, leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _atomic_requests() -> Iterator[None]:
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def robin(clock, person):
    """Return a program of somebody with an authenticator."""
    visitor = Visitor(person("robin", **STAFF).user, json_client=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


def test_a_parked_login_survives_the_rollback(robin):
    given = {"username": "robin", "password": robin.password}
    answer = robin.client.post("/api/rest-login/", given, "application/json")
    assert leads_to(answer, "hardening:verify")
    assert robin.client.get("/api/session/").json()["code"] == "verification_required"
    assert robin.verify().json()["code"] == "ok"
    assert robin.client.get("/api/session/").json() == {"user": "robin"}


def test_a_live_session_that_is_stopped_survives_it_too(clock, person):
    fan = Visitor(person("fan").user, json_client=True)
    fan.client.force_login(fan.user)
    get_user_model().objects.update(is_staff=True)
    assert leads_to(fan.client.get("/api/session/"), "hardening:mailbox")
    assert ParkedLogin.objects.count() == 1
    assert fan.prove_mailbox().json()["code"] == "enrolment_required"


@pytest.mark.parametrize("scheme", ["basic", "token"])
def test_a_refused_request_leaves_its_line_in_the_log(scheme, robin, asking, caplog):
    # The row goes with the request's transaction.
    with caplog.at_level(logging.INFO, "hardening.audit"):
        answer = asking(robin.user, scheme).get(f"/api/{scheme}/")
    assert (answer.status_code, answer.json()["code"]) == (401, "verification_required")
    assert "request:judge:refused" in caplog.text
    assert not SecurityEvent.objects.exists()


@pytest.mark.parametrize("scheme", ["basic", "token"])
def test_whoever_may_pass_passes(scheme, person, asking):
    client: Client = asking(person("fan").user, scheme)
    assert client.post(f"/api/{scheme}/").json() == {"user": "fan"}
