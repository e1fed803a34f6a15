"""The permissions: `MeetsPolicy` behind a class that asks nothing, `HasFreshProof` at a door."""

from __future__ import annotations

import pytest
from django.test import Client
from rest_framework.permissions import IsAdminUser
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate

from hardening import facts, sessions, testing
from hardening.contrib import drf
from hardening.facts import NotMigratedError
from hardening.models import SecurityEvent
from tests.sites.drf import views
from tests.sites.drf.people_table import MANDATED, PEOPLE, STAFF, SWITCHED_OFF

pytestmark = pytest.mark.django_db

JSON = {"accept": "application/json"}
NOBODY = {
    "detail": "Authentication credentials were not provided.",
    "code": "login_required",
    "step": "/security/login/",
}


def ask(view, *, user=None, forced=None, method="get"):
    """Call a view with a signature for `user`, or as the tests of hosts force one."""
    request = getattr(APIRequestFactory(), method)("/", headers={"X-Signed": user} if user else {})
    if forced is not None:
        force_authenticate(request, forced)
    return view(request)


# --- MeetsPolicy ------------------------------------------------------------------------------


@pytest.mark.parametrize("who", PEOPLE, ids=str)
def test_behind_a_class_that_asks_nothing_the_permission_asks(who, person, settings):
    user = who.appear(person, settings)
    answer = Client(headers={**JSON, "x-signed": user.username}).get("/api/signed/")
    status = 403 if who.status == 401 else who.status  # `Signed` names no scheme
    assert (answer.status_code, answer.json().get("code", "")) == (status, who.code)
    assert answer.json().get("reason", "") == who.reason


def test_nobody_is_told_to_sign_in():
    assert Client(headers=JSON).get("/api/signed/").json() == NOBODY


def test_a_host_without_an_anonymous_user_may_use_it_too(settings):
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "UNAUTHENTICATED_USER": None}
    assert Client(headers=JSON).get("/api/signed/").json() == NOBODY


def test_it_does_not_ask_twice(person, asking, django_assert_num_queries):
    client = asking(person("robin").user, "token")
    client.get("/api/token/asked/")  # the first query of a process has a savepoint
    with django_assert_num_queries(2):  # the token and the facts
        assert client.get("/api/token/asked/").status_code == 200


def test_a_class_that_says_it_has_asked_is_believed(person):
    robin = person("robin", **STAFF)
    view = views.here(views.DeclaredSigned, drf.MeetsPolicy)
    assert ask(view, user=robin.user.username).status_code == 200


@pytest.mark.parametrize("base", [drf.TokenAuthentication, drf.SessionAuthentication])
def test_a_class_made_of_ours_that_finds_people_itself_is_not_believed(base, person, settings):
    class Own(base):
        authenticate = views.Signed.authenticate

    robin, client = person("robin", **STAFF), APIClient(headers=JSON)
    client.force_login(person("fan").user)  # a session of the thief's own, and judged
    signed = {"x-signed": robin.user.username}
    request = client.get("/api/session/", headers=signed).wsgi_request
    assert request.user.is_authenticated
    answer = views.here(Own, drf.MeetsPolicy)(request)
    assert answer.data["code"] == "mailbox_required"


def test_whom_a_hosts_test_forces_in_is_judged(person):
    view = views.here(None, drf.MeetsPolicy)
    assert ask(view, forced=person("fan").user).status_code == 200
    assert ask(view, forced=person("robin", **STAFF).user).data["code"] == "mailbox_required"


def test_a_session_that_the_middleware_judged_is_not_judged_again(
    person, django_assert_num_queries
):
    client = APIClient(headers=JSON)
    testing.login(client, person("robin", **STAFF).user)
    client.get("/api/session/asked/")
    with django_assert_num_queries(2):  # the session, and the user with the facts
        assert client.get("/api/session/asked/").status_code == 200


def test_it_goes_together_with_the_sites_own_permissions(person):
    view = views.here(views.Signed, drf.MeetsPolicy & IsAdminUser)
    assert ask(view, user=person("fan").user.username).status_code == 403
    assert ask(view, user=person("robin", **STAFF).user.username).data["code"] == "mailbox_required"


