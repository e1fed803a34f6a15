"""The key ring: where roots come from, that purposes and keys stay apart, and rotation."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from hardening import keys
from hardening.keys import Purpose

NEW, OLD, OLDER = ("n" * 40, "o" * 40, "p" * 40)
PARTS = st.lists(st.binary(max_size=20), max_size=5)

provided: list[object] = []
asked: list[bool] = []


def provider() -> object:
    """Stands for a key management service; the tests say what it answers."""
    asked.append(True)
    return provided[0]


PROVIDER = {"VAULT_PROVIDER": f"{__name__}.provider"}


@pytest.fixture
def answers():
    """Return a function that sets what the provider answers."""
    provided.clear()
    asked.clear()

    def answer(roots: object) -> None:
        provided[:] = [roots]

    yield answer
    provided.clear()


def ring(*roots: str) -> override_settings:
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


def hkdf(root: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 in its own words, beside the library's."""
    prk = hmac.digest(keys.SALT, root, "sha256")
    block, material = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        material += block
    return material[:length]


def test_a_key_is_hkdf_sha256_of_root_and_purpose() -> None:
    with ring(NEW):
        key = keys.current(Purpose.VAULT)
    material = hkdf(NEW.encode(), b"vault", 38)
    assert key.secret == material[:32]
    assert key.id == material[32:].hex()


def test_what_is_stored_today_still_opens_tomorrow() -> None:
    """Salt and purposes are part of what is stored: no change of code may change these."""
    with ring(NEW):
        assert keys.current(Purpose.VAULT).id == VAULT_ID
        assert keys.mac(Purpose.RECOVERY, b"3", b"ABCD") == RECOVERY_MAC


VAULT_ID = "0d46665ef1a4"
RECOVERY_MAC = "f861172e584aaaa9c5879696dd2a9bef9661d0dbaecbc66ced559aebb2dc6bcb"


def test_every_purpose_has_a_key_of_its_own() -> None:
    with ring(NEW, OLD):
        all_keys = [key for purpose in Purpose for key in keys.candidates(purpose)]
    assert len({key.secret for key in all_keys}) == len(all_keys) == 2 * len(Purpose)
    assert len({key.id for key in all_keys}) == len(all_keys)
    assert {len(key.secret) for key in all_keys} == {keys.KEY_BYTES}


def test_an_id_fits_its_column_and_tells_nothing_of_the_key() -> None:
    with ring(NEW):
        key = keys.current(Purpose.RECOVERY)
    assert len(key.id) == 12
    assert key.id not in key.secret.hex()


def test_repr_shows_the_id_and_not_the_secret() -> None:
    with ring(NEW):
        key = keys.current(Purpose.VAULT)
    assert repr(key) == f"Key(id={key.id!r})"


def test_the_newest_root_makes_and_all_of_them_read() -> None:
    with ring(OLD):
        old = keys.current(Purpose.VAULT)
    with ring(NEW, OLD):
        newest, second = keys.candidates(Purpose.VAULT)
        assert keys.current(Purpose.VAULT) == newest
    assert second == old
    assert newest != old


def test_a_root_that_is_gone_reads_nothing_any_more() -> None:
    with ring(OLD):
        old = keys.current(Purpose.VAULT)
    with ring(NEW):
        assert old not in keys.candidates(Purpose.VAULT)


# ---------------------------------------------------------------- roots


def test_without_settings_the_ring_hangs_on_secret_key() -> None:
    with override_settings(HARDENING={}, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD]):
        assert keys.is_default()
        default = keys.candidates(Purpose.VAULT)
    with ring(NEW, OLD):
        assert not keys.is_default()
        # So that a site can move from the default to keys of its own without losing a factor.
        assert keys.candidates(Purpose.VAULT) == default


def test_the_ring_follows_a_changed_secret_key() -> None:
    with override_settings(HARDENING={}, SECRET_KEY=OLD):
        old = keys.current(Purpose.VAULT)
    with override_settings(HARDENING={}, SECRET_KEY=NEW):
        assert keys.current(Purpose.VAULT) != old
    with override_settings(HARDENING={}, SECRET_KEY=NEW, SECRET_KEY_FALLBACKS=[OLD]):
        assert keys.candidates(Purpose.VAULT)[1] == old


def test_with_keys_of_its_own_secret_key_opens_nothing() -> None:
    with override_settings(HARDENING={}, SECRET_KEY=OLD):
        default = keys.current(Purpose.VAULT)
    with override_settings(HARDENING={"VAULT_KEYS": [NEW]}, SECRET_KEY=OLD):
        assert default not in keys.candidates(Purpose.VAULT)


