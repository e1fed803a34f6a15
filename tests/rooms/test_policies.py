"""Policies: the floor, the rows, the merge, and that no process goes on with old ones."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import transaction
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from hardening import facts, policies
from hardening.core.values import PasswordMode, Strength
from hardening.models import RolePolicy, SiteState
from hardening.models.policy import BreachedPasswords, FirstEnrolment, Mode
from hardening.moments import moment, unix
from hardening.policies import Policy, PolicySet, merge
from tests.visitor import DAY, NOW

EMPTY_FLOOR = override_settings(HARDENING={"POLICIES": []})
FLOOR = tuple(
    Policy(role, Strength.ANY, due=0, password_mode=PasswordMode.ENFORCE)
    for role in ("staff", "superuser")
)


def editor(strength=Strength.ANY, due=NOW, **more) -> Policy:
    return Policy("editor", strength, due, **more)


# ---------------------------------------------------------------- the floor


@pytest.mark.django_db
def test_without_any_setting_staff_and_superusers_owe_a_factor_at_once() -> None:
    assert policies.floor() == FLOOR
    assert policies.current().policies == FLOOR
    demands = policies.current().requirement({"staff"}).demands
    assert [(one.strength, one.due, one.role) for one in demands] == [(Strength.ANY, 0, "staff")]


@pytest.mark.django_db
def test_a_floor_may_name_a_date_and_a_strength() -> None:
    dated = {"role": "staff", "strength": "phishing-resistant", "due": "2027-01-31"}
    with override_settings(HARDENING={"POLICIES": [dated]}):
        (only,) = policies.floor()
    assert only.strength is Strength.PHISHING_RESISTANT
    assert moment(only.due).isoformat() == "2027-01-31T00:00:00+00:00"


@pytest.mark.parametrize(
    "values",
    [
        {"mode": Mode.OFF},
        {"mode": Mode.REPORT},
        {"mode": Mode.ENFORCE, "grace_days": 300},
        {"mode": Mode.ENFORCE, "starts_at": moment(NOW + 999 * DAY)},
    ],
    ids=["off", "report", "grace", "later"],
)
def test_no_row_lowers_the_floor(make_policy, values) -> None:
    make_policy("staff", **values)
    assert FLOOR[0] in policies.current().policies
    demands = policies.current().requirement({"staff"}).demands
    assert min(one.due for one in demands) == 0


@pytest.mark.django_db
def test_a_changed_floor_acts_at_once_in_a_process_that_holds_another() -> None:
    before = policies.current()
    with EMPTY_FLOOR:
        assert policies.current().policies == ()
    assert policies.current() == before


# ---------------------------------------------------------------- rows and grace


@EMPTY_FLOOR
def test_a_row_that_is_off_is_no_policy(make_policy) -> None:
    make_policy(mode=Mode.OFF)
    assert policies.read().policies == ()


@EMPTY_FLOOR
def test_a_row_becomes_the_value_that_it_says(make_policy) -> None:
    row = make_policy(
        "editor",
        strength="device-bound",
        mode=Mode.REPORT,
        starts_at=moment(NOW),
        grace_days=3,
        new_account_days=2,
        first_enrolment=FirstEnrolment.TICKET,
        step_up_seconds=60,
        idle_seconds=600,
        absolute_seconds=3600,
        parallel_sessions=2,
        remembered_days=1,
        breached_passwords=BreachedPasswords.WARN,
        recheck_days=5,
    )
    wanted = editor(
        Strength.DEVICE_BOUND,
        NOW + 3 * DAY,
        enforced=False,
        first_by_ticket=True,
        step_up_seconds=60,
        password_mode=PasswordMode.WARN,
        recheck_days=5,
        pk=row.pk,
        new_account_days=2,
        idle_seconds=600,
        absolute_seconds=3600,
        parallel_sessions=2,
        remembered_days=1,
    )
    assert policies.read().policies == (wanted,)


@pytest.mark.parametrize("start", ["2027-03-27T12:00:00+01:00", "2027-10-30T12:00:00+02:00"])
def test_grace_is_counted_in_days_of_24_hours_whatever_the_clocks_on_the_wall_do(start) -> None:
    """Central Europe changes its clocks in both nights; the deadline does not know."""
    starts_at = datetime.fromisoformat(start)
    row = RolePolicy(role="editor", starts_at=starts_at, grace_days=1)
    assert policies.from_row(row).due == unix(starts_at + timedelta(days=1))
    assert policies.from_row(row).due - unix(starts_at) == 86_400


def test_shortening_the_grace_moves_the_one_deadline() -> None:
    row = RolePolicy(role="editor", starts_at=moment(NOW), grace_days=30)
    long = policies.from_row(row).due
    row.grace_days = 1
    assert policies.from_row(row).due == long - 29 * DAY


# ---------------------------------------------------------------- the merge


def test_demands_stay_apart_so_that_a_weak_one_now_and_a_strong_one_later_are_both_seen() -> None:
    merged = merge([editor(due=NOW), editor(Strength.DEVICE_BOUND, NOW + DAY)])
    assert [(one.strength, one.due) for one in merged.demands] == [
        (Strength.ANY, NOW),
        (Strength.DEVICE_BOUND, NOW + DAY),
    ]


@pytest.mark.parametrize("name", ["idle_seconds", "absolute_seconds", "parallel_sessions"])
def test_a_policy_can_only_ask_for_less_than_the_settings_allow_a_session(name) -> None:
    setting = {
        "idle_seconds": "SESSION_IDLE_SECONDS",
        "absolute_seconds": "SESSION_ABSOLUTE_SECONDS",
        "parallel_sessions": "SESSION_PARALLEL",
    }[name]
    site = 90 if name == "parallel_sessions" else 2_000
    looser, stricter = editor(**{name: site + 1}), editor(**{name: site - 1})
    trial = editor(enforced=False, **{name: 1})
    with override_settings(HARDENING={setting: site}):
        assert getattr(merge([]), name) == site
        assert getattr(merge([looser, trial]), name) == site
        assert getattr(merge([looser, stricter]), name) == site - 1
    assert getattr(merge([looser]), name) == site + 1
    assert getattr(merge([]), name) is None


def test_a_policy_on_trial_is_reported_and_asks_nothing() -> None:
    trial = editor(enforced=False, first_by_ticket=True, step_up_seconds=1)
    merged = merge([trial])
    assert [one.role for one in merged.reported] == ["editor"]
    assert merged.demands == ()
    assert not merged.first_by_ticket
    assert merged.step_up_seconds is None


def test_nothing_merged_asks_for_nothing() -> None:
    merged = merge([])
    assert (merged.demands, merged.reported, merged.step_up_seconds) == ((), (), None)
    assert not merged.first_by_ticket


@given(
    st.lists(
        st.builds(
            editor,
            st.sampled_from([strength for strength in Strength if strength]),
            st.integers(0, NOW),
            enforced=st.booleans(),
            first_by_ticket=st.booleans(),
            step_up_seconds=st.none() | st.integers(1, 900),
        ),
        max_size=5,
    )
)
def test_the_strictest_wins_in_every_field_whatever_the_order(listed) -> None:
    merged = merge(listed)
    enforced = [policy for policy in listed if policy.enforced]
    ages = [one.step_up_seconds for one in enforced if one.step_up_seconds is not None]
    assert merged.step_up_seconds == (min(ages) if ages else None)
    assert merged.first_by_ticket == any(policy.first_by_ticket for policy in enforced)
    assert len(merged.demands) == len(enforced)
    backwards = merge(reversed(listed))
    assert set(backwards.demands) == set(merged.demands)
    assert backwards.step_up_seconds == merged.step_up_seconds


def test_only_the_policies_of_her_own_roles_cover_somebody() -> None:
    held = PolicySet(0, (editor(), Policy("staff", Strength.ANY, 0)))
    assert held.roles == ("editor", "staff")
    assert [one.role for one in held.requirement({"staff"}).demands] == ["staff"]
    assert held.requirement(()).demands == ()


def test_a_role_named_by_two_policies_is_asked_for_once() -> None:
    held = PolicySet(0, (editor(), Policy("staff", Strength.ANY, 0), editor(Strength.DEVICE_BOUND)))
    assert held.roles == ("editor", "staff")


# ---------------------------------------------------------------- the revision


def write_save(row) -> None:
    row.grace_days = 5
    row.save()


WRITES = {
    "create": lambda row: RolePolicy.objects.create(role="new", starts_at=moment(NOW)),
    "save": write_save,
    "delete": lambda row: row.delete(),
    "queryset update": lambda row: RolePolicy.objects.update(grace_days=5),
    "queryset delete": lambda row: RolePolicy.objects.filter(pk=row.pk).delete(),
    "bulk_create": lambda row: RolePolicy.objects.bulk_create(
        [RolePolicy(role="new", starts_at=moment(NOW))]
    ),
    "bulk_update": lambda row: RolePolicy.objects.bulk_update([row], ["grace_days"]),
    "get_or_create": lambda row: RolePolicy.objects.get_or_create(
        role="new", defaults={"starts_at": moment(NOW)}
    ),
    "update_or_create": lambda row: RolePolicy.objects.update_or_create(
        role=row.role, defaults={"grace_days": 5}
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_every_way_to_write_a_policy_moves_the_revision_on(make_policy, write) -> None:
    row = make_policy()
    before = SiteState.objects.get().policy_revision
    write(row)
    assert SiteState.objects.get().policy_revision != before


def test_another_process_reads_the_policies_anew_with_its_next_request(user, make_policy) -> None:
    assert facts.fresh(user).member_of == frozenset()
    elsewhere = policies._held
    make_policy("everyone")
    policies._held = elsewhere  # the process that did not write
    found = facts.fresh(user)
    assert [one.role for one in found.who().requirement.demands] == ["everyone"]
    assert policies._held.revision == SiteState.objects.get().policy_revision


def test_another_process_notices_that_a_policy_went(user, make_policy) -> None:
    row = make_policy("everyone")
    assert facts.fresh(user).who().requirement.demands
    elsewhere = policies._held
    row.delete()
    policies._held = elsewhere
    assert facts.fresh(user).who().requirement.demands == ()


def test_a_rolled_back_policy_leaves_nothing_behind_in_the_process_that_saw_it(
    user, make_policy
) -> None:
    facts.fresh(user)
    with transaction.atomic():
        make_policy("everyone")
        assert facts.fresh(user).who().requirement.demands
        transaction.set_rollback(True)
    assert facts.fresh(user).who().requirement.demands == ()


def test_a_revision_is_never_handed_out_twice_even_after_a_rollback(user, make_policy) -> None:
    """A counter would: the rolled-back number would be the next one's."""
    with transaction.atomic():
        make_policy("everyone")
        held = facts.fresh(user).policies
        transaction.set_rollback(True)
    make_policy("staff")
    policies._held = held
    assert facts.fresh(user).who().requirement.demands == ()


