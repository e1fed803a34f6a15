"""Argon2id for ``PASSWORD_HASHERS``, with costs that name their source and an optional pepper.

A stored hash is Django's own, with the id of the pepper in the place of the word ``argon2id``::

    hardening_argon2id$<8 hexadecimal digits, or "-">$v=19$m=65536,t=3,p=4$<salt>$<tag>

It stands beside Django's ``argon2`` hashes, which are made anew at the next sign-in if this class
comes first. With ``HARDENING["PEPPER_KEYS"]`` (newest first) the password goes through HMAC-SHA256
under the newest key before it goes into Argon2, so that a stolen table alone cannot be guessed at.
A hash of an older pepper, or of none, is made anew at the next sign-in.

Memory is in KiB. Passwords are hashed as they came: nothing is cut, NUL bytes and lone surrogates
count, and how long one may be is for the forms and Django's limit on a request's body to say.

The trap: a pepper that is lost takes every password made with it along. Such a hash matches
nothing, takes as long as any other, and is logged once.
"""

from __future__ import annotations

import hmac
import logging
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from argon2.low_level import hash_secret
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.core.signals import setting_changed
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_noop
from django.views.decorators.debug import sensitive_variables

from hardening import keys

if TYPE_CHECKING:
    from argon2 import Parameters

    from hardening.keys import Key


class Cost(NamedTuple):
    """What one hash costs: passes over the memory, memory in KiB, lanes."""

    time_cost: int
    memory_cost: int
    parallelism: int


RFC_9106_SECOND = Cost(3, 64 * 1024, 4)  # RFC 9106 §4, the second recommended option
OWASP_MINIMUM = Cost(2, 19 * 1024, 1)  # OWASP Password Storage Cheat Sheet, "Argon2id"

NO_PEPPER = "-"
PEPPER_ID_DIGITS = 8  # a column has 127 characters for the whole; a ring holds a few keys
MIN_LANE_MEMORY = 8  # KiB a lane, RFC 9106 §3.1
SHAPE = re.compile(
    rf"(-|[0-9a-f]{{{PEPPER_ID_DIGITS}}})"  # which pepper
    r"\$(v=[0-9]+\$m=[0-9]+,t=[0-9]+,p=[0-9]+"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{6,})"  # RFC 9106 §3.1: a salt of 8 bytes, a tag of 4
)

log = logging.getLogger("hardening")
_lost: set[str] = set()  # ids of peppers that were remarked on


