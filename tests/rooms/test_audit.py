"""Events: a closed vocabulary, one line and one row each, and never a fault of their own."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction

from hardening import audit
from hardening.audit import Event, Where
from hardening.core.values import Reason
from hardening.models import SecurityEvent
from tests.visitor import NOW

User = get_user_model()


@pytest.fixture(autouse=True)
def lines(caplog):
    """Return a function: the lines that were logged as events."""
    caplog.set_level(logging.INFO, "hardening.audit")

    def logged() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "hardening.audit"]

    return logged


def fails(execute, sql, params, many, context):
    if "hardening_securityevent" in sql:
        raise OperationalError("the disk is full")
    return execute(sql, params, many, context)


# ---------------------------------------------------------------- the vocabulary


def test_no_two_events_share_a_name() -> None:
    assert len({event.value for event in Event}) == len(Event.__members__)


@pytest.mark.parametrize("event", Event, ids=str)
def test_an_event_is_named_by_subject_action_and_outcome(event) -> None:
    assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z_]+", event.value)
    assert len(event.value) <= SecurityEvent._meta.get_field("event").max_length


def test_every_reason_of_the_decision_fits_into_an_event() -> None:
    room = SecurityEvent._meta.get_field("reason").max_length
    assert all(len(reason.value) <= room for reason in Reason)


# ---------------------------------------------------------------- one row, one line


def test_an_event_is_one_row_and_one_line_of_json(user, other, lines) -> None:
    audit.record(
        Event.FACTORS_RESET,
        now=NOW,
        user=user,
        actor=other,
        where=Where("192.0.2.7", "digest"),
        reason=Reason.FACTOR_LOST,
        data={"factors": [7]},
    )
    row = SecurityEvent.objects.get()
    assert (row.event, row.target_pk, row.target_name) == (
        "factor:reset:done",
        str(user.pk),
        "ada",
    )
    assert (row.actor_pk, row.actor_name) == (str(other.pk), "bea")
    assert (row.address, row.session, row.reason) == ("192.0.2.7", "digest", "factor_lost")
    assert (int(row.at.timestamp()), row.data) == (NOW, {"factors": [7]})
    (line,) = lines()
    assert json.loads(line) == {
        "at": "2027-01-15T08:00:00+00:00",
        "event": "factor:reset:done",
        "target": str(user.pk),
        "target_name": "ada",
        "actor": str(other.pk),
        "actor_name": "bea",
        "address": "192.0.2.7",
        "session": "digest",
        "reason": "factor_lost",
        "data": {"factors": [7]},
    }


@pytest.mark.django_db
def test_what_is_not_known_is_left_out_of_the_line(lines) -> None:
    audit.record(Event.VAULT_RESEALED, now=NOW)
    (line,) = lines()
    assert json.loads(line) == {"at": "2027-01-15T08:00:00+00:00", "event": "vault:reseal:done"}


def test_events_outlive_the_account(user) -> None:
    audit.record(Event.LOGIN_COMPLETED, now=NOW, user=user)
    user.delete()
    assert SecurityEvent.objects.get().target_name == "ada"


def test_the_newest_events_of_one_account_come_first(user, other) -> None:
    for event in (Event.LOGIN_PARKED, Event.PROOF_ACCEPTED, Event.LOGIN_COMPLETED):
        audit.record(event, now=NOW, user=user)
    audit.record(Event.LOGIN_COMPLETED, now=NOW, user=other)
    assert [row.event for row in audit.recent(user, 2)] == [
        "login:complete:done",
        "proof:judge:accepted",
    ]


# ---------------------------------------------------------------- what strangers type


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    [
        'eve\n{"event": "login:complete:done"}',
        "eve\r\n2027-01-15 all is well",
        "eve\x1b[2K\x1b[1A",
        "eve\x00",
        "eve\x85next",
        "eve\u2028next",
        "eve\u202eback",
        "eve\ud800",
        'eve", "event": "login:complete:done',
    ],
    ids=ascii,
)
def test_a_name_cannot_start_a_line_of_its_own(lines, name) -> None:
    audit.record(Event.LOGIN_PARKED, now=NOW, user=User(pk=1, username=name))
    (line,) = lines()
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["event"] == "login:park:done"
    assert SecurityEvent.objects.get().target_name.isprintable()


@pytest.mark.django_db
def test_what_else_strangers_type_cannot_either(lines) -> None:
    data = {"why": "\n\r\x1b[31m\u2028"}
    audit.record(Event.FACTORS_RESET, now=NOW, data=data, where=Where("::1\nforged", "s\n"))
    (line,) = lines()
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.django_db
def test_a_name_as_long_as_a_book_is_cut() -> None:
    audit.record(Event.LOGIN_PARKED, now=NOW, user=User(pk=1, username="\n" * 10_000))
    assert len(SecurityEvent.objects.get().target_name) == 150


# ---------------------------------------------------------------- faults


def test_a_row_that_cannot_be_stored_stops_nothing(user, lines, caplog) -> None:
    with connection.execute_wrapper(fails):
        audit.record(Event.PROOF_REFUSED, now=NOW, user=user)
    assert len(lines()) == 1
    assert "the security event proof:judge:refused could not be stored" in caplog.text


def test_a_row_that_cannot_be_stored_does_not_take_the_hosts_transaction_along(user) -> None:
    with transaction.atomic():
        User.objects.update(first_name="Ada")
        with connection.execute_wrapper(fails):
            audit.record(Event.PROOF_REFUSED, now=NOW, user=user)
        assert User.objects.get().first_name == "Ada"
    assert User.objects.get().first_name == "Ada"
