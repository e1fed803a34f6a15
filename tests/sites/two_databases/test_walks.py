"""Sign-ins, enrolments, limits and commands where `default` holds nothing and replicas lag."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import transaction
from django.test.testcases import DatabaseOperationForbidden
from django.urls import reverse

from hardening import audit, testing
from hardening.checks import site
from hardening.core.backoff import Backoff
from hardening.core.limits import CODE_RULES
from hardening.core.throttle import SECOND_US
from hardening.factors import registry
from hardening.flows import policy as policy_flow
from hardening.flows import status
from hardening.models import Account, Factor, ParkedLogin, RolePolicy, Tally, ThrottleCell
from hardening.models.counting import counting
from hardening.models.database import alias, atomic
from hardening.models.policy import Mode
from hardening.moments import moment
from hardening.throttle import database, tidying
from hardening.throttle.budgets import Budget
from tests.previews import save
from tests.visitor import NOW, STEP, leads_to

pytestmark = pytest.mark.django_db(databases=["default", "accounts"])


def said(command, *args, **options):
    """Return what a command prints."""
    out = StringIO()
    call_command(command, *args, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def policy(role, **values):
    return RolePolicy.objects.create(
        **{"role": role, "mode": Mode.ENFORCE, "starts_at": moment(NOW), **values}
    )


def test_the_replica_may_not_be_asked():
    with pytest.raises(DatabaseOperationForbidden):
        get_user_model().objects.exists()


def test_the_check_allows_a_site_whose_people_live_elsewhere():
    assert list(site.tables_stand_beside_the_users()) == []
    assert alias() == "accounts"


@pytest.mark.parametrize("door", ["hardening:login", "host_login"])
def test_a_fan_signs_in_and_out(fan, door):
    fan.sign_in(door)
    assert fan.is_signed_in()
    fan.post("host_logout")
    assert not fan.is_signed_in()


@pytest.mark.parametrize("json_client", [False, True])
def test_a_newcomer_proves_her_mailbox_enrols_and_keeps_her_codes(clock, person, json_client):
    newcomer = person("newcomer", is_staff=True).again(json_client=json_client)
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    newcomer.confirm()
    assert len(newcomer.codes) == 10
    assert not newcomer.is_signed_in()
    newcomer.keep_codes()
    assert newcomer.is_signed_in()


@pytest.mark.parametrize("door", ["hardening:login", "host_login", "admin:login"])
def test_a_member_proves_her_authenticator(member, door):
    member.sign_in(door)
    assert not member.is_signed_in()
    member.verify()
    assert member.is_signed_in()


def test_a_lost_phone_is_replaced_with_a_recovery_code(member):
    member.codes = list(testing.recovery_codes(member.user))
    member.sign_in()
    member.use_recovery_code()
    member.start()
    member.confirm()
    member.keep_codes()
    assert member.is_signed_in()


def test_an_owner_makes_codes_and_removes_an_authenticator(member):
    first, second = Factor.objects.get(), testing.enrol(member.user)
    member.sign_in()
    member.verify(authenticator=first.pk)
    member.post("hardening:recovery_codes", {"action": "make"})
    assert Account.objects.get().codes_left == 10
    member.post("hardening:factor", {"action": "remove"}, second.pk)
    assert Factor.objects.owned(member.user.pk).confirmed().count() == 1
    assert member.is_signed_in()


def test_a_password_that_must_be_changed_is_changed_on_the_way(member):
    Account.objects.filter(pk=member.user.pk).update(must_change="operator")
    member.sign_in()
    member.verify()
    changed = {"old_password": member.password, "new_password1": "a lamp of green carp"}
    member.post("hardening:change_password", {**changed, "new_password2": "a lamp of green carp"})
    assert member.is_signed_in()


def test_a_wrong_code_is_counted_though_requests_are_transactions(member):
    member.sign_in()
    member.verify(member.wrong_code())
    assert ParkedLogin.objects.get().failures == 1
    charged = ThrottleCell.objects.filter(tat_1_us__gt=NOW * SECOND_US)
    assert charged.count() == 3  # and two budgets of the mail that tells of it


def test_a_refusal_charges_no_budget():
    now_us = NOW * SECOND_US
    place, account = Budget("place", CODE_RULES), Budget("account", backoff=Backoff())
    while database.take([place], now_us=now_us).admitted:
        pass
    assert database.take([account], now_us=now_us).admitted
    before = sorted(ThrottleCell.objects.values_list())
    for pair in ([place, account], [account, place]):
        assert not database.take(pair, now_us=now_us).admitted
        assert sorted(ThrottleCell.objects.values_list()) == before


def test_rows_are_read_anew_where_they_were_written(member):
    row = Factor.objects.get()
    Factor.objects.update(name="Another")
    row.refresh_from_db()
    assert row.name == "Another"
    row.refresh_from_db(fields=["name"])
    assert row._state.db == "accounts"


def test_a_query_may_name_another_database():
    with pytest.raises(DatabaseOperationForbidden):
        Factor.objects.using("replica").exists()


def test_an_editor_is_looked_up_where_people_are_written(member):
    assert policy_flow.is_member(member.user, "superuser")


def test_a_policy_saved_in_the_admin_acts_at_once(fan, member):
    fan.sign_in()
    member.sign_in_fully()
    form = {
        "role": "everyone",
        "mode": "enforce",
        "strength": "any",
        "starts_at_0": "2027-01-01",
        "starts_at_1": "00:00",
        "grace_days": "0",
        "first_enrolment": "mailbox",
        "breached_passwords": "enforce",
        "recheck_days": "",
        "new_account_days": "0",
        "remembered_days": "0",
    }
    assert member.get("admin:hardening_rolepolicy_add").status_code == 200
    add = reverse("admin:hardening_rolepolicy_add")
    assert leads_to(save(member.client, add, form), "admin:hardening_rolepolicy_changelist")
    assert not fan.is_signed_in()
    assert member.is_signed_in()
    everyone = RolePolicy.objects.get(role="everyone")
    assert member.get("admin:hardening_rolepolicy_changelist").status_code == 200
    member.post("admin:hardening_rolepolicy_delete", {"post": "yes"}, everyone.pk)
    assert not RolePolicy.objects.filter(role="everyone").exists()


def test_the_commands_find_people_and_rows(member):
    assert "with a second factor" in said("hardening_status")
    assert status.report(now=NOW)["counts"]["with a second factor"] == 1
    assert said("hardening_ticket", "member")
    assert "sign-ins: 0" in said("hardening_prune")
    assert "Sealed anew: 0" in said("hardening_rekey")
    assert "Removed 1" in said("hardening_reset", "member", reason="lost phone", noinput=True)
    assert not registry.decode(Account.objects.get().factors, known_browser=True)


def test_host_tests_sign_people_in(member):
    testing.login(member.client, member.user)
    assert member.is_signed_in()
    assert audit.recent(member.user, 1)


def test_an_error_undoes_what_was_written_with_it(member):
    before = Account.objects.get().epoch

    def fail():
        with atomic():
            Account.objects.bump_epoch(member.user.pk)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert Account.objects.get().epoch == before
    assert not transaction.get_connection("default").needs_rollback


def test_the_disabled_factor_is_written_into_the_facts(member):
    Factor.objects.update(failures_unknown=99)
    member.sign_in()
    member.verify(member.wrong_code())
    assert Factor.objects.get().failures_unknown == 100
    (known,) = registry.decode(Account.objects.get().factors, known_browser=False)
    assert not known.usable


def test_a_code_works_once(member, clock):
    member.sign_in_fully()
    other = member.again()
    other.sign_in()
    other.verify()
    assert not other.is_signed_in()
    clock.shift(STEP)
    other.verify()
    assert other.is_signed_in()


def test_guesses_are_counted_beside_the_people(fan):
    fan.password = "wrong"
    fan.sign_in()
    assert counting().alias == "accounts"
    account = ThrottleCell.objects.using("accounts").get(target_pk=str(fan.user.pk))
    assert account.total == 1
    Tally.objects.add(7, 1, tries=1, failures=1)
    assert Tally.objects.using("accounts").count() == 1


def test_counters_are_cleared_away_beside_the_people():
    ThrottleCell.objects.create(key="old", tried_at=1)
    assert tidying.prune(now=NOW) == 1
    assert not ThrottleCell.objects.exists()
