"""Sign-ins at a host's own view that runs in one transaction, as `ATOMIC_REQUESTS` has it.

Django's `login()` writes the user's row (`last_login`), and our records refer to it; a server that
locks what is referred to must be asked in one order, or two sign-ins of one person at once wait
for each other.
"""

from __future__ import annotations

import pytest
from django.db import connections

from hardening import testing
from hardening.models import Account
from tests.races.runner import ROUNDS, race, race_all
from tests.visitor import STEP

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _atomic_requests(monkeypatch):
    # Each thread's connection has settings of its own, made from these.
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)


@pytest.fixture
def fan(clock, person):
    return person("fan")


@pytest.fixture
def member(clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


def test_four_sign_ins_of_one_person_at_once_all_arrive(fan):
    for _ in range(ROUNDS):
        browsers = [fan.again() for _ in range(4)]
        answers = race_all(lambda browser: browser.sign_in("host_login").status_code, browsers)
        assert answers == [302] * 4
        assert all(browser.is_signed_in() for browser in browsers)
        Account.objects.all().delete()  # each round is the first time


def test_four_sign_ins_of_one_mandated_person_at_once_all_park(member):
    for _ in range(ROUNDS):
        browsers = [member.again() for _ in range(4)]
        answers = race_all(lambda browser: browser.sign_in("host_login").url, browsers)
        assert answers == ["/security/verify/"] * 4
        assert not any(browser.is_signed_in() for browser in browsers)


def test_a_sign_in_racing_a_completion_and_a_page_of_the_same_person(member, clock):
    for _ in range(ROUNDS):
        inside, proving, arriving = member.again(), member.again(), member.again()
        for browser in (inside, proving):
            browser.sign_in("host_login")
        inside.verify(member.code())
        clock.shift(STEP)
        code = member.code()
        race(
            lambda browser=inside: browser.is_signed_in(),
            lambda browser=proving, code=code: browser.verify(code),
            lambda browser=arriving: browser.sign_in("host_login"),
        )
        assert inside.is_signed_in()
        assert proving.is_signed_in()
        assert not arriving.is_signed_in()
        testing.no_throttle()
        clock.shift(STEP)
