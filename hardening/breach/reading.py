"""Lists that lie on this machine: a text file, a directory of ranges, a file of plain passwords.

A line of the text file is a SHA-1 in hexadecimal digits, a colon and a count; of a range file it is
the same without the digits that its name has. Lines may end in CRLF, digits may be lower case, and
the files may be packed with gzip.

Source: what Pwned Passwords hands out; Have I Been Pwned's own downloader writes both.

The trap: a line is half a secret. What is said of a wrong one is its number.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import sys
import zlib
from array import array
from binascii import unhexlify
from bisect import bisect_right
from contextlib import contextmanager
from itertools import groupby, pairwise
from typing import IO, TYPE_CHECKING, Any, cast

from hardening.breach.rows import BuildError, Piece, Place
from hardening.core.corpus import BUCKETS, split
from hardening.core.pwned import PREFIX_DIGITS

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 1 << 20
MAX_RANGE_BYTES = 64 << 20  # a thousand times what a range of the real list has
GZIP = b"\x1f\x8b"

_LINES = re.compile(rb"^([0-9A-F]{13})[0-9A-F]{27}:[0-9,]{1,20}\r?$", re.MULTILINE)
_LINES_COUNTED = re.compile(rb"^([0-9A-F]{13})[0-9A-F]{27}:([0-9,]{1,20})\r?$", re.MULTILINE)
_ROWS = re.compile(rb"^([0-9A-F]{8})[0-9A-F]{27}:[0-9,]{1,20}\r?$", re.MULTILINE)
_ROWS_COUNTED = re.compile(rb"^([0-9A-F]{8})[0-9A-F]{27}:([0-9,]{1,20})\r?$", re.MULTILINE)


class LineError(ValueError):
    """A line is not what it should be. `line`: its number, from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def entries_of(data: bytes, *, min_count: int = 1) -> bytes:
    """Return the entries of a range as the file keeps them, from its rows as the API sends them.

    Rows whose count is below `min_count`, or 0 (padding), are left out. Their order does not
    matter.

    Raises:
        LineError: If a row is malformed.
    """
    found = _matched(data.upper(), _ROWS, _ROWS_COUNTED, min_count)[1]
    entries = array("I", unhexlify(b"".join(found)))
    if sys.byteorder == "little":
        entries.byteswap()
    return array("I", sorted(entries)).tobytes()


def _matched(
    data: bytes, plain: re.Pattern[bytes], counted: re.Pattern[bytes], min_count: int
) -> tuple[list[bytes], list[bytes]]:
    """Return the digits of all lines, and those of the lines that count."""
    lines = data.count(b"\n") + (data[-1:] not in {b"", b"\n"})
    if min_count <= 1 and b":0" not in data and b":," not in data:
        everything = kept = plain.findall(data)
    else:
        rows = counted.findall(data)
        least = max(1, min_count)
        everything = [digits for digits, _ in rows]
        kept = [digits for digits, count in rows if _number(count) >= least]
    if len(everything) != lines:
        raise LineError(_first_wrong(data, plain))
    return everything, kept


def _number(count: bytes) -> int:
    return int(count.replace(b",", b"") or b"0")


def _first_wrong(data: bytes, pattern: re.Pattern[bytes]) -> int:
    for number, line in enumerate(data.split(b"\n"), 1):
        if not pattern.fullmatch(line):
            return number
    return data.count(b"\n") + 1


@contextmanager
def opened(path: str) -> Iterator[IO[bytes]]:
    """Open a file, unpacked if it is packed.

    Raises:
        BuildError: If what is packed is damaged.
    """
    with open(path, "rb") as file:  # noqa: PTH123 - paths are text here
        packed = file.read(len(GZIP)) == GZIP
        file.seek(0)
        try:
            yield cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
        except (gzip.BadGzipFile, EOFError, zlib.error):
            raise BuildError(f"{path} is not a whole gzip file") from None


class _OneFile:
    """What is known of a list that is one file."""

    kind = ""
    whole = False

    def __init__(self, path: str, *, min_count: int = 1) -> None:
        """Look at the file.

        Raises:
            BuildError: If there is none.
        """
        self.path, self.min_count = os.path.abspath(path), min_count  # noqa: PTH100
        self.origin = f"{self.kind} {self.path}"
        try:
            found = os.stat(self.path)  # noqa: PTH116
        except OSError as fault:
            raise BuildError(f"{path}: {fault.strerror}") from None
        self.date = int(found.st_mtime)
        self._key = {"origin": self.origin, "size": found.st_size, "changed": found.st_mtime_ns}

    def key(self) -> dict[str, Any]:
        """Return which file it is, and in which state."""
        return self._key


