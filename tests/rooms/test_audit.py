"""Events: a closed vocabulary, one line and one row each, and never a fault of their own."""

from __future__ import annotations

import json
import logging
import re

import pytest
from django.contrib.auth import get_user_model
from django.db import OperationalError, connection, transaction
from django.test import override_settings
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

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


# ---------------------------------------------------------------- the HMAC of a row

EVERYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.decimals()
    | st.text()
    | st.text(st.characters(categories=("Cs", "Cc", "Co", "So")))
    | st.binary(max_size=4)
    | st.uuids()
    | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(
            st.text(max_size=5) | st.integers() | st.booleans() | st.none(), inner, max_size=3
        )
        | st.sets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
)
TYPED = st.text(max_size=200) | st.text(st.characters(categories=("Cs", "Cc", "So")), max_size=120)


@pytest.mark.django_db
@examples(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.dictionaries(st.text(max_size=5), EVERYTHING, max_size=4), typed=TYPED)
def test_a_row_read_back_is_what_was_signed(data, typed) -> None:
    where = Where(typed, typed, typed, typed)
    audit.record(Event.FACTORS_RESET, now=NOW, data=data, where=where, reason=typed)
    assert audit.is_genuine(SecurityEvent.objects.latest("pk"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    "value, stored",
    [
        (1e20, "1e+20"),
        (-0.0, "-0.0"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "0x8000000000000000"),
        (10**5000, hex(10**5000)),
        ((1, (2,)), [1, [2]]),
        ({1: "a", None: "b"}, {"1": "a", "None": "b"}),
        ({3, 1}, [1, 3]),
        ("a\0b", "a\\u0000b"),
        ("\ud800", "\\ud800"),
        ("\U0001f511", "\U0001f511"),
        (Reason.FACTOR_LOST, "factor_lost"),
        (True, True),
        ("x" * 100_000, "x" * 100_000),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_databases_would_keep_differently_is_made_plain(value, stored) -> None:
    audit.record(Event.FACTORS_RESET, now=NOW, data={"value": value})
    row = SecurityEvent.objects.get()
    assert row.data == {"value": stored}
    assert audit.is_genuine(row)


@pytest.mark.django_db
def test_what_is_nested_without_end_is_kept_as_text() -> None:
    value: list = []
    for _ in range(100):
        value = [value]
    audit.record(Event.FACTORS_RESET, now=NOW, data={"value": value})
    assert audit.is_genuine(SecurityEvent.objects.get())


@pytest.mark.django_db
@pytest.mark.parametrize("now", [NOW, 1_792_890_000, 1_792_893_600])  # autumn's hour, twice
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland"])
def test_a_row_of_a_site_in_local_time_is_what_was_signed(settings, now, zone) -> None:
    settings.USE_TZ, settings.TIME_ZONE = False, zone
    audit.record(Event.FACTORS_RESET, now=now)
    assert audit.is_genuine(SecurityEvent.objects.get())


@pytest.mark.django_db
def test_no_other_key_makes_the_same_hmac() -> None:
    audit.record(Event.FACTORS_RESET, now=NOW)
    row = SecurityEvent.objects.get()
    with override_settings(HARDENING={"VAULT_KEYS": ["s" * 40]}):
        assert not audit.is_genuine(row)
    row.mac = "é"
    assert not audit.is_genuine(row)
