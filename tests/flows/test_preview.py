"""The preview of a policy is what comes true when it is saved, for any people and any policy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from unittest.mock import patch

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from hardening import compliance, facts, policies, roles
from hardening.compliance import Counts, Status
from hardening.core.evidence import strongest
from hardening.core.grace import WaiverKind, decode, personal
from hardening.core.values import NoteKind, Strength, Verdict
from hardening.flows import policy as branch
from hardening.flows import preview as flow
from hardening.flows.policy import Objection
from hardening.flows.preview import Meets, meets, newly_stopped, preview
from hardening.models import Account, BreakGlassCode
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.flows.crowds import (
    BOUND,
    EDGE,
    KEY,
    TOTP,
    Someone,
    crowds,
    decided,
    floors,
    policy,
    rules,
    settle,
    thrown_away,
)
from tests.visitor import NOW

pytestmark = pytest.mark.django_db

in_the_database = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
no_floor = override_settings(HARDENING={"POLICIES": []})


def standing(user, row):
    """Return a status as the decision shows it, by one policy alone; `None`: not covered."""
    decision, who = decided(user)
    if decision.verdict is Verdict.DENY and not who.frozen:
        return None
    if not who.requirement.demands:
        return None
    (demand,) = who.requirement.demands
    if strongest(who) >= demand.strength:
        assert decision.allowed
        return Status.COMPLIANT
    if not decision.allowed:
        return Status.OVERDUE
    said = [note for note in decision.notes if note.kind is NoteKind.DEADLINE]
    assert [note.value for note in said] in ([], [demand.due])
    return Status.IN_GRACE if said else Status.EXEMPT


def counts_of(statuses):
    counted = Counter(statuses)
    return Counts(**{status.value: counted[status] for status in Status})


@in_the_database
@given(crowd=crowds, rule=rules, saved=st.booleans())
@example(
    crowd=[Someone(joined=EDGE, half_a_second=True)],
    rule={"role": "everyone", "starts_at": moment(NOW), "new_account_days": 2},
    saved=False,
)
def test_each_status_is_what_the_decision_says_once_the_policy_is_saved(crowd, rule, saved):
    # What has its own way of stopping people is left to the next property.
    crowd = [replace(one, frozen=False, must_enrol=False) for one in crowd]
    with no_floor, thrown_away():
        wanted = policy(**rule)
        if saved:
            wanted.mode = Mode.OFF
            wanted.save()
            wanted.mode = Mode.ENFORCE
        people = settle(crowd, wanted if saved else None)
        shown = preview(wanted, now=NOW)
        policy_value = policies.from_row(wanted)
        listed = dict(
            compliance.with_status(policy_value, now=NOW).values_list("pk", compliance.STATUS)
        )
        lists = {
            one: set(compliance.of_status(policy_value, one, now=NOW).values_list("pk", flat=True))
            for one in Status
        }
        wanted.save()
        found = {user.pk: standing(user, wanted) for user in people}
    covered = {pk: status for pk, status in found.items() if status is not None}
    event(f"{len(covered)} covered, {len(set(covered.values()))} statuses")
    assert listed == covered
    assert shown.after == counts_of(covered.values())
    assert lists == {one: {pk for pk, s in covered.items() if s is one} for one in Status}


@in_the_database
@given(crowd=crowds, rule=rules)
def test_the_counts_are_those_that_python_counts_by_the_core(crowd, rule):
    with no_floor, thrown_away():
        row = policy(**rule)
        row.save()
        people = settle(crowd, row)
        value = policies.from_row(row)
        counted, levels = compliance.count(value, now=NOW), compliance.by_strength(value)
        every = {one.user.pk: one for one in compliance.every(value, now=NOW)}
        within = [user for user in people if user.is_active and branch.is_member(user, row.role)]
        found, best = {}, {}
        for user in within:
            account = Account.objects.filter(user_id=user.pk).first() or Account(user=user)
            asked = personal(policies.merge([value]), decode(account.waivers), facts.created(user))
            (demand,) = asked.demands
            best[user.pk] = strongest(facts.fresh(user).who())
            if best[user.pk] >= demand.strength:
                found[user.pk] = Status.COMPLIANT
            elif demand.exempt_until > NOW:
                found[user.pk] = Status.EXEMPT
            else:
                found[user.pk] = Status.IN_GRACE if demand.due > NOW else Status.OVERDUE
            assert every[user.pk].due == demand.due
    assert counted == counts_of(found.values())
    assert levels == dict(Counter(best.values()))
    assert {pk: (one.status, one.strength) for pk, one in every.items()} == {
        pk: (status, best[pk]) for pk, status in found.items()
    }


def stopped_now(people):
    """Return whom a policy or a reset stops, whatever factors they show."""
    decisions = {user.pk: decided(user)[0] for user in people}
    return {
        pk for pk, one in decisions.items() if not one.allowed and one.verdict is not Verdict.DENY
    }


@in_the_database
@given(
    crowd=crowds,
    floor=floors,
    before=st.none() | rules,
    rule=rules,
    mode=st.sampled_from(Mode),
    replaces=st.booleans(),
    nearest=st.sampled_from([1, flow.NEAREST]),
)
def test_who_is_stopped_newly_is_who_is_stopped_afterwards_and_was_not_before(
    crowd, floor, before, rule, mode, replaces, nearest
):
    near = patch.object(flow, "NEAREST", nearest)
    with near, override_settings(HARDENING={"POLICIES": floor}), thrown_away():
        row = policy(**before, mode=mode) if before else None
        if row is not None:
            row.save()
        people = settle(crowd, row)
        same = row is not None and (row.role, row.strength) == (rule["role"], rule["strength"])
        wanted = policy(**rule)
        if row is not None and (replaces or same):
            wanted.pk = row.pk
        earlier = stopped_now(people)
        shown = preview(wanted, now=NOW, at_most=len(people))
        wanted.save(force_update=wanted.pk is not None)
        later = stopped_now(people)
        met = {user.pk: meets(facts.fresh(user).who(), now=NOW) for user in people}
    assert {one.user.pk: one.meets for one in shown.stopped} == {
        pk: met[pk] for pk in later - earlier
    }
    assert shown.stopped_count == len(later - earlier)
    assert not {Meets.NOTHING, Meets.REFUSED} & {one.meets for one in shown.stopped}
    event(f"{min(len(later - earlier), 2)} stopped newly")


# --- what is shown -----------------------------------------------------------------------------


@pytest.fixture
def nobody_asks():
    """Take the floor away; the policies of a test are the only ones."""
    with no_floor:
        yield


@pytest.fixture
def rows(db, nobody_asks):
    """Return a function: save a policy."""

    def save(**values):
        row = policy(**values)
        row.save()
        return row

    return save


def test_only_the_first_by_name_are_listed_and_all_are_counted(nobody_asks):
    settle([Someone(is_staff=True)] * 5)
    shown = preview(policy(), now=NOW, at_most=2)
    assert [one.user.username for one in shown.stopped] == ["person0", "person1"]
    assert shown.stopped_count == 5


def test_nobody_is_stopped_before_the_deadline(nobody_asks):
    settle([Someone(is_staff=True)])
    shown = preview(policy(grace_days=7), now=NOW)
    assert (shown.stopped, shown.stopped_count) == ((), 0)
    assert shown.after == Counts(in_grace=1)
    assert not newly_stopped(policy(grace_days=7), now=NOW).exists()


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.REPORT])
def test_what_does_not_act_is_previewed_as_if_it_did(nobody_asks, mode):
    settle([Someone(is_staff=True)])
    shown = preview(policy(mode=mode), now=NOW)
    assert (shown.mode, shown.policy.enforced, shown.stopped_count) == (mode, True, 1)
    assert shown.stopped[0].meets is Meets.MAILBOX


def test_a_policy_that_replaces_another_shows_both_counts(rows):
    row = rows(grace_days=7)
    settle([Someone(is_staff=True), Someone(is_staff=True, factors=KEY)])
    row.grace_days = 0
    shown = preview(row, now=NOW)
    assert shown.before == Counts(compliant=1, in_grace=1)
    assert shown.after == Counts(compliant=1, overdue=1)
    assert preview(policy(role="everyone"), now=NOW).before is None


def test_a_key_of_a_row_that_is_gone_replaces_nothing(nobody_asks):
    assert preview(policy(pk=404), now=NOW).before is None


@pytest.mark.parametrize(
    "one, values, met",
    [
        (Someone(is_staff=True), {}, Meets.MAILBOX),
        (Someone(is_staff=True, has_mailbox=False), {}, Meets.TICKET),
        (Someone(is_staff=True), {"first_enrolment": "ticket"}, Meets.TICKET),
        (Someone(is_staff=True, factors=TOTP), {"strength": "device-bound"}, Meets.FACTOR),
        (Someone(is_staff=True, factors="4:gone:1:"), {"strength": "device-bound"}, Meets.OPERATOR),
    ],
    ids=["mailbox", "no mailbox", "ticket wanted", "weaker factor", "factor out of use"],
)
def test_each_person_is_shown_with_what_she_will_meet(nobody_asks, one, values, met):
    settle([one])
    (shown,) = preview(policy(**values), now=NOW).stopped
    assert shown.meets is met
    assert shown.strength is (Strength.ANY if one.factors else Strength.NONE)


def test_another_policy_may_want_the_ticket(rows):
    rows(role="everyone", first_enrolment="ticket", grace_days=30)
    settle([Someone(is_staff=True)])
    assert preview(policy(), now=NOW).stopped[0].meets is Meets.TICKET


def test_who_is_asked_for_nothing_meets_nothing_and_the_frozen_are_refused(nobody_asks):
    free, ice = settle([Someone(), Someone(frozen=True)])
    assert meets(facts.fresh(free).who(), now=NOW) is Meets.NOTHING
    assert meets(facts.fresh(ice).who(), now=NOW) is Meets.REFUSED


def test_who_is_stopped_already_is_no_news(rows):
    rows(role="everyone")
    settle([Someone(is_staff=True), Someone(is_staff=True, factors=TOTP)])
    shown = preview(policy(strength="phishing-resistant"), now=NOW)
    assert [one.user.username for one in shown.stopped] == ["person1"]
    assert shown.after == Counts(overdue=2)


def test_where_many_are_stopped_already_the_list_is_of_the_others(rows, monkeypatch):
    monkeypatch.setattr(flow, "NEAREST", 2)
    rows(role="everyone")
    settle([Someone(is_staff=True)] * 3 + [Someone(is_staff=True, factors=TOTP)] * 2)
    shown = preview(policy(strength="phishing-resistant"), now=NOW, at_most=2)
    assert [one.user.username for one in shown.stopped] == ["person3", "person4"]
    assert shown.stopped_count == 2


def test_who_leaves_while_the_list_is_made_is_left_out(nobody_asks, monkeypatch):
    first, _second = settle([Someone(is_staff=True)] * 2)
    read = facts.imagined

    def meanwhile(users, held):
        type(first).objects.filter(pk=first.pk).delete()
        return read(users, held)

    monkeypatch.setattr(facts, "imagined", meanwhile)
    shown = preview(policy(), now=NOW)
    assert [one.user.username for one in shown.stopped] == ["person1"]


def test_the_number_of_queries_does_not_grow_with_the_people(rows, django_assert_max_num_queries):
    row = rows(role="everyone", strength="phishing-resistant", grace_days=30)
    settle([Someone(granted=[(WaiverKind.EXEMPTION, NOW + 9, False)]), Someone()], row)
    row.grace_days = 0
    (editor,) = settle([Someone(is_superuser=True, factors=KEY)])
    with django_assert_max_num_queries(26) as few:
        preview(row, now=NOW, editor=editor)
    settle([Someone(is_staff=True)] * 30)
    with django_assert_max_num_queries(len(few)) as many:
        assert preview(row, now=NOW, editor=editor).stopped_count == 31
    assert len(many) == len(few)


# --- the editor, and who is left ---------------------------------------------------------------


@pytest.mark.parametrize(
    "one, editor, lacks, objection",
    [
        (Someone(is_staff=True, factors=KEY), Status.COMPLIANT, False, None),
        (Someone(is_staff=True, factors=TOTP), Status.OVERDUE, True, Objection.LOCKS_EDITOR_OUT),
        (Someone(), None, False, None),
    ],
    ids=["complies", "does not", "is not covered"],
)
def test_the_editor_is_shown_where_he_stands(nobody_asks, one, editor, lacks, objection):
    (user,) = settle([one])
    shown = preview(policy(strength="phishing-resistant"), now=NOW, editor=user)
    assert (shown.editor, shown.editor_lacks, shown.objection) == (editor, lacks, objection)
    assert not shown.would_leave_nobody


def test_grace_and_exemptions_do_not_make_an_editor_comply(rows):
    row = rows(grace_days=7)
    (user,) = settle(
        [Someone(is_staff=True, granted=[(WaiverKind.EXEMPTION, NOW + 9, False)])], row
    )
    shown = preview(row, now=NOW, editor=user)
    assert (shown.editor, shown.editor_lacks) == (Status.EXEMPT, True)
    assert shown.objection is Objection.LOCKS_EDITOR_OUT


def test_what_only_reports_is_objected_to_by_nobody(nobody_asks):
    (user,) = settle([Someone(is_staff=True, is_superuser=True)])
    shown = preview(policy(mode=Mode.REPORT), now=NOW, editor=user)
    assert (shown.editor_lacks, shown.objection) == (True, None)


STRONG = {"role": "superuser", "strength": "phishing-resistant"}
CLERK = Someone(is_staff=True, factors=KEY)
ROOT = Someone(is_superuser=True, factors=TOTP)


def leaves_nobody(crowd, **values):
    clerk, *_others = settle([CLERK, *crowd])
    wanted = policy(**{**STRONG, **values})
    return preview(wanted, now=NOW, editor=clerk).would_leave_nobody


def test_the_last_superuser_who_needs_no_help_is_not_taken_away(nobody_asks):
    assert leaves_nobody([ROOT])


@pytest.mark.parametrize(
    "crowd, values",
    [
        ([ROOT, Someone(is_superuser=True, factors=BOUND)], {}),
        ([ROOT], {"mode": Mode.REPORT}),
        ([ROOT], {"role": "group:editors"}),
        ([ROOT], {"strength": "any"}),
        ([], {}),
        ([replace(ROOT, is_active=False)], {}),
        ([replace(ROOT, frozen=True)], {}),
    ],
    ids=["another", "report", "not covered", "complies", "none", "inactive", "frozen"],
)
def test_a_policy_that_takes_nobody_away_is_saved(nobody_asks, crowd, values):
    assert not leaves_nobody(crowd, **values)


@pytest.mark.parametrize("gone", [{"is_active": False}, {"frozen": True}])
def test_a_superuser_who_cannot_sign_in_is_nobody_who_is_left(nobody_asks, gone):
    assert leaves_nobody([ROOT, Someone(is_superuser=True, factors=BOUND, **gone)])


def test_grace_only_puts_it_off(nobody_asks):
    assert leaves_nobody([ROOT], grace_days=30)


def test_who_is_stopped_by_another_policy_is_nobody_who_is_left(rows):
    rows(role="group:editors", strength="device-bound")
    assert leaves_nobody([ROOT, replace(ROOT, factors=KEY, in_group=True)])


def test_where_every_superuser_is_stopped_already_nobody_is_taken_away(rows):
    rows(role="superuser", strength="device-bound")
    assert not leaves_nobody([ROOT])


def test_an_unused_break_glass_code_is_a_way_back(nobody_asks):
    code = BreakGlassCode.objects.create(key_id="k", digest="d", made_at=NOW)
    assert not leaves_nobody([ROOT])
    code.used_at = NOW
    code.save()
    assert branch.would_leave_nobody(policy(**STRONG), now=NOW)


def test_a_row_is_judged_without_the_row_that_it_replaces(rows):
    row = rows(**STRONG, grace_days=30)
    settle([CLERK, ROOT])
    row.grace_days = 0
    assert branch.would_leave_nobody(row, now=NOW)
    row.strength = "any"
    assert not branch.would_leave_nobody(row, now=NOW)


def test_where_nobody_can_be_a_superuser_nobody_is_missed(nobody_asks, monkeypatch):
    settle([ROOT])
    find = roles.find
    monkeypatch.setattr(roles, "find", lambda key: None if key == "superuser" else find(key))
    assert not branch.would_leave_nobody(policy(**{**STRONG, "role": "everyone"}), now=NOW)
