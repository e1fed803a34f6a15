"""Ranges of leaked passwords: what is read as one, and what is found in it."""

from __future__ import annotations

import hashlib
import pickle
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hardening.core.pwned import (
    DIGEST_BYTES,
    PREFIX_DIGITS,
    SUFFIX_DIGITS,
    Candidate,
    Finding,
    RangeError,
    find_suffix,
    mark,
    read_range,
    search_range,
)

MINE = Candidate("password")
SUFFIX = MINE.suffix
OTHERS = [b"%035X" % number for number in (0, 7, 2**140 - 1)]


def body(*rows: bytes, end: bytes = b"\r\n") -> bytes:
    return end.join(rows)


# --- candidates ---------------------------------------------------------------------------------


def test_a_digest_is_taken_apart_into_prefix_and_suffix() -> None:
    # The example of Pwned Passwords' own documentation.
    assert MINE.prefix == "5BAA6"
    assert SUFFIX == b"1E4C9B93F3F0682250B6CF8331B7EE68FD8"


@given(st.text())
def test_prefix_and_suffix_are_the_sha1_of_any_text(password) -> None:
    one = Candidate(password)
    data = password.encode("utf-8", "surrogatepass")
    assert one.prefix + one.suffix.decode() == hashlib.sha1(data).hexdigest().upper()  # noqa: S324
    assert (len(one.digest), len(one.prefix), len(one.suffix)) == (
        DIGEST_BYTES,
        PREFIX_DIGITS,
        SUFFIX_DIGITS,
    )


def test_a_candidate_says_nothing_of_itself_and_is_not_stored() -> None:
    assert repr(MINE) == str(MINE) == "<Candidate>"
    with pytest.raises(TypeError):
        pickle.dumps(MINE)


def test_a_mark_is_of_one_stored_password_only() -> None:
    assert mark("one") == mark("one") != mark("other")
    assert len(mark("\udc80")) == 32


# --- what is found ------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_listed_password_is_a_hit_wherever_it_stands(end, last, place) -> None:
    rows = [other + b":1" for other in OTHERS]
    rows.insert(place, SUFFIX + b":3")
    assert search_range(body(*rows, end=end) + (end if last else b""), SUFFIX) is Finding.HIT


@pytest.mark.parametrize(
    "row, finding",
    [
        (SUFFIX + b":1", Finding.HIT),
        (SUFFIX + b":52,256,179", Finding.HIT),
        (SUFFIX + b":10", Finding.HIT),
        (SUFFIX + b": 7", Finding.HIT),
        (SUFFIX.lower() + b":4", Finding.HIT),
        (SUFFIX[:20].lower() + SUFFIX[20:] + b":4", Finding.HIT),
        (SUFFIX, Finding.HIT),  # no colon and no count
        (SUFFIX + b"12", Finding.HIT),  # no colon
        (SUFFIX + b"0", Finding.HIT),  # a count that cannot be read is no padding
        (SUFFIX + b":", Finding.HIT),
        (SUFFIX + b":,", Finding.HIT),
        (SUFFIX + b":many", Finding.HIT),
        (SUFFIX + b":-1", Finding.HIT),
        (SUFFIX + b":0", Finding.CLEAN),
        (SUFFIX + b": 0 ", Finding.CLEAN),
        (SUFFIX + b":000", Finding.CLEAN),
        (SUFFIX + b":0,000", Finding.CLEAN),
        (SUFFIX.lower() + b":0", Finding.CLEAN),
        (SUFFIX + b":0\r\n" + SUFFIX + b":2", Finding.HIT),
        (SUFFIX + b":0\r\n" + SUFFIX + b":0", Finding.CLEAN),
        (SUFFIX[:-1] + b"9:5", Finding.CLEAN),
    ],
)
def test_the_count_decides_whether_a_listed_password_is_a_hit(row, finding) -> None:
    assert search_range(row, SUFFIX) is finding
    assert search_range(body(OTHERS[0] + b":5", row, OTHERS[1] + b":0"), SUFFIX) is finding


