"""Lists of leaked passwords that nobody leaked, in each form that a corpus is built from."""

from __future__ import annotations

import hashlib
import zlib
from array import array
from collections.abc import Iterable
from pathlib import Path

from hardening.core import corpus
from hardening.core.corpus import BUCKETS, Header

DATE = 1_795_262_400  # 2026-11-21 12:00 UTC


def sha1(password: str) -> bytes:
    return hashlib.sha1(password.encode(), usedforsecurity=False).digest()


def some(number: int, name: str = "entry") -> list[bytes]:
    """Return so many digests, always the same for one name."""
    return [sha1(f"{name} {one}") for one in range(number)]


def text_of(digests: Iterable[bytes], *, count: int = 3, end: str = "\r\n") -> bytes:
    """Return the list as one text, ordered by hash."""
    lines = sorted(digest.hex().upper() for digest in digests)
    return "".join(f"{line}:{count}{end}" for line in lines).encode()


def range_of(digests: Iterable[bytes], prefix: int, *, count: int = 3) -> bytes:
    """Return one range as the API sends it: CRLF, none at the end."""
    named = f"{prefix:05X}"
    lines = sorted(digest.hex().upper() for digest in digests)
    rows = [f"{line[5:]}:{count}" for line in lines if line.startswith(named)]
    return "\r\n".join(rows).encode()


def packed(
    digests: Iterable[bytes],
    *,
    complete: bool = True,
    origin: str = "test",
    date: int = DATE,
    min_count: int = 1,
) -> bytes:
    """Return the bytes of a corpus file, made in the plainest way."""
    entries = sorted(corpus.split(digest) for digest in digests)
    offsets = array("Q")
    for place, (prefix, _) in enumerate(entries):
        offsets.extend(array("Q", [place]) * (prefix + 1 - len(offsets)))
    offsets.extend(array("Q", [len(entries)]) * (BUCKETS + 1 - len(offsets)))
    remainders = array("I", (remainder for _, remainder in entries))
    header = Header(
        count=len(entries),
        min_count=min_count,
        source_date=date,
        complete=complete,
        origin=origin,
        offsets_crc=zlib.crc32(offsets),
        remainders_crc=zlib.crc32(remainders),
    )
    return corpus.pack_header(header) + offsets.tobytes() + remainders.tobytes()


def put(path: Path, data: bytes) -> None:
    """Put a file in the place of another in one step, as a corpus must be."""
    aside = path.with_name(f"{path.name}.aside")
    aside.write_bytes(data)
    aside.replace(path)
