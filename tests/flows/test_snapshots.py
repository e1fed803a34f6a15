"""How many met each policy, day by day: a row a policy a day, whoever runs the job how often."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.test import override_settings

from hardening.flows import snapshots, status
from hardening.models import PolicySnapshot
from hardening.models.compliance import KEEP_DAYS
from hardening.models.policy import Mode
from tests.flows.crowds import TOTP, Someone, policy, settle
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db

TODAY = date(2027, 1, 15)
NUMBERS = ("members", "compliant", "in_grace", "overdue", "exempt")


def kept():
    rows = PolicySnapshot.objects.order_by("day", "policy")
    return {(row.day, row.policy): tuple(getattr(row, name) for name in NUMBERS) for row in rows}


@pytest.fixture
def row():
    """Save a policy that only reports, a few people, and the floor's members."""
    saved = policy(role="everyone", mode=Mode.REPORT, grace_days=7)
    saved.save()
    settle([Someone(is_staff=True, factors=TOTP), Someone(is_staff=True), Someone()])
    return saved


def test_each_policy_gets_a_row_the_floor_too(row):
    policy(role="staff", mode=Mode.OFF).save()
    assert snapshots.take(now=NOW) == 3
    assert kept() == {
        (TODAY, "floor:staff"): (2, 1, 0, 1, 0),
        (TODAY, "floor:superuser"): (0, 0, 0, 0, 0),
        (TODAY, f"row:{row.pk}"): (3, 1, 2, 0, 0),
    }


def test_a_second_run_of_the_day_counts_nothing(row, django_assert_num_queries):
    snapshots.take(now=NOW)
    before = kept()
    settle([Someone(is_staff=True)])
    with django_assert_num_queries(3):
        assert snapshots.take(now=NOW + 8 * 60 * 60) == 0
    assert kept() == before


def test_a_policy_that_is_new_today_is_counted_by_the_next_run(row):
    snapshots.take(now=NOW)
    policy(role="staff").save()
    assert snapshots.take(now=NOW + 60) == 1


def test_a_day_begins_at_midnight_utc(row):
    midnight = NOW - NOW % DAY
    snapshots.take(now=midnight - 1)
    assert snapshots.take(now=midnight) == 3
    assert {day for day, _key in kept()} == {TODAY - timedelta(days=1), TODAY}


def test_who_counts_at_the_same_moment_is_no_fault(row, monkeypatch):
    count = snapshots.census.overviews

    def meanwhile(value, *, now):
        monkeypatch.setattr(snapshots.census, "overviews", count)
        assert snapshots.take(now=now) == 3
        return count(value, now=now)

    monkeypatch.setattr(snapshots.census, "overviews", meanwhile)
    assert snapshots.take(now=NOW) == 3
    assert len(kept()) == 3


def test_two_policies_of_the_settings_on_one_role_are_told_apart(db):
    floor = [{"role": "staff"}, {"role": "staff", "due": "2099-01-01"}]
    settle([Someone(is_staff=True)])
    with override_settings(HARDENING={"POLICIES": floor}):
        assert snapshots.take(now=NOW) == 2
    assert kept() == {
        (TODAY, "floor:staff"): (1, 0, 0, 1, 0),
        (TODAY, "floor:staff+"): (1, 0, 1, 0, 0),
    }


def test_a_role_with_a_very_long_name_is_counted_too(db):
    role = f"perm:{'app' * 40}.{'codename' * 10}"
    with override_settings(HARDENING={"POLICIES": [{"role": role}]}):
        assert snapshots.take(now=NOW) == 1
        assert snapshots.take(now=NOW) == 0
    key = f"floor:{role}"
    assert len(snapshots.trend(key, now=NOW)) == 1


# --- the line ----------------------------------------------------------------------------------


@pytest.fixture
def days():
    """Write a row for each of 100 days of two policies."""
    zeros = dict.fromkeys(NUMBERS, 0)
    PolicySnapshot.objects.bulk_create(
        PolicySnapshot(day=TODAY - timedelta(days=ago), policy=key, role="staff", **zeros)
        for ago in range(100)
        for key in ("floor:staff", "row:1")
    )


def test_a_line_is_of_the_last_ninety_days_oldest_first(days):
    line = [row.day for row in snapshots.trend("row:1", now=NOW)]
    assert line == [TODAY - timedelta(days=ago) for ago in reversed(range(90))]
    assert len(snapshots.trend("row:1", now=NOW, days=7)) == 7


def test_lines_of_several_policies_are_one_query(days, django_assert_num_queries):
    with django_assert_num_queries(1):
        found = snapshots.trends(["row:1", "row:2", "floor:staff"], now=NOW)
    assert {key: len(line) for key, line in found.items()} == {
        "row:1": 90,
        "row:2": 0,
        "floor:staff": 90,
    }


def test_rows_are_kept_for_a_year_and_some(days):
    last = NOW + (KEEP_DAYS - 99) * DAY
    assert snapshots.prune(now=last) == 0
    assert snapshots.prune(now=last + DAY) == 2
    assert status.prune(now=last + 2 * DAY)["policy snapshots"] == 2
