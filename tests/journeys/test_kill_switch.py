"""The kill switch restores access and nothing else: nobody's factor is touched by it."""

from __future__ import annotations

import pytest

from hardening import testing
from hardening.models import Account, Factor, RecoveryCode
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kill_switch(settings):
    settings.HARDENING = {"ENFORCE": False}


def test_everybody_signs_in_with_the_password_alone(member, newcomer, kill_switch):
    for visitor in (member, newcomer):
        visitor.sign_in()
        assert visitor.is_signed_in()
        assert visitor.get("admin:index").status_code == 200


def test_a_password_alone_removes_renames_and_makes_nothing(member, kill_switch):
    member.sign_in()
    row = Factor.objects.get()
    codes = set(RecoveryCode.objects.values_list("digest", flat=True))
    for fields in ({"action": "remove"}, {"action": "rename", "name": "Mine"}):
        assert leads_to(member.post("hardening:factor", fields, row.pk), "hardening:step_up")
    assert leads_to(
        member.post("hardening:recovery_codes", {"action": "make"}), "hardening:step_up"
    )
    row.refresh_from_db()
    assert (row.removed_at, row.name) == (None, "Test authenticator")
    assert set(RecoveryCode.objects.values_list("digest", flat=True)) == codes


@pytest.mark.parametrize("who", ["member", "newcomer"])
def test_a_password_alone_enrols_nothing(request, kill_switch, who):
    visitor = request.getfixturevalue(who)
    before = Factor.objects.count()
    visitor.sign_in()
    visitor.post("hardening:enrol")
    visitor.get("hardening:enrol_totp")
    visitor.confirm(code="123456")
    assert Factor.objects.count() == before


def test_revocation_and_deactivation_stay_in_force(member, kill_switch):
    testing.login(member.client, member.user)
    assert member.is_signed_in()
    Account.objects.bump_epoch(member.user.pk)
    assert not member.is_signed_in()


def test_switching_back_stops_whoever_owes_something(member, settings):
    settings.HARDENING = {"ENFORCE": False}
    member.sign_in()
    assert member.is_signed_in()
    settings.HARDENING = {"ENFORCE": True}
    assert not member.is_signed_in()
    assert leads_to(member.get("members"), "hardening:verify")
