"""Facts that cannot be read: tables that are missing are told apart from every other fault."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connection, transaction

from hardening import facts
from hardening.facts import FactsError, NotMigratedError
from hardening.models import Account
from tests.conftest import ASKED_FOR_FACTS

User = get_user_model()


def test_missing_tables_are_told_apart_and_said_loudly(user, unmigrate, caplog) -> None:
    unmigrate()
    with caplog.at_level(logging.CRITICAL, "hardening"), pytest.raises(NotMigratedError):
        facts.load_user(user.pk)
    assert "run 'migrate'" in caplog.text


def test_missing_tables_leave_the_transaction_at_hand_alone(user, unmigrate) -> None:
    unmigrate()
    with transaction.atomic():
        with pytest.raises(NotMigratedError):
            facts.fresh(user)
        assert User.objects.count() == 1


def test_tables_out_of_sight_are_no_tables_missing(user, lose) -> None:
    """A wrong search path must not open the door that ``migrate`` has closed."""
    lose(*ASKED_FOR_FACTS)
    with pytest.raises(FactsError):
        facts.fresh(user)


def test_tables_that_were_there_a_moment_ago_are_not_forgiven(user, lose) -> None:
    """Whoever can drop a table must not switch the second factor off by it."""
    facts.fresh(user)
    lose("hardening_account")
    with pytest.raises(FactsError):
        facts.fresh(user)


@pytest.mark.parametrize("fault", [OperationalError, InterfaceError])
@pytest.mark.parametrize("seen", [True, False])
def test_every_other_fault_of_the_database_is_a_fault(user, seen, fault) -> None:
    if seen:
        facts.fresh(user)

    def fails(execute, sql, params, many, context):
        if "hardening_" in sql:
            raise fault("the disk is full")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(fails):
        for ask in (lambda: facts.fresh(user), lambda: facts.load_user(user.pk)):
            with pytest.raises(FactsError) as raised:
                ask()
            assert isinstance(raised.value.__cause__, fault)


def test_a_database_that_does_not_even_list_its_tables_is_a_fault(user) -> None:
    def fails(*_: object) -> None:
        raise OperationalError("gone away")

    with connection.execute_wrapper(fails), pytest.raises(FactsError):
        facts.fresh(user)


def test_a_text_of_factors_that_cannot_be_read_is_no_absence_of_factors(user) -> None:
    Account.objects.create(user=user, factors="what is this")
    with pytest.raises(ValueError, match="values to unpack"):
        facts.fresh(user).who()
