"""Settings: `settings.HARDENING`, a dict, read into one frozen `Conf` that knows every key.

A typo is an error with a suggestion, never a default: a mistyped policy must not open a door. The
dict is read once and again after Django's `setting_changed`, so `override_settings` works.
Units stand in the names. Dates without a zone are UTC.

The trap: changing the dict in place is not seen; settings are replaced, not edited. And no
message here shows a value of a key that may hold a secret.
"""

from __future__ import annotations

import difflib
import functools
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from hardening.core.values import Strength

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

NAME = "HARDENING"
MIN_VAULT_KEY_CHARACTERS = 32  # 128 bits even if somebody types hexadecimal digits
MAX_PARKED_LOGIN_SECONDS = 60 * 60  # login.md: a waiting sign-in lives for minutes
MAX_STEP_UP_SECONDS = 24 * 60 * 60  # NIST SP 800-63B-4 §2.2.3: no proof is fresh for longer


@dataclass(frozen=True, slots=True)
class FloorPolicy:
    """A policy that no row in the admin can lower.

    `strength` is a slug of `core.values.Strength`; `due` is in Unix seconds, `None`: at once.
    """

    role: str
    strength: str = "any"
    due: int | None = None


@dataclass(frozen=True, slots=True)
class Conf:
    """Every key of `settings.HARDENING` with its default. Keys that may hold secrets hide in repr.

    Attributes:
        ENFORCE: False is the kill switch: nobody is asked for anything beyond the password.
        ISSUER: The site's name in authenticator apps; `None`: the caller uses the site's name.
        POLICIES: The floor; see `FloorPolicy`.
        VAULT_KEYS: Newest first, at least 32 characters each; empty: derived from `SECRET_KEY`.
        VAULT_PROVIDER: Dotted path of a callable that returns such a list instead.
        PARKED_LOGIN_SECONDS: How long a sign-in may wait for its second step.
        STEP_UP_SECONDS: How old a fresh proof may be.
        MAIL_FROM: Sender of our mails; `None`: `DEFAULT_FROM_EMAIL`.
        BASE_TEMPLATE: What our pages extend.
        SUPPORT: How people reach an operator; shown where no other way is left.
    """

    ENFORCE: bool = True
    ISSUER: str | None = None
    POLICIES: tuple[FloorPolicy, ...] = (FloorPolicy("staff"), FloorPolicy("superuser"))
    VAULT_KEYS: tuple[str, ...] = field(default=(), repr=False)
    VAULT_PROVIDER: str | None = None
    PARKED_LOGIN_SECONDS: int = 600
    STEP_UP_SECONDS: int = 300
    MAIL_FROM: str | None = None
    BASE_TEMPLATE: str = "hardening/base.html"
    SUPPORT: str = ""


class _MistakeError(Exception):
    """What is wrong with one value, each as the end of a sentence that begins with its key."""

    def __init__(self, *said: str) -> None:
        super().__init__(*said)
        self.said = said


def conf() -> Conf:
    """Return the settings.

    Raises:
        ImproperlyConfigured: If anything in `settings.HARDENING` is wrong; all of it is said.
    """
    read, mistakes = _read()
    if mistakes:
        raise ImproperlyConfigured("\n".join(mistakes))
    return read


def problems() -> list[str]:
    """Return every mistake in `settings.HARDENING`, for the system check."""
    return list(_read()[1])


def site_secrets() -> tuple[bytes, ...]:
    """Return `SECRET_KEY` and its fallbacks, newest first, for the key ring's default roots.

    Empty fallbacks are left out: whoever reads this line would know the key made of one.

    Raises:
        ImproperlyConfigured: If `SECRET_KEY` is empty; Django says so.
    """
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    return tuple(
        secret if isinstance(secret, bytes) else secret.encode() for secret in secrets if secret
    )


@functools.cache
def _read() -> tuple[Conf, tuple[str, ...]]:
    given = getattr(settings, NAME, {})
    if not isinstance(given, dict):
        return Conf(), (f"{NAME} must be a dict, not {_kind(given)}.",)
    mistakes = [_unknown(key, _READERS, NAME) for key in given if key not in _READERS]
    values, wrong = _entries(given, _READERS)
    mistakes += [f"{NAME}{said}" for said in wrong]
    if given.get("VAULT_KEYS") and given.get("VAULT_PROVIDER"):
        mistakes.append(f"{NAME} has both VAULT_KEYS and VAULT_PROVIDER: keep one of them.")
    return Conf(**values), tuple(mistakes)