def test_forgetting_makes_the_process_read_again(make_policy, django_assert_num_queries) -> None:
    policies.read()
    with django_assert_num_queries(0):
        policies.current()
    policies.forget()
    with django_assert_num_queries(2):
        policies.current()


def test_what_policies_amount_to_is_worked_out_once_for_the_same_roles(monkeypatch) -> None:
    monkeypatch.setattr(policies, "MAX_MERGED", 2)
    listed = [policies.Policy(role, Strength.ANY, due=0) for role in ("a", "b", "c")]
    held = policies.PolicySet(1, tuple(listed))
    assert held.requirement(["a", "b"]) is held.requirement({"b", "a"})
    for role in ("a", "b", "c", "a"):
        assert [one.role for one in held.requirement({role}).demands] == [role]
    assert len(held._merged) <= 2
    assert held == policies.PolicySet(1, tuple(listed))


def test_other_settings_are_noticed_without_reading_the_rows_each_time(
    db, django_assert_num_queries, settings
) -> None:
    policies.current()
    with django_assert_num_queries(0):
        policies.current()
    settings.HARDENING = {"POLICIES": [{"role": "everyone"}]}
    assert policies.current().roles == ("everyone",)


# ---------------------------------------------------------------- breached passwords

OFF, REPORT, WARN, ENFORCE = PasswordMode


