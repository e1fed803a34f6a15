"""`ATOMIC_REQUESTS`: a view that fails after a sign-in takes no verdict on the password back."""

from __future__ import annotations

import pytest
from django.test import Client

from hardening import testing
from hardening.models import Account
from tests.doors.conftest import HTML, PASSWORD
from tests.doors.test_atomic_guessing import Urls

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("atomic_requests", "clock"),
]


@pytest.mark.parametrize("end", ["well", "raises", "rolls-back"])
def test_however_the_view_ends_the_verdict_stands(end, fan, settings):
    settings.ROOT_URLCONF = Urls
    client = Client(headers=HTML, raise_request_exception=False)
    with testing.fake_breach(PASSWORD):
        client.post(f"/asks/{end}/", {"username": "fan", "password": PASSWORD})
    assert Account.objects.get(user_id=fan.pk).password_verdict == "hit"
