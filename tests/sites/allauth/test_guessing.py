"""Guessing at allauth's own page, by user name and by e-mail address: one account, one counter."""

from __future__ import annotations

import pytest
from django.test import Client

from hardening.models import ThrottleCell
from hardening.throttle import subjects
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = ("fan", "fan@example.com")


@pytest.fixture(autouse=True)
def _allauths_own_limits(settings):
    """Let allauth's limits, which lie in the cache, be out of the way."""
    settings.ACCOUNT_RATE_LIMITS = False


def knock(name, password="wrong", *, client=None, number=0):
    client = client or Client(headers={"accept": "text/html"})
    given = {"login": name, "password": password}
    near = f"198.18.{number}.1"
    return client.post("/accounts/login/", given, REMOTE_ADDR=near)


def count_of(user):
    cell = ThrottleCell.objects.filter(key=subjects.password(user.pk, user.password)).first()
    return cell.total if cell else 0


@pytest.mark.parametrize("typed", [NAMES, NAMES[::-1], NAMES[:1], NAMES[1:]], ids=str)
def test_by_name_or_by_address_it_is_one_account(typed, fan):
    answers = [knock(typed[turn % len(typed)], number=turn).status_code for turn in range(8)]
    assert answers == [200] * 5 + [429] * 3
    assert count_of(fan.user) == 5
    for name in NAMES:
        assert knock(name, PASSWORD, number=99).status_code == 429


def test_addresses_that_nobody_has_are_counted_too():
    answers = [knock("nobody@example.com", number=turn).status_code for turn in range(8)]
    assert answers == [200] * 5 + [429] * 3


@pytest.mark.parametrize("name", NAMES)
def test_a_right_password_costs_nothing(name, fan):
    for _ in range(12):
        assert knock(name, PASSWORD).status_code == 302
    assert count_of(fan.user) == 0


@pytest.mark.parametrize("name", NAMES)
def test_the_owner_gets_in_on_a_known_device_whatever_she_types(name, fan):
    knock(name, PASSWORD, client=fan.client)
    fan.post("account_logout")
    for turn in range(20):
        knock("fan", number=turn)
    assert knock(name, PASSWORD, client=fan.client, number=99).status_code == 302
    assert fan.is_signed_in()
