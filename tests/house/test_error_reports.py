"""No secret stands in the report of an error that Django mails."""

from __future__ import annotations

import html
import sys
from contextlib import contextmanager

import pytest
from django.core.signals import got_request_exception
from django.test import override_settings
from django.views.debug import ExceptionReporter

from hardening import testing
from hardening.core import otp
from hardening.flows.named import encode
from hardening.tokens import EpochTokenGenerator
from tests.house import breaches
from tests.secrecy import leaks
from tests.visitor import PASSWORD

CHOSEN = "seven quiet harbours at dawn"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]


@contextmanager
def reports(visitor):
    """Collect the reports of errors that Django would mail, and let the client go on."""
    caught = []

    def keep(request, **_):
        made = ExceptionReporter(request, *sys.exc_info(), is_email=True)
        caught.append(html.unescape(made.get_traceback_text() + made.get_traceback_html()))

    visitor.client.raise_request_exception = False
    got_request_exception.connect(keep)
    try:
        yield caught
    finally:
        got_request_exception.disconnect(keep)


def test_an_error_report_of_a_failing_page_names_no_secret(clock, person, monkeypatch):
    visitor = person("mia")
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    visitor.sign_in()
    typed = visitor.code()
    monkeypatch.setattr("hardening.core.otp.hmac.compare_digest", _fail)
    with reports(visitor) as caught:
        visitor.verify(typed)
    key = otp.base32(visitor.secret)
    secrets = {typed, key, visitor.secret.hex(), repr(visitor.secret), PASSWORD}
    assert "RuntimeError" in caught[0]
    assert leaks(caught[0], secrets) == []


@pytest.mark.parametrize(
    "place",
    ["breach.search._asked", "core.pwned.Candidate.__init__", "flows.breached._tell_of_faults"],
)
@pytest.mark.parametrize("door", ["hardening:login", "hardening:change_password", "/office/login/"])
def test_an_error_report_of_a_failing_look_up_names_no_password(
    clock, person, heard, monkeypatch, place, door
):
    visitor = person("mia")
    secrets = breaches.traces(PASSWORD) | breaches.traces(breaches.CHOSEN)
    with (
        testing.fake_breach(PASSWORD),
        override_settings(HARDENING=breaches.ENFORCED),
        reports(visitor) as caught,
    ):
        if door == "hardening:change_password":
            visitor.sign_in()
            visitor.prove_mailbox()
        monkeypatch.setattr(f"hardening.{place}", _fail)
        if door == "hardening:change_password":
            breaches.change(visitor, PASSWORD, breaches.CHOSEN)
        else:
            visitor.sign_in(door)
    assert any("RuntimeError" in told for told in (*caught, *heard))
    assert leaks("\n".join((*caught, *heard)), secrets) == []


@pytest.mark.parametrize(
    "place", ["flows.resets.named.load", "flows.password._store", "flows.resets.mail"]
)
def test_an_error_report_of_a_failing_reset_names_neither_token_nor_password(
    clock, person, heard, monkeypatch, place
):
    visitor = person("mia")
    made = []
    real = EpochTokenGenerator.make_token
    monkeypatch.setattr(
        EpochTokenGenerator, "make_token", lambda *given: made.append(real(*given)) or made[-1]
    )
    with reports(visitor) as caught:
        if "mail" in place:
            monkeypatch.setattr(f"hardening.{place}", _fail)
        visitor.post("hardening:password_reset", {"username": "mia"})
        key = encode(str(visitor.user.pk).encode())
        token = EpochTokenGenerator().make_token(visitor.user)
        form = visitor.get("hardening:password_reset_confirm", key, token).headers["Location"]
        monkeypatch.setattr(f"hardening.{place}", _fail)
        visitor.get(form)
        visitor.post(form, {"new_password1": CHOSEN, "new_password2": CHOSEN})
    assert any("RuntimeError" in told for told in (*caught, *heard))
    assert leaks("\n".join((*caught, *heard)), {*made, CHOSEN}) == []


def _fail(*_args, **_kwargs):
    raise RuntimeError
