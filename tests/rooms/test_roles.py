"""Roles: one definition that answers "is she in it?" and "who is in it?" alike."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Exists, ExpressionWrapper, F, OuterRef, Q, Subquery, Value
from django.db.models.functions import Lower, Now, Upper
from django.test import modify_settings

from hardening import checks, facts, roles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _registry(monkeypatch):
    monkeypatch.setattr(roles, "_registered", {})


def holds(role, user) -> bool:
    """Whether a user is in a role, asked as the query for the user asks it."""
    annotated = User.objects.annotate(within=roles.membership(role)).get(pk=user.pk)
    return bool(annotated.within)


def members(role) -> set[str]:
    """Who is in a role, asked as a filter."""
    return set(User.objects.filter(role.q).values_list("username", flat=True))


def both(key, user) -> bool:
    """The answer to both questions, which must agree."""
    role = roles.find(key)
    answer = holds(role, user)
    assert answer == (user.get_username() in members(role))
    return answer


# ---------------------------------------------------------------- built in


def test_everybody_is_in_everyone(user) -> None:
    assert both("everyone", user)


@pytest.mark.parametrize("key,field", [("staff", "is_staff"), ("superuser", "is_superuser")])
def test_the_flags_of_the_user_are_roles(user, other, key, field) -> None:
    assert not both(key, user)
    setattr(user, field, True)
    user.save()
    assert both(key, user)
    assert not both(key, other)


def test_a_group_is_a_role_by_its_name(user, other) -> None:
    user.groups.add(Group.objects.create(name="Editors & friends"))
    other.groups.add(Group.objects.create(name="Editors"))
    assert both("group:Editors & friends", user)
    assert not both("group:Editors & friends", other)
    assert not both("group:nobody made this one", user)


@pytest.mark.parametrize("way", ["direct", "through a group", "superuser", "other app", "none"])
def test_a_permission_is_a_role_however_it_is_held(user, way) -> None:
    permission = Permission.objects.get(codename="change_user", content_type__app_label="auth")
    if way == "direct":
        user.user_permissions.add(permission)
    elif way == "through a group":
        group = Group.objects.create(name="g")
        group.permissions.add(permission)
        user.groups.add(group)
    elif way == "superuser":
        user.is_superuser = True
        user.save()
    elif way == "other app":
        user.user_permissions.add(Permission.objects.get(codename="change_session"))
    assert both("perm:auth.change_user", user) == (
        way in ("direct", "through a group", "superuser")
    )


def test_two_ways_to_a_permission_make_one_member(user) -> None:
    """A join would return the user twice, and the query for the user would break."""
    permission = Permission.objects.get(codename="change_user")
    user.user_permissions.add(permission)
    for name in ("one", "two"):
        group = Group.objects.create(name=name)
        group.permissions.add(permission)
        user.groups.add(group)
    assert both("perm:auth.change_user", user)


@pytest.mark.parametrize(
    "key",
    ["perm:change_user", "perm:", "editor", "", "Staff", "role:staff", "perms:auth.change_user"],
)
def test_what_is_no_role_is_not_found(key) -> None:
    assert roles.find(key) is None


def test_an_unknown_role_holds_everybody(user) -> None:
    assert holds(roles.find("misspelt"), user)


def test_roles_that_need_a_missing_field_are_absent(monkeypatch) -> None:
    monkeypatch.setattr(roles.within, "_field", lambda model, name: None)
    found = [roles.find(key) for key in ("staff", "superuser", "group:a", "perm:auth.change_user")]
    assert found == [None] * 4
    assert [key for key, _ in roles.choices()] == ["everyone"]


# ---------------------------------------------------------------- a site's own


def test_a_site_adds_a_role_of_its_own(user, other) -> None:
    role = roles.register("writer", "Writers", Q(email__startswith="ada"), publishes_publicly=True)
    assert roles.find("writer") is role
    assert roles.registered() == (role,)
    assert both("writer", user)
    assert not both("writer", other)
    assert ("writer", "Writers") in roles.choices()
    roles.unregister("writer")
    assert roles.find("writer") is None


@pytest.mark.parametrize("key", ["everyone", "staff", "superuser", "group:mine", "perm:a.b"])
def test_a_built_in_name_is_not_for_the_taking(key) -> None:
    with pytest.raises(ValueError, match="built in"):
        roles.register(key, "Mine", Q(pk=1))


def test_a_name_means_one_role_and_the_same_role_may_be_registered_again() -> None:
    roles.register("writer", "Writers", Q(is_staff=True))
    roles.register("writer", "Writers", Q(is_staff=True))
    with pytest.raises(ValueError, match="already"):
        roles.register("writer", "Writers", Q(is_staff=False))
    assert roles.find("writer").q == Q(is_staff=True)


def test_people_read_a_label_and_of_an_unknown_role_its_key() -> None:
    roles.register("writer", "Writers", Q(is_staff=True))
    assert [roles.label(key) for key in ("writer", "staff", "misspelt")] == [
        "Writers",
        "Staff",
        "misspelt",
    ]
    assert roles.label("group:Editors") == "Group Editors"


def test_the_roles_modules_of_installed_apps_are_found(monkeypatch) -> None:
    monkeypatch.setattr(checks, "register_all", lambda: None)  # once is enough for the whole run
    with modify_settings(INSTALLED_APPS={"append": "tests.rooms.rolesapp"}):
        pass  # Django makes every app ready anew
    assert [role.key for role in roles.registered()] == ["found-by-discovery"]


# ---------------------------------------------------------------- how it is asked


@pytest.mark.parametrize(
    "q",
    [
        Q(is_staff=True),
        Q(is_staff=True) | ~Q(email="") & Q(username__istartswith="a"),
        Q(last_login__isnull=True),
        Q(date_joined__lt=Now()),
        Q(date_joined__lt=F("last_login")),
        Q(username__in=[Lower("username"), "b"]),
        Q(id__in=[]),
        ~Q(id__in=[]),
        Q(Q(is_staff=True) | Q(is_active=True), username="ada"),
    ],
    ids=str,
)
def test_the_users_own_columns_are_inlined(user, q) -> None:
    user.date_joined -= timedelta(days=1)  # or "before now" turns true between the two questions
    user.save()
    role = roles.Role("r", "R", q)
    assert isinstance(roles.membership(role), ExpressionWrapper)
    assert holds(role, user) == (user.username in members(role))


@pytest.mark.parametrize(
    "q",
    [
        Q(groups__name="a"),
        Q(is_staff=True) | Q(groups__isnull=False),
        Q(Exists(Group.objects.filter(user=OuterRef("pk")))),
        Q(username=F("groups__name")),
        Q(username__in=[F("groups__name")]),
        Q(username=Upper(F("groups__name"))),
        Q(id__in=Group.objects.values("user")),
        Q(id=Subquery(Group.objects.values("user")[:1])),
        Q(pk=1),
    ],
    ids=["relation", "either", "exists", "F", "list of F", "Func of F", "query", "subquery", "pk"],
)
def test_whatever_may_join_is_asked_by_exists(user, q) -> None:
    for name in ("ada", "a"):
        user.groups.add(Group.objects.create(name=name))
    role = roles.Role("r", "R", q)
    assert isinstance(roles.membership(role), Exists)
    assert holds(role, user) == (user.username in members(role))


def test_a_role_for_everybody_costs_no_question() -> None:
    assert isinstance(roles.membership(roles.find("everyone")), Value)
    assert isinstance(roles.membership(None), Value)


def test_a_column_that_is_null_puts_nobody_into_a_role(user) -> None:
    role = roles.register("old", "Old", Q(last_login__lt="2020-01-01T00:00Z"))
    assert user.last_login is None
    assert not both(role.key, user)


def test_a_role_granted_is_seen_by_the_next_query(user, make_policy) -> None:
    make_policy("group:Editors")
    assert "group:Editors" not in facts.fresh(user).member_of
    user.groups.add(Group.objects.create(name="Editors"))
    assert "group:Editors" in facts.fresh(user).member_of
    user.groups.clear()
    assert "group:Editors" not in facts.fresh(user).member_of
