"""A flood from one place: once it is refused, nobody asks whose names it tries."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from hardening.core.throttle import SECOND_US
from hardening.flows import attempts
from hardening.models import ThrottleCell
from hardening.throttle import database
from hardening.throttle.sampling import Sampling
from tests.actors import HERE, NOW

pytestmark = pytest.mark.django_db


def start(name, *, address="192.0.2.7", after=0):
    now_us = (NOW + after) * SECOND_US
    return attempts.start(name, address=address, cookie=None, now_us=now_us, where=HERE)


def asked_about(name, **how):
    """Try a password of `name`; return the try and the tables that were asked."""
    with CaptureQueriesContext(connection) as asked:
        trial = start(name, **how)
    return trial, [one["sql"].split(" FROM ")[-1].split('"')[1] for one in asked]


@pytest.fixture
def flood(fan):
    """Let one address be refused, for the first time in this process."""
    for number in range(5):
        attempts.fail(start(f"junk-{number}"))
    assert not start("junk").admitted
    return fan


def test_each_further_try_costs_one_query_and_searches_no_user_table(flood) -> None:
    for name in (flood.username, "nobody", flood.email, "nobody@example.com"):
        trial, tables = asked_about(name)
        assert (trial.admitted, trial.outcome.retry_after) == (False, 60)
        assert tables == [ThrottleCell._meta.db_table]


def test_other_addresses_are_asked_about_as_ever(flood) -> None:
    assert start(flood.username, address="198.18.0.1").admitted


def test_it_is_admitted_as_soon_as_its_wait_is_over_or_lifted(flood) -> None:
    assert start(flood.username, after=60).admitted
    assert not start(flood.username, after=60).admitted
    ThrottleCell.objects.all().delete()
    assert start(flood.username, after=60).admitted


def test_looking_first_never_stands_in_for_what_is_down(flood, monkeypatch) -> None:
    def fail(*_args, **_more):
        raise DatabaseError

    monkeypatch.setattr(database, "refusal", fail)
    assert not start(flood.username).admitted  # the charge itself refuses


def test_what_was_said_long_ago_is_not_known_any_more() -> None:
    said = Sampling(600)
    assert not said.knows("key", now=NOW)
    said.is_first("key", now=NOW)
    assert said.knows("key", now=NOW + 599)
    assert not said.knows("key", now=NOW + 600)
    assert not said.knows("other", now=NOW)
