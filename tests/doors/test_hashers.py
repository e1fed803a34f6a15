"""Our Argon2id hasher: its costs, its pepper, what it stores, and what it keeps to itself."""

from __future__ import annotations

import logging
import sys

import pytest
from argon2.exceptions import HashingError
from argon2.low_level import Type, hash_secret
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    check_password,
    get_hasher,
    identify_hasher,
    make_password,
)
from django.views.debug import SafeExceptionReporterFilter

from hardening import hashers, keys
from hardening.hashers import OWASP_MINIMUM, RFC_9106_SECOND, Argon2idHasher, Cost

PASSWORD = "correct horse battery staple"
OLD, NEW, OTHER = "o" * 40, "n" * 40, "x" * 40
COLUMN = get_user_model()._meta.get_field("password").max_length
CHEAP = "tests.doors.test_hashers.Cheap"
DJANGOS = "tests.doors.test_hashers.CheapDjango"


class Cheap(Argon2idHasher):
    """As a site would set costs of its own."""

    time_cost, memory_cost, parallelism = 1, 64, 1


class Dearer(Cheap):
    time_cost = 2


class CheapDjango(Argon2PasswordHasher):
    time_cost, memory_cost, parallelism = 1, 64, 1


class Largest(Argon2idHasher):
    """More than anybody computes: RFC 9106's first recommended option, and then some."""

    time_cost, memory_cost, parallelism = 10, 2 * 1024 * 1024, 16


@pytest.fixture(autouse=True)
def _cheap_costs(settings):
    settings.PASSWORD_HASHERS = [CHEAP, DJANGOS]


@pytest.fixture
def peppered(settings):
    """Return `peppered(*ring)`: set the ring, newest first."""

    def turn(*ring):
        settings.HARDENING = {"PEPPER_KEYS": list(ring)}

    return turn


@pytest.fixture
def computed(monkeypatch):
    """Return the (passes, memory) of each hash that is computed from now on."""
    seen = []

    def spy(*args, **kwargs):
        seen.append((kwargs["time_cost"], kwargs["memory_cost"]))
        return hash_secret(*args, **kwargs)

    monkeypatch.setattr(hashers, "hash_secret", spy)
    return seen


# --- costs, shape, length ---------------------------------------------------------------------


def test_the_costs_are_those_of_their_sources():
    assert Cost(time_cost=3, memory_cost=65_536, parallelism=4) == RFC_9106_SECOND
    assert Cost(time_cost=2, memory_cost=19_456, parallelism=1) == OWASP_MINIMUM
    params = Argon2idHasher().params()
    assert (params.time_cost, params.memory_cost, params.parallelism) == RFC_9106_SECOND
    assert params.type is Type.ID
    assert params.hash_len * 8 == 256  # RFC 9106 §4: a 256-bit tag


def test_a_salt_has_128_bits_and_is_never_the_same():
    made = {make_password(PASSWORD) for _ in range(20)}
    salts = {identify_hasher(encoded).decode(encoded)["salt"] for encoded in made}
    assert len(salts) == 20
    assert {len(salt) for salt in salts} == {22}  # 62^22 > 2^128; RFC 9106 §4 asks for 128 bits


def test_the_shape_of_a_hash_is_what_the_docs_show(peppered):
    salt = "a" * 22
    encoded = Argon2idHasher().encode(PASSWORD, salt)
    assert encoded.startswith("hardening_argon2id$-$v=19$m=65536,t=3,p=4$YWFh")
    peppered(NEW)
    named = keys.peppers()[0].id[:8]
    assert Argon2idHasher().encode(PASSWORD, salt).startswith(f"hardening_argon2id${named}$v=19$m=")


def test_without_a_pepper_it_is_djangos_own_hash_under_another_name():
    ours, djangos = Cheap().encode(PASSWORD, "a" * 22), CheapDjango().encode(PASSWORD, "a" * 22)
    assert ours.replace("hardening_argon2id$-$", "argon2$argon2id$") == djangos


@pytest.mark.parametrize(
    "hasher,length",
    [(Argon2idHasher, 123), (Largest, 127)],
)
def test_a_peppered_hash_fits_the_column_of_djangos_user(monkeypatch, peppered, hasher, length):
    peppered(NEW)
    tag, salt = "t" * 43, "c2Fs" * 7 + "c2"  # 32 bytes and 22, as unpadded Base64

    def written(secret, given, *, time_cost, memory_cost, parallelism, **_):
        costs = f"m={memory_cost},t={time_cost},p={parallelism}"
        return f"$argon2id$v=19${costs}${salt}${tag}".encode()

    if hasher is Largest:  # 2 GiB: only its text is of interest
        monkeypatch.setattr(hashers, "hash_secret", written)
    encoded = make_password(PASSWORD, hasher=hasher())
    assert len(encoded) == length < COLUMN


# --- passwords as they come --------------------------------------------------------------------


