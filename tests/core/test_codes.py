"""Codes on paper and in mails: made, typed back, and everything that is none."""

from __future__ import annotations

import random
import time
import unicodedata
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core import codes

recovery_bytes = st.binary(min_size=15, max_size=15)
mailbox_bytes = st.binary(min_size=16, max_size=16)
READERS = [codes.clean_recovery_code, codes.clean_ticket_code, codes.clean_mailbox_code]
CODE = codes.recovery_code(bytes(range(15)))


def test_the_alphabet_has_32_characters_and_no_look_alikes() -> None:
    assert len(set(codes.ALPHABET)) == len(codes.ALPHABET) == 2**codes.BITS_PER_CHARACTER
    assert not set(codes.ALPHABET) & set("01IO")
    assert not any(character.islower() for character in codes.ALPHABET)
    assert codes.ALPHABET.isascii()


def test_all_120_bits_are_used_and_nothing_else() -> None:
    assert codes.RECOVERY_CODE_BYTES * 8 == 120
    assert codes.RECOVERY_CODE_CHARACTERS * codes.BITS_PER_CHARACTER == 120
    assert codes.recovery_code(b"\x00" * 15) == "-".join(["2222"] * 6)
    assert codes.recovery_code(b"\xff" * 15) == "-".join(["ZZZZ"] * 6)
    assert codes.recovery_code(b"\x00" * 14 + b"\x01") == "2222-2222-2222-2222-2222-2223"


@given(random=recovery_bytes)
def test_a_recovery_code_reads_back_as_its_bytes(random: bytes) -> None:
    shown = codes.recovery_code(random)
    assert [len(group) for group in shown.split("-")] == [4] * 6
    clean = codes.clean_recovery_code(shown)
    assert clean == shown.replace("-", "")
    number = 0
    for character in clean:
        number = number * 32 + codes.ALPHABET.index(character)
    assert number.to_bytes(15, "big") == random


@given(random=recovery_bytes)
def test_a_ticket_is_made_and_read_like_a_recovery_code(random: bytes) -> None:
    shown = codes.ticket_code(random)
    assert shown == codes.recovery_code(random)
    assert codes.clean_ticket_code(shown) == codes.clean_recovery_code(shown)


@given(random=recovery_bytes, data=st.data())
def test_case_spaces_and_dashes_do_not_matter(random: bytes, data: st.DataObject) -> None:
    clean = codes.recovery_code(random).replace("-", "")
    gaps = st.text(alphabet=codes.SEPARATORS, max_size=3)
    typed = "".join(
        data.draw(gaps) + data.draw(st.sampled_from([character, character.lower()]))
        for character in clean
    )
    assert codes.clean_recovery_code(typed) == clean


@pytest.mark.parametrize("size", [0, 14, 16, 1000])
def test_too_few_or_too_many_random_bytes_are_an_error(size: int) -> None:
    with pytest.raises(ValueError, match="15 random bytes"):
        codes.recovery_code(b"r" * size)
    with pytest.raises(ValueError, match="15 random bytes"):
        codes.ticket_code(b"r" * size)


@pytest.mark.parametrize("size", [0, 8, 15, 17])
def test_a_mailbox_code_takes_exactly_sixteen_random_bytes(size: int) -> None:
    with pytest.raises(ValueError, match="16 random bytes"):
        codes.mailbox_code(b"r" * size)


NO_CODES = {
    "empty": "",
    "separators only": " - ",
    "one too short": CODE[:-1],
    "one too long": CODE + "A",
    "a nought": "0" + CODE[1:],
    "a one": "1" + CODE[1:],
    "an I": "I" + CODE[1:],
    "an O": "O" + CODE[1:],
    "underscores": CODE.replace("-", "_"),
    "newline": CODE + "\n",
    "tab": CODE.replace("-", "\t"),
    "NUL": CODE + "\x00",
    "full-width": "".join(chr(ord(c) + 0xFEE0) for c in CODE),
    "Cyrillic A": "А" + CODE[1:],
    # Both become ASCII letters of the alphabet when put in capitals.
    "long s": "ſ" + CODE[1:],
    "sharp s for two": "ß" + CODE[2:],
    "ligature for two": "ﬀ" + CODE[2:],
    "lone surrogate": "\ud800" + CODE[1:],
}


@pytest.mark.parametrize("typed", NO_CODES.values(), ids=NO_CODES.keys())
def test_what_is_not_24_characters_of_the_alphabet_is_no_code(typed: str) -> None:
    assert codes.clean_recovery_code(typed) is None


@given(text=st.text(max_size=200))
def test_reading_never_fails_and_gives_a_code_or_nothing(text: str) -> None:
    recovery = codes.clean_recovery_code(text)
    assert recovery is None or (len(recovery) == 24 and set(recovery) <= set(codes.ALPHABET))
    mailbox = codes.clean_mailbox_code(text)
    assert mailbox is None or (len(mailbox) == 8 and set(mailbox) <= set("0123456789"))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("flood", ["A" * 2**20, " " * 2**20, "-" * 2**20 + CODE])
def test_a_megabyte_is_refused_without_reading_it(read, flood: str) -> None:
    started = time.perf_counter()
    for _ in range(1000):
        assert read(flood) is None
    # A thousand walks over a megabyte take seconds; a thousand looks at a length, milliseconds.
    assert time.perf_counter() - started < 1


@given(random=mailbox_bytes)
def test_a_mailbox_code_is_eight_digits_and_reads_back(random: bytes) -> None:
    code = codes.mailbox_code(random)
    assert len(code) == 8
    assert codes.clean_mailbox_code(code) == code
    assert codes.clean_mailbox_code(f" {code[:4]}-{code[4:]} ") == code


def test_leading_noughts_are_kept() -> None:
    assert codes.mailbox_code(b"\x00" * 15 + b"\x07") == "00000007"


def test_mailbox_codes_are_even() -> None:
    """The exact bias is arithmetic; the draw shows that every digit in every place is used."""
    most_over_least = 2**128 // 10**8 + 1, 2**128 // 10**8
    assert most_over_least[0] - most_over_least[1] == 1
    assert 10**8 / 2**128 < 2**-101
    dice = random.Random(4226)
    drawn = [codes.mailbox_code(dice.randbytes(16)) for _ in range(20_000)]
    for place in range(8):
        counts = Counter(code[place] for code in drawn)
        # 20,000 draws, ten digits: 2,000 each with a deviation of 42; five of them either way.
        assert all(1_790 < counts[digit] < 2_210 for digit in "0123456789")


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "1234567",
        "123456789",
        "1234_5678",
        "12345678\n",
        "１２３４５６７８",
        "١٢٣٤٥٦٧٨",
        "1234567²",
    ],
)
def test_what_is_not_eight_ascii_digits_is_no_mailbox_code(typed: str) -> None:
    assert codes.clean_mailbox_code(typed) is None


def test_separators_are_unicodes_spaces_and_dashes_that_get_into_codes() -> None:
    kinds = {unicodedata.category(character) for character in codes.SEPARATORS}
    assert kinds == {"Zs", "Pd", "Sm"}  # Sm: the minus sign
    spaces = {chr(n) for n in range(0x110000) if unicodedata.category(chr(n)) == "Zs"}
    assert spaces <= set(codes.SEPARATORS)


@pytest.mark.parametrize(
    "text, shown", [("", ""), ("ABC", "ABC"), ("ABCD", "ABCD"), ("ABCDE", "ABCD-E")]
)
def test_groups_are_of_four(text: str, shown: str) -> None:
    assert codes.grouped(text) == shown
