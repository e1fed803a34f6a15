"""Each permission of ours opens its pages in the admin and no other; none alone opens two doors."""

from __future__ import annotations

import os

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from hardening import testing
from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass, requests, waivers
from hardening.models import OperatorRequest, PolicySnapshot, PolicyWaiver, RolePolicy
from hardening.models.policy import Mode
from hardening.models.request import Deed, State
from hardening.moments import moment
from tests.previews import save
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db(transaction=True)

POLICIES = {"changelist", "history", "change", "changes"}
ROWS = {"changelist", "history", "change"}
# What answers with a page, by permission: of policies, of requests, of waivers.
OPENS = {
    "view_compliance": ({"compliance", "compliance_export"}, set(), set()),
    "view_rolepolicy": (POLICIES, set(), set()),
    "change_rolepolicy": (POLICIES, set(), set()),
    "add_rolepolicy": ({"add"}, set(), set()),
    "delete_rolepolicy": ({"delete"}, set(), set()),
    "view_operatorrequest": (set(), ROWS, set()),
    "add_operatorrequest": (set(), ROWS | {"add"}, set()),
    "approve_request": (set(), ROWS | {"approve", "refuse"}, set()),
    "change_operatorrequest": (set(), ROWS, set()),
    "delete_operatorrequest": (set(), set(), set()),
    "view_policywaiver": (set(), set(), ROWS),
    "add_policywaiver": (set(), set(), ROWS | {"add"}),
    "change_policywaiver": (set(), set(), ROWS | {"end"}),
    "delete_policywaiver": (set(), set(), set()),
    "change_user": (set(), set(), set()),
    None: (set(), set(), set()),
}
# What a POST to each of these pages may change, if anything.
ACTS = {"rolepolicy_delete", "operatorrequest_approve", "operatorrequest_refuse"}
ACTS |= {"policywaiver_end"}


@pytest.fixture
def things(clock, person):
    """Return a policy that reports, an open request, and more time that was granted."""
    chief, fan = person("chief", is_superuser=True).user, person("fan").user
    policy = RolePolicy.objects.create(
        role="group:choir", mode=Mode.REPORT, starts_at=moment(NOW - DAY)
    )
    waiver = waivers.extend(fan, policy, until=NOW + DAY, reason="on tour", now=NOW)
    asked = requests.ask(Deed.RECOVERY, fan, requester=chief, reason="phone lost", now=NOW)
    return policy, asked, waiver


@pytest.fixture
def clerk(person):
    """Return `clerk(codename)`: of the staff, with a fresh proof and this permission alone."""

    def make(codename):
        visitor = person("clerk", is_staff=True)
        visitor.user.user_permissions.set(Permission.objects.filter(codename=codename))
        testing.login(visitor.client, visitor.user)
        return visitor

    return make


def pages(thing):
    """Yield the name of each page of a row, and its address."""
    model_admin = admin.site._registry[type(thing)]
    head = f"hardening_{model_admin.opts.model_name}_"
    for one in model_admin.get_urls():
        if one.name:
            args = [thing.pk] if "<" in str(one.pattern) else []
            yield one.name.removeprefix(head), reverse(f"admin:{one.name}", args=args)


