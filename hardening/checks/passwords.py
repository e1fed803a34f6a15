"""How passwords are kept: the first hasher is what every new password, and every right one, gets.

All of them run at deployment only: settings for tests hash cheaply, and should.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    MD5PasswordHasher,
    ScryptPasswordHasher,
)
from django.core.checks import CheckMessage
from django.core.checks import Warning as Caution
from django.utils.module_loading import import_string

from hardening.conf import conf, problems
from hardening.hashers import Argon2idHasher

if TYPE_CHECKING:
    from collections.abc import Iterable

OURS = "hardening.hashers.Argon2idHasher"
MEMORY_HARD = (Argon2PasswordHasher, ScryptPasswordHasher)
# Of Django's own; the unsalted ones are gone since 5.1, and live on in copies.
BROKEN = ("md5", "sha1", "unsalted_md5", "unsalted_sha1", "crypt")


def first_hasher_is_memory_hard(**_: Any) -> Iterable[CheckMessage]:
    """W009 (deploy): what a stolen table costs to guess at is decided by the first hasher."""
    hasher = _first_hasher()
    if hasher is None or _is_memory_hard(hasher):
        return
    if issubclass(hasher, MD5PasswordHasher) or hasher.algorithm in BROKEN:
        said = "computes billions of hashes a second: a stolen table is as good as plain passwords"
    else:
        said = "needs no memory, so graphics cards guess at a stolen table in great numbers"
    yield Caution(
        f"The first of PASSWORD_HASHERS, {hasher.__name__}, {said}.",
        hint=f"Put {OURS!r} before it; each password is hashed anew at its next sign-in.",
        id="hardening.W009",
    )


def peppers_are_used(**_: Any) -> Iterable[CheckMessage]:
    """W010 (deploy): only our hasher knows peppers; whoever set one believes it is at work."""
    if problems() or not conf().PEPPER_KEYS:
        return
    hasher = _first_hasher()
    if hasher is not None and not issubclass(hasher, Argon2idHasher):
        yield Caution(
            "HARDENING['PEPPER_KEYS'] is set, and new passwords are hashed without a pepper: "
            f"the first of PASSWORD_HASHERS is {hasher.__name__}.",
            hint=f"Put {OURS!r} (or a subclass) first, or remove PEPPER_KEYS.",
            id="hardening.W010",
        )


def _first_hasher() -> Any:
    """Return the class, `None` where it cannot be imported: Django raises when it is needed."""
    try:
        return import_string(next(iter(settings.PASSWORD_HASHERS), ""))
    except ImportError:
        return None


def _is_memory_hard(hasher: Any) -> bool:
    """Judge what is not Django's by its name."""
    name = str(getattr(hasher, "algorithm", ""))
    return issubclass(hasher, MEMORY_HARD) or "argon2" in name or "scrypt" in name