class TextFile(_OneFile):
    """The whole list in one file, ordered by hash."""

    kind = "file"
    whole = True

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Read from there on; places are bytes of the unpacked file, and lines."""
        at, line, last = place.at, place.line, b""
        with opened(self.path) as file:
            file.seek(at)
            for body in self._bodies(file, line):
                try:
                    everything, kept = _matched(body, _LINES, _LINES_COUNTED, self.min_count)
                except LineError as wrong:
                    raise self._wrong(line + wrong.line, "not a SHA-1, a colon, a count") from None
                if everything[0] < last or everything != sorted(everything):
                    raise self._wrong(line + _first_unsorted(everything, last), "not in order")
                at, line, last = at + len(body), line + len(everything), everything[-1]
                yield from _pieces(kept, Place(at, line))

    def _bodies(self, file: IO[bytes], line: int) -> Iterator[bytes]:
        """Cut the file between ranges, so that each is in one body."""
        rest = b""
        while data := file.read(BLOCK_BYTES):
            block = rest + data.upper()
            cut = _last_range(block)
            if cut:
                line += block.count(b"\n", 0, cut)
                yield block[:cut]
            rest = block[cut:]
            if len(rest) > MAX_RANGE_BYTES:
                raise self._wrong(
                    line + 1, "the first of a range that is too large, or not in order"
                )
        if rest:
            yield rest

    def _wrong(self, line: int, said: str) -> BuildError:
        return BuildError(f"{self.path}: line {line} is {said}")


def _last_range(block: bytes) -> int:
    """Return where the last range in whole lines begins; what follows may go on in the next."""
    end = block.rfind(b"\n")
    start = block.rfind(b"\n", 0, max(end, 0)) + 1
    prefix = block[start : start + PREFIX_DIGITS]
    if end < 0 or block.startswith(prefix):
        return 0
    return block.find(b"\n" + prefix) + 1


def _first_unsorted(everything: list[bytes], last: bytes) -> int:
    pairs = pairwise([last, *everything])
    return next(number for number, (one, two) in enumerate(pairs, 1) if two < one)


def _pieces(digits: list[bytes], place: Place) -> Iterator[Piece]:
    """Cut sorted lines, 13 digits each, into ranges; the place stands after the last."""
    if not digits:
        return
    # Three zeros before each: a prefix and a remainder, 32 bits both.
    both = array("I", unhexlify(b"000" + b"000".join(digits)))
    if sys.byteorder == "little":
        both.byteswap()
    prefixes, remainders = both[0::2], both[1::2]
    first, total = 0, len(prefixes)
    while first < total:
        prefix = prefixes[first]
        end = bisect_right(prefixes, prefix, first)
        yield Piece(prefix, remainders[first:end].tobytes(), place if end == total else None)
        first = end


class WordList(_OneFile):
    """Plain passwords, one a line, in any order; sorted in memory. Never the whole list."""

    kind = "words"

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Hash and sort them all; it cannot go on in between."""
        del place
        with opened(self.path) as file:
            lines = (line.rstrip(b"\r\n") for line in file)
            found = {split(_sha1(line)) for line in lines if line}
        for prefix, entries in groupby(sorted(found), key=lambda entry: entry[0]):
            yield Piece(prefix, array("I", (entry[1] for entry in entries)).tobytes(), None)


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


class Directory:
    """One file a range, named after its prefix: ``0003A.txt`` or ``0003A``."""

    whole = True

    def __init__(self, path: str, *, min_count: int = 1) -> None:
        """Look which files there are, and how old the newest is.

        Raises:
            BuildError: If some are missing; the first of them are named.
        """
        self.path, self.min_count = os.path.abspath(path), min_count  # noqa: PTH100
        self.origin = f"directory {self.path}"
        self._names = bytearray(BUCKETS)  # which of `_SHAPES`, one byte a range
        changed = 0
        try:
            with os.scandir(self.path) as found:
                for entry in found:
                    if self._noted(entry.name):
                        changed = max(changed, entry.stat().st_mtime_ns)
        except OSError as fault:
            raise BuildError(f"{path}: {fault.strerror}") from None
        self.date = changed // 10**9
        self._key = {"origin": self.origin, "changed": changed}
        self._refuse_missing()

    def _noted(self, name: str) -> bool:
        found = _RANGE_NAME.fullmatch(name)
        if found is None:
            return False
        number = int(found[1], 16)
        self._names[number] = 1 + _SHAPES.index(
            (found[2], found[1].isupper() or found[1].isdigit())
        )
        return True

    def _refuse_missing(self) -> None:
        missing = self._names.count(0)
        if missing:
            first = [f"{number:05X}" for number, shape in enumerate(self._names) if not shape][:5]
            more = f" and {missing - len(first)} more" if missing > len(first) else ""
            raise BuildError(f"{self.path} lacks the ranges {', '.join(first)}{more}")

    def key(self) -> dict[str, Any]:
        """Return which directory it is, and in which state."""
        return self._key

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Read file after file; places are ranges."""
        for number in range(place.at, BUCKETS):
            suffix, upper = _SHAPES[self._names[number] - 1]
            name = f"{number:05X}" if upper else f"{number:05x}"
            path = os.path.join(self.path, f"{name}{suffix}")  # noqa: PTH118
            with opened(path) as file:
                data = file.read(MAX_RANGE_BYTES)
            try:
                entries = entries_of(data, min_count=self.min_count)
            except LineError as wrong:
                raise BuildError(
                    f"{path}: line {wrong.line} is not the rest of a SHA-1, a colon, a count"
                ) from None
            yield Piece(number, entries, Place(number + 1))


_RANGE_NAME = re.compile(r"([0-9A-F]{5}|[0-9a-f]{5})(|\.txt|\.gz|\.txt\.gz)")
_SHAPES = [(suffix, upper) for suffix in ("", ".txt", ".gz", ".txt.gz") for upper in (True, False)]
