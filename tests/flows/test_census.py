"""All policies counted together say what each says for itself, in few queries."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import F, Q
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardening import census, compliance, policies, roles
from hardening.compliance import Counts
from tests.flows.crowds import Someone, crowds, policy, rules, settle, thrown_away
from tests.visitor import NOW

pytestmark = pytest.mark.django_db


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(crowd=crowds, listed=st.lists(rules, max_size=3, unique_by=lambda rule: rule["role"]))
def test_together_they_are_what_each_is_alone(crowd, listed):
    with thrown_away():
        rows = [policy(**rule) for rule in listed]
        for row in rows:
            row.save()
        settle(crowd, rows[0] if rows else None)
        values = [*policies.floor(), *map(policies.from_row, rows)]
        for value, found in zip(values, census.overviews(values, now=NOW), strict=True):
            assert found.counts == compliance.count(value, now=NOW)
            assert found.strengths == compliance.by_strength(value)


def test_roles_by_the_users_own_columns_take_two_statements_however_many_they_are():
    settle([Someone(is_staff=True), Someone(is_superuser=True), Someone()])
    values = [policies.from_row(policy(role=role)) for role in ("staff", "everyone", "superuser")]
    asked = []
    for listed in (values[:1], values):
        with CaptureQueriesContext(connection) as caught:
            found = census.overviews(listed, now=NOW)
        asked.append(len(caught))
    assert [one.counts.members for one in found] == [1, 3, 1]
    assert len(set(asked)) == 1


def test_nothing_is_asked_about_no_policy(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert census.overviews([], now=NOW) == []


@pytest.fixture
def own(request):
    """Return the policy on a role of the site's own, for one test."""
    roles.register("own-census", "Own", request.param)
    yield policies.from_row(policy(role="own-census"))
    roles.unregister("own-census")


@pytest.mark.parametrize(
    "own, members",
    [
        (Q(email=F("username")), 0),
        (~Q(email=F("username")), 3),
        (Q(groups__name="editors"), 1),
        (Q(groups__name="editors", groups__pk__gt=0), 1),
        (Q(groups__isnull=True), 2),
        (Q(groups__name=None), 2),
        (~Q(groups__name="editors"), 2),
        (Q(groups__name="editors") & Q(user_permissions__codename="change_group"), 0),
        (Q(groups__name="editors") | Q(is_staff=True), 2),
        (Q(groups=1) | Q(groups__in=[1]), None),
    ],
    indirect=["own"],
)
def test_a_role_of_the_sites_own_is_counted_the_same_way(own, members):
    settle([Someone(in_group=True), Someone(is_staff=True), Someone()])
    (found,) = census.overviews([own], now=NOW)
    assert found.counts == compliance.count(own, now=NOW)
    role = roles.find("own-census")
    known = {user.pk for user in compliance.members("everyone").filter(role.q)}
    assert {user.pk for user in compliance.members("own-census")} == known
    assert members in (None, found.counts.members)


def test_somebody_who_left_between_two_statements_makes_no_negative_number():
    value = policies.from_row(policy())
    assert compliance.spared(value, {}, now=NOW) == Counts()
