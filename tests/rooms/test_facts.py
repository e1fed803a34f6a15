"""Facts: one query, nothing cached, and every fault told apart.

Everything here is shown twice: with the SQL that is kept, and with the query built anew each time.
When it may be kept is shown in `test_facts_kept.py`.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import UserManager
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import facts, policies, testing
from hardening.core.values import Strength
from hardening.facts import FactsError, query
from hardening.models import Account, Factor, SiteState
from hardening.models.factor import MAX_CONSECUTIVE_FAILURES
from tests.visitor import NOW

User = get_user_model()


@pytest.fixture(params=[True, False], ids=["kept", "built anew"], autouse=True)
def kept(request, monkeypatch) -> bool:
    """Be a site whose SQL is kept, or one where a role's query forbids it."""
    if not request.param:
        monkeypatch.setattr(query.roles, "is_static", lambda _role: False)
    return request.param


@pytest.fixture
def warm(db):
    """Be a process that has seen its tables and holds the policies."""
    policies.current()
    facts._tables_seen.add("default")


def both(user) -> list[facts.Facts]:
    """The facts by both ways: along with the user, and about one who is already there."""
    return [facts.of(facts.load_user(user.pk)), facts.fresh(user)]


# ---------------------------------------------------------------- one query


def test_user_and_facts_come_by_one_query(user, warm, kept, django_assert_num_queries) -> None:
    with django_assert_num_queries(1 if kept else 2):
        loaded = facts.load_user(user.pk)
        facts.of(loaded).who()
    assert loaded == user


def test_somebody_already_loaded_costs_one_query_of_values(
    user, warm, django_assert_num_queries
) -> None:
    with django_assert_num_queries(1):
        found = facts.fresh(user)
        found.who()
    assert found.user is user


def test_more_policies_cost_no_more_queries(
    user, warm, kept, make_policy, django_assert_num_queries
) -> None:
    for role in ("group:a", "perm:auth.add_user", "everyone", "superuser"):
        make_policy(role)
    facts.fresh(user)
    with django_assert_num_queries(1 if kept else 2):
        facts.load_user(user.pk)


def test_nothing_of_the_query_stays_on_the_user(user) -> None:
    loaded = facts.load_user(user.pk)
    assert [name for name in vars(loaded) if name.startswith(query.PREFIX)] == []
    loaded.save()


def test_facts_that_came_along_are_used_once(user, warm, django_assert_num_queries) -> None:
    """A user kept for the length of a request must not keep yesterday's facts."""
    loaded = facts.load_user(user.pk)
    facts.of(loaded)
    Account.objects.bump_epoch(user.pk)
    with django_assert_num_queries(1):
        assert facts.of(loaded).who().account_epoch == 1


def test_there_are_no_facts_about_nobody(db) -> None:
    assert facts.load_user(999) is None


def test_an_account_that_went_meanwhile_is_a_fault(user) -> None:
    User.objects.all().delete()
    with pytest.raises(FactsError, match="gone"):
        facts.fresh(user)


@pytest.mark.parametrize("pk", ["", "no number"])
def test_a_key_that_is_none_is_as_loud_as_with_django(db, pk) -> None:
    with pytest.raises(ValueError, match="number"):
        facts.load_user(pk)


# ---------------------------------------------------------------- what they say


def test_an_account_without_rows_is_at_epoch_nought_and_has_no_factors(user) -> None:
    for found in both(user):
        seen = found.who()
        assert (seen.account_epoch, seen.site_epoch, seen.factors) == (0, 0, ())
        assert (seen.frozen, seen.must_change, seen.must_enrol) == (False, False, False)
    assert not Account.objects.exists()


def test_every_column_reaches_the_decision(user) -> None:
    Account.objects.create(
        user=user, epoch=3, codes_left=4, must_change="operator", must_enrol=True, frozen=True
    )
    SiteState.objects.bump_epoch()
    for found in both(user):
        seen = found.who()
        assert (seen.account_epoch, seen.site_epoch, seen.recovery_codes_left) == (3, 1, 4)
        assert seen.must_change is True
        assert seen.must_enrol is True
        assert seen.frozen is True


