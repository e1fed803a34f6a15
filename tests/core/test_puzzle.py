"""A proof of work as numbers: what solves it, what it looks like, what its seal is made over."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core.puzzle import Puzzle, is_solved, read, sealed_parts, zero_bits

NONCE, SEAL = "0123456789abcdef" * 2, "fedcba9876543210" * 2
TEXT = f"4.1795262400.{NONCE}.{SEAL}"
PUZZLE = Puzzle(4, 1_795_262_400, NONCE, SEAL)


@pytest.mark.parametrize(
    "digest, bits",
    [
        (b"\xff" * 32, 0),
        (b"\x7f" + b"\xff" * 31, 1),
        (b"\x01" + b"\x00" * 31, 7),
        (b"\x00\x80" + b"\xff" * 30, 8),
        (b"\x00" * 31 + b"\x01", 255),
        (b"\x00" * 32, 256),
    ],
)
def test_zero_bits_are_counted_from_the_left(digest, bits) -> None:
    assert zero_bits(digest) == bits


def test_a_puzzle_reads_as_it_is_written() -> None:
    assert str(PUZZLE) == TEXT
    assert read(TEXT) == PUZZLE


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"4.1795262400.{NONCE}",
        f"04.1795262400.{NONCE}.{SEAL}",
        f"0.1795262400.{NONCE}.{SEAL}",
        f"4.-1.{NONCE}.{SEAL}",
        f"4.1795262400.{NONCE.upper()}.{SEAL}",
        f"4.1795262400.{NONCE}.{SEAL}\n",
        f"4.1795262400.{NONCE}.{SEAL}0",
        f"٤.1795262400.{NONCE}.{SEAL}",
        "9" * 100_000,
    ],
)
def test_what_is_no_puzzle_is_not_read(text) -> None:
    assert read(text) is None


def test_a_number_solves_it_if_the_digest_of_both_begins_with_so_many_zeros() -> None:
    right = [
        number
        for number in range(200)
        if hashlib.sha256(f"{TEXT}.{number}".encode()).digest()[0] < 16
    ]
    assert right
    assert [number for number in range(200) if is_solved(PUZZLE, str(number))] == right


@pytest.mark.parametrize("answer", ["", "-1", "+1", "1.0", "01", " 1", "1\n", "٣", "x", "1" * 16])
def test_only_a_plain_number_solves_anything(answer) -> None:
    easiest = Puzzle(1, 1, NONCE, SEAL)
    digests = hashlib.sha256(f"{easiest}.{answer}".encode()).digest()
    assert not is_solved(easiest, answer), digests


@given(st.text(max_size=80))
def test_no_answer_is_a_fault(answer) -> None:
    assert is_solved(PUZZLE, answer) in (True, False)
    assert read(answer) is None


def test_a_seal_covers_each_part() -> None:
    parts = sealed_parts(18, 5, NONCE, "192.0.2.7/32")
    assert parts == (b"18", b"5", NONCE.encode(), b"192.0.2.7/32")
