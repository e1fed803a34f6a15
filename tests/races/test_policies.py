"""Policy edits racing requests: once an edit is committed, the next request obeys it."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.urls import reverse

from hardening import facts, policies, testing
from hardening.admin.preview import CONFIRM
from hardening.core.values import Verdict
from hardening.flows import live
from hardening.models import RolePolicy, SiteState
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.actors import NOW, again, reread, signed_in
from tests.previews import FORM, seal_on
from tests.races.runner import ROUNDS, race, race_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fan(clock, person):
    return person("fan").user


@pytest.fixture
def policy():
    return new_policy("everyone")


def new_policy(role, mode=Mode.OFF):
    return RolePolicy.objects.create(role=role, mode=mode, starts_at=moment(NOW))


def verdict(session, user):
    return live.judge(again(session), reread(user), now=NOW).verdict


def test_a_request_after_the_commit_obeys_however_many_read_meanwhile(fan, policy):
    session = signed_in(fan)
    for turn in range(ROUNDS):
        policy.mode = Mode.OFF if turn % 2 else Mode.ENFORCE
        expected = Verdict.ALLOW if turn % 2 else Verdict.MAILBOX

        def edit_then_ask():
            policy.save()
            return verdict(session, fan)

        asked = race(
            edit_then_ask,
            *(lambda: verdict(session, fan) for _ in range(4)),
        )
        assert asked[0] is expected, f"round {turn}"
        assert set(asked) <= {Verdict.ALLOW, Verdict.MAILBOX}
        assert verdict(session, fan) is expected


def test_the_revision_is_read_before_the_rows(fan, policy, monkeypatch):
    """An edit between the two reads is noticed by the next request, never missed."""
    session = signed_in(fan)
    rows = RolePolicy.objects.exclude

    def edited_in_between(*args, **kwargs):
        monkeypatch.undo()
        found = list(rows(*args, **kwargs))
        race(lambda: RolePolicy.objects.update(mode=Mode.ENFORCE))
        return found

    policies.forget()
    monkeypatch.setattr(RolePolicy.objects, "exclude", edited_in_between)
    policies.read()
    assert [p.role for p in policies.current().policies if p.role == "everyone"] == []
    assert verdict(session, fan) is Verdict.MAILBOX


def test_an_edit_between_the_policies_and_the_user_is_noticed_in_that_request(
    fan, policy, monkeypatch
):
    session = signed_in(fan)
    verdict(session, fan)
    current = policies.current

    def edited_just_after():
        held = current()
        monkeypatch.undo()
        race(lambda: RolePolicy.objects.update(mode=Mode.ENFORCE))
        return held

    monkeypatch.setattr(policies, "current", edited_just_after)
    assert verdict(session, fan) is Verdict.MAILBOX


def test_a_rolled_back_edit_is_never_seen(fan, policy):
    session = signed_in(fan)

    def edit_and_roll_back():
        with transaction.atomic():
            RolePolicy.objects.update(mode=Mode.ENFORCE)
            transaction.set_rollback(True)
        return Verdict.ALLOW

    for _ in range(ROUNDS):
        asked = race(edit_and_roll_back, *(lambda: verdict(session, fan) for _ in range(3)))
        assert set(asked) == {Verdict.ALLOW}


def test_two_editors_of_two_policies_never_wait_for_each_other_in_a_circle(policy):
    other = new_policy("staff")

    def edit(order):
        with transaction.atomic():
            for one in order:
                one.note += "."
                one.save()

    for _ in range(ROUNDS):
        race_all(edit, [(policy, other), (other, policy)])
    assert SiteState.objects.count() == 1


def test_policies_changed_faster_than_they_can_be_read_are_a_fault_and_no_guess(
    fan, policy, monkeypatch
):
    read = policies.read

    def always_one_behind():
        held = read()
        RolePolicy.objects.update(mode=Mode.ENFORCE)
        return held

    monkeypatch.setattr(policies, "read", always_one_behind)
    policies.forget()
    with pytest.raises(facts.FactsError):
        facts.fresh(fan)


# --- two editors -------------------------------------------------------------------------------

REPORT = {"role": "everyone", "mode": "report", "starts_at_0": "2027-01-15"}


@pytest.fixture
def editors(clock, person):
    """Return two superusers, signed in with a fresh proof each."""
    visitors = [person(name, is_staff=True, is_superuser=True) for name in ("one", "two")]
    for visitor in visitors:
        testing.login(visitor.client, visitor.user)
    return visitors


def test_of_two_editors_who_confirm_at_once_one_looks_again(editors, policy):
    path = reverse("admin:hardening_rolepolicy_change", args=[policy.pk])
    for turn in range(ROUNDS // 5):  # whole requests
        RolePolicy.objects.update(mode=Mode.REPORT, grace_days=100)

        def confirm(visitor, days, path=path):
            fields = {**FORM, **REPORT, "grace_days": days}
            sealed = {**fields, CONFIRM: seal_on(visitor.client.post(path, fields))}
            return lambda: visitor.client.post(path, sealed).status_code

        ready = [confirm(one, f"{turn + place}") for place, one in enumerate(editors, 1)]
        assert sorted(race(*ready)) == [200, 302], f"round {turn}"
