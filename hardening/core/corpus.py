"""The corpus file: a leaked list as `BUCKETS` sorted ranges, read where it lies.

Bytes, in order: `HEADER_BYTES` of header, `BUCKETS` + 1 offsets (uint64, counted in entries: range
`n` is what lies between the offsets `n` and `n + 1`), then one remainder (uint32) an entry, sorted
within its range. Of a SHA-1 the first `PREFIX_BITS` bits are the number of its range, the next
`REMAINDER_BITS` its remainder; the rest is not kept. A password that is not in the list is taken
for one that is once in two million times, at the size of Pwned Passwords.

Numbers have the byte order of the machine that wrote the file. Dates are Unix seconds.

Source: the range API of Pwned Passwords, whose ranges these are; CRC-32 as in `zlib`.

The trap: checksums find accidents, not malice. An offset that passed its checksum may still point
anywhere, so `search` looks before it leaps; and remainders are checked by `check_remainders`
only, for that reads all of them.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PREFIX_BITS = 20
REMAINDER_BITS = 32
BUCKETS = 1 << PREFIX_BITS
DIGEST_PART = 7  # bytes of a SHA-1 that hold both, with 4 bits to spare

MAGIC = b"\x89BREACH\n"  # no text begins so, and none that was carried as text still does
BYTE_ORDER = 0x01020304
VERSION = 1
HEADER_BYTES = 4096  # one page: what follows is aligned
ORIGIN_BYTES = 1024
# Magic; mark, version; count, min_count, date; complete, two checksums; where it came from.
_HEADER = struct.Struct(f"=8sIIQQqIII{ORIGIN_BYTES}s")
_MARKS = struct.Struct("=8sII")
_CHECK = struct.Struct("=I")  # the header's own, in its last bytes

OFFSETS_AT = HEADER_BYTES
REMAINDERS_AT = OFFSETS_AT + 8 * (BUCKETS + 1)
MAX_COUNT = 1 << 48  # a petabyte


class CorpusError(Exception):
    """A file is no corpus that can be read.

    Attributes:
        fault: In one word: `foreign`, `version`, `byte-order`, `truncated` or `damaged`.
    """

    def __init__(self, fault: str, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Header:
    """What a corpus says of itself.

    Attributes:
        count: How many entries it has.
        min_count: What was seen less often in breaches was left out; 1: nothing was.
        source_date: Of when the list is, in Unix seconds.
        complete: True if a password that is not in it is in no breach that the list knows.
        origin: Where it came from: ``kind`` and ``place``, separated by a blank.
        offsets_crc: CRC-32 of the offsets.
        remainders_crc: CRC-32 of the remainders.
    """

    count: int
    min_count: int
    source_date: int
    complete: bool
    origin: str
    offsets_crc: int
    remainders_crc: int

    @property
    def size(self) -> int:
        """How many bytes the whole file has."""
        return REMAINDERS_AT + 4 * self.count


def pack_header(header: Header) -> bytes:
    """Return the `HEADER_BYTES` that a file begins with.

    Raises:
        ValueError: If the origin does not fit.
    """
    origin = header.origin.encode("utf-8", "surrogateescape")
    if len(origin) > ORIGIN_BYTES or b"\0" in origin:
        raise ValueError(f"an origin has {ORIGIN_BYTES} bytes at most, none of them zero")
    packed = _HEADER.pack(
        MAGIC,
        BYTE_ORDER,
        VERSION,
        header.count,
        header.min_count,
        header.source_date,
        header.complete,
        header.offsets_crc,
        header.remainders_crc,
        origin,
    )
    filled = packed.ljust(HEADER_BYTES - _CHECK.size, b"\0")
    return filled + _CHECK.pack(zlib.crc32(filled))


def read_header(buffer: bytes | memoryview, size: int) -> Header:
    """Read the header of a file.

    Args:
        buffer: The file, or its first `HEADER_BYTES` or more.
        size: How many bytes the file has.

    Raises:
        CorpusError: If it is not a whole corpus of this version and this machine's byte order.
    """
    head = bytes(buffer[:HEADER_BYTES])
    _check_marks(head)
    if len(head) < HEADER_BYTES:
        raise CorpusError("truncated", f"it ends in its header, after {len(head)} bytes")
    body, (check,) = head[: -_CHECK.size], _CHECK.unpack(head[-_CHECK.size :])
    if zlib.crc32(body) != check:
        raise CorpusError("damaged", "its header is damaged")
    header = _unpacked(body)
    if size < header.size:
        raise CorpusError("truncated", f"it is cut short: {size} of {header.size} bytes")
    if size > header.size:
        raise CorpusError("damaged", f"it has {size - header.size} bytes too many")
    return header


def _check_marks(head: bytes) -> None:
    """Look at what has the same place in every version."""
    if not head.startswith(MAGIC):
        empty = "it is empty" if not head else "it is not a corpus"
        raise CorpusError("foreign", empty)
    if len(head) < _MARKS.size:
        raise CorpusError("truncated", f"it ends in its header, after {len(head)} bytes")
    _, mark, version = _MARKS.unpack_from(head)
    if mark != BYTE_ORDER:
        swapped = int.from_bytes(BYTE_ORDER.to_bytes(4, "big"), "little")
        if mark == swapped:
            raise CorpusError("byte-order", "it was built on a machine of the other byte order")
        raise CorpusError("damaged", "its header is damaged")
    if version != VERSION:
        raise CorpusError("version", f"it has format {version}, and {VERSION} is what is read here")


def _unpacked(body: bytes) -> Header:
    _, _, _, count, min_count, date, complete, offsets, remainders, origin = _HEADER.unpack_from(
        body
    )
    origin = origin.rstrip(b"\0")
    if count > MAX_COUNT or complete > 1 or b"\0" in origin:
        raise CorpusError("damaged", "its header makes no sense")
    return Header(
        count=count,
        min_count=min_count,
        source_date=date,
        complete=bool(complete),
        origin=origin.decode("utf-8", "surrogateescape"),
        offsets_crc=offsets,
        remainders_crc=remainders,
    )


def offsets_of(view: memoryview, header: Header) -> memoryview:
    """Return the offsets of a whole file, as numbers; 8 MiB are read to check them.

    Raises:
        CorpusError: If they are damaged.
    """
    raw = view[OFFSETS_AT:REMAINDERS_AT]
    offsets = raw.cast("Q") if len(raw) == REMAINDERS_AT - OFFSETS_AT else None
    if offsets is None or zlib.crc32(raw) != header.offsets_crc:
        raise CorpusError("damaged", "its offsets are damaged")
    if offsets[0] != 0 or offsets[BUCKETS] != header.count:
        raise CorpusError("damaged", "its offsets do not fit its count")
    return offsets


def remainders_of(view: memoryview, header: Header) -> memoryview:
    """Return the remainders of a whole file, as numbers; nothing is read.

    Raises:
        CorpusError: If they are not all there.
    """
    raw = view[REMAINDERS_AT : header.size]
    if len(raw) != 4 * header.count:
        raise CorpusError("truncated", "it is cut short")
    return raw.cast("I")


def split(digest: bytes) -> tuple[int, int]:
    """Return the number of the range that a SHA-1 belongs to, and its remainder."""
    number = int.from_bytes(digest[:DIGEST_PART], "big") >> 4
    return number >> REMAINDER_BITS, number & 0xFFFF_FFFF


def search(offsets: Sequence[int], remainders: Sequence[int], digest: bytes) -> bool:
    """Return whether a SHA-1 is in the corpus; about 20 steps at most.

    Args:
        offsets: `BUCKETS` + 1 numbers.
        remainders: All of them.
        digest: 20 bytes, of which the first `DIGEST_PART` are looked at.

    Raises:
        CorpusError: If the offsets lead nowhere.
    """
    prefix, remainder = split(digest)
    low, high = offsets[prefix], offsets[prefix + 1]
    if not low <= high <= len(remainders):
        raise CorpusError("damaged", "its offsets are damaged")
    place = bisect_left(remainders, remainder, low, high)
    return place < high and remainders[place] == remainder


def check_remainders(
    offsets: Sequence[int],
    remainders: memoryview,
    header: Header,
    *,
    step: Callable[[], None] = lambda: None,
) -> None:
    """Read all of them: that each range is sorted, and that nothing is damaged.

    Args:
        offsets: `BUCKETS` + 1 numbers.
        remainders: All of them, as `remainders_of` returns them.
        header: What the file says of itself.
        step: Called once a range.

    Raises:
        CorpusError: If anything is wrong.
    """
    crc = 0
    for prefix in range(BUCKETS):
        low, high = offsets[prefix], offsets[prefix + 1]
        if not low <= high <= header.count:
            raise CorpusError("damaged", f"the offsets of range {prefix:05X} are damaged")
        part = remainders[low:high]
        crc = zlib.crc32(part, crc)
        entries = part.tolist()
        if entries != sorted(entries):
            raise CorpusError("damaged", f"range {prefix:05X} is not sorted")
        step()
    if crc != header.remainders_crc:
        raise CorpusError("damaged", "its entries are damaged")
