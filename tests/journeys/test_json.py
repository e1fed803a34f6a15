"""The same ways for a program: codes instead of redirects, 401 instead of a page."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.flows import recover
from hardening.models import Factor
from tests.visitor import STEP

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = "/security"


@pytest.fixture
def program(newcomer):
    return newcomer.again(json_client=True)


@pytest.fixture
def app(member):
    """Return the member's own program, with her phone."""
    return member.again(json_client=True)


def said(answer):
    """Return (status, code, where to go) of a JSON answer."""
    body = answer.json()
    return answer.status_code, body["code"], body.get("step") or body.get("next")


def test_the_main_way_in_json(program):
    assert said(program.sign_in(next="/members/")) == (
        401,
        "mailbox_required",
        f"{STEPS}/mailbox/",
    )
    assert said(program.post("hardening:mailbox", {"action": "send"}))[:2] == (200, "ok")
    code = program.ask_for_mail()
    assert len(mail.outbox) == 2
    answer = program.post("hardening:mailbox", {"code": code})
    assert said(answer) == (401, "enrolment_required", f"{STEPS}/enrol/")
    assert said(program.post("hardening:enrol")) == (200, "ok", f"{STEPS}/enrol/authenticator/")
    shown = program.scan().json()
    assert set(shown) >= {"key", "uri"}
    assert shown["uri"].startswith("otpauth://totp/")
    confirmed = program.confirm()
    assert said(confirmed) == (200, "ok", f"{STEPS}/recovery-codes/")
    assert len(program.codes) == 10
    assert "no-store" in confirmed.headers["Cache-Control"]
    done = program.keep_codes()
    assert said(done) == (200, "ok", "/members/")
    assert program.is_signed_in()


def test_signing_in_with_a_factor_in_json(app):
    assert said(app.sign_in(next="/members/")) == (
        401,
        "verification_required",
        f"{STEPS}/verify/",
    )
    assert said(app.verify()) == (200, "ok", "/members/")
    assert app.is_signed_in()


def test_a_login_view_of_the_hosts_own_answers_nothing_of_its_own(app):
    fields = {"username": app.user.get_username(), "password": app.password}
    answer = app.post("json_login", fields)
    assert said(answer) == (401, "verification_required", f"{STEPS}/verify/")
    assert b"members only" not in answer.content
    assert not app.is_signed_in()
    assert said(app.verify())[:2] == (200, "ok")
    assert app.is_signed_in()
    assert app.client.session["left_by_login"] == "host data"


def test_a_wrong_code_is_an_error_beside_its_field(app):
    app.sign_in()
    answer = app.verify(app.wrong_code())
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert list(answer.json()["errors"]) == ["code"]


def test_too_many_tries_say_throttled_and_how_long(app):
    app.sign_in()
    for _ in range(3):
        app.verify(app.wrong_code())
    answer = app.verify()
    assert answer.status_code == 429
    assert answer.json()["code"] == "throttled"
    assert answer.json()["retry_after"] == int(answer.headers["Retry-After"])


def test_a_page_of_the_site_answers_401_with_the_pending_step(app):
    app.sign_in()
    answer = app.get("members")
    assert said(answer) == (401, "verification_required", f"{STEPS}/verify/")


def test_nobody_waiting_is_told_to_sign_in(app):
    answer = app.verify()
    assert said(answer) == (401, "login_required", f"{STEPS}/login/")


def test_a_wrong_password_is_an_error_and_parks_nobody(app):
    answer = app.sign_in(password="not it")
    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid"
    assert said(app.verify())[1] == "login_required"


def test_a_recovery_code_and_the_replacement_in_json(app):
    app.sign_in()
    answer = app.use_recovery_code()
    assert said(answer) == (401, "enrolment_required", f"{STEPS}/enrol/")
    lost = Factor.objects.get()
    app.start()
    done = app.confirm(remove=[lost.pk])
    assert said(done)[:2] == (200, "ok")
    assert app.is_signed_in()
    assert not Factor.objects.confirmed().filter(pk=lost.pk).exists()


def test_what_needs_a_fresh_proof_answers_403_with_its_code(app, clock):
    app.sign_in()
    app.verify()
    clock.shift(301)
    row = Factor.objects.get()
    answer = app.post("hardening:factor", {"action": "remove"}, row.pk)
    assert said(answer) == (403, "step_up_required", f"{STEPS}/step-up/")
    assert said(app.step_up())[:2] == (200, "ok")
    renamed = app.post("hardening:factor", {"action": "rename", "name": "Tablet"}, row.pk)
    assert said(renamed)[:2] == (200, "ok")
    row.refresh_from_db()
    assert row.name == "Tablet"


def test_the_security_page_in_json_names_no_secret(app, clock):
    app.sign_in()
    app.verify()
    clock.shift(STEP)
    body = app.get("hardening:overview").json()
    assert body == {
        "code": "ok",
        "protected": True,
        "authenticators": [{"id": Factor.objects.get().pk, "name": "Test authenticator"}],
        "recovery_codes_left": 10,
    }


def test_a_forced_change_in_json(app):
    recover.demand_password_change([app.user], now=0)
    app.sign_in()
    answer = app.verify()
    assert said(answer) == (401, "password_change_required", f"{STEPS}/change-password/")
    new = "seven violet umbrellas"
    fields = {"old_password": app.password, "new_password1": new, "new_password2": new}
    assert said(app.post("hardening:change_password", fields))[:2] == (200, "ok")
    assert app.is_signed_in()


def test_a_null_is_a_field_that_was_left_out(member):
    client = member.again(json_client=True)
    client.sign_in()
    answer = client.post("hardening:verify", {"code": None})
    assert answer.status_code == 400
    assert answer.json()["errors"]["code"][0]["code"] == "required"
