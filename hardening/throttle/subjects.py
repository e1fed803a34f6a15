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


def _key(*parts: bytes) -> str:
    return keys.mac(Purpose.THROTTLE, *parts)[:KEY_HEX_DIGITS]
