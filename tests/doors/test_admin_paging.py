"""Pages of long lists are the pages that Django's own paginator makes, from either end."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.core.paginator import Paginator
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening.admin import listing
from hardening.admin.listing import KnownPaginator
from hardening.admin.paging import RowPaginator

pytestmark = pytest.mark.django_db


@pytest.fixture
def users():
    model = get_user_model()
    model.objects.bulk_create(model(username=f"person{n % 7}{n}") for n in range(23))
    return model.objects.order_by("username", "pk")


@pytest.mark.parametrize("per_page", [1, 4, 23, 30])
def test_every_page_holds_what_it_would_hold_counted_from_the_beginning(users, per_page):
    plain = Paginator(users, per_page)
    for length in (None, 23):
        ours = KnownPaginator(users, per_page, length=length)
        assert ours.page_range == plain.page_range
        for number in plain.page_range:
            assert list(ours.page(number)) == [user.pk for user in plain.page(number)]


def test_rows_come_as_a_queryset_in_the_same_order(users):
    ours, plain = RowPaginator(users, 5), Paginator(users, 5)
    for number in plain.page_range:
        page = ours.page(number)
        assert list(page.object_list.all()) == list(plain.page(number))


def test_an_empty_list_has_one_empty_page(users):
    assert list(RowPaginator(users.none(), 5).page(1)) == []
    assert list(KnownPaginator(users.none(), 5, length=0).page(1)) == []


def test_a_late_page_skips_no_more_than_half(users, django_assert_num_queries):
    ours = KnownPaginator(users, 1, length=23)
    with django_assert_num_queries(1) as caught:
        list(ours.page(22))
    assert caught.captured_queries[0]["sql"].endswith("LIMIT 1 OFFSET 1")


@pytest.mark.parametrize("nearest", [1, 7, 22, 23, 24])
def test_a_list_of_unknown_length_is_read_once_if_it_is_short(users, nearest, monkeypatch):
    monkeypatch.setattr(listing, "NEAREST", nearest)
    plain = Paginator(users, 4)
    for number in plain.page_range:
        ours, expected = KnownPaginator(users, 4, length=None), list(plain.page(number))
        with CaptureQueriesContext(connection) as caught:
            assert list(ours.page(number)) == [user.pk for user in expected]
        assert len(caught) == 1 or nearest <= 23
