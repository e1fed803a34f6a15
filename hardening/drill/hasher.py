"""A password hasher that costs next to nothing and counts how often it is asked.

The hash is not the subject of the drill; that one was computed, or was not, is. What the site's
own hasher would have cost is measured apart, once.

The trap: the count is kept a thread, so that parallel tries are told apart.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.contrib.auth.hashers import BasePasswordHasher

if TYPE_CHECKING:
    from collections.abc import Iterator


SALT = "drill"


class _Count(threading.local):
    """How many hashes this thread has computed."""

    hashes = 0


_count = _Count()
_slowness = [0.0]  # seconds, of every thread


class CountingHasher(BasePasswordHasher):
    """SHA-256, once. Never for a real site."""

    algorithm = "drill"

    def salt(self) -> str:
        """Return a salt; which one does not matter here."""
        return SALT

    def encode(self, password: str, salt: str) -> str:
        """Hash and count."""
        _count.hashes += 1
        if _slowness[0]:
            time.sleep(_slowness[0])
        return encoded(password, salt)

    def decode(self, encoded: str) -> dict[str, Any]:
        """Take a stored hash apart."""
        algorithm, salt, digest = encoded.split("$", 2)
        return {"algorithm": algorithm, "salt": salt, "hash": digest}

    def verify(self, password: str, encoded: str) -> bool:
        """Compare with a stored hash."""
        return hmac.compare_digest(encoded, self.encode(password, self.decode(encoded)["salt"]))

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """Tell what may be shown."""
        return {"algorithm": self.decode(encoded)["algorithm"]}


def encoded(password: str, salt: str = SALT) -> str:
    """Return the stored form, uncounted: for making people."""
    digest = hashlib.sha256(f"{salt}{password}".encode()).hexdigest()
    return f"{CountingHasher.algorithm}${salt}${digest}"


def hashes() -> int:
    """Return how many hashes this thread has computed."""
    return _count.hashes


@contextmanager
def slow(seconds: float) -> Iterator[None]:
    """Let every hash take a while, in all threads: parallel tries must overlap to be a test."""
    _slowness[0] = seconds
    try:
        yield
    finally:
        _slowness[0] = 0.0
