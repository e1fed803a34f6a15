"""What the how-to says is not covered, so that it says so for as long as it is true."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.test import Client
from wagtail.models import APIToken

from tests.sites.wagtail.conftest import XHR

pytestmark = pytest.mark.django_db
WHO = "/api/v3/whoami/"


def test_of_the_wiring_our_checks_name_wagtails_own_password_reset_and_nothing_else():
    said = [message for message in run_checks() if (message.id or "").startswith("hardening.")]
    assert [message.id for message in said] == ["hardening.W020"]
    assert "admin/password_reset/confirm/" in said[0].msg


def test_wagtails_password_reset_can_be_switched_off(settings, client):
    page = "/admin/password_reset/"
    assert client.get(page).status_code == 200
    settings.WAGTAIL_PASSWORD_RESET_ENABLED = False
    assert client.get(page).status_code == 404


def test_a_token_of_wagtails_third_api_opens_it_without_any_decision(editor):
    _, token = APIToken.create_token(user=editor.user, name="newsletter")
    editor.user.set_password("a shelf of tin robots")
    editor.user.save()
    answer = Client(headers={"Authorization": f"Bearer {token}"}).get(WHO)
    assert answer.status_code == 200
    assert answer.json()["user"]["username"] == "editor"


def test_a_session_opens_nothing_of_the_third_api(armed):
    assert armed.client.get(WHO, headers=XHR).status_code == 401


def test_a_token_is_made_by_a_complete_sign_in_only(waiting, person):
    assert waiting.post("/admin/api-tokens/new/").status_code == 302
    assert not APIToken.objects.exists()
