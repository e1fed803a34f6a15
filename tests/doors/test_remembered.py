"""Browsers in which no code is asked for, where a policy allows it: offered, kept, taken back."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.audit import Event
from hardening.factors import recovery
from hardening.flows import revoking
from hardening.flows.revoking import Order
from hardening.models import Account, RolePolicy, SecurityEvent
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.actors import CODES_RANDOM
from tests.doors.conftest import START
from tests.visitor import DAY, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

DAYS = 14
BOX = 'name="remember"'


@pytest.fixture
def policy(clock, settings):
    """Return a policy under which the staff may have browsers remembered."""
    settings.HARDENING = {"POLICIES": []}
    return RolePolicy.objects.create(
        role="staff",
        mode=Mode.ENFORCE,
        starts_at=moment(START - DAY),
        remembered_days=DAYS,
    )


@pytest.fixture
def member(policy, person):
    """Return somebody of the staff with an authenticator."""
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


@pytest.fixture
def remembered(member):
    """Return the same, at a browser that was told to remember."""
    member.sign_in()
    member.verify(remember="on")
    assert member.is_signed_in()
    sign_out(member)
    return member


def sign_out(visitor):
    """Forget the session and keep the browser."""
    del visitor.client.cookies["sessionid"]


def needs_code(visitor):
    """Sign in with the password; return whether a code is asked for."""
    return leads_to(visitor.sign_in(), "hardening:verify")


def text(answer):
    return " ".join(answer.content.decode().split())


def test_the_box_is_offered_and_not_ticked(member):
    member.sign_in()
    shown = text(member.get("hardening:verify"))
    assert f"in this browser for {DAYS} days" in shown
    assert BOX in shown
    assert "checked" not in shown


def test_it_is_not_offered_where_no_policy_allows_it(member, policy):
    policy.remembered_days = 0
    policy.save()
    member.sign_in()
    assert BOX not in text(member.get("hardening:verify"))
    member.verify(remember="on")
    assert member.is_signed_in()
    sign_out(member)
    assert needs_code(member)


def test_it_is_not_offered_at_a_step_up(member):
    member.sign_in()
    member.verify()
    assert BOX not in text(member.get("hardening:step_up"))


def test_a_remembered_browser_is_asked_for_the_password_alone(remembered):
    assert not needs_code(remembered)
    assert remembered.is_signed_in()
    assert needs_code(remembered.again())
    (event,) = SecurityEvent.objects.filter(event=Event.BROWSER_REMEMBERED)
    assert (event.target_name, event.data) == ("member", {"days": DAYS})


def test_without_the_tick_it_is_asked_each_time(member):
    member.sign_in()
    member.verify()
    sign_out(member)
    assert needs_code(member)


@pytest.mark.parametrize(
    "after, asked", [(0, False), (DAYS * DAY - 1, False), (DAYS * DAY, True), (-1, True)]
)
def test_it_is_over_after_its_days(remembered, clock, after, asked):
    clock.shift(after)
    assert needs_code(remembered) == asked


def test_a_sign_in_does_not_put_the_end_off(remembered, clock):
    clock.shift(10 * DAY)
    assert not needs_code(remembered)
    sign_out(remembered)
    clock.shift(4 * DAY)
    assert needs_code(remembered)


@pytest.mark.parametrize("days, asked", [(3, True), (4, False), (0, True), (90, False)])
def test_the_policy_of_now_counts(remembered, policy, clock, days, asked):
    clock.shift(4 * DAY - 1)
    policy.remembered_days = days
    policy.save()
    assert needs_code(remembered) == asked


def test_a_live_session_is_asked_once_the_policy_allows_it_no_more(remembered, policy):
    assert not needs_code(remembered)
    policy.remembered_days = 0
    policy.save()
    assert leads_to(remembered.client.get("/reads-user/"), "hardening:verify")


def test_a_policy_that_asks_for_a_stronger_factor_is_not_met_by_it(remembered, policy, monkeypatch):
    monkeypatch.setattr("hardening.core.evidence.reachable_strength", lambda _who, _now: 2)
    assert needs_code(remembered)
    assert BOX not in text(remembered.get("hardening:verify"))


def test_it_never_counts_as_a_fresh_proof(remembered):
    assert not needs_code(remembered)
    assert leads_to(remembered.client.get("/minute/"), "hardening:step_up")


def test_after_a_recovery_code_no_browser_is_remembered_even_if_the_phone_is_found(member):
    member.codes = list(recovery.make(member.user.pk, CODES_RANDOM, now=START))
    Account.objects.filter(user=member.user).update(codes_left=len(member.codes))
    member.sign_in()
    member.post("hardening:recovery_code", {"code": member.codes.pop(), "remember": "on"})
    assert BOX not in text(member.get("hardening:verify"))
    member.verify(remember="on")
    assert member.is_signed_in()
    sign_out(member)
    assert needs_code(member)


def test_whatever_moves_the_epoch_on_forgets_it(remembered):
    revoking.listed([remembered.user.pk], Order(START))
    assert needs_code(remembered)


def test_everybodys_revocation_forgets_it(remembered):
    revoking.everybody(Order(START))
    assert needs_code(remembered)


def test_another_password_forgets_it(remembered):
    remembered.user.set_password("another pond of lanterns")
    remembered.user.save()
    remembered.password = "another pond of lanterns"
    assert needs_code(remembered)


def test_another_factor_forgets_it(remembered):
    testing.enrol(remembered.user)
    assert needs_code(remembered)


def test_the_owner_sees_it_and_takes_it_back(remembered):
    remembered.sign_in()
    shown = text(remembered.get("hardening:overview"))
    assert "This browser is remembered" in shown
    assert leads_to(remembered.get("hardening:remembered"), "hardening:overview")
    assert leads_to(remembered.post("hardening:remembered"), "hardening:overview")
    assert "This browser is remembered" not in text(remembered.get("hardening:overview"))
    assert SecurityEvent.objects.filter(event=Event.BROWSERS_FORGOTTEN).count() == 1
    sign_out(remembered)
    assert needs_code(remembered)


def test_nobody_forgets_anything_without_a_session(member):
    assert leads_to(member.post("hardening:remembered"), "hardening:login")
    assert not SecurityEvent.objects.filter(event=Event.BROWSERS_FORGOTTEN).exists()


def test_a_step_that_is_left_has_no_browser_remembered(member):
    Account.objects.filter(user=member.user).update(must_change="operator")
    member.sign_in()
    assert leads_to(member.verify(remember="on"), "hardening:change_password")
    assert not SecurityEvent.objects.filter(event=Event.BROWSER_REMEMBERED).exists()
