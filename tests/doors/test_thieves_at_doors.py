"""What a thief tried at the doors who had read the code; each test is one that stood open once."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import authenticate, login
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from hardening import testing
from hardening.models import Account, Factor, ParkedLogin
from tests.doors import site
from tests.doors.conftest import HTML, JSON, PASSWORD
from tests.host.doors import BACKEND, LEAK
from tests.host.middleware import HEADER
from tests.visitor import Visitor, leads_to

pytestmark = pytest.mark.django_db
OURS = "hardening.middleware.HardeningMiddleware"
STEP = "/security/verify/"


def freeze(user: User) -> None:
    Account.objects.of(user.pk)
    Account.objects.filter(user_id=user.pk).update(frozen=True)


# --- middlewares that sign in ------------------------------------------------------------------


@pytest.fixture
def behind(settings):
    """Return `behind(name)`: put a middleware of tests/host/middleware.py inside of ours."""

    def put(name: str) -> None:
        place = settings.MIDDLEWARE.index(OURS) + 1
        before, after = settings.MIDDLEWARE[:place], settings.MIDDLEWARE[place:]
        settings.MIDDLEWARE = [*before, f"tests.host.middleware.{name}", *after]

    return put


def test_a_middleware_that_answers_by_itself_leaks_nothing_however_often_asked(
    behind, armed, clock
) -> None:
    behind("AnswersLogins")
    client = Client(headers={**HTML, HEADER: "armed"})
    for _ in range(3):
        answer = client.get("/public/")
        assert (answer.status_code, answer.url) == (302, STEP)
        assert "token" not in answer.cookies
        assert "left_by_login" not in client.session
    assert ParkedLogin.objects.count() == 1


def test_what_a_middleware_writes_with_each_login_is_put_away_each_time(
    behind, armed, clock
) -> None:
    behind("RemembersEachLogin")
    client = Client(headers=HTML)
    for _ in range(3):
        client.get("/reads-user/", headers={HEADER: "armed"})
        assert "left_by_login" not in client.session
    assert client.get("/reads-user/", headers={HEADER: "armed"}).content == b"Here is nobody"
    client.post(STEP, {"code": testing.code_for(armed)})
    assert client.session["left_by_login"] == LEAK


def test_the_login_page_shows_a_frozen_account_no_answer_of_a_middleware(behind, armed) -> None:
    freeze(armed)
    behind("AnswersLogins")
    answer = Client(headers=HTML).get("/security/login/", headers={HEADER: "armed"})
    assert leads_to(answer, "hardening:login")
    assert "token" not in answer.cookies


def test_the_login_page_hands_a_frozen_account_no_cookie_of_a_middleware(behind, armed) -> None:
    freeze(armed)
    behind("RemembersEachLogin")
    answer = Client(headers=HTML).get("/security/login/", headers={HEADER: "armed"})
    assert answer.status_code == 200
    assert set(answer.cookies) == {"csrftoken"}


# --- sessions that others hold -------------------------------------------------------------------


def test_a_copy_of_a_waiting_session_gains_nothing_by_what_its_owner_proves(
    staff, parked_bare
) -> None:
    thief = Visitor(staff, password=PASSWORD)
    thief.client.cookies["sessionid"] = parked_bare.client.cookies["sessionid"].value
    owner = Visitor(staff, password=PASSWORD)
    owner.client = parked_bare.client
    owner.prove_mailbox()
    assert thief.get("hardening:enrol").status_code == 410
    thief.start()
    assert not Factor.objects.exists()
    owner.enrol()
    assert owner.is_signed_in()
    assert not thief.is_signed_in()


# --- views ---------------------------------------------------------------------------------------


def another_session(request):
    """Sign in on a session of the view's own making."""
    user = authenticate(request, username="armed", password=PASSWORD)
    request.session = import_module(django_settings.SESSION_ENGINE).SessionStore()
    login(request, user)
    return HttpResponse(LEAK)


def wrong_password_then_sso(request):
    """Sign in whom another service vouches for, after a password was tried in vain."""
    assert authenticate(request, username="staff", password="guessed") is None
    login(request, User.objects.get(username="staff"), BACKEND)
    return HttpResponse("in")


@pytest.fixture
def _odd_doors(settings) -> None:
    doors = [path("other/", another_session), path("sso/", wrong_password_then_sso)]
    settings.ROOT_URLCONF = type("Doors", (), {"urlpatterns": [*doors, *site.urlpatterns]})


@pytest.mark.usefixtures("_odd_doors")
def test_a_login_on_a_session_of_the_views_own_leaks_no_answer(armed) -> None:
    answer = Client(headers=JSON).post("/other/")
    assert (answer.status_code, answer.json()["code"]) == (401, "verification_required")


@pytest.mark.usefixtures("_odd_doors")
def test_a_password_that_was_wrong_is_no_proof_of_one(staff) -> None:
    Client(headers=JSON).post("/sso/")
    assert '"unknown"' in ParkedLogin.objects.get().proofs
    assert '"password"' not in ParkedLogin.objects.get().proofs
