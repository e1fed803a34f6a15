"""What the table of doors has no column for: wrong passwords, open pages, the way back."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.test import Client

from hardening.models import RolePolicy
from tests.sites.doors.doors_table import DOORS
from tests.sites.doors.middleware import ACTS_AS
from tests.sites.doors.people_table import ARMED, BARE, FAN, GRACE
from tests.sites.doors.visit import HTML, JSON

pytestmark = pytest.mark.django_db(transaction=True)

BY_NAME = {door.name: door for door in DOORS}
WITH_PASSWORD = [door for door in DOORS if door.takes_password]
EACH_REQUEST = ["RemoteUser", "persistent RemoteUser", "login in a middleware"]
HIJACK = BY_NAME["django-hijack, as the hijacked"]
ACTING = BY_NAME["impersonation by a swapped user"]


@pytest.mark.parametrize("person", [ARMED, FAN], ids=lambda person: person.name)
@pytest.mark.parametrize("door", WITH_PASSWORD, ids=lambda door: door.name)
def test_a_wrong_password_fails_once_and_parks_nothing(door, person, visit):
    going = visit(door, person)
    going.visitor.password = "wrong"
    with going.counting():
        answer = door.knock(going, person.heading)
    assert answer.status_code in (200, 400, 403)
    assert going.counts == {"user_login_failed": 1}
    assert going.name_seen() == "nobody"


@pytest.mark.parametrize("name", EACH_REQUEST)
def test_whoever_is_signed_in_on_her_way_to_an_open_page_comes_back_to_it(name, visit):
    going = visit(BY_NAME[name], ARMED)
    answer = BY_NAME[name].knock(going, "/reads-user/?page=2")
    assert going.go_on(answer).url == "/reads-user/?page=2"


@pytest.mark.parametrize("name", EACH_REQUEST)
def test_a_json_client_behind_a_proxy_reads_a_code_and_is_led_nowhere(name, visit):
    going = visit(BY_NAME[name], BARE)
    going.client.defaults["HTTP_ACCEPT"] = JSON["accept"]
    going.client.headers = JSON
    answer = BY_NAME[name].knock(going, "/staff/")
    assert (answer.status_code, answer.json()["code"]) == (401, "mailbox_required")
    going.assert_nothing_opens()


def test_a_step_page_open_while_a_proxy_signs_in_again_still_takes_its_token(visit):
    door = BY_NAME["login in a middleware"]
    going = visit(door, ARMED)
    going.client = going.visitor.client = Client(
        headers=HTML, enforce_csrf_checks=True, **door.carried(going.user)
    )
    going.client.get("/staff/")
    token = str(going.visitor.get("hardening:verify").context["csrf_token"])
    going.client.get("/reads-user/")
    assert going.visitor.verify(csrfmiddlewaretoken=token).status_code == 302
    assert going.name_seen() == "robin"


# --- impersonation -----------------------------------------------------------------------------


def test_a_hijack_ends_at_the_operators_own_second_factor(visit):
    going = visit(HIJACK, FAN)
    HIJACK.knock(going, FAN.heading)
    assert going.name_seen() == "robin"
    back = going.client.post("/hijack/release/")
    assert back.url == "/security/verify/"
    assert going.name_seen() == "nobody"


def test_whom_an_operator_hijacks_is_remembered_through_the_steps(visit):
    going = visit(HIJACK, ARMED)
    going.go_on(HIJACK.knock(going, ARMED.heading))
    assert len(going.client.session["hijack_history"]) == 1
    assert going.client.get("/members/").wsgi_request.user.is_hijacked


def test_a_fresh_proof_of_the_operator_is_none_of_the_hijacked(visit):
    going = visit(HIJACK, GRACE)
    HIJACK.knock(going, GRACE.heading)
    assert going.client.get("/vault/").url.startswith("/security/enrol/")


def test_acting_as_somebody_ends_when_the_owner_comes_to_owe_something(visit):
    going = visit(ACTING, GRACE)
    ACTING.knock(going, GRACE.heading)
    assert going.name_seen() == "colleague"
    policy = RolePolicy.objects.get()
    policy.grace_days = 0
    policy.save()
    assert going.client.get("/staff/?page=2").url == "/security/mailbox/"
    going.assert_nothing_opens()
    assert ACTS_AS not in going.client.session


def test_a_site_with_all_these_doors_passes_the_checks(settings) -> None:
    # Django's own reset page is one of the doors, and what W020 says of its links is true.
    settings.SILENCED_SYSTEM_CHECKS = [*settings.SILENCED_SYSTEM_CHECKS, "hardening.W020"]
    call_command("check", fail_level="WARNING")