@pytest.mark.parametrize("site", PasswordMode)
def test_what_the_site_does_for_everybody_holds_without_any_policy(site, settings) -> None:
    settings.HARDENING = {"BREACHED_PASSWORDS": site.slug}
    assert merge([]).password_mode is site


@pytest.mark.parametrize(
    "site, listed, merged",
    [
        (OFF, [(WARN, True)], WARN),
        (WARN, [(OFF, True)], WARN),
        (WARN, [(OFF, True), (ENFORCE, True)], ENFORCE),
        (OFF, [(ENFORCE, False)], REPORT),
        (OFF, [(OFF, False)], OFF),
        (WARN, [(ENFORCE, False)], WARN),
        (OFF, [(ENFORCE, False), (WARN, True)], WARN),
    ],
    ids=str,
)
def test_the_strictest_wins_and_what_only_reports_adds_no_more(
    site, listed, merged, settings
) -> None:
    settings.HARDENING = {"BREACHED_PASSWORDS": site.slug}
    rows = [editor(password_mode=mode, enforced=enforced) for mode, enforced in listed]
    assert merge(rows).password_mode is merged


@pytest.mark.parametrize(
    "listed, days",
    [
        ([], 30),
        ([(None, False)], 30),
        ([(3, False)], 30),
        ([(None, True)], 7),
        ([(3, True)], 3),
        ([(90, True)], 90),
        ([(90, True), (14, True), (None, True)], 14),
    ],
    ids=str,
)
def test_a_verdict_holds_for_the_fewest_days_that_a_policy_names(listed, days) -> None:
    rows = [editor(recheck_days=named, enforced=enforced) for named, enforced in listed]
    assert merge(rows).recheck_days == days


def test_a_mode_has_a_word_and_no_other_word_is_one() -> None:
    assert [PasswordMode.from_slug(mode.slug) for mode in PasswordMode] == list(PasswordMode)
    with pytest.raises(ValueError, match="unknown mode"):
        PasswordMode.from_slug("strict")
