"""A revocation at the doors: whatever was opened before is shut with its next request."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from hardening.flows import revoking
from hardening.flows.revoking import Order
from tests.doors.conftest import START, name_shown

pytestmark = pytest.mark.django_db

ORDER = Order(START, mail=False)


def one(user):
    """End the sessions of one user."""
    revoking.users(get_user_model().objects.filter(pk=user.pk), ORDER)


def everybody(_user):
    """End the sessions of everybody."""
    revoking.everybody(ORDER)


@pytest.fixture(params=[one, everybody], ids=["one", "everybody"])
def revoke(request):
    """Each way to mean somebody."""
    return request.param


def test_a_session_of_every_engine_is_out(engine, live, armed, revoke):
    browser, second = live(armed), live(armed)
    assert name_shown(browser) == name_shown(second) == "armed"
    revoke(armed)
    for each in (browser, second):
        assert each.get("/reads-user/").url == "/security/login/"
        assert name_shown(each) == "nobody"


def test_a_sign_in_that_waits_is_over_with_every_engine(engine, parked, revoke):
    revoke(parked.user)
    answer = parked.prove()
    assert answer.status_code == 410
    assert name_shown(parked.client) == "nobody"


def test_a_sign_in_afterwards_stands(engine, live, fan, revoke):
    live(fan)
    revoke(fan)
    browser = live(fan)
    assert name_shown(browser) == "fan"