def _entries(
    given: dict[Any, Any], readers: Mapping[str, Callable[[object], Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Read the keys that are given; what could be read, and what is wrong with the rest."""
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for key, read in readers.items():
        if key in given:
            try:
                values[key] = read(given[key])
            except _MistakeError as mistake:
                mistakes += [f'["{key}"]{said}' for said in mistake.said]
    return values, mistakes


def _forget(*, setting: str, **_: Any) -> None:
    if setting == NAME:
        _read.cache_clear()


setting_changed.connect(_forget, dispatch_uid="hardening.conf")


def _unknown(key: object, known: Iterable[str], where: str) -> str:
    near = difflib.get_close_matches(str(key).upper(), [name.upper() for name in known], n=1)
    meant = next((name for name in known if near and name.upper() == near[0]), None)
    hint = f" Did you mean {meant!r}?" if meant else f" Known are: {', '.join(known)}."
    return f"{where} has an unknown key {key!r}.{hint}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


# ---------------------------------------------------------------- one reader a type


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise _MistakeError(f" must be True or False, not {_kind(value)}.")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise _MistakeError(f" must be a string, not {_kind(value)}.")
    if not value.isprintable():
        raise _MistakeError(" must be one line without control characters.")
    return value


def _name(value: object) -> str:
    text = _text(value)
    if not text.strip():
        raise _MistakeError(" must not be empty.")
    return text


def _issuer(value: object) -> str | None:
    # Whatever is left without its colons is what an authenticator app shows.
    if value is not None and not _text(value).strip(": "):
        raise _MistakeError(" must not be empty.")
    return None if value is None else _text(value)


def _name_or_none(value: object) -> str | None:
    return None if value is None else _name(value)


def _paragraph(value: object) -> str:
    if not isinstance(value, str):
        raise _MistakeError(f" must be a string, not {_kind(value)}.")
    return value


def _seconds(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _MistakeError(f" must be a whole number of seconds, not {_kind(value)}.")
        if not 1 <= value <= most:
            raise _MistakeError(f" must be from 1 to {most} seconds.")
        return value

    return read


def _dotted_path(value: object) -> str | None:
    if value is None:
        return None
    path = _text(value)
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):  # noqa: PLR2004
        raise _MistakeError(" must be a dotted path such as 'site.vault.keys'.")
    return path


def _each(value: object, what: str, read: Callable[[object], Any]) -> tuple[Any, ...]:
    """Read a list; every entry's mistakes are said, not only the first."""
    if not isinstance(value, list | tuple):
        raise _MistakeError(f" must be a list of {what}, not {_kind(value)}.")
    entries, mistakes = [], []
    for place, entry in enumerate(value):
        try:
            entries.append(read(entry))
        except _MistakeError as mistake:
            mistakes += [f"[{place}]{said}" for said in mistake.said]
    if mistakes:
        raise _MistakeError(*mistakes)
    return tuple(entries)


def _vault_keys(value: object) -> tuple[str, ...]:
    return _each(value, "strings", _vault_key)


def _vault_key(value: object) -> str:
    if not isinstance(value, str):
        raise _MistakeError(f" must be a string, not {_kind(value)}.")
    if len(value) < MIN_VAULT_KEY_CHARACTERS:
        raise _MistakeError(f" must have {MIN_VAULT_KEY_CHARACTERS} characters or more.")
    return value


def _policies(value: object) -> tuple[FloorPolicy, ...]:
    return _each(value, "dicts", _policy)


def _policy(value: object) -> FloorPolicy:
    if not isinstance(value, dict):
        raise _MistakeError(f' must be a dict such as {{"role": "staff"}}, not {_kind(value)}.')
    mistakes = [
        f": {_unknown(key, _POLICY_READERS, 'a policy')}"
        for key in value
        if key not in _POLICY_READERS
    ]
    if "role" not in value:
        mistakes.append(' must name a "role".')
    values, wrong = _entries(value, _POLICY_READERS)
    if mistakes or wrong:
        raise _MistakeError(*mistakes, *wrong)
    return FloorPolicy(**values)


def _strength(value: object) -> str:
    slugs = [strength.slug for strength in Strength if strength is not Strength.NONE]
    if value not in slugs:
        raise _MistakeError(f" must be one of {', '.join(slugs)}.")
    return str(value)


def _due(value: object) -> int | None:
    if value is None:
        return None
    text = _text(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _MistakeError(
            " must be a date or a time in ISO 8601 such as '2027-01-31', UTC unless it says."
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


_POLICY_READERS: Mapping[str, Callable[[object], Any]] = {
    "role": _name,
    "strength": _strength,
    "due": _due,
}
_READERS: Mapping[str, Callable[[object], Any]] = {
    "ENFORCE": _boolean,
    "ISSUER": _issuer,
    "POLICIES": _policies,
    "VAULT_KEYS": _vault_keys,
    "VAULT_PROVIDER": _dotted_path,
    "PARKED_LOGIN_SECONDS": _seconds(MAX_PARKED_LOGIN_SECONDS),
    "STEP_UP_SECONDS": _seconds(MAX_STEP_UP_SECONDS),
    "MAIL_FROM": _name_or_none,
    "BASE_TEMPLATE": _name,
    "SUPPORT": _paragraph,
}
