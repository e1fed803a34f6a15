"""Whose budget a try is charged to. Keys are keyed digests, so the table names nobody."""

from __future__ import annotations

from typing import Any

from hardening import keys
from hardening.keys import Purpose

KEY_HEX_DIGITS = 32  # 16 bytes, throttle.md "Keys"


def account(label: str, user_pk: Any, *, known_browser: bool) -> str:
    """Return the key of one account's budget; known and unknown browsers are kept apart."""
    kind = b"known" if known_browser else b"unknown"
    return _key(label.encode(), str(user_pk).encode(), kind)


def password(user_pk: Any, stored: str) -> str:
    """Return the key of an account's consecutive failures.

    `stored` is the hash in the user's row: with another password, however it came about, the
    count begins anew, since what was guessed at is gone.
    """
    return _key(b"password", str(user_pk).encode(), stored.encode())


def nobody(name: str) -> str:
    """Return the key of a name that no account has; `name` is canonical."""
    return _key(b"nobody", name.encode())


def name(name: str) -> str:
    """Return the digest under which an account's row remembers its canonical name."""
    return _key(b"name", name.encode())


def address(prefix: str) -> str:
    """Return the key of a network address, or of the part of one that is counted together."""
    return _key(b"address", prefix.encode())


def net(prefix: str) -> str:
    """Return the key of the wider net that a network address belongs to."""
    return _key(b"net", prefix.encode())


def mails_of_address(prefix: str) -> str:
    """Return the key of the mails that are sent on behalf of a network address."""
    return _key(b"mails-address", prefix.encode())


def device(nonce: bytes, user_pk: Any) -> str:
    """Return the key of one known browser with one account."""
    return _key(b"device", nonce, str(user_pk).encode())


def puzzle(nonce: str) -> str:
    """Return the key of a puzzle that was solved."""
    return _key(b"puzzle", nonce.encode())


def _key(*parts: bytes) -> str:
    return keys.mac(Purpose.THROTTLE, *parts)[:KEY_HEX_DIGITS]