@pytest.mark.parametrize(
    "password,near",
    [
        ("tail\0one", "tail\0two"),
        ("nul\0", "nul"),
        ("x" * 4096, "x" * 4095 + "y"),
        ("x" * 4096, "x" * 4095),
        ("ü" * 200, "ü" * 199 + "u"),
        ("\ud800 alone", "\ud801 alone"),
        (" blank ", "blank"),
        ("café", "cafe\u0301"),
        ("", "\0"),
        (b"bytes", b"byteS"),
    ],
)
@pytest.mark.parametrize("ring", [(), (NEW,)], ids=["plain", "peppered"])
def test_a_password_counts_to_its_last_byte(peppered, ring, password, near):
    peppered(*ring)
    encoded = make_password(password)
    assert check_password(password, encoded)
    assert not check_password(near, encoded)


# --- beside other hashes -----------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("ring", [(), (NEW,)], ids=["plain", "peppered"])
def test_a_hash_of_djangos_is_made_anew_at_the_next_sign_in(settings, peppered, ring):
    settings.PASSWORD_HASHERS = [DJANGOS]
    user = get_user_model().objects.create_user("ada", password=PASSWORD)
    assert user.password.startswith("argon2$")
    settings.PASSWORD_HASHERS = [CHEAP, DJANGOS]
    peppered(*ring)
    assert authenticate(username="ada", password="wrong") is None
    user.refresh_from_db()
    assert user.password.startswith("argon2$")
    assert authenticate(username="ada", password=PASSWORD) == user
    user.refresh_from_db()
    assert user.password.startswith("hardening_argon2id$")
    assert authenticate(username="ada", password=PASSWORD) == user


def updated(encoded):
    """Return the hash that a right password leaves behind."""
    kept = [encoded]
    assert check_password(PASSWORD, encoded, setter=lambda p: kept.append(make_password(p)))
    return kept[-1]


def test_todays_hash_stays_as_it_is(peppered):
    peppered(NEW, OLD)
    encoded = make_password(PASSWORD)
    assert updated(encoded) == encoded


@pytest.mark.parametrize("changed", ["time_cost", "memory_cost", "parallelism"])
def test_a_hash_of_other_costs_is_made_anew(monkeypatch, changed):
    encoded = make_password(PASSWORD)
    monkeypatch.setattr(Cheap, changed, getattr(Cheap, changed) * 2)
    again = updated(encoded)
    assert get_hasher().decode(again)[changed] == getattr(Cheap, changed)
    assert updated(again) == again


def test_a_hash_with_a_short_salt_is_made_anew():
    encoded = make_password(PASSWORD, salt="tooshort")
    assert updated(encoded) != encoded


# --- the pepper ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before,after,same",
    [
        ((), (NEW,), False),
        ((OLD,), (NEW, OLD), False),
        ((NEW,), (OTHER, OLD, NEW), False),
        ((NEW, OLD), (NEW,), True),
        ((NEW,), (NEW, OLD), True),
    ],
)
def test_any_pepper_of_the_ring_is_right_and_the_newest_is_what_stays(
    peppered, before, after, same
):
    peppered(*before)
    encoded = make_password(PASSWORD)
    peppered(*after)
    assert not check_password("wrong", encoded)
    again = updated(encoded)
    assert (again == encoded) is same
    assert updated(again) == again


@pytest.mark.parametrize("left", [(), (OTHER,)])
def test_a_hash_whose_pepper_is_lost_matches_nothing_takes_as_long_and_is_logged_once(
    peppered, computed, caplog, left
):
    peppered(NEW)
    named = keys.peppers()[0].id[:8]
    encoded = make_password(PASSWORD)
    peppered(*left)
    computed.clear()
    with caplog.at_level(logging.DEBUG):
        for password in (PASSWORD, "wrong", PASSWORD):
            assert check_password(password, encoded) is False
    assert computed == [(1, 64)] * 3
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert named in record.getMessage()
    for secret in (PASSWORD, NEW, encoded, encoded.rsplit("$", 1)[1]):
        assert secret not in caplog.text
    peppered(*left, NEW)
    assert check_password(PASSWORD, encoded)


def test_a_table_without_the_pepper_matches_no_guess(peppered, settings):
    """Whoever stole the table and renames the hash, as if it had no pepper, learns nothing."""
    peppered(NEW)
    encoded = make_password(PASSWORD)
    bare = encoded.replace(keys.peppers()[0].id[:8], "-")
    settings.HARDENING = {}
    assert not check_password(PASSWORD, bare)


def test_the_pepper_is_no_key_of_the_vault(settings):
    settings.HARDENING = {"VAULT_KEYS": [NEW], "PEPPER_KEYS": [NEW]}
    (pepper,) = keys.peppers()
    others = [keys.current(purpose) for purpose in keys.Purpose if purpose != "pepper"]
    assert pepper.secret not in {key.secret for key in others}
    assert pepper.id not in {key.id for key in others}


# --- timing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "before,after", [((), ()), ((), (NEW,)), ((OLD,), (NEW, OLD)), ((OLD,), ())]
)
def test_a_wrong_password_costs_the_same_whatever_the_pepper(peppered, computed, before, after):
    peppered(*before)
    encoded = make_password(PASSWORD)
    peppered(*after)
    computed.clear()
    assert not check_password("wrong", encoded)
    assert computed == [(1, 64)]


