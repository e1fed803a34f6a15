"""What the how-to says is not covered, so that it says so for as long as it is true."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks
from django.test import Client
from wagtail.models import APIToken

from tests.sites.wagtail.conftest import XHR

pytestmark = pytest.mark.django_db
WHO = "/api/v3/whoami/"


def test_no_check_of_ours_has_anything_to_say_about_the_wiring():
    said = [message for message in run_checks() if (message.id or "").startswith("hardening.")]
    assert said == []


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
