"""Fuzzed: what the range API may answer (`hardening.core.pwned`).

Any bytes are a range, or `RangeError` says that they are none, in its one text. What is taken for
a range is read as a plain reading of its lines would: row by row, with the same finding.
"""

from __future__ import annotations

import hashlib

from hardening.core.pwned import SUFFIX_DIGITS, Finding, RangeError, search_range

HEX = frozenset(b"0123456789ABCDEF")
SUFFIX = b"1E4C9B93F3F0682250B6CF8331B7EE68FD8"
OTHER = b"%035X" % 7
SEEDS = (
    SUFFIX + b":3\r\n" + OTHER + b":0",
    OTHER.lower() + b":1\n" + SUFFIX.lower() + b":52,256,179\n",
    SUFFIX + b"12\r\n" + OTHER + b":",
    SUFFIX + b":0\r\n" + SUFFIX + b":0,000",
    b"<!DOCTYPE html><html></html>",
    b"\r\n",
    b"",
)


def check(data: bytes) -> None:
    """Read `data` as a range, then as what becomes one."""
    as_it_is(data)
    made_of(data)


def as_it_is(data: bytes) -> None:
    try:
        search_range(data, SUFFIX)
    except RangeError as refused:
        said = refused.args
    else:
        said = None
    if said is not None:
        assert said == RangeError().args, "a refusal quotes what came"
        return
    rows = plainly(data)
    for suffix in {SUFFIX, *(suffix for suffix, _ in rows)}:
        listed = any(row == suffix and not is_padding(count) for row, count in rows)
        expected = Finding.HIT if listed else Finding.CLEAN
        assert search_range(data, suffix) is expected, "rows are read otherwise than they stand"


def plainly(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the rows of what was taken for a range, read without haste."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    assert lines, "nothing was taken for a range"
    rows = [
        (line[:SUFFIX_DIGITS].upper(), line[SUFFIX_DIGITS:].removesuffix(b"\r")) for line in lines
    ]
    for suffix, _ in rows:
        assert len(suffix) == SUFFIX_DIGITS, "a short row was taken for one"
        assert HEX.issuperset(suffix), "a row of other digits was taken for one"
    return rows


def is_padding(count: bytes) -> bool:
    digits = [each for each in count[1:].strip() if each != ord(",")]
    return count[:1] == b":" and digits != [] and set(digits) == {ord("0")}


def made_of(data: bytes) -> None:
    """Make a range of `data`: each byte a row, its low bit whether that is padding."""
    if not data:
        return
    rows = {
        hashlib.sha256(bytes([each])).hexdigest()[:SUFFIX_DIGITS].upper(): each for each in data
    }
    lines = [f"{suffix}:{each & 1}".encode() for suffix, each in rows.items()]
    for end in (b"\r\n", b"\n"):
        for body in (end.join(lines), end.join([*lines, b""])):
            for suffix, each in rows.items():
                expected = Finding.HIT if each & 1 else Finding.CLEAN
                assert search_range(body, suffix.encode()) is expected, "a row is lost"
