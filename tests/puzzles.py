"""Solving the login page's puzzle as a program does; its script is tested in browsers."""

from __future__ import annotations

import hashlib
from itertools import count


def solve(issued):
    """Return the fields that answer a puzzle as it was issued."""
    return next(_answers(issued, right=True))


def wrong(issued):
    """Return fields that answer it wrongly."""
    return next(_answers(issued, right=False))


def _answers(issued, *, right):
    prefix, most = hashlib.sha256(f"{issued['puzzle']}.".encode()), 1 << (256 - issued["bits"])
    for number in count():
        tried = prefix.copy()
        tried.update(str(number).encode())
        if (int.from_bytes(tried.digest(), "big") < most) is right:
            yield {"puzzle": issued["puzzle"], "solution": str(number)}
