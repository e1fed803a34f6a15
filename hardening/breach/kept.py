"""Ranges that were fetched already: a few in this process, many in a shared cache.

`Recent` is for double posts. `Shared` is a Django cache for all processes; ranges grow by about one
edition a month, so that a day changes nothing. Any fault of the cache is a miss.

The trap: who holds the public list knows a range's prefix by any of its rows. So a digest as the
entry's name would hide nothing by itself: its value is sealed as well, with a key of its own.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.cache import caches
from django.views.decorators.debug import sensitive_variables

from hardening import keys

RECENT = 32
RECENT_US = 5 * 60 * 1_000_000
SHARED_SECONDS = 24 * 3600  # breach.md; the API itself says 31 days
NONCE_BYTES = 12  # of AES-GCM

log = logging.getLogger("hardening")


class Recent:
    """The last `RECENT` ranges, each for `RECENT_US`. Not for two threads at once."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, tuple[bytes, int]] = OrderedDict()

    @sensitive_variables()
    def get(self, prefix: str, *, now_us: int) -> bytes | None:
        """Return the rows of a range, if they are here and not too old."""
        rows, until_us = self._rows.get(prefix, (None, 0))
        if rows is None or now_us >= until_us:
            self._rows.pop(prefix, None)
            return None
        self._rows.move_to_end(prefix)
        return rows

    @sensitive_variables()
    def put(self, prefix: str, rows: bytes, *, now_us: int) -> None:
        """Keep the rows of a range; the one longest unused makes room."""
        self._rows[prefix] = (rows, now_us + RECENT_US)
        self._rows.move_to_end(prefix)
        if len(self._rows) > RECENT:
            self._rows.popitem(last=False)


class Shared:
    """Ranges in a Django cache, under names and seals that only this site can make."""

    def __init__(self, alias: str, url: str) -> None:
        self._alias = alias
        self._url = url.encode()  # another server's ranges are others
        self._untold = threading.Lock()  # taken by who says it first, and never given back

    @sensitive_variables()
    def get(self, prefix: str) -> bytes | None:
        """Return the body of a range; `None` if it is not there, not ours or not to be had."""
        try:
            sealed = caches[self._alias].get(self._name(prefix))
            if not isinstance(sealed, bytes):
                return None
            box, name = self._box(prefix), self._name(prefix).encode()
            return box.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name)
        except Exception as fault:  # noqa: BLE001 - every fault is a miss
            self._tell(fault)
            return None

    @sensitive_variables()
    def put(self, prefix: str, body: bytes) -> None:
        """Keep the body of a range, if the cache takes it."""
        try:
            name, nonce = self._name(prefix), os.urandom(NONCE_BYTES)
            sealed = nonce + self._box(prefix).encrypt(nonce, body, name.encode())
            caches[self._alias].set(name, sealed, SHARED_SECONDS)
        except Exception as fault:  # noqa: BLE001 - it will be fetched again
            self._tell(fault)

    def _name(self, prefix: str) -> str:
        digest = keys.mac(keys.Purpose.BREACH, b"name", self._url, prefix.encode())
        return f"hardening-breach-{digest}"

    def _box(self, prefix: str) -> AESGCM:
        digest = keys.mac(keys.Purpose.BREACH, b"seal", self._url, prefix.encode())
        return AESGCM(bytes.fromhex(digest))

    def _tell(self, fault: Exception) -> None:
        # Once a process: a cache that is down is asked at every sign-in, by several threads.
        if self._untold.acquire(blocking=False):
            log.warning("hardening: BREACH_CACHE raised %s", type(fault).__name__)
