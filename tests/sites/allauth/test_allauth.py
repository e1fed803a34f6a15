"""Every way in that allauth has, without an adapter: each ends parked, and each goes on."""

from __future__ import annotations

import re

import pytest
from django.conf import settings as site
from django.contrib.auth import BACKEND_SESSION_KEY, SESSION_KEY
from django.core import mail
from django.core.checks import run_checks

from hardening.audit import Event
from hardening.models import ParkedLogin, SecurityEvent
from tests.visitor import PASSWORD, STEP

pytestmark = pytest.mark.django_db(transaction=True)

METHODS = "account_authentication_methods"
NEXT = "/members/?page=2&of=3"
OURS = "hardening.backends.HardeningBackend"
THEIRS = "allauth.account.auth_backends.AuthenticationBackend"


def assert_parked(visitor, answer, step):
    """Nobody is signed in, and nothing that allauth keeps about the sign-in can be seen."""
    assert (answer.status_code, answer.url) == (302, f"/security/{step}/")
    client = visitor.client
    assert SESSION_KEY not in client.session
    assert METHODS not in client.session
    assert client.get("/reads-user/").content == b"Here is nobody"
    assert client.get("/async-reads-user/").content == b"Here is nobody"
    script = {"sec-fetch-mode": "cors"}  # not where the person is going
    for page in ("/members/", "/admin/", "/accounts/email/", "/accounts/password/change/"):
        walled = client.get(page, headers=script, follow=True)
        assert walled.redirect_chain[-1][0] == f"/security/{step}/", page
        assert walled.status_code == 200
    assert client.get("/notes/", headers=script).json() == {"messages": []}


def sign_in(visitor, name, **more):
    return visitor.post("account_login", {"login": name, "password": PASSWORD, **more})


def code_by_mail(visitor):
    """Ask for a code by mail and type it."""
    visitor.post("account_request_login_code", {"email": visitor.user.email, "next": NEXT})
    code = newest(r"(?m)^[0-9A-Z]{3,4}-?[0-9A-Z]{3,4}$")
    return visitor.post("account_confirm_login_code", {"code": code, "next": NEXT})


def newest(pattern):
    """Return what a pattern finds in the newest mail."""
    return re.search(pattern, mail.outbox[-1].body)[0]


def faults():
    """Return what the system checks of both packages complain about."""
    return [found for found in run_checks() if found.id.startswith(("account.", "hardening."))]


def methods(visitor):
    """Return how allauth says that this session signed in."""
    return [entry["method"] for entry in visitor.client.session[METHODS]]


# --- the ways in --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name, backend", [("robin", OURS), ("robin@example.com", THEIRS)], ids=["name", "e-mail"]
)
def test_a_password_parks_and_the_code_completes(name, backend, armed):
    assert_parked(armed, sign_in(armed, name, next=NEXT), "verify")
    assert armed.verify().url == NEXT
    assert armed.is_signed_in()
    assert armed.client.session[BACKEND_SESSION_KEY] == backend
    assert methods(armed) == ["password"]
    proofs = SecurityEvent.objects.get(event=Event.LOGIN_COMPLETED).data["proofs"]
    assert proofs == ["password", "factor"]


def test_whoever_has_no_factor_enrols_and_comes_to_where_she_was_going(bare):
    assert_parked(bare, sign_in(bare, "wren", next=NEXT), "mailbox")
    bare.prove_mailbox()
    assert bare.enrol().url == NEXT
    assert bare.is_signed_in()


def test_the_login_page_of_allauth_leads_on_while_a_sign_in_waits(armed):
    sign_in(armed, "robin")
    assert armed.get("/members/", page="2", of="3").url == "/security/verify/"
    assert armed.verify().url == NEXT


def test_remember_me_comes_back_at_completion(armed):
    sign_in(armed, "robin")
    assert "_session_expiry" not in armed.client.session
    armed.verify()
    assert armed.client.session.get_expire_at_browser_close()


def test_a_code_by_mail_is_no_second_factor(armed):
    assert_parked(armed, code_by_mail(armed), "verify")
    assert armed.verify().url == NEXT
    assert methods(armed) == ["code"]
    assert armed.is_signed_in()