def test_facts_that_cannot_be_read_are_503(person, facts_out):
    user = person("robin").user
    facts_out()
    answer = Client(headers={**JSON, "x-signed": user.username}).get("/api/signed/")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_a_refusal_is_recorded_but_not_each_of_a_flood(clock, person, settings):
    user = MANDATED.appear(person, settings)
    client = Client(headers={**JSON, "x-signed": user.username})
    for _ in range(5):
        client.get("/api/signed/")
    first, second = SecurityEvent.objects.filter(event="request:judge:refused")
    assert (first.target_name, first.reason) == ("robin", MANDATED.reason)
    assert first.data == {"verdict": "mailbox", "roles": ["staff"]}
    assert second.address == "127.0.0.1"


# --- HasFreshProof ----------------------------------------------------------------------------


def aged(client, seconds):
    """Make the proofs of a client's session older."""
    session = client.session
    stamp = session[sessions.STAMP_KEY]
    stamp["proofs"] = [[kind, at - seconds, epoch, pk] for kind, at, epoch, pk in stamp["proofs"]]
    session[sessions.STAMP_KEY] = stamp
    session.save()


@pytest.mark.parametrize("age, status", [(60, 200), (61, 403)])
def test_a_proof_is_fresh_to_the_second(age, status, clock, person):
    client = Client(headers=JSON)
    testing.login(client, person("robin", **STAFF).user)
    aged(client, age)
    answer = client.post("/api/minute/")
    assert answer.status_code == status
    if status == 403:
        said = answer.json()
        assert (said["code"], said["step"]) == ("step_up_required", "/security/step-up/")
        assert said["reason"] == "proof_too_old"


def test_whoever_has_no_factor_is_sent_to_set_one_up(person):
    client = Client(headers=JSON)
    client.force_login(person("fan").user)
    answer = client.get("/api/minute/")
    assert (answer.status_code, answer.json()["code"]) == (403, "enrolment_required")
    assert answer.json()["step"] == "/security/enrol/"


def test_nobody_is_asked_for_no_proof():
    assert Client(headers=JSON).get("/api/minute/").json() == NOBODY


@pytest.mark.parametrize("scheme", ["basic", "token"])
def test_a_request_without_a_session_is_never_fresh(scheme, person, asking):
    answer = asking(person("fan").user, scheme).get("/api/minute/")
    assert (answer.status_code, answer.json()["code"]) == (403, "enrolment_required")


def test_a_fresh_session_beside_a_token_makes_it_no_fresher(person, asking, settings):
    settings.HARDENING = SWITCHED_OFF  # or the token would not come as far as the door
    fan = person("fan").user
    client = asking(fan, "token")
    testing.login(client, fan)
    assert client.get("/api/minute/always/").status_code == 200  # by the session
    answer = client.get("/api/token/minute/")
    assert (answer.status_code, answer.json()["code"]) == (403, "step_up_required")


@pytest.mark.parametrize("path, status", [("/api/minute/", 200), ("/api/minute/always/", 403)])
def test_the_kill_switch_opens_unless_the_door_says_always(path, status, person, settings):
    settings.HARDENING = SWITCHED_OFF
    client = Client(headers=JSON)
    client.force_login(person("fan").user)
    assert client.get(path).status_code == status


def test_without_an_age_the_setting_counts(clock, person, settings):
    settings.HARDENING = {"STEP_UP_SECONDS": 120}
    client = APIClient(headers=JSON)
    robin = person("robin", **STAFF).user
    testing.login(client, robin)
    aged(client, 120)
    assert client.get("/api/proof/").status_code == 200
    aged(client, 1)
    assert client.get("/api/proof/").status_code == 403


def test_a_session_of_somebody_else_is_no_proof(person):
    view = views.here(None, views.LastMinute)
    request = APIRequestFactory().get("/")
    client = Client()
    testing.login(client, person("robin", **STAFF).user)
    request.session, request.user = client.session, person("fan").user
    request.hardening_decision = None  # as an impersonation leaves it
    assert view(request).data["code"] == "login_required"


@pytest.mark.parametrize("fault, fields", [(facts.FactsError, {}), (NotMigratedError, {})])
def test_a_door_that_cannot_ask_stays_shut(fault, fields, person, monkeypatch):
    client = Client(headers=JSON)
    client.force_login(person("robin", **fields).user)

    def broken(*_args, **_kwargs):
        raise fault

    monkeypatch.setattr(drf.stepup, "ask", broken)
    answer = client.get("/api/minute/")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
