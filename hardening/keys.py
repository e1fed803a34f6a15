"""The key ring: one key a purpose, derived from a few roots, newest first.

Roots are `HARDENING["VAULT_KEYS"]`, or what `VAULT_PROVIDER` returns, or else `SECRET_KEY` and its
fallbacks. Each purpose gets a key of its own by HKDF-SHA256 (RFC 5869), so that a code's digest
never doubles as a cookie's. A key's id is derived beside it and tells nothing about it; stored
values carry the id. The newest root makes, every root still on the ring reads.

The trap: a ring holds what it is given and nothing else. A site that has lived on the default and
sets `VAULT_KEYS` must list the value of its `SECRET_KEY` last, until `hardening_rekey` has run and
says that nothing needs it any more; the derivation is the same, so everything still opens.
A provider is asked once a process: after rotating there, restart.
"""

from __future__ import annotations

import functools
import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed
from django.utils.module_loading import import_string
from django.views.decorators.debug import sensitive_variables

from hardening.conf import MIN_VAULT_KEY_CHARACTERS, conf, site_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

KEY_BYTES = 32  # AES-256; HMAC-SHA256's own length
ID_BYTES = 6  # tells the few keys of a ring apart
LENGTH_BYTES = 8  # before each part of a message
SALT = b"django-hardening key ring v1"  # changing it voids everything stored


class Purpose(StrEnum):
    """What a key is for. The values go into the derivation: changing one voids what it made."""

    VAULT = "vault"  # seals secrets
    RECOVERY = "recovery"  # digests of recovery codes
    MAILBOX = "mailbox"  # digests of mailed codes
    TICKET = "ticket"  # digests of enrolment tickets
    BREAK_GLASS = "break-glass"  # digests of break-glass codes
    THROTTLE = "throttle"  # names of counters
    DEVICE = "device"  # entries of the device cookie
    PUZZLE = "puzzle"  # seals of puzzles
    AUDIT = "audit"  # events and their seals
    DISOWN = "disown"  # links "this wasn't me"
    UNLOCK = "unlock"  # digests of mailed unlock links
    BREACH = "breach"  # names and seals ranges of leaked passwords in a shared cache
    PEPPER = "pepper"  # mixed into passwords; its roots are PEPPER_KEYS, see `peppers`


@dataclass(frozen=True, slots=True)
class Key:
    """A key for one purpose: `KEY_BYTES` of secret, and an id that may be stored and logged."""

    id: str
    secret: bytes = field(repr=False)


def current(purpose: Purpose) -> Key:
    """Return the key that new values are made with.

    Raises:
        ImproperlyConfigured: If the settings hold no usable root.
    """
    return candidates(purpose)[0]


@sensitive_variables()
def candidates(purpose: Purpose) -> tuple[Key, ...]:
    """Return every key on the ring for this purpose, newest first; never empty.

    Raises:
        ImproperlyConfigured: If the settings hold no usable root.
    """
    return tuple(_derive(root, purpose) for root in _roots())


@sensitive_variables()
def peppers() -> tuple[Key, ...]:
    """Return the keys that are mixed into passwords, newest first; empty where none is set.

    Their roots are `PEPPER_KEYS` and nothing else: a ring of their own, because what was made
    with a vault's key can be made anew, and a password hash cannot.
    """
    return tuple(_derive(key.encode(), Purpose.PEPPER) for key in conf().PEPPER_KEYS)


@sensitive_variables("parts")
def mac(purpose: Purpose, *parts: bytes) -> str:
    """Return the HMAC-SHA256 of these parts under the newest key, in hexadecimal.

    Parts are length-prefixed: ``(b"a", b"bc")`` and ``(b"ab", b"c")`` differ.
    """
    return _digest(current(purpose), parts)


@sensitive_variables("parts")
def macs(purpose: Purpose, *parts: bytes) -> tuple[tuple[str, str], ...]:
    """Return (key id, `mac`) for every key on the ring, newest first.

    A stored digest may have been made by any of them.
    """
    return tuple((key.id, _digest(key, parts)) for key in candidates(purpose))


def is_default() -> bool:
    """Return whether the ring hangs on `SECRET_KEY`, which more people know than a vault's key."""
    chosen = conf()
    return not chosen.VAULT_KEYS and chosen.VAULT_PROVIDER is None


@sensitive_variables()
def _roots() -> tuple[bytes, ...]:
    chosen = conf()
    if chosen.VAULT_PROVIDER is not None:
        return _provided(chosen.VAULT_PROVIDER)
    return tuple(key.encode() for key in chosen.VAULT_KEYS) or site_secrets()


@functools.cache
@sensitive_variables()
def _provided(path: str) -> tuple[bytes, ...]:
    try:
        provider = import_string(path)
    except ImportError as error:
        raise ImproperlyConfigured(f"VAULT_PROVIDER {path!r} cannot be imported.") from error
    roots = provider()
    if not isinstance(roots, list | tuple) or not roots:
        raise ImproperlyConfigured(
            f"VAULT_PROVIDER {path!r} must return a list with a key or more."
        )
    if not all(isinstance(root, bytes | str) for root in roots):
        raise ImproperlyConfigured(f"VAULT_PROVIDER {path!r} must return bytes or strings.")
    if any(len(root) < MIN_VAULT_KEY_CHARACTERS for root in roots):
        raise ImproperlyConfigured(
            f"VAULT_PROVIDER {path!r} returned a key shorter than {MIN_VAULT_KEY_CHARACTERS}."
        )
    return tuple(root if isinstance(root, bytes) else root.encode() for root in roots)


@functools.lru_cache(maxsize=64)
@sensitive_variables()
def _derive(root: bytes, purpose: Purpose) -> Key:
    hkdf = HKDF(
        algorithm=SHA256(), length=KEY_BYTES + ID_BYTES, salt=SALT, info=purpose.value.encode()
    )
    material = hkdf.derive(root)
    return Key(id=material[KEY_BYTES:].hex(), secret=material[:KEY_BYTES])


@sensitive_variables()
def _digest(key: Key, parts: Sequence[bytes]) -> str:
    message = b"".join(len(part).to_bytes(LENGTH_BYTES, "big") + part for part in parts)
    return hmac.digest(key.secret, message, "sha256").hex()


def _forget(**_: Any) -> None:
    # Any setting: what a provider returns may hang on settings of its own.
    _provided.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hardening.keys")
