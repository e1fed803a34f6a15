"""Solving the login page's puzzle as a program does; its script is tested in browsers."""

from __future__ import annotations

import hashlib
from itertools import count


def solve(issued):
    """Return the fields that answer a puzzle as it was issued."""
    prefix, most = hashlib.sha256(f"{issued['puzzle']}.".encode()), 1 << (256 - issued["bits"])
    for number in count():
        tried = prefix.copy()
        tried.update(str(number).encode())
        if int.from_bytes(tried.digest(), "big") < most:
            break
    return {"puzzle": issued["puzzle"], "solution": str(number)}


def wrong(issued):
    """Return fields that answer it wrongly."""
    right = int(solve(issued)["solution"])
    return {"puzzle": issued["puzzle"], "solution": str(right + 1)}