class Argon2idHasher(Argon2PasswordHasher):
    """RFC 9106's second recommended option. Subclass it for other costs, as Django's own."""

    algorithm = "hardening_argon2id"
    time_cost, memory_cost, parallelism = RFC_9106_SECOND

    @sensitive_variables()
    def encode(self, password: str | bytes, salt: str) -> str:
        """Return the hash of a password under the newest pepper, for a column of 128 characters.

        Raises:
            TypeError: If the password is `None`.
            ValueError: If the salt is empty or holds a ``$``.
            argon2.exceptions.HashingError: If the memory for it is not to be had.
        """
        self._check_encode_args(password, salt)  # type: ignore[attr-defined]  # not in the stubs
        ring = keys.peppers()
        return self._encoded(password, salt.encode(), self.params(), ring[0] if ring else None)

    @sensitive_variables("password")
    def verify(self, password: str | bytes, encoded: str) -> bool:
        """Return whether a password is the one of this hash; false if it cannot be told.

        Raises:
            argon2.exceptions.HashingError: If the memory for it is not to be had. That is no
                wrong password, and must not be counted as one.
        """
        try:
            decoded = self.decode(encoded)
        except ValueError:
            self._take_as_long(password)
            return False
        pepper = self._pepper(decoded["pepper"])
        computed = self._encoded(
            password, decoded["salt"].encode("latin1"), decoded["params"], pepper
        )
        # Where the pepper is lost, the computed hash bears another id, and never matches.
        return constant_time_compare(encoded, computed)

    def decode(self, encoded: str) -> dict[str, Any]:
        """Return what Django's hasher does, and ``pepper``: the id of one, or "-".

        Raises:
            ValueError: If it is no hash of this class. The hash is not in the message.
        """
        algorithm, _, rest = encoded.partition("$")
        found = SHAPE.fullmatch(rest)
        if algorithm != self.algorithm or found is None:
            raise ValueError(f"not a hash of {self.algorithm}")
        pepper, plain = found.groups()
        decoded: dict[str, Any] = super().decode(f"{algorithm}$argon2id${plain}")
        return {**decoded, "pepper": pepper}

    def safe_summary(self, encoded: str) -> dict[Any, Any]:
        """Return the costs and which pepper; of salt and hash not a character."""
        decoded = self.decode(encoded)
        return {
            gettext_noop("algorithm"): decoded["algorithm"],
            gettext_noop("variety"): decoded["variety"],
            gettext_noop("version"): decoded["version"],
            gettext_noop("memory cost"): decoded["memory_cost"],
            gettext_noop("time cost"): decoded["time_cost"],
            gettext_noop("parallelism"): decoded["parallelism"],
            gettext_noop("pepper"): decoded["pepper"],
        }

    def must_update(self, encoded: str) -> bool:
        """Return whether costs, salt or pepper are not today's."""
        try:
            pepper = self.decode(encoded)["pepper"]
        except ValueError:
            return True
        return pepper != _id(next(iter(keys.peppers()), None)) or super().must_update(encoded)

    @sensitive_variables("password")
    def harden_runtime(self, password: str | bytes, encoded: str) -> None:
        """Spend what a cheaper, older hash saved: the time of Argon2 goes by passes times memory.

        What was dearer than today's cannot be hidden this way.
        """
        try:
            old = self.decode(encoded)["params"]
        except ValueError:
            return  # `verify` took as long already
        new = self.params()
        saved = new.time_cost * new.memory_cost - old.time_cost * old.memory_cost
        new.memory_cost = saved // new.time_cost
        if new.memory_cost >= MIN_LANE_MEMORY * new.parallelism:
            self._encoded(password, self.salt().encode(), new, None)

    @sensitive_variables("password")
    def _take_as_long(self, password: str | bytes) -> None:
        self._encoded(password, self.salt().encode(), self.params(), None)

    @sensitive_variables()
    def _encoded(
        self, password: str | bytes, salt: bytes, params: Parameters, pepper: Key | None
    ) -> str:
        # Lone surrogates come out of JSON; an error about them would show the password.
        secret = (
            password if isinstance(password, bytes) else password.encode(errors="surrogatepass")
        )
        if pepper is not None:
            secret = hmac.digest(pepper.secret, secret, "sha256")
        made = hash_secret(
            secret,
            salt,
            time_cost=params.time_cost,
            memory_cost=params.memory_cost,
            parallelism=params.parallelism,
            hash_len=params.hash_len,
            type=params.type,
            version=params.version,
        )
        plain = made.decode("ascii").removeprefix("$argon2id$")
        return f"{self.algorithm}${_id(pepper)}${plain}"

    @sensitive_variables("ring")
    def _pepper(self, wanted: str) -> Key | None:
        """Return the pepper of this id, `None` for a hash without one, or for a lost one."""
        ring = keys.peppers()
        found = next((key for key in ring if _id(key) == wanted), None)
        if found is None and wanted != NO_PEPPER and wanted not in _lost:
            _lost.add(wanted)
            log.error(
                "Password hashes name the pepper %s, which is not in HARDENING['PEPPER_KEYS']: "
                "their passwords are refused until it is back or they are reset.",
                wanted,
            )
        return found


def _id(pepper: Key | None) -> str:
    return NO_PEPPER if pepper is None else pepper.id[:PEPPER_ID_DIGITS]


def _forget(**_: Any) -> None:
    _lost.clear()


setting_changed.connect(_forget, dispatch_uid="hardening.hashers")
