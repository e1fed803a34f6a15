"""Where counters are written: `tests/races/test_counting.py` shows it on servers, under load.

Here is what a `TestCase` of a host sees, and SQLite, whose one writer would wait for himself. On a
server: `--stage plain-postgres` or `plain-mariadb`.
"""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from hardening.core.backoff import Backoff
from hardening.core.throttle import SECOND_US
from hardening.models import ThrottleCell
from hardening.models import counting as counting_module
from hardening.models.counting import COMMITS_ALONE, counting, in_foreign_transaction, may_be_lost
from hardening.throttle import database
from hardening.throttle.budgets import Budget
from tests.visitor import NOW

NAME = Budget("name", backoff=Backoff())


def take(*budgets):
    return database.take(budgets or [NAME], now_us=NOW * SECOND_US)


def opened():
    return counting_module._opened.__dict__.get("names", set())


@pytest.mark.django_db
def test_in_a_test_that_is_a_transaction_counters_belong_to_the_test():
    assert not in_foreign_transaction()
    assert counting().alias == "default"
    with transaction.atomic():  # as a view under `ATOMIC_REQUESTS` has it
        assert in_foreign_transaction()
        assert counting().alias == "default"
        assert not may_be_lost()
        assert take().admitted
        transaction.set_rollback(True)
    assert not opened()
    assert not ThrottleCell.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_of_transactions_there_is_one_connection_and_nothing_to_lose():
    assert not in_foreign_transaction()
    assert counting().alias == "default"
    assert not may_be_lost()
    assert take().admitted
    assert not opened()


@pytest.mark.django_db(transaction=True)
def test_where_there_is_one_writer_a_count_stays_in_the_transaction_and_may_be_lost():
    alone = connection.vendor in COMMITS_ALONE
    with transaction.atomic():
        assert take().admitted
        assert may_be_lost() is not alone
        assert bool(opened()) is alone
        transaction.set_rollback(True)
    assert ThrottleCell.objects.exists() is alone
    counting_module.close()
    assert not opened()


@pytest.mark.django_db(transaction=True)
def test_a_refusal_inside_a_transaction_undoes_its_own_charges_only(monkeypatch):
    """As if another had taken the last try between reading and writing."""
    place, full = Budget("place", backoff=Backoff()), Budget("full", backoff=Backoff(free=1))
    with transaction.atomic():
        assert take(place, full).admitted
        with monkeypatch.context() as late:
            late.setattr(database, "_refusal", lambda *_args: None)
            assert not take(place, full).admitted
    assert ThrottleCell.objects.get(key="place").total == 1
    counting_module.close()


@pytest.mark.django_db(transaction=True)
def test_with_autocommit_off_somebody_else_decides_what_is_committed():
    transaction.set_autocommit(False)
    try:
        assert in_foreign_transaction()
        assert may_be_lost() is (connection.vendor not in COMMITS_ALONE)
        transaction.rollback()
    finally:
        transaction.set_autocommit(True)
    assert not in_foreign_transaction()
    counting_module.close()


def test_closing_where_nothing_is_open_is_nothing():
    counting_module.close()
    assert not opened()
