"""Who meets which policy: the counts and lists that pages and commands show.

The statuses themselves are held to the decision in `test_preview`.
"""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q
from django.test import override_settings

from hardening import compliance, policies, roles
from hardening.compliance import Counts, Person, Status
from hardening.core.grace import WaiverKind
from hardening.core.values import Strength
from hardening.models import Account
from tests.flows.crowds import BOUND, KEY, TOTP, Someone, policy, settle
from tests.visitor import DAY, NOW

pytestmark = pytest.mark.django_db

EXTENDED = [(WaiverKind.EXTENSION, NOW + DAY, False)]
EXEMPT = [(WaiverKind.EXEMPTION, NOW + 2 * DAY, False)]
ONE_OF_EACH = [
    Someone(is_staff=True, factors=KEY),
    Someone(is_staff=True, granted=EXTENDED),
    Someone(is_staff=True, factors=TOTP),
    Someone(is_staff=True, granted=EXEMPT),
]


@pytest.fixture
def row():
    """Save a policy that asks staff for a factor that resists phishing."""
    row = policy(strength="phishing-resistant")
    row.save()
    return row


@pytest.fixture
def asked(row):
    """Return its value, with a member of each status."""
    settle(ONE_OF_EACH, row)
    return policies.from_row(row)


def names(users):
    return [user.username for user in users]


def test_members_are_counted_by_status_in_one_query(asked, django_assert_num_queries):
    with django_assert_num_queries(1):
        counts = compliance.count(asked, now=NOW)
    assert counts == Counts(compliant=1, in_grace=1, overdue=1, exempt=1)
    assert counts.members == 4


def test_members_are_counted_by_strength_in_one_query(asked, django_assert_num_queries):
    with django_assert_num_queries(1):
        counted = compliance.by_strength(asked)
    assert counted == {Strength.NONE: 2, Strength.ANY: 1, Strength.PHISHING_RESISTANT: 1}


def test_a_role_without_members_counts_nothing(db):
    value = policies.from_row(policy(role="group:nobody"))
    assert compliance.count(value, now=NOW) == Counts()
    assert compliance.by_strength(value) == {}
    assert list(compliance.every(value, now=NOW)) == []


def test_the_floor_is_counted_like_a_row(db):
    settle([Someone(is_staff=True, factors=TOTP), Someone(is_staff=True)])
    staff, superuser = policies.floor()
    assert compliance.count(staff, now=NOW) == Counts(compliant=1, overdue=1)
    assert compliance.count(superuser, now=NOW) == Counts()


def test_a_dated_floor_has_everybody_in_grace_until_its_date(db):
    settle([Someone(is_staff=True), Someone(is_staff=True, factors=TOTP)])
    with override_settings(HARDENING={"POLICIES": [{"role": "staff", "due": "2099-01-01"}]}):
        (dated,) = policies.floor()
    assert compliance.count(dated, now=NOW) == Counts(compliant=1, in_grace=1)
    assert compliance.count(dated, now=dated.due) == Counts(compliant=1, overdue=1)


@pytest.mark.parametrize(
    "status, who",
    [
        (None, ["person0", "person1", "person2", "person3"]),
        (Status.COMPLIANT, ["person0"]),
        (Status.IN_GRACE, ["person1"]),
        (Status.OVERDUE, ["person2"]),
        (Status.EXEMPT, ["person3"]),
    ],
)
def test_the_list_can_be_of_one_status_and_is_ordered_by_name(asked, status, who):
    listed = compliance.listed(asked, now=NOW, status=status)
    assert names(listed) == who
    assert names(listed[1:3]) == who[1:3]
    found = [compliance.person(user, asked) for user in listed]
    assert found == sorted(
        compliance.every(asked, now=NOW, status=status), key=lambda one: one.user.username
    )


