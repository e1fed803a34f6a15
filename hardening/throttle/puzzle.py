"""The challenge that comes with the app: a proof of work, without anybody else's service.

Nothing is kept of a puzzle until it is solved: it bears a seal over its difficulty, its time, a
random number and the network address that it is for. A solution counts once.

The trap: a spent puzzle is a counter like any other, charged by the statement that says whether
it was spent before. While the store is down each process remembers its own.
"""

from __future__ import annotations

import hmac
import os
from typing import TYPE_CHECKING, Any

from hardening import keys
from hardening.core.addresses import budget_prefix
from hardening.core.puzzle import (
    BITS,
    LIFETIME_SECONDS,
    NONCE_BYTES,
    SEAL_HEX_DIGITS,
    Puzzle,
    is_solved,
    read,
    sealed_parts,
)
from hardening.core.throttle import SECOND_US, Rule
from hardening.keys import Purpose
from hardening.throttle import gates, subjects

if TYPE_CHECKING:
    from collections.abc import Mapping

# One in twice as long as a puzzle holds.
ONCE = (Rule("puzzle", 1, LIFETIME_SECONDS * SECOND_US),)


class Puzzles:
    """Issues puzzles and knows them again.

    A site may change `bits` in a subclass, up to 32: the script compares one word of the digest.
    """

    template_name = "hardening/parts/puzzle.html"
    bits = BITS

    def issue(self, *, address: str | None, now: int) -> dict[str, Any]:
        """Return a new puzzle, and for how many seconds it may be answered."""
        nonce, expires = os.urandom(NONCE_BYTES).hex(), now + LIFETIME_SECONDS
        parts = sealed_parts(self.bits, expires, nonce, _place(address))
        seal = keys.mac(Purpose.PUZZLE, *parts)[:SEAL_HEX_DIGITS]
        puzzle = Puzzle(self.bits, expires, nonce, seal)
        return {"puzzle": str(puzzle), "bits": self.bits, "seconds": LIFETIME_SECONDS}

    def verify(self, answer: Mapping[str, str], *, address: str | None, now: int) -> bool:
        """Return whether `solution` solves `puzzle`, ours, in time, from there, and only now."""
        puzzle = read(answer.get("puzzle", ""))
        if puzzle is None or puzzle.expires <= now:
            return False
        if not _is_ours(puzzle, address) or not is_solved(puzzle, answer.get("solution", "")):
            return False
        return gates.reserve(subjects.puzzle(puzzle.nonce), ONCE, now_us=now * SECOND_US).admitted


def _is_ours(puzzle: Puzzle, address: str | None) -> bool:
    parts = sealed_parts(puzzle.bits, puzzle.expires, puzzle.nonce, _place(address))
    seals = [seal[:SEAL_HEX_DIGITS] for _id, seal in keys.macs(Purpose.PUZZLE, *parts)]
    return any([hmac.compare_digest(seal, puzzle.seal) for seal in seals])  # noqa: C419 - all


def _place(address: str | None) -> str:
    return "" if address is None else budget_prefix(address)
