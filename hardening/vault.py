"""The vault: secrets sealed with AES-256-GCM, as text for a column.

`v1.<key id>.<Base64url of nonce, ciphertext and tag, unpadded>`. Version, key id and the caller's
*context* (such as ``factor:7:user:3``) are authenticated with it, so that a sealed value copied
to another row does not open. Keys come from the ring (`keys`, purpose ``vault``).

Every value gets 96 fresh random bits as its nonce: good for 2^32 values a key (NIST SP 800-38D
§8.3), far more than a site has factors.

The trap: a value that does not open is an alarm, not an absence. Callers treat the factor as there
and unusable; whoever reads `Unsealable` as "no factor" has switched off the second factor.
"""

from __future__ import annotations

import base64
import os
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.views.decorators.debug import sensitive_variables

from hardening import keys
from hardening.keys import Purpose

VERSION = "v1"
NONCE_BYTES = 12  # NIST SP 800-38D §5.2.1.1: 96 bits
TAG_BYTES = 16  # AES-GCM's full tag
LENGTH_BYTES = 4


class Unsealing(StrEnum):
    """Why a value did not open; for the event, never for a page."""

    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown-key"
    TAMPERED = "tampered"


class Unsealable(Exception):  # noqa: N818 - what is wrong, said as the rooms say it
    """A sealed value that does not open. It says why and holds nothing of the value."""

    def __init__(self, reason: Unsealing) -> None:
        super().__init__(f"a sealed value does not open: {reason}")
        self.reason = reason


@sensitive_variables()
def seal(plaintext: bytes, *, context: str) -> str:
    """Return `plaintext` sealed with the newest key for this context and no other."""
    key = keys.current(Purpose.VAULT)
    nonce = os.urandom(NONCE_BYTES)
    box = AESGCM(key.secret).encrypt(nonce, plaintext, _bound(key.id, context))
    return f"{VERSION}.{key.id}.{_encode(nonce + box)}"


@sensitive_variables()
def unseal(sealed: str, *, context: str) -> bytes:
    """Return what was sealed for this context.

    Raises:
        Unsealable: If it does not open, whatever the reason.
    """
    key_id, box = _parse(sealed)
    for key in keys.candidates(Purpose.VAULT):
        if key.id == key_id:
            return _open(key, box, _bound(key_id, context))
    raise Unsealable(Unsealing.UNKNOWN_KEY)


def sealed_by(sealed: str) -> str | None:
    """Return the id of the key that sealed a value, `None` if it is no sealed value."""
    try:
        return _parse(sealed)[0]
    except Unsealable:
        return None


def needs_resealing(sealed: str) -> bool:
    """Return whether a value is not the newest key's; true also of what is no sealed value.

    So that whoever re-seals everything stumbles over it and says so.
    """
    return sealed_by(sealed) != keys.current(Purpose.VAULT).id


@sensitive_variables()
def _open(key: keys.Key, box: bytes, bound: bytes) -> bytes:
    try:
        return AESGCM(key.secret).decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], bound)
    except InvalidTag:
        raise Unsealable(Unsealing.TAMPERED) from None


def _bound(key_id: str, context: str) -> bytes:
    # Length-prefixed, so that no two triples of version, key and context read alike.
    parts = (VERSION.encode(), key_id.encode(), context.encode())
    return b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)


def _parse(sealed: str) -> tuple[str, bytes]:
    version, _, rest = sealed.partition(".")
    key_id, _, text = rest.partition(".")
    box = _decode(text)
    if version != VERSION or not key_id or box is None or len(box) < NONCE_BYTES + TAG_BYTES:
        raise Unsealable(Unsealing.MALFORMED)
    return key_id, box


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes | None:
    # Strict: `urlsafe_b64decode` skips foreign characters, and the last one may carry idle bits.
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return octets if _encode(octets) == text else None
