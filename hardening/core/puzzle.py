"""A proof of work: a text that a browser counts upwards beside, until a digest begins with zeros.

As in Hashcash (A. Back, 2002): the answer is the number `n` for which the SHA-256 of
``<puzzle>.<n>`` begins with so many zero bits. Finding it takes 2**bits digests on average,
checking it takes one. The text says how hard it is and until when it holds, and ends with a seal
that its issuer alone can make; so nothing has to be kept until it is solved.

Times are Unix seconds.

The trap: the work is small for whoever brings a real machine. It makes a flood dearer and stops
programs that do not bother; it tells nobody apart from anybody.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

BITS = 18  # a quarter of a million digests: a third of a second to a second on a phone
NONCE_BYTES = 16
SEAL_HEX_DIGITS = 32
LIFETIME_SECONDS = 5 * 60
_FORM = re.compile(r"([1-9][0-9]?)\.([1-9][0-9]{0,11})\.([0-9a-f]{32})\.([0-9a-f]{32})")
_ANSWER = re.compile(r"0|[1-9][0-9]{0,14}")


@dataclass(frozen=True, slots=True)
class Puzzle:
    """One puzzle; `str` of it is what the browser gets.

    Attributes:
        bits: How many zero bits are asked for.
        expires: Until when it may be answered, Unix seconds.
        nonce: Hexadecimal, so that no two are alike.
        seal: Hexadecimal; whoever issued it knows it again by that.
    """

    bits: int
    expires: int
    nonce: str
    seal: str

    def __str__(self) -> str:
        return f"{self.bits}.{self.expires}.{self.nonce}.{self.seal}"


def sealed_parts(bits: int, expires: int, nonce: str, place: str) -> tuple[bytes, ...]:
    """Return what a seal is made over; `place` is where the answer has to come from."""
    return (str(bits).encode(), str(expires).encode(), nonce.encode(), place.encode())


def read(text: str) -> Puzzle | None:
    """Return the puzzle that a text is, `None` if it is none; its seal is not looked at."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    return Puzzle(int(found[1]), int(found[2]), found[3], found[4])


def is_solved(puzzle: Puzzle, answer: str) -> bool:
    """Return whether this number was worth the work."""
    if not _ANSWER.fullmatch(answer):
        return False
    digest = hashlib.sha256(f"{puzzle}.{answer}".encode()).digest()
    return zero_bits(digest) >= puzzle.bits


def zero_bits(digest: bytes) -> int:
    """Return with how many zero bits a digest begins."""
    return len(digest) * 8 - int.from_bytes(digest, "big").bit_length()
