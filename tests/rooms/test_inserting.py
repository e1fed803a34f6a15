"""Rows are inserted unless they are there; `tests/races` shows that nobody is stuck on them."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening.models import Account, SiteState, ThrottleCell
from hardening.models.account import SITE_PK
from hardening.models.inserting import insert_missing

pytestmark = pytest.mark.django_db


def cells(*keys):
    return [ThrottleCell(key=key) for key in keys]


def test_what_is_missing_is_inserted_and_what_is_there_is_left_alone_by_one_statement():
    ThrottleCell.objects.create(key="b", tat_1_us=7)
    with CaptureQueriesContext(connection) as asked:
        insert_missing(ThrottleCell.objects.all(), cells("a", "b", "c"))
    assert ["INSERT" in query["sql"] for query in asked] == [True]
    assert dict(ThrottleCell.objects.values_list("key", "tat_1_us")) == {"a": 0, "b": 7, "c": 0}


def test_no_rows_are_no_statement(django_assert_num_queries):
    with django_assert_num_queries(0):
        insert_missing(ThrottleCell.objects.all(), [])


def test_an_account_that_is_there_keeps_what_it_holds(user):
    Account.objects.create(user=user, epoch=3, codes_left=4, must_change="operator")
    insert_missing(Account.objects.all(), [Account(user=user)])
    row = Account.objects.get()
    assert (row.epoch, row.codes_left, row.must_change) == (3, 4, "operator")


def test_the_sites_row_is_made_by_whoever_needs_it_first():
    assert SiteState.objects.bump_epoch() == 1
    SiteState.objects.touch_policies()
    assert SiteState.objects.bump_epoch() == 2
    row = SiteState.objects.get()
    assert row.pk == SITE_PK
    assert row.policy_revision