@pytest.mark.parametrize("roots", [[NEW, OLD], (NEW, OLD), [NEW.encode(), OLD]])
def test_a_provider_gives_the_roots(answers, roots) -> None:
    answers(roots)
    with ring(NEW, OLD):
        expected = keys.candidates(Purpose.VAULT)
    with override_settings(HARDENING=PROVIDER):
        assert not keys.is_default()
        assert keys.candidates(Purpose.VAULT) == expected


def test_a_provider_is_asked_once_and_again_when_settings_change(answers) -> None:
    answers([NEW])
    with override_settings(HARDENING=PROVIDER):
        for purpose in Purpose:
            keys.current(purpose)
        assert len(asked) == 1
        answers([OLD])
        with override_settings(SITE_ID=7):
            second = keys.current(Purpose.VAULT)
        assert len(asked) == 2
    with ring(OLD):
        assert keys.current(Purpose.VAULT) == second


@pytest.mark.parametrize(
    "roots, said",
    [
        ([], "a list with a key or more"),
        (None, "a list with a key or more"),
        (NEW, "a list with a key or more"),
        ([NEW, None], "bytes or strings"),
        ([NEW, "k" * 31], "shorter than 32"),
        ([b"k" * 31], "shorter than 32"),
    ],
)
def test_a_provider_without_usable_keys_is_an_error(answers, roots, said: str) -> None:
    answers(roots)
    with override_settings(HARDENING=PROVIDER):
        with pytest.raises(ImproperlyConfigured, match=said) as raised:
            keys.current(Purpose.VAULT)
        assert "k" * 31 not in str(raised.value)
        assert NEW not in str(raised.value)


def test_a_provider_that_is_not_there_is_an_error() -> None:
    with (
        override_settings(HARDENING={"VAULT_PROVIDER": "nowhere.to.be_found"}),
        pytest.raises(ImproperlyConfigured, match="cannot be imported"),
    ):
        keys.current(Purpose.VAULT)


def test_a_provider_that_failed_is_asked_again(answers) -> None:
    answers([])
    with override_settings(HARDENING=PROVIDER):
        with pytest.raises(ImproperlyConfigured):
            keys.current(Purpose.VAULT)
        answers([NEW])
        assert keys.current(Purpose.VAULT)


# ---------------------------------------------------------------- digests


def test_a_digest_is_hmac_sha256_over_length_prefixed_parts() -> None:
    with ring(NEW):
        key = keys.current(Purpose.TICKET)
        message = b"\x00" * 7 + b"\x01" + b"3" + b"\x00" * 7 + b"\x04" + b"ABCD"
        expected = hmac.new(key.secret, message, hashlib.sha256).hexdigest()
        assert keys.mac(Purpose.TICKET, b"3", b"ABCD") == expected


@given(one=PARTS, other=PARTS)
def test_no_two_lists_of_parts_share_a_digest(one: list[bytes], other: list[bytes]) -> None:
    with ring(NEW):
        same = keys.mac(Purpose.THROTTLE, *one) == keys.mac(Purpose.THROTTLE, *other)
    assert same == (one == other)


def test_a_boundary_cannot_be_moved() -> None:
    with ring(NEW):
        digests = {
            keys.mac(Purpose.THROTTLE, *parts)
            for parts in [(b"ab", b"c"), (b"a", b"bc"), (b"abc",), (b"abc", b""), (b"", b"abc"), ()]
        }
    assert len(digests) == 6


def test_a_digest_of_one_purpose_is_none_of_another() -> None:
    with ring(NEW):
        assert len({keys.mac(purpose, b"same") for purpose in Purpose}) == len(Purpose)


def test_there_is_one_digest_for_every_key_newest_first() -> None:
    with ring(OLD):
        stored = keys.mac(Purpose.RECOVERY, b"3", b"ABCD")
    with ring(NEW, OLD, OLDER):
        digests = keys.macs(Purpose.RECOVERY, b"3", b"ABCD")
        assert [key_id for key_id, _ in digests] == [
            key.id for key in keys.candidates(Purpose.RECOVERY)
        ]
        assert digests[0][1] == keys.mac(Purpose.RECOVERY, b"3", b"ABCD")
        assert digests[1][1] == stored
        assert len(digests) == 3
    assert len(stored) == 64
