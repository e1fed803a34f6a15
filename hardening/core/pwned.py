"""Passwords known from breaches: what is asked about one, and what may come back.

k-anonymity: of a password's SHA-1 the first `PREFIX_DIGITS` hexadecimal digits name a range of
about two thousand leaked passwords; the rest, the suffix, is looked for in that range on this
side. SHA-1 is the list's own choice and protects nothing here.

A range is rows of ``SUFFIX:COUNT``, ended by CRLF or LF, the last one by nothing. Rows whose count
is 0 are padding, which hides from the length of an answer what was asked.

Source: Pwned Passwords, range API version 3; NIST SP 800-63B-4 §3.1.1.2; ASVS 5.0 6.2.12.

The trap: five digits and a user's name narrow a password down. A prefix is as secret as the
password, in a log, an exception or a `repr`. And what says nothing must not read as "not found":
an empty range or a page of HTML is no range.
"""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum

PREFIX_DIGITS = 5
SUFFIX_DIGITS = 35
DIGEST_BYTES = 20  # SHA-1

MARK_DIGITS = 32  # 128 bits of SHA-256

# The count may be anything short after a colon; without one, digits only: a row of 40 hexadecimal
# digits is another list's. Possessive: what does not match is not tried in other ways.
_ROWS = re.compile(
    rb"(?>[0-9A-Fa-f]{35}(?::[^\r\n]{0,24}+|[0-9,]{0,24}+)(?:\r?\n|\Z))++",
)


def mark(stored: str) -> str:
    """Return what a verdict is bound to: a digest of the password as it is stored, hashed.

    A password that is changed by whatever route has no verdict. The digest tells no more than
    what is stored beside it.
    """
    return hashlib.sha256(stored.encode("utf-8", "surrogatepass")).hexdigest()[:MARK_DIGITS]


class RangeError(ValueError):
    """What came is no range. The text holds nothing of it."""

    def __init__(self) -> None:
        super().__init__("this is no range of leaked passwords")


class Finding(StrEnum):
    """What a source says of a password."""

    HIT = "hit"
    CLEAN = "clean"
    UNKNOWN = "unknown"


class Candidate:
    """A password that is asked about, and the words that nobody should use as one here.

    Attributes:
        password: As it was typed.
        words: What belongs to the site and the person: names, the domain, the e-mail address.
        digest: SHA-1 of the password in UTF-8, `DIGEST_BYTES`.
    """

    __slots__ = ("digest", "password", "words")

    def __init__(self, password: str, *, words: tuple[str, ...] = ()) -> None:
        self.password = password
        self.words = words
        # A lone surrogate, which no list can hold, is hashed like any other letter.
        data = password.encode("utf-8", "surrogatepass")
        self.digest = hashlib.sha1(data, usedforsecurity=False).digest()

    def __repr__(self) -> str:
        """Say nothing."""
        return "<Candidate>"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse: a password in a queue or a cache is a password at rest."""
        raise TypeError("a candidate is not stored")

    @property
    def prefix(self) -> str:
        """The `PREFIX_DIGITS` hexadecimal digits, upper case, that name its range."""
        return self.digest.hex()[:PREFIX_DIGITS].upper()

    @property
    def suffix(self) -> bytes:
        """The other `SUFFIX_DIGITS`, upper case, in ASCII."""
        return self.digest.hex()[PREFIX_DIGITS:].upper().encode()


def read_range(body: bytes) -> bytes:
    """Return the rows of a range, ready for `find_suffix`.

    Counts with commas or without their colon, lower case and a line's end after the last row are
    survived.

    Raises:
        RangeError: If `body` is empty or any line of it is no row.
    """
    if _ROWS.fullmatch(body) is None:
        raise RangeError
    # One line's end before each row, the first one too: a match at the start of a row is one find.
    return b"\n" + body.upper()


def find_suffix(rows: bytes, suffix: bytes) -> Finding:
    """Return `HIT` if the list has this password, `CLEAN` if it has not.

    A row whose count is missing or cannot be read is a hit; one of padding is none.

    Args:
        rows: From `read_range`.
        suffix: `SUFFIX_DIGITS`, upper case.
    """
    row = b"\n" + suffix
    at = rows.find(row)
    while at >= 0:
        begins = at + len(row)
        ends = rows.find(b"\n", begins)
        if not _is_padding(rows[begins:] if ends < 0 else rows[begins:ends]):
            return Finding.HIT
        at = rows.find(row, begins)
    return Finding.CLEAN


def search_range(body: bytes, suffix: bytes) -> Finding:
    """Look for a password in a range: `read_range`, then `find_suffix`.

    Raises:
        RangeError: If `body` is no range.
    """
    return find_suffix(read_range(body), suffix)


def _is_padding(count: bytes) -> bool:
    digits = count.strip().removeprefix(b":").strip().replace(b",", b"")
    return count.startswith(b":") and bool(digits) and not digits.strip(b"0")