@pytest.mark.parametrize("email", ["", "ada@example.com"])
@pytest.mark.parametrize("active", [True, False])
def test_what_the_user_says_of_herself_counts(user, email, active) -> None:
    user.email, user.is_active = email, active
    user.set_unusable_password()
    user.save()
    for found in both(user):
        seen = found.who()
        assert (seen.active, seen.mailbox_usable) == (active, bool(email))
        assert not seen.has_password


def test_somebody_elses_rows_are_not_hers(user, other) -> None:
    testing.enrol(other)
    Account.objects.filter(pk=other.pk).update(frozen=True)
    for found in both(user):
        assert found.who().factors == ()
        assert not found.who().frozen


def test_a_factor_counts_at_once_and_is_gone_at_once(user) -> None:
    row = testing.enrol(user)
    (factor,) = facts.fresh(user).who().factors
    assert (factor.id, factor.kind, factor.strength) == (row.pk, "totp", Strength.ANY)
    Factor.objects.retire(row.pk, now=NOW)
    facts.registry.rewrite(user.pk)
    assert facts.fresh(user).who().factors == ()


def test_a_factor_may_be_usable_from_known_browsers_alone(user) -> None:
    testing.enrol(user)
    Factor.objects.update(failures_unknown=MAX_CONSECUTIVE_FAILURES)
    facts.registry.rewrite(user.pk)
    found = facts.fresh(user)
    assert [factor.usable for factor in found.who(known_browser=True).factors] == [True]
    assert [factor.usable for factor in found.who(known_browser=False).factors] == [False]


def test_membership_is_read_for_the_roles_that_a_policy_names(user, make_policy) -> None:
    make_policy("everyone")
    make_policy("superuser")
    User.objects.update(is_superuser=True)
    for found in both(user):
        assert found.member_of == {"everyone", "superuser"}


def test_a_misspelt_role_covers_everybody_until_it_is_mended(user, make_policy) -> None:
    make_policy("editorr")
    for found in both(user):
        assert found.member_of == {"editorr"}
        assert found.who().requirement.demands


# ---------------------------------------------------------------- policies that change meanwhile


def test_a_new_revision_is_read_and_the_question_asked_again(user, warm, kept, make_policy) -> None:
    held = policies.current()
    make_policy("everyone")
    policies._held = held
    with CaptureQueriesContext(connection) as asked:
        found = facts.load_user(user.pk)
    assert facts.of(found).member_of == {"everyone"}
    # The old question, the revision, the rows, the new question.
    assert len(asked) == (4 if kept else 6)


def test_policies_that_never_stand_still_are_a_fault(user, warm, monkeypatch) -> None:
    def never(*_: object) -> None:
        policies._held = replace(policies.current(), revision=-1)

    never()
    monkeypatch.setattr(policies, "read", never)
    with pytest.raises(FactsError, match="changed faster"):
        facts.fresh(user)


# ---------------------------------------------------------------- a foreign manager


class Tenants(UserManager):
    """A manager that shows the users of one tenant only."""

    tenant = "ada"

    def get_queryset(self):
        return super().get_queryset().filter(username=self.tenant)


@pytest.fixture
def tenants(monkeypatch):
    manager = Tenants()
    manager.model = User
    manager.name = "tenants"
    monkeypatch.setitem(vars(User._meta), "default_manager", manager)
    return manager


def test_a_hosts_own_manager_is_asked_and_never_passed_by(user, other, tenants) -> None:
    assert facts.of(facts.load_user(user.pk)).who().active
    assert facts.load_user(other.pk) is None


def test_a_hosts_own_manager_may_change_its_mind_from_query_to_query(user, other, tenants) -> None:
    assert facts.load_user(other.pk) is None
    tenants.tenant = "bea"
    assert facts.load_user(other.pk) == other
    assert facts.load_user(user.pk) is None


def test_facts_about_somebody_a_foreign_backend_loaded_do_not_ask_the_manager(
    other, tenants
) -> None:
    assert facts.fresh(other).who().active
