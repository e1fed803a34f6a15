"""When the SQL of the facts may be kept, and that keeping it shows nobody something else.

A query that is kept answers for everybody who asks later; so each of these is a way in which later
could have been different.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, UserManager
from django.db import connection
from django.db.models import Exists, F, Manager, OuterRef, Q, QuerySet, TextChoices, Value
from django.db.models.functions import Lower, Now
from django.db.models.lookups import Exact
from django.test.utils import CaptureQueriesContext
from django.utils.functional import lazystr

from hardening import facts, policies, roles
from hardening.facts import query

User = get_user_model()


class Plans(TextChoices):
    GOLD = "gold"


@pytest.fixture
def site_role():
    """Return `site_role(q)`: register the site's own role of that query, for this test."""

    def register(q: Q, key: str = "own") -> roles.Role:
        roles.unregister(key)
        return roles.register(key, "Own", q)

    yield register
    for role in roles.registered():
        if role.key.startswith("own"):
            roles.unregister(role.key)


def statements(run) -> list[str]:
    """Return the statements that `run` makes once the process is warm."""
    run()
    with CaptureQueriesContext(connection) as asked:
        run()
    return [entry["sql"] for entry in asked]


# ---------------------------------------------------------------- the SQL is kept


def test_the_orm_builds_the_query_once(user, other, monkeypatch) -> None:
    facts.load_user(user.pk)
    facts.fresh(user)
    monkeypatch.setattr(query, "_expressions", lambda _held: pytest.fail("built again"))
    for somebody in (user, other):
        assert facts.load_user(somebody.pk) == somebody
        assert facts.fresh(somebody).who().active


def test_the_kept_query_says_what_the_built_one_says(user, make_policy, monkeypatch) -> None:
    for role in ("group:editors", "perm:auth.add_user", "staff", "superuser", "everyone", "lost"):
        make_policy(role)
    user.groups.add(Group.objects.create(name="editors"))
    User.objects.update(is_staff=True)
    kept = facts.load_user(user.pk)
    seen = [facts.of(kept).columns, facts.fresh(user).columns]
    monkeypatch.setattr(query.roles, "is_static", lambda _role: False)
    built = facts.load_user(user.pk)
    seen += [facts.of(built).columns, facts.fresh(user).columns]
    assert seen == [seen[0]] * 4
    ours = {name: value for name, value in vars(kept).items() if not name.startswith("_")}
    assert ours == {name: value for name, value in vars(built).items() if not name.startswith("_")}


def test_a_user_from_the_kept_query_saves_and_compares_like_any_other(user) -> None:
    loaded = facts.load_user(user.pk)
    assert not loaded._state.adding
    assert loaded._state.db == "default"
    assert loaded.get_deferred_fields() == set()
    loaded.first_name = "Ada"
    loaded.save()
    user.refresh_from_db()
    assert user.first_name == "Ada"


def test_another_policy_asks_another_query(user, make_policy) -> None:
    assert facts.fresh(user).member_of == frozenset()
    make_policy("everyone")
    policies.forget()
    assert facts.fresh(user).member_of == {"everyone"}


def test_a_role_that_is_defined_anew_asks_another_query(user, make_policy, site_role) -> None:
    site_role(Q(username="somebody"))
    make_policy("own")
    policies.forget()
    assert facts.of(facts.load_user(user.pk)).member_of == frozenset()
    site_role(Q(username=user.username))
    assert facts.of(facts.load_user(user.pk)).member_of == {"own"}


def test_a_hosts_order_of_users_is_no_part_of_the_query(user, monkeypatch) -> None:
    monkeypatch.setattr(User._meta, "ordering", ["-date_joined"])
    monkeypatch.setattr(query, "_kept", {})
    asked = statements(lambda: facts.load_user(user.pk))
    assert "ORDER BY" not in asked[-1]


@pytest.mark.parametrize("pk", [2**63, -(2**70), 10**30])
def test_a_number_that_no_column_holds_is_nobody(user, pk) -> None:
    facts.load_user(user.pk)
    assert facts.load_user(pk) is None


def test_facts_and_policies_are_read_where_they_are_written(user, make_policy, settings) -> None:
    make_policy("everyone")
    settings.DATABASE_ROUTERS = ["tests.host.routers.ReadsFromReplica"]
    policies.forget()
    assert facts.of(facts.load_user(user.pk)).member_of == {"everyone"}
    assert facts.fresh(user).member_of == {"everyone"}


# ---------------------------------------------------------------- roles that may be kept


