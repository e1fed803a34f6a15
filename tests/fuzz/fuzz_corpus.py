"""Fuzzed: what a corpus file may hold (`hardening.core.corpus`).

Any bytes are a header, or `CorpusError` says in one known word what is wrong with them, also where
the checksum is right. A header that is read can be written, and is read again. A search among any
numbers ends, finds what stands in a sorted range, and never looks outside it.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import replace

from hardening.core.corpus import (
    HEADER_BYTES,
    CorpusError,
    Header,
    offsets_of,
    pack_header,
    read_header,
    remainders_of,
    search,
    split,
)

FAULTS = {"foreign", "version", "byte-order", "truncated", "damaged"}
CHECK_BYTES = 4
MARKS_BYTES = 16  # magic, byte order, version
NUMBER_BYTES = 8  # one offset
DIGEST_BYTES = 20
SEEDED = Header(3, 1, 1_700_000_000, True, "ranges /a/folder", 1, 2)
DIGESTS = bytes(range(2 * DIGEST_BYTES))
SEEDS = (
    pack_header(SEEDED),
    pack_header(replace(SEEDED, count=0, complete=False, origin="")),
    pack_header(SEEDED).replace(b" /a", b"\0/a"),  # an origin that nobody writes
    pack_header(SEEDED)[:100],
    (0).to_bytes(8, "little") + (2).to_bytes(8, "little") + DIGESTS,
    (1).to_bytes(8, "little") + (9).to_bytes(8, "little") + DIGESTS,
    b"",
)


class Sparse:
    """The offsets of a whole corpus, of which a search reads two."""

    def __init__(self, prefix: int, low: int, high: int) -> None:
        self.known = {prefix: low, prefix + 1: high}

    def __getitem__(self, place: int) -> int:
        return self.known[place]


def check(data: bytes) -> None:
    """Read `data` as the beginning of a file, as one whose checksum is right, and search in it."""
    a_header(data)
    a_header(checked(data))
    a_search(data)


def checked(data: bytes) -> bytes:
    """Return a header's length of `data` behind the right marks, with the right checksum."""
    marks = pack_header(SEEDED)[:MARKS_BYTES]
    body = (marks + data[MARKS_BYTES:]).ljust(HEADER_BYTES, b"\0")[: HEADER_BYTES - CHECK_BYTES]
    return body + zlib.crc32(body).to_bytes(CHECK_BYTES, sys.byteorder)


def a_header(data: bytes) -> None:
    claimed = int.from_bytes(data[MARKS_BYTES : MARKS_BYTES + NUMBER_BYTES], sys.byteorder)
    for size in {len(data), replace(SEEDED, count=claimed).size}:
        try:
            header = read_header(memoryview(data), size)
        except CorpusError as refused:
            known(refused)
            continue
        assert header.size == size, "a file of another size was taken for whole"
        assert read_header(pack_header(header), size) == header, "a header does not come back"
        for part in (offsets_of, remainders_of):
            try:
                part(memoryview(data), header)
            except CorpusError as refused:
                known(refused)


def a_search(data: bytes) -> None:
    numbers = len(data) // 4 * 4
    remainders = memoryview(data[:numbers]).cast("I")
    low, high = (int.from_bytes(data[at : at + NUMBER_BYTES], "little") for at in (0, NUMBER_BYTES))
    digest = data[-DIGEST_BYTES:].ljust(DIGEST_BYTES, b"\0")
    for begins, ends in ((low, high), (0, len(remainders))):
        found = sought(begins, ends, remainders, digest)
        assert (found is None) == (not begins <= ends <= len(remainders)), "offsets lead nowhere"
    in_order = memoryview(bytearray(data[:numbers])).cast("I")
    for place, number in enumerate(sorted(remainders)):
        in_order[place] = number
    begins, ends = sorted((low % (len(in_order) + 1), high % (len(in_order) + 1)))
    within = set(in_order[begins:ends])
    for number in {*remainders, split(digest)[1]}:
        mine = (number << 4).to_bytes(7, "big").ljust(DIGEST_BYTES, b"\0")
        assert sought(begins, ends, in_order, mine) is (number in within), "an entry is lost"


def sought(low: int, high: int, remainders: memoryview, digest: bytes) -> bool | None:
    """Return what `search` says, `None` if it refuses."""
    try:
        return search(Sparse(split(digest)[0], low, high), remainders, digest)
    except CorpusError as refused:
        known(refused)
        return None


def known(refused: CorpusError) -> None:
    assert refused.fault in FAULTS, "a fault without a name"
