"""The vault: what opens, what does not, and that a refusal gives nothing away."""

from __future__ import annotations

import re
import traceback

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from hardening import keys, vault
from hardening.keys import Purpose
from hardening.vault import Unsealable, Unsealing

NEW, OLD = ("n" * 40, "o" * 40)
CONTEXT = "factor:7:user:3"
PLAIN = b"a secret nobody should read"


def ring(*roots: str) -> override_settings:
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


@pytest.fixture(autouse=True)
def _one_key():
    with ring(NEW):
        yield


@given(plaintext=st.binary(max_size=300), context=st.text(max_size=60).filter(str.isprintable))
def test_what_was_sealed_opens_for_its_context(plaintext: bytes, context: str) -> None:
    assert vault.unseal(vault.seal(plaintext, context=context), context=context) == plaintext


def test_a_sealed_value_is_text_with_version_and_key_id() -> None:
    sealed = vault.seal(PLAIN, context=CONTEXT)
    assert re.fullmatch(r"v1\.[0-9a-f]{12}\.[A-Za-z0-9_-]+", sealed)
    assert vault.sealed_by(sealed) == keys.current(Purpose.VAULT).id
    assert PLAIN.decode() not in sealed


def test_the_same_secret_never_looks_the_same_twice() -> None:
    sealed = {vault.seal(PLAIN, context=CONTEXT) for _ in range(200)}
    assert len(sealed) == 200
    nonces = {vault._parse(value)[1][: vault.NONCE_BYTES] for value in sealed}
    assert len(nonces) == 200


def test_what_was_sealed_long_ago_still_opens() -> None:
    """The format is part of what is stored: no change of code may make this one fail."""
    assert vault.unseal(SEALED_LONG_AGO, context=CONTEXT) == PLAIN


SEALED_LONG_AGO = (
    "v1.0d46665ef1a4.fl6OHXjEsgqyvA-LUzbcZcctxMC5nz7zf95wZ15SMROuORtrNE8sLrqADk4HpKnPxh7GipmnEQ"
)


def refused(sealed: str, context: str = CONTEXT) -> Unsealing:
    with pytest.raises(Unsealable) as raised:
        vault.unseal(sealed, context=context)
    return raised.value.reason


@pytest.mark.parametrize("context", ["factor:8:user:3", "factor:7:user:4", "", "factor:7:user:33"])
def test_copied_to_another_row_it_does_not_open(context: str) -> None:
    assert refused(vault.seal(PLAIN, context=CONTEXT), context) is Unsealing.TAMPERED


def test_no_single_character_can_be_changed() -> None:
    sealed = vault.seal(PLAIN, context=CONTEXT)
    for place, character in enumerate(sealed):
        for other in ("A", "b", "_", "."):
            if other != character:
                refused(sealed[:place] + other + sealed[place + 1 :])


def test_nothing_can_be_cut_off_or_added() -> None:
    sealed = vault.seal(PLAIN, context=CONTEXT)
    for length in range(len(sealed)):
        refused(sealed[:length])
    for more in ("A", "=", "\n", " ", "AAAA", ".", "é"):
        refused(sealed + more)
        refused(more + sealed)


def test_idle_bits_of_the_last_character_count_too() -> None:
    """28 bytes end in a character of which two bits say nothing; leniency would ignore them."""
    sealed = vault.seal(b"", context=CONTEXT)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    last = alphabet.index(sealed[-1])
    others = [alphabet[last ^ bits] for bits in range(1, 4)]
    assert {refused(sealed[:-1] + other) for other in others} >= {Unsealing.MALFORMED}


@pytest.mark.parametrize(
    "value",
    [
        "",
        ".",
        "..",
        "v1",
        "v1..AAAA",
        "v1.abc",
        "v1.abc.",
        "v1.abc.AAAA",
        "v1.abc." + "A" * 36,
        "v1.abc.é" + "A" * 40,
        "v1.abc." + "+" * 40,
        "v2.abc." + "A" * 40,
        "plain text of old",
        "v1.abc." + "A" * 41,
        "\x00",
    ],
)
def test_what_is_no_sealed_value_is_malformed(value: str) -> None:
    assert refused(value) is Unsealing.MALFORMED
    assert vault.sealed_by(value) is None
    assert vault.needs_resealing(value)


def test_a_key_that_is_not_on_the_ring_is_said_to_be_missing() -> None:
    with ring(OLD):
        sealed = vault.seal(PLAIN, context=CONTEXT)
    assert refused(sealed) is Unsealing.UNKNOWN_KEY
    assert vault.sealed_by(sealed) is not None


def test_a_value_cannot_be_passed_off_as_another_keys() -> None:
    with ring(NEW, OLD):
        sealed = vault.seal(PLAIN, context=CONTEXT)
        old_id = keys.candidates(Purpose.VAULT)[1].id
        forged = sealed.replace(keys.current(Purpose.VAULT).id, old_id)
        assert refused(forged) is Unsealing.TAMPERED


def test_rotation_keeps_everything_readable_and_says_what_is_left() -> None:
    with ring(OLD):
        sealed = vault.seal(PLAIN, context=CONTEXT)
        assert not vault.needs_resealing(sealed)
    with ring(NEW, OLD):
        assert vault.unseal(sealed, context=CONTEXT) == PLAIN
        assert vault.needs_resealing(sealed)
        fresh = vault.seal(vault.unseal(sealed, context=CONTEXT), context=CONTEXT)
        assert not vault.needs_resealing(fresh)
    with ring(NEW):
        assert vault.unseal(fresh, context=CONTEXT) == PLAIN


def test_a_site_moves_from_the_default_to_keys_of_its_own_and_loses_nothing() -> None:
    with override_settings(HARDENING={}, SECRET_KEY=OLD):
        sealed = vault.seal(PLAIN, context=CONTEXT)
    with override_settings(HARDENING={"VAULT_KEYS": [NEW, OLD]}, SECRET_KEY=OLD):
        assert vault.unseal(sealed, context=CONTEXT) == PLAIN


@pytest.mark.parametrize("context", [CONTEXT, "another"])
def test_a_refusal_holds_nothing_of_the_value(context: str) -> None:
    sealed = vault.seal(PLAIN, context=CONTEXT)
    damaged = sealed[:-4] + ("AAAA" if sealed[-4:] != "AAAA" else "BBBB")
    with pytest.raises(Unsealable) as raised:
        vault.unseal(damaged, context=context)
    error = raised.value
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    for secret in (PLAIN.decode(), damaged, damaged.rsplit(".", 1)[1]):
        assert secret not in said
    assert str(error) == "a sealed value does not open: tampered"
    assert error.__suppress_context__


def test_the_three_reasons_are_the_words_of_the_events() -> None:
    assert {str(reason) for reason in Unsealing} == {"malformed", "unknown-key", "tampered"}