@pytest.mark.parametrize(
    "shape",
    [
        b"",
        b"\r\n",
        b"\n\n",
        b"<!DOCTYPE html><html><body>Attention required</body></html>",
        b"Too many requests",
        b'{"statusCode": 429}',
        b"\x1f\x8b\x08\x00",
        SUFFIX[:-1] + b":1",
        b"5BAA6" + SUFFIX + b":1",  # a list of whole digests
        b"5BAA6" + SUFFIX,
        SUFFIX[:27] + b":1",  # NTLM's suffixes are shorter
        SUFFIX[:-1] + b"G:1",
        b" " + SUFFIX + b":1",
        b"\xef\xbb\xbf" + SUFFIX + b":1",
        b"X:" + SUFFIX + b":1",
        SUFFIX + b":1\r" + SUFFIX + b":1",
        SUFFIX + b":1\r\n\r\n" + SUFFIX + b":1",
        SUFFIX + b":1\r\n<html>",
        SUFFIX + b":1\r\n\r\n",
        SUFFIX + b":" + b"1" * 25,
        SUFFIX + b" 1",
    ],
)
def test_what_is_no_range_is_refused_and_not_quoted(shape) -> None:
    with pytest.raises(RangeError) as refused:
        search_range(shape, SUFFIX)
    assert str(refused.value) == "this is no range of leaked passwords"
    assert refused.value.__cause__ is None


def test_a_match_counts_at_the_start_of_a_row_only() -> None:
    # The end of one row and what follows it spell the suffix; so does the middle of a row.
    shifted = b"A" + SUFFIX[:-1] + b":" + SUFFIX[-1:] + b"\n" + OTHERS[0] + b":1"
    assert search_range(shifted, SUFFIX) is Finding.CLEAN


# --- properties ---------------------------------------------------------------------------------

SUFFIXES = st.integers(0, 2**140 - 1).map(lambda number: b"%035X" % number)
COUNTS = st.integers(0, 10**8)
RANGES = st.dictionaries(SUFFIXES, COUNTS, min_size=1, max_size=40)


@given(RANGES, SUFFIXES, st.sampled_from([b"\r\n", b"\n"]), st.booleans(), st.booleans())
def test_a_range_finds_what_is_in_it_and_nothing_else(leaked, stranger, end, lower, commas) -> None:
    rows = [
        suffix + b":" + (f"{count:,}" if commas else str(count)).encode()
        for suffix, count in leaked.items()
    ]
    text = end.join(rows)
    rows = read_range(text.lower() if lower else text)
    for suffix, count in leaked.items():
        assert find_suffix(rows, suffix) is (Finding.HIT if count else Finding.CLEAN)
    if stranger not in leaked:
        assert find_suffix(rows, stranger) is Finding.CLEAN


PIECES = st.sampled_from(
    [SUFFIX, SUFFIX.lower(), OTHERS[1], b":", b"0", b",", b"1", b"\r", b"\n", b"\r\n", b" ", b"\0"]
)


@given(st.one_of(st.binary(max_size=400), st.lists(PIECES, max_size=30).map(b"".join)))
@example(SUFFIX + b":1\r\n")
def test_any_bytes_are_a_finding_or_a_range_error(data) -> None:
    try:
        finding = search_range(data, SUFFIX)
    except RangeError:
        return
    assert finding in {Finding.HIT, Finding.CLEAN}
    assert (finding is Finding.HIT) <= (SUFFIX in data.upper())


def test_whatever_a_right_range_turns_into_only_a_range_error_comes_out() -> None:
    dice = random.Random(20)
    right = body(*(b"%035X:%d" % (dice.getrandbits(140), dice.randrange(99)) for _ in range(40)))
    seen = set()
    for _ in range(20_000):
        spoilt = bytearray(right)
        for _ in range(dice.randrange(4)):
            at = dice.randrange(len(spoilt))
            spoilt[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3))
        try:
            seen.add(search_range(bytes(spoilt), right[:35]))
        except RangeError:
            seen.add(RangeError)
    assert seen == {Finding.HIT, Finding.CLEAN, RangeError}


def test_a_megabyte_of_almost_rows_is_judged_in_one_pass() -> None:
    almost = (b"A" * 35 + b":0\n") * 27_000 + b"A" * 34
    with pytest.raises(RangeError):
        read_range(almost)
    assert find_suffix(read_range(almost + b"A"), b"A" * 35) is Finding.HIT