def test_each_row_says_status_strength_and_the_date_that_is_hers(asked, django_assert_num_queries):
    with django_assert_num_queries(1):
        users = list(compliance.listed(asked, now=NOW))
        found = [compliance.person(user, asked) for user in users]
    due = asked.due
    assert [(one.status, one.strength, one.due) for one in found] == [
        (Status.COMPLIANT, Strength.PHISHING_RESISTANT, due),
        (Status.IN_GRACE, Strength.NONE, NOW + DAY),
        (Status.OVERDUE, Strength.ANY, due),
        (Status.EXEMPT, Strength.NONE, NOW + 2 * DAY),
    ]


def test_a_list_of_everybody_comes_a_few_at_a_time(asked, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(compliance, "CHUNK", 3)
    with django_assert_num_queries(3):
        people = list(compliance.every(asked, now=NOW))
    assert [one.user.username for one in people] == [f"person{n}" for n in range(4)]
    assert all(isinstance(one, Person) for one in people)


def test_a_text_that_cannot_be_read_leaves_the_date_of_everybody(asked):
    Account.objects.filter(user__username="person1").update(waivers="nonsense")
    (user,) = compliance.listed(asked, now=NOW, status=Status.IN_GRACE)
    assert compliance.person(user, asked).due == asked.due


def test_the_strongest_factor_counts_wherever_it_stands(row):
    settle([Someone(is_staff=True, factors=f"{TOTP},{BOUND},{KEY}")])
    value = policies.from_row(row)
    assert compliance.by_strength(value) == {Strength.DEVICE_BOUND: 1}
    assert compliance.count(value, now=NOW).compliant == 1


@pytest.mark.parametrize("factors", ["2:totp:1:ku", "22:totp:1:", "3:2:1:ku", "1:k3:1:ku"])
def test_a_number_elsewhere_in_the_text_is_no_strength(row, factors):
    settle([Someone(is_staff=True, factors=factors)])
    assert compliance.count(policies.from_row(row), now=NOW).compliant == 0


# --- who is in a role --------------------------------------------------------------------------


def test_a_member_in_many_ways_is_counted_once(db):
    (user,) = settle([Someone(is_superuser=True, may=True, may_by_group=True, in_group=True)])
    user.groups.add(*[Group.objects.create(name=f"group {n}") for n in range(3)])
    for role in ("perm:auth.change_group", "group:editors", "superuser", "everyone", "unknown"):
        assert names(compliance.members(role)) == ["person0"], role


@pytest.fixture
def register():
    """Return a function: register a role of the site's own, for one test."""
    made = []

    def add(q):
        made.append(f"own-{len(made)}")
        roles.register(made[-1], "Own", q)
        return made[-1]

    yield add
    for key in made:
        roles.unregister(key)


def test_a_role_of_the_sites_own_may_ask_anything(register):
    settle([Someone(is_staff=True, in_group=True), Someone(is_staff=True), Someone()])
    ours = Group.objects.filter(user=OuterRef("pk"), name="editors")
    joins = Q(groups__name="editors")
    for q, expected in [
        (joins | Q(username="person2"), ["person0", "person2"]),
        (joins & Q(is_staff=True), ["person0"]),
        (~joins, ["person1", "person2"]),
        (~(joins | Q(username="person2")), ["person1"]),
        (Exists(ours) | Q(username="person1"), ["person0", "person1"]),
        (Q(Exists(ours)), ["person0"]),
        (Q(is_staff=True) | (joins & Q(username="person0")), ["person0", "person1"]),
    ]:
        members = compliance.members(register(q)).order_by("username")
        assert names(members) == expected, q


def test_people_who_left_are_no_members_and_a_model_may_not_know(monkeypatch):
    settle([Someone(is_staff=True, is_active=False)])
    assert not compliance.members("staff").exists()
    known = get_user_model()._meta.get_field

    def knows_less(name):
        return known("nothing" if name in {"is_active", "date_joined"} else name)

    monkeypatch.setattr(get_user_model()._meta, "get_field", knows_less)
    assert compliance.members("everyone").exists()
    fresh = policies.from_row(policy(role="everyone", new_account_days=400))
    assert compliance.count(fresh, now=NOW) == Counts(overdue=1)
