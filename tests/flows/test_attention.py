"""What `hardening_status` asks an operator to look at."""

from __future__ import annotations

import os

import pytest
from django.db.models import Q

from hardening import audit, roles, testing
from hardening.audit import Event
from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import attention, breakglass, sealing
from hardening.models import Account, BreakGlassCode, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.models.waiver import Kind
from hardening.moments import moment
from tests.actors import NOW
from tests.visitor import DAY


@pytest.fixture
def calm(db, clock, person):
    """Return two superusers of a site where all is well."""
    breakglass.make(1, os.urandom(CODE_BYTES), now=NOW)
    return [person(name, is_superuser=True).user for name in ("chief", "deputy")]


def test_nothing_is_said_where_all_is_well(calm):
    assert attention.listed(now=NOW) == []


def said():
    (sentence,) = attention.listed(now=NOW)
    return sentence


def test_a_lonely_superuser_is_said_and_so_is_none(calm):
    calm[1].delete()
    assert "only one active superuser" in said()
    calm[0].is_active = False
    calm[0].save()
    assert "no active superuser" in said()


def test_codes_that_were_never_made_or_are_used_up_are_said(calm):
    BreakGlassCode.objects.update(used_at=NOW)
    assert "has been used" in said()
    BreakGlassCode.objects.all().delete()
    assert "was ever made" in said()


def test_an_open_account_and_the_kill_switch_are_said(calm, settings):
    Account.objects.of(calm[0].pk)
    Account.objects.update(break_glass_until=NOW + 1)
    assert said() == "Accounts opened by a break-glass code right now: 1."
    Account.objects.update(break_glass_until=NOW)
    settings.HARDENING = {"ENFORCE": False}
    assert "kill switch" in said()


@pytest.mark.parametrize(
    "change, overdue",
    [
        ({}, True),
        ({"until": NOW + 1}, False),
        ({"ended_at": NOW - DAY}, False),
        ({"kind": Kind.EXTENSION}, False),
    ],
)
def test_an_exemption_that_is_over_is_said_while_its_owner_has_no_factor(
    calm, person, change, overdue
):
    RolePolicy.objects.create(role="everyone", mode=Mode.REPORT, starts_at=moment(0))
    row = RolePolicy.objects.create(role="staff", mode=Mode.ENFORCE, starts_at=moment(0))
    user = person("late", is_staff=True).user
    values = {"kind": Kind.EXEMPTION, "until": NOW, "reason": "on leave", "granted_at": NOW - DAY}
    PolicyWaiver.objects.create(user=user, policy=row, approved_by="chief", **{**values, **change})
    lines = [line for line in attention.listed(now=NOW) if "Exemptions" in line]
    assert len(lines) == int(overdue)
    assert all("'staff'" in line and line.endswith("no factor: 1.") for line in lines)
    testing.enrol(user)
    assert attention.listed(now=NOW) == []


def test_a_role_that_publishes_is_said_until_a_policy_in_force_covers_it(calm):
    roles.register("publisher", "Publisher", Q(username="late"), publishes_publicly=True)
    roles.register("reader", "Reader", Q(username="noor"))
    try:
        row = RolePolicy.objects.create(role="publisher", mode=Mode.REPORT, starts_at=moment(0))
        assert "'publisher' publishes publicly" in said()
        row.mode = Mode.ENFORCE
        row.save()
        assert attention.listed(now=NOW) == []
        row.role = "everyone"
        row.save()
        assert attention.listed(now=NOW) == []
    finally:
        for key in ("publisher", "reader"):
            roles.unregister(key)


def test_events_that_wait_for_a_seal_are_said_after_an_hour(calm):
    audit.record(Event.LOGIN_COMPLETED, now=NOW)
    assert attention.listed(now=NOW + 3599) == []
    assert "waited for a seal" in attention.listed(now=NOW + 3600)[0]
    sealing.seal(now=NOW + 3600)
    assert attention.listed(now=NOW + 3600) == []


def test_a_log_that_was_found_broken_is_said_for_a_month(calm):
    audit.record(Event.AUDIT_BROKEN, now=NOW)
    sealing.seal(now=NOW + 60)
    assert "found the audit log broken" in said()
    assert "found the audit log broken" in attention.listed(now=NOW + 30 * DAY)[0]
    assert attention.listed(now=NOW + 30 * DAY + 1) == []
