"""Corpora of any size that hold nobody's password: entries by chance, spread evenly.

Entries are what the seed makes them, so a file of 2 billion is made anew rather than kept. Some
seven million entries a second; 4 bytes each.
"""

from __future__ import annotations

import random
import sys
import zlib
from array import array
from pathlib import Path

from hardening.core import corpus
from hardening.core.corpus import BUCKETS, HEADER_BYTES, REMAINDERS_AT, Header

DATE = 1_795_262_400  # 2026-11-21 12:00 UTC
TOGETHER = 1024  # ranges that are written at once


def synthetic(
    path: str | Path, count: int, seed: int = 1, *, complete: bool = True, date: int = DATE
) -> Header:
    """Write a corpus of `count` entries; it takes the place of what is there in one step.

    Args:
        path: Of the file.
        count: How many entries; each range gets its share, give or take one.
        seed: What the entries follow from.
        complete: What the header says.
        date: Likewise, Unix seconds.
    """
    dice = random.Random(seed)
    offsets = array("Q", (number * count // BUCKETS for number in range(BUCKETS + 1)))
    aside, crc = Path(f"{path}.synthetic"), 0
    with aside.open("wb") as file:
        file.seek(REMAINDERS_AT)
        for first in range(0, BUCKETS, TOGETHER):
            part = array("I")
            for number in range(first, first + TOGETHER):
                entries = array("I", dice.randbytes(4 * (offsets[number + 1] - offsets[number])))
                part.extend(sorted(entries))
            crc = zlib.crc32(part, crc)
            part.tofile(file)
        header = Header(count, 1, date, complete, "synthetic", zlib.crc32(offsets), crc)
        file.seek(0)
        file.write(corpus.pack_header(header))
        assert file.tell() == HEADER_BYTES
        offsets.tofile(file)
    aside.replace(path)
    return header


def repeating(path: str | Path, count: int, seed: int = 1) -> Header:
    """Write a corpus whose ranges repeat after `TOGETHER` of them: as fast as the disk takes it.

    A look-up cannot tell: it reads one range, and pages that were never read.

    Args:
        path: Of the file.
        count: How many entries; rounded down so that each range has as many.
        seed: What the entries follow from.
    """
    each, dice = count // BUCKETS, random.Random(seed)
    part = array("I")
    for _ in range(TOGETHER):
        part.extend(sorted(array("I", dice.randbytes(4 * each))))
    offsets = array("Q", (each * number for number in range(BUCKETS + 1)))
    aside, crc = Path(f"{path}.synthetic"), 0
    with aside.open("wb") as file:
        file.seek(REMAINDERS_AT)
        for _ in range(BUCKETS // TOGETHER):
            crc = zlib.crc32(part, crc)
            part.tofile(file)
        header = Header(each * BUCKETS, 1, DATE, True, "synthetic", zlib.crc32(offsets), crc)
        file.seek(0)
        file.write(corpus.pack_header(header))
        offsets.tofile(file)
    aside.replace(path)
    return header


def digests_in(path: str | Path, number: int, seed: int = 2) -> list[bytes]:
    """Return `number` digests that a corpus holds, chosen by chance (its entries, zeros behind)."""
    dice, found = random.Random(seed), []
    with Path(path).open("rb") as file:
        header = corpus.read_header(file.read(HEADER_BYTES), Path(path).stat().st_size)
        offsets = array("Q")
        offsets.fromfile(file, BUCKETS + 1)
        while len(found) < number and header.count:
            prefix = dice.randrange(BUCKETS)
            low, high = offsets[prefix], offsets[prefix + 1]
            if low < high:
                file.seek(REMAINDERS_AT + 4 * dice.randrange(low, high))
                remainder = int.from_bytes(file.read(4), sys.byteorder)
                found.append(digest_of(prefix, remainder))
    return found


def entries_in(path: str | Path) -> int:
    """Return how many entries a corpus has."""
    with Path(path).open("rb") as file:
        return corpus.read_header(file.read(HEADER_BYTES), Path(path).stat().st_size).count


def digest_of(prefix: int, remainder: int) -> bytes:
    """Return a digest of 20 bytes that a corpus would keep as these two."""
    return ((prefix << 32 | remainder) << 4).to_bytes(7, "big").ljust(20, b"\0")