def stand():
    """Return what a POST could have changed."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (RolePolicy, OperatorRequest, PolicyWaiver)
    ]


@pytest.mark.parametrize("codename", OPENS)
def test_each_permission_opens_its_pages_and_no_other(clerk, things, codename):
    visitor = clerk(codename)
    for thing, expected in zip(things, OPENS[codename], strict=True):
        opened = {name for name, path in pages(thing) if visitor.get(path).status_code == 200}
        assert opened == expected


@pytest.mark.parametrize("codename", OPENS)
def test_no_permission_changes_anything_by_a_page_that_it_does_not_open(clerk, things, codename):
    visitor, before = clerk(codename), stand()
    sent = {"post": "yes", "mode": "off", "role": "staff", "state": "approved", "until": "1"}
    bulk = {"action": "delete_selected", "select_across": "1", "post": "yes"}
    for thing, opens in zip(things, OPENS[codename], strict=True):
        for name, path in pages(thing):
            if f"{thing._meta.model_name}_{name}" in ACTS and name in opens:
                continue
            visitor.client.post(path, sent)
            visitor.client.post(path, {**sent, "_saveasnew": "1"})
            visitor.client.post(path, {**sent, **bulk, "_selected_action": [thing.pk]})
    if codename == "delete_rolepolicy":
        return  # the list is no page of its own without the permission to look
    assert stand() == before
    assert OperatorRequest.objects.get().state == State.OPEN


@pytest.mark.parametrize("thing", [0, 1, 2])
def test_who_is_not_of_the_staff_opens_none(person, things, thing):
    visitor = person("outsider")
    visitor.user.user_permissions.set(Permission.objects.all())
    testing.login(visitor.client, visitor.user)
    for _name, path in pages(things[thing]):
        for answer in (visitor.client.get(path), visitor.client.post(path, {"post": "yes"})):
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith(reverse("admin:login"))


# --- a superuser, who has every permission -------------------------------------------------------


def come(person, clock, how):
    """Return a superuser who has proven no factor just now."""
    visitor = person("super", is_staff=True, is_superuser=True)
    if how == "a stale proof":
        testing.login(visitor.client, visitor.user)
        clock.shift(301)
        return visitor
    testing.enrol(visitor.user)
    if how == "a recovery code":
        visitor.codes = list(testing.recovery_codes(visitor.user))
        visitor.sign_in()
        visitor.use_recovery_code()
        return visitor
    (code,) = breakglass.make(1, os.urandom(CODE_BYTES), now=NOW)
    visitor.sign_in()
    visitor.client.post(reverse("hardening:break_glass"), {"code": code})
    assert visitor.get("admin:index").status_code == 200
    return visitor


@pytest.mark.parametrize("how", ["a stale proof", "a recovery code", "a break-glass code"])
def test_without_a_fresh_proof_a_superuser_changes_nothing_by_any_page(person, things, clock, how):
    visitor, before = come(person, clock, how), stand()
    sent = {"post": "yes", "mode": "off", "role": "staff", "reason": "x"}
    bulk = {"action": "delete_selected", "select_across": "1"}
    for thing in things:
        for name, path in pages(thing):
            for more in ({}, {"_saveasnew": "1"}, {"_confirm": "x"}, {"_back": "1"}, bulk):
                answer = visitor.client.post(
                    path, {**sent, **more, "_selected_action": [thing.pk]}, follow=False
                )
                acting = answer.status_code in (200, 302) and name != "history"
                assert not acting or answer.headers["Location"].startswith("/security/"), path
    assert stand() == before


def test_nothing_is_changed_by_opening_a_page(person, things):
    visitor = person("super", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    before = stand()
    sent = {"post": "yes", "action": "delete_selected", "_confirm": "x", "note": "x"}
    for thing in things:
        for _name, path in pages(thing):
            for method in ("get", "head", "put", "patch", "delete", "options"):
                data = sent if method in ("get", "head") else None
                getattr(visitor.client, method)(path, data)
    assert stand() == before


def test_no_page_takes_a_post_from_elsewhere(person, things):
    visitor = person("super", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    visitor.client.handler.enforce_csrf_checks = True
    before = stand()
    for thing in things:
        for _name, path in pages(thing):
            answer = visitor.client.post(path, {"post": "yes", "_back": "1"})
            assert answer.status_code == 403, path
    assert stand() == before


# --- names that are more than names --------------------------------------------------------------

MARKUP = "\"'><svg onload=x>{{ 7 }}"
NUMBERS = dict.fromkeys(("members", "compliant", "in_grace", "overdue", "exempt"), 1)


def test_no_name_and_no_reason_becomes_markup_on_any_page(clock, person):
    chief = person("chief", is_staff=True, is_superuser=True)
    other = person(f"other{MARKUP}", email="o@example.com", is_staff=True, is_superuser=True).user
    fan = person(f"fan{MARKUP}", email="f@example.com").user
    group = Group.objects.create(name=f"choir{MARKUP}")
    fan.groups.add(group)
    policy = RolePolicy.objects.create(
        role=f"group:{group.name}", mode=Mode.ENFORCE, starts_at=moment(NOW - DAY), note=MARKUP
    )
    PolicySnapshot.objects.create(
        day=moment(NOW).date(), policy=f"row:{policy.pk}", role=policy.role, **NUMBERS
    )
    given = {"reason": f"why{MARKUP}", "now": NOW}
    waiver = waivers.extend(fan, policy, until=NOW + DAY, actor=other, **given)
    extra = {"requester": other, "evidence": f"called{MARKUP}"}
    asked = requests.ask(Deed.EXEMPTION, fan, policy=policy, until=NOW + 2 * DAY, **extra, **given)
    testing.login(chief.client, chief.user)
    form = {"role": policy.role, "mode": "enforce", "strength": "any", "starts_at_0": "2027-01-01"}
    form |= {"starts_at_1": "0:00", "grace_days": "1", "first_enrolment": "mailbox", "note": MARKUP}
    form |= {"new_account_days": "0", "remembered_days": "0", "breached_passwords": "enforce"}
    change = reverse("admin:hardening_rolepolicy_change", args=[policy.pk])
    shown = save(chief.client, change, form)
    answers = [shown, chief.client.post(change, form | {"grace_days": "0"})]
    answers += [
        chief.get(path) for thing in (policy, asked, waiver) for _name, path in pages(thing)
    ]
    answers.append(chief.get(reverse("admin:auth_user_changelist")))
    read = [one.content.decode() for one in answers if not one.streaming]
    assert sum("svg onload" in page for page in read) > len(read) / 2
    for page in read:
        assert "<svg onload" not in page
        assert "{{ 7 }}" in page or "svg onload" not in page
