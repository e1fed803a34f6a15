"""While the counters are out of order, people sign in all the same, and guessers are limited."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY, get_user_model
from django.urls import reverse

from hardening.drill.outage import out_of_order

PASSWORD = "kelp-orbit-71"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fan():
    return get_user_model().objects.create_user("fan", "fan@example.com", PASSWORD)


def test_somebody_signs_in_while_the_counters_are_out_of_order(client, fan, caplog):
    with out_of_order():
        client.post(reverse("hardening:login"), {"username": "fan", "password": PASSWORD})
    assert client.session[SESSION_KEY] == str(fan.pk)
    assert "could not be forgotten" in caplog.text


def test_guessing_is_limited_while_the_counters_are_out_of_order(client, fan):
    wrong = {"username": "fan", "password": "wrong"}
    with out_of_order():
        said = [client.post(reverse("hardening:login"), wrong).status_code for _ in range(5)]
    assert said == [400, 429, 429, 429, 429]  # a fourth of five, and one at least


def test_the_counters_are_in_order_again_afterwards(client, fan):
    wrong = {"username": "fan", "password": "wrong"}
    with out_of_order():
        pass
    said = [client.post(reverse("hardening:login"), wrong).status_code for _ in range(7)]
    assert said == [400] * 5 + [429] * 2
