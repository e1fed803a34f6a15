"""Facts that cannot be read: tables that are missing are told apart from every other fault."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth import get_user_model
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.migrations.recorder import MigrationRecorder

from hardening import facts
from hardening.facts import FactsError, NotMigratedError
from hardening.models import Account

User = get_user_model()


TABLES = ("hardening_account", "hardening_sitestate", "hardening_rolepolicy")


def rename(old: str, new: str) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")


@pytest.fixture
def lose(transactional_db: None) -> Iterator[Callable[..., None]]:
    """Return `lose(*tables)`; they are back afterwards: MariaDB rolls no such statement back."""
    lost: list[str] = []

    def away(*tables: str) -> None:
        for table in tables:
            rename(table, f"away_{table}")
            lost.append(table)

    yield away
    for table in reversed(lost):
        rename(f"away_{table}", table)


@pytest.fixture
def unmigrate(lose) -> Iterator[Callable[[], None]]:
    """Return a function: be a site that has deployed the code and not run ``migrate`` yet."""
    ours = MigrationRecorder.Migration.objects.filter(app="hardening")
    kept = list(ours)

    def away() -> None:
        ours.delete()
        lose(*TABLES)

    yield away
    MigrationRecorder.Migration.objects.bulk_create(kept, ignore_conflicts=True)


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
    lose(*TABLES)
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