STATIC = {
    "an own column": Q(is_staff=True),
    "a relation": Q(groups__name="editors"),
    "choices": Q(last_name=Plans.GOLD),
    "a list": Q(username__in=["ada", "bea"]),
    "another column": Q(first_name=F("last_name")),
    "a value": Q(first_name=Value("Ada")),
    "the database's clock": Q(last_login__gt=Now()),
    "a span before the database's clock": Q(last_login__gt=Now() - timedelta(days=30)),
    "a moment": Q(date_joined__lt=datetime(2026, 1, 1, tzinfo=UTC)),
    "nothing": Q(last_login__isnull=True) | ~Q(groups=None),
}
CHANGING = {
    "a lazy value": Q(username=lazystr("ada")),
    "a lazy value deep down": Q(is_staff=True) | ~Q(username__in=[lazystr("ada")]),
    "the year in somebody's time zone": Q(date_joined__year=2026),
    "the day in somebody's time zone": Q(date_joined__date__lt=datetime(2026, 1, 1, tzinfo=UTC)),
    "the hour of another column": Q(pk__gt=F("last_login__hour")),
    "an expression of the site's own": Q(first_name=Lower("last_name")),
    "a subquery of the site's own": Q(Exists(Group.objects.filter(user=OuterRef("pk")))),
}


@pytest.mark.parametrize("q", STATIC.values(), ids=STATIC)
def test_what_means_the_same_tomorrow_is_kept(user, make_policy, site_role, q) -> None:
    site_role(q)
    make_policy("own")
    assert len(statements(lambda: facts.load_user(user.pk))) == 1


@pytest.mark.parametrize("q", CHANGING.values(), ids=CHANGING)
def test_what_may_mean_something_else_is_built_anew(user, make_policy, site_role, q) -> None:
    assert not roles.is_static(site_role(q))
    make_policy("own")
    assert len(statements(lambda: facts.load_user(user.pk))) == 2  # the user; the facts


def test_a_lazy_value_inside_an_expression_is_seen() -> None:
    assert not roles.is_static(roles.Role("own", "Own", Q(username=Value(lazystr("ada")))))


def test_an_expression_of_the_sites_own_is_asked_each_time(user, make_policy, site_role) -> None:
    meant = ["bea"]

    class Moment(Lower):
        def as_sql(self, compiler, connection, **extra):
            return "%s", [meant[0]]

    site_role(Q(username=Moment("username")))
    make_policy("own")
    assert facts.of(facts.load_user(user.pk)).member_of == frozenset()
    meant[0] = "ada"
    assert facts.of(facts.load_user(user.pk)).member_of == {"own"}


# ---------------------------------------------------------------- managers


class Chatty(QuerySet):
    """Methods of the site's own: nothing of Django's is replaced."""

    def named(self, name: str):
        return self.filter(username=name)


class Picky(QuerySet):
    def filter(self, *args, **kwargs):
        return super().filter(*args, **kwargs).exclude(username="ada")


class Born(QuerySet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._hints["tenant"] = "today's"


class Turned(QuerySet):
    @property
    def query(self):
        return QuerySet.query.fget(self)

    @query.setter
    def query(self, value):
        QuerySet.query.fset(self, value)


class Narrow(Manager):
    def get_queryset(self):
        return super().get_queryset().filter(is_active=True)


class Odd(Manager):
    def get(self, *args, **kwargs):
        return super().get(*args, is_active=True, **kwargs)


@pytest.mark.parametrize(
    "manager", [Manager(), UserManager(), Chatty.as_manager(), UserManager.from_queryset(Chatty)()]
)
def test_a_manager_that_only_adds_methods_is_plain(manager) -> None:
    assert query.is_plain(manager)


@pytest.mark.parametrize(
    "manager",
    [
        *(Narrow(), Odd(), Picky.as_manager(), UserManager.from_queryset(Picky)()),
        *(Born.as_manager(), Turned.as_manager()),
    ],
)
def test_a_manager_that_replaces_what_django_asks_is_not(manager) -> None:
    assert not query.is_plain(manager)


def test_a_key_that_compares_in_its_own_way_is_left_to_the_orm(user, monkeypatch) -> None:
    class Folded(Exact):
        __module__ = "site.fields"

    monkeypatch.setattr(query, "_kept", {})
    monkeypatch.setattr(User._meta.pk, "get_lookup", lambda _name: Folded)
    assert len(statements(lambda: facts.load_user(user.pk))) == 2
    assert query._kept == {}


# ---------------------------------------------------------------- by name


def test_a_name_finds_the_user_and_her_facts_by_one_query(user, other) -> None:
    asked = statements(lambda: facts.load_user_by_name("ada"))
    assert len(asked) == 1
    found = facts.load_user_by_name("bea")
    assert found == other
    assert facts.of(found).who().active
    assert facts.load_user_by_name("nobody") is None


class Folding(UserManager):
    def get_by_natural_key(self, name):
        return self.get(username__iexact=name)


def test_a_manager_that_reads_names_in_its_own_way_is_asked(user, monkeypatch) -> None:
    manager = Folding()
    manager.model = User
    monkeypatch.setitem(vars(User._meta), "default_manager", manager)
    assert facts.of(facts.load_user_by_name("ADA")).who().active
    assert facts.load_user_by_name("adaa") is None


def test_a_name_that_several_may_have_is_left_to_the_manager(user, monkeypatch) -> None:
    monkeypatch.setattr(query, "_kept", {})
    monkeypatch.setitem(vars(User._meta.get_field("username")), "unique", False)
    assert facts.load_user_by_name("ada") == user
    assert not any(field == "username" for _, _, field, _ in query._kept)
