"""A password that allauth's own backend found right, by e-mail address, is looked up like any."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, login

from hardening import testing
from hardening.models import Account
from tests.visitor import PASSWORD, leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["fan", "fan@example.com"])
def test_by_name_or_by_address_it_is_found(name, fan):
    with testing.fake_breach(PASSWORD):
        answer = fan.post("account_login", {"login": name, "password": PASSWORD})
    assert leads_to(answer, "hardening:mailbox")
    assert Account.objects.get(user_id=fan.user.pk).password_verdict == "hit"


def test_a_wrong_password_is_not_looked_up(fan, monkeypatch):
    asked = []
    monkeypatch.setattr("hardening.flows.breached.search", lambda *a, **k: asked.append(a))
    fan.post("account_login", {"login": "fan@example.com", "password": "wrong"})
    assert asked == []


def test_a_password_that_was_wrong_says_nothing_of_whoever_signs_in_next(fan, rf):
    """A view may try one name, in vain, and then sign somebody else in."""
    request = rf.post("/")
    request.session = fan.client.session
    with testing.fake_breach("wrong"):
        assert authenticate(request, username="nobody", password="wrong") is None
        login(request, fan.user, backend="hardening.backends.HardeningBackend")
    assert not Account.objects.exclude(password_verdict="").exists()