def test_signing_up_signs_in_and_parks(for_all, person):
    visitor = person("somebody-else").again()
    fields = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    answer = visitor.post("account_signup", {"username": "new", **fields, "next": NEXT})
    assert_parked(visitor, answer, "mailbox")
    visitor.prove_mailbox()
    assert visitor.enrol().url == NEXT
    assert visitor.client.get("/reads-user/").content == b"Here is new"


def test_a_confirmed_address_signs_in_and_parks(for_all, person, settings):
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"
    visitor = person("somebody-else").again()
    fields = {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    sent = visitor.post("account_signup", {"username": "new", **fields})
    assert sent.url == "/accounts/confirm-email/"
    assert not ParkedLogin.objects.exists()
    answer = visitor.post(newest(r"/accounts/confirm-email/[^/]+/"))
    assert_parked(visitor, answer, "mailbox")


def test_a_password_reset_signs_in_and_parks(armed, clock):
    armed.post("account_reset_password", {"email": "robin@example.com"})
    form = armed.get(newest(r"/accounts/password/reset/key/[^/]+/"))
    new = {"password1": "a shed of quiet ladders", "password2": "a shed of quiet ladders"}
    assert_parked(armed, armed.post(form.url, new), "verify")
    armed.verify()
    assert armed.is_signed_in()
    assert methods(armed) == ["password_reset"]


# --- beside the ways in -------------------------------------------------------------------------


def test_reauthenticating_by_password_is_no_fresh_proof(armed, clock):
    sign_in(armed, "robin")
    armed.verify()
    clock.shift(3600)
    again = armed.post("account_reauthenticate", {"password": PASSWORD, "next": NEXT})
    assert again.url == NEXT
    assert methods(armed) == ["password", "password"]
    assert armed.get("/vault/").url.startswith("/security/step-up/")
    armed.step_up()
    assert armed.get("/vault/").status_code == 200


def test_signing_out_and_in_again_asks_again(armed, clock):
    sign_in(armed, "robin")
    armed.verify()
    armed.post("account_logout")
    clock.shift(STEP)
    assert_parked(armed, sign_in(armed, "robin"), "verify")


def test_whoever_owes_nothing_notices_nothing(fan):
    assert sign_in(fan, "fan", next=NEXT).url == NEXT
    assert fan.is_signed_in()
    assert methods(fan) == ["password"]
    shown = fan.client.get("/notes/").json()
    assert shown["messages"][-1:] == ["Successfully signed in as fan."]


def test_the_checks_of_django_hardening_and_allauth_are_content():
    assert faults() == []


# --- what a password costs ----------------------------------------------------------------------


@pytest.fixture
def hashes(monkeypatch):
    """Count how often the site's hasher works."""
    from django.contrib.auth.hashers import MD5PasswordHasher  # noqa: PLC0415 - the class to spy on

    counted = []
    plain = MD5PasswordHasher.encode

    def encode(self, password, salt):
        counted.append(1)
        return plain(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", encode)
    return counted


@pytest.mark.parametrize(
    "name, password, times",
    [
        ("robin", PASSWORD, 1),
        ("robin@example.com", PASSWORD, 2),
        ("robin", "wrong", 2),
        ("robin@example.com", "wrong", 3),
        ("nobody", "wrong", 2),
    ],
)
def test_each_backend_hashes_a_password_it_is_asked_about(name, password, times, armed, hashes):
    hashes.clear()
    armed.post("account_login", {"login": name, "password": password})
    assert len(hashes) == times


@pytest.mark.parametrize("name, queries", [("fan", 2), ("fan@example.com", 3)])
def test_a_session_of_their_backend_costs_one_query_more(
    name, queries, fan, django_assert_num_queries
):
    sign_in(fan, name)
    fan.client.get("/reads-user/")
    with django_assert_num_queries(queries):  # session, user; theirs brings no facts along
        fan.client.get("/reads-user/")


def test_where_names_are_user_names_our_backend_is_enough(armed, hashes, settings):
    settings.AUTHENTICATION_BACKENDS = [OURS]
    settings.ACCOUNT_LOGIN_METHODS = {"username"}
    hashes.clear()
    sign_in(armed, "robin", password="wrong")
    assert len(hashes) == 1
    assert_parked(armed, code_by_mail(armed), "verify")
    assert armed.verify().url == NEXT
    assert armed.is_signed_in()
    assert faults() == []


def test_the_site_is_the_one_of_the_page():
    assert site.AUTHENTICATION_BACKENDS == [OURS, THEIRS]
    assert site.LOGIN_URL == "account_login"
