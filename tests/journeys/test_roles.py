"""A role granted or taken acts on the very next request of a live session (row 8)."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from hardening import roles, testing
from hardening.flows import recover
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.visitor import NOW, STEP, leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def live(fan, settings):
    """Return a fan with a live session on a site without a floor."""
    settings.HARDENING = {"POLICIES": []}
    fan.sign_in()
    assert fan.is_signed_in()
    return fan


@pytest.fixture
def choir():
    return Group.objects.create(name="choir")


def enforce(role, **fields):
    values = {"role": role, "mode": Mode.ENFORCE, "starts_at": moment(NOW), **fields}
    return RolePolicy.objects.create(**values)


def the_staff_flag(user, group):
    user.is_staff = True
    user.save()


def the_superuser_flag(user, group):
    user.is_superuser = True
    user.save()


def the_group(user, group):
    user.groups.add(group)


def the_permission(user, group):
    user.user_permissions.add(Permission.objects.get(codename="change_user"))


def the_permission_through_a_group(user, group):
    group.permissions.add(Permission.objects.get(codename="change_user"))
    user.groups.add(group)


@pytest.mark.parametrize(
    "role,grant",
    [
        ("staff", the_staff_flag),
        ("superuser", the_superuser_flag),
        ("group:choir", the_group),
        ("perm:auth.change_user", the_permission),
        ("perm:auth.change_user", the_permission_through_a_group),
        ("perm:auth.change_user", the_superuser_flag),
    ],
)
def test_a_role_that_is_granted_bites_on_the_next_request(live, choir, role, grant):
    enforce(role)
    assert live.is_signed_in()
    grant(live.user, choir)
    assert leads_to(live.get("members"), "hardening:mailbox")
    assert not live.is_signed_in()


def test_a_role_that_is_taken_lets_go_on_the_next_request(live, choir):
    enforce("group:choir")
    live.user.groups.add(choir)
    assert not live.is_signed_in()
    live.user.groups.remove(choir)
    live.get("hardening:mailbox")
    assert live.is_signed_in()


@pytest.fixture
def conductor():
    """Register a role of the site's own, by relation."""
    roles.register("conductor", "Conductor", Q(groups__name="choir", is_active=True))
    yield "conductor"
    roles.unregister("conductor")


def test_a_sites_own_role_by_relation_bites_too(live, choir, conductor):
    enforce(conductor)
    assert live.is_signed_in()
    live.user.groups.add(choir)
    assert "Your role Conductor needs a second factor." in _why(live)


def _why(visitor):
    assert leads_to(visitor.get("members"), "hardening:mailbox")
    return visitor.get("hardening:mailbox").content.decode()


def test_a_role_that_nobody_knows_any_more_covers_everybody(live):
    enforce("vanished")
    assert not live.is_signed_in()


def test_a_policy_in_mode_off_asks_nothing(live):
    RolePolicy.objects.create(role="everyone", mode=Mode.OFF, starts_at=moment(NOW))
    assert live.is_signed_in()


def test_a_deactivated_account_is_out_with_its_next_request(live):
    live.user.is_active = False
    live.user.save()
    assert not live.is_signed_in()


def test_a_factor_reset_elsewhere_ends_the_session_with_its_next_request(careful_fan):
    testing.login(careful_fan.client, careful_fan.user)
    assert careful_fan.is_signed_in()
    recover.reset_factors(careful_fan.user, reason="lost", now=NOW)
    assert not careful_fan.is_signed_in()


def test_a_session_of_a_mandated_person_is_not_signed_out_by_the_policy_but_parked(live):
    row = enforce("everyone")
    assert leads_to(live.get("members"), "hardening:mailbox")
    row.delete()
    assert live.get("hardening:mailbox").headers["Location"] == "/members/"
    assert live.is_signed_in()


def test_a_policy_raised_beyond_an_authenticator_stops_who_proved_one(member, clock, stronger_kind):
    member.sign_in_fully()
    assert member.is_signed_in()
    row = enforce("staff", strength="phishing-resistant")
    assert not member.is_signed_in()
    clock.shift(STEP)
    member.verify()
    assert leads_to(member.get("members"), "hardening:enrol")
    assert not member.is_signed_in()
    row.delete()
    member.get("hardening:enrol")
    assert member.is_signed_in()


def test_a_session_is_over_so_long_after_the_sign_in_as_a_policy_says(live, clock):
    clock.shift(1000)
    enforce("everyone", grace_days=9, absolute_seconds=1000)  # in grace: limits do not wait
    assert live.is_signed_in()
    clock.shift(1)
    assert not live.is_signed_in()
    live.sign_in()
    assert live.is_signed_in()