def test_a_wrong_password_against_a_cheaper_hash_spends_the_rest(settings, computed):
    encoded = make_password(PASSWORD)
    settings.PASSWORD_HASHERS = ["tests.doors.test_hashers.Dearer"]
    computed.clear()
    assert not check_password("wrong", encoded)
    assert computed == [(1, 64), (2, 32)]  # 64 + 64 KiB: as much as two passes over 64


def test_a_hash_that_was_dearer_spends_no_more(settings, computed):
    encoded = make_password(PASSWORD, hasher=Dearer())
    computed.clear()
    assert not check_password("wrong", encoded)
    assert computed == [(2, 64)]


GIBBERISH = [
    "hardening_argon2id$",
    "hardening_argon2id$-$",
    "hardening_argon2id$-$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$",
    "hardening_argon2id$-$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$dGFn",
    "hardening_argon2id$-$v=19$m=64,t=1,p=1$c2Fs$dGFndGFn",
    "hardening_argon2id$-$v=19$m=64,t=1,p=1$c2FsdHNhbHQ!$dGFndGFn",
    "hardening_argon2id$-$v=19$m=64,t=1,p=1$c2FsdHNhbHQcc$dGFndGFn",
    "hardening_argon2id$-$v=19$m=6a,t=1,p=1$c2FsdHNhbHQ$dGFndGFn",
    "hardening_argon2id$ABCDEF01$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$dGFndGFn",
    "hardening_argon2id$-$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$dGFndGFn",
    "hardening_argon2id$-\n$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$dGFndGFn",
]


@pytest.mark.parametrize("encoded", GIBBERISH)
def test_what_is_no_hash_matches_nothing_and_takes_as_long(computed, encoded):
    assert check_password(PASSWORD, encoded) is False
    assert computed == [(1, 64)]


@pytest.mark.parametrize("encoded", GIBBERISH)
def test_an_error_about_it_does_not_show_it(encoded):
    with pytest.raises(ValueError) as error:  # noqa: PT011 - what it says is what is looked at
        Cheap().decode(encoded)
    shown = str(error.value)
    for part in ("c2Fs", "dGFn", "ABCDEF01"):
        assert part not in shown


def test_memory_that_is_not_to_be_had_is_no_wrong_password(monkeypatch):
    encoded = make_password(PASSWORD)

    def full(*args, **kwargs):
        raise HashingError("Memory allocation error")

    monkeypatch.setattr(hashers, "hash_secret", full)
    with pytest.raises(HashingError):
        check_password(PASSWORD, encoded)


# --- what it keeps to itself ---------------------------------------------------------------------


@pytest.mark.parametrize("ring", [(), (NEW,)], ids=["plain", "peppered"])
def test_the_summary_for_admins_shows_costs_and_nothing_of_salt_or_hash(peppered, ring):
    peppered(*ring)
    encoded = make_password(PASSWORD)
    summary = identify_hasher(encoded).safe_summary(encoded)
    assert summary["memory cost"] == 64
    shown = " ".join(map(str, summary.values()))
    *_, salt, tag = encoded.split("$")
    for secret in (identify_hasher(encoded).decode(encoded)["salt"], salt, tag):
        assert not any(secret[i : i + 4] in shown for i in range(len(secret) - 3))


@pytest.mark.parametrize("call", ["encode", "verify", "harden_runtime"])
def test_an_error_report_shows_neither_password_nor_pepper(monkeypatch, peppered, call, rf):
    peppered(NEW)
    cheap, encoded = Cheap(), make_password(PASSWORD)

    def breaks(*args, **kwargs):
        raise HashingError("out of memory")

    monkeypatch.setattr(hashers, "hash_secret", breaks)
    dearer = Dearer()
    calls = {
        "encode": lambda: cheap.encode(PASSWORD, "a" * 22),
        "verify": lambda: cheap.verify(PASSWORD, encoded),
        "harden_runtime": lambda: dearer.harden_runtime(PASSWORD, encoded),
    }
    with pytest.raises(HashingError) as error:
        calls[call]()
    pepper = keys.peppers()[0]
    assert PASSWORD not in str(error.value)
    shown, frames = [], 0
    trace = error.tb.tb_next.tb_next  # without this test's own frames
    while trace is not None:
        frame = trace.tb_frame
        if frame.f_code.co_filename == hashers.__file__:
            cleansed = SafeExceptionReporterFilter().get_traceback_frame_variables(None, frame)
            shown.append(repr(list(cleansed)))
            frames += 1
        trace = trace.tb_next
    assert frames >= 2
    for secret in (PASSWORD, NEW, repr(pepper.secret), pepper.secret.hex()):
        assert secret not in "".join(shown)


def test_no_pepper_is_in_a_repr(peppered):
    from hardening.conf import conf  # noqa: PLC0415 - read under the fixture's settings

    peppered(NEW)
    for thing in (conf(), keys.peppers(), Cheap(), sys.modules["hardening.hashers"]):
        assert NEW not in repr(thing)
        assert repr(keys.peppers()[0].secret) not in repr(thing)
