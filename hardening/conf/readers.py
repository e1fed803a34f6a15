"""One reader a type for the keys of `settings.HARDENING`: a value in, what `Conf` holds out.

Every mistake is said, each as the end of a sentence that begins with its key.

The trap: no message shows a value of a key that may hold a secret.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hardening.core.values import PasswordMode, Strength

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MIN_VAULT_KEY_CHARACTERS = 32  # 128 bits even if somebody types hexadecimal digits
MAX_PARKED_LOGIN_SECONDS = 60 * 60  # login.md: a waiting sign-in lives for minutes
MIN_SESSION_SECONDS = 60
MIN_ABSOLUTE_SECONDS = 15 * 60  # own: less ends a session before its owner has undone the limit
MAX_SESSION_SECONDS = 365 * 24 * 60 * 60
MAX_PARALLEL_SESSIONS = 100
MAX_STEP_UP_SECONDS = 24 * 60 * 60  # NIST SP 800-63B-4 §2.2.3: no proof is fresh for longer


@dataclass(frozen=True, slots=True)
class FloorPolicy:
    """A policy that no row in the admin can lower.

    `strength` is a slug of `core.values.Strength`, `breached_passwords` one of `PasswordMode`;
    `due` is in Unix seconds, `None`: at once.
    """

    role: str
    strength: str = "any"
    due: int | None = None
    breached_passwords: str = PasswordMode.ENFORCE.slug


class MistakeError(Exception):
    """What is wrong with one value, each as the end of a sentence that begins with its key."""

    def __init__(self, *said: str) -> None:
        super().__init__(*said)
        self.said = said


def entries(
    given: dict[Any, Any], readers: Mapping[str, Callable[[object], Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Read the keys that are given; what could be read, and what is wrong with the rest."""
    values: dict[str, Any] = {}
    mistakes: list[str] = []
    for key, read in readers.items():
        if key in given:
            try:
                values[key] = read(given[key])
            except MistakeError as mistake:
                mistakes += [f'["{key}"]{said}' for said in mistake.said]
    return values, mistakes


def unknown(key: object, known: Iterable[str], where: str) -> str:
    """Return the sentence about a key that nobody knows, with the one that was meant."""
    near = difflib.get_close_matches(str(key).upper(), [name.upper() for name in known], n=1)
    meant = next((name for name in known if near and name.upper() == near[0]), None)
    hint = f" Did you mean {meant!r}?" if meant else f" Known are: {', '.join(known)}."
    return f"{where} has an unknown key {key!r}.{hint}"


def kind(value: object) -> str:
    """Return what a value is, without showing it."""
    return "None" if value is None else f"a value of type {type(value).__name__}"


def boolean(value: object) -> bool:
    """Read True or False; 0, 1 and "yes" are mistakes."""
    if not isinstance(value, bool):
        raise MistakeError(f" must be True or False, not {kind(value)}.")
    return value


def text_of(value: object) -> str:
    """Read one line of text, without control characters."""
    if not isinstance(value, str):
        raise MistakeError(f" must be a string, not {kind(value)}.")
    if not value.isprintable():
        raise MistakeError(" must be one line without control characters.")
    return value


def name_of(value: object) -> str:
    """Read a line of text that is not blank."""
    text = text_of(value)
    if not text.strip():
        raise MistakeError(" must not be empty.")
    return text


def issuer(value: object) -> str | None:
    """Read the site's name for authenticator apps; `None` leaves it to the caller."""
    # Whatever is left without its colons is what an authenticator app shows.
    if value is not None and not text_of(value).strip(": "):
        raise MistakeError(" must not be empty.")
    return None if value is None else text_of(value)


def name_or_none(value: object) -> str | None:
    """Read a line of text that is not blank, or `None`."""
    return None if value is None else name_of(value)


def paragraph(value: object) -> str:
    """Read text of any number of lines, or none."""
    if not isinstance(value, str):
        raise MistakeError(f" must be a string, not {kind(value)}.")
    return value


def or_none(read: Callable[[object], Any]) -> Callable[[object], Any]:
    """Return a reader that also takes `None`."""
    return lambda value: None if value is None else read(value)


def seconds(most: int, *, least: int = 1) -> Callable[[object], int]:
    """Return a reader of whole seconds from `least` to `most`."""

    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise MistakeError(f" must be a whole number of seconds, not {kind(value)}.")
        if not least <= value <= most:
            raise MistakeError(f" must be from {least} to {most} seconds.")
        return value

    return read


def dotted_path(value: object) -> str | None:
    """Read the dotted path of something in a module, or `None`; nothing is imported."""
    if value is None:
        return None
    path = text_of(value)
    parts = path.split(".")
    if len(parts) < 2 or not all(part.isidentifier() for part in parts):  # noqa: PLR2004
        raise MistakeError(" must be a dotted path such as 'site.vault.keys'.")
    return path


def each(value: object, what: str, read: Callable[[object], Any]) -> tuple[Any, ...]:
    """Read a list; every entry's mistakes are said, not only the first."""
    if not isinstance(value, list | tuple):
        raise MistakeError(f" must be a list of {what}, not {kind(value)}.")
    entries, mistakes = [], []
    for place, entry in enumerate(value):
        try:
            entries.append(read(entry))
        except MistakeError as mistake:
            mistakes += [f"[{place}]{said}" for said in mistake.said]
    if mistakes:
        raise MistakeError(*mistakes)
    return tuple(entries)


def vault_keys(value: object) -> tuple[str, ...]:
    """Read a list of secrets, newest first; no message shows one."""
    return each(value, "strings", vault_key)


def vault_key(value: object) -> str:
    """Read one secret of `MIN_VAULT_KEY_CHARACTERS` or more."""
    if not isinstance(value, str):
        raise MistakeError(f" must be a string, not {kind(value)}.")
    if len(value) < MIN_VAULT_KEY_CHARACTERS:
        raise MistakeError(f" must have {MIN_VAULT_KEY_CHARACTERS} characters or more.")
    return value


def policies(value: object) -> tuple[FloorPolicy, ...]:
    """Read the floor: a list of dicts, one a policy."""
    return each(value, "dicts", _policy)


def _policy(value: object) -> FloorPolicy:
    if not isinstance(value, dict):
        raise MistakeError(f' must be a dict such as {{"role": "staff"}}, not {kind(value)}.')
    mistakes = [
        f": {unknown(key, _POLICY_READERS, 'a policy')}"
        for key in value
        if key not in _POLICY_READERS
    ]
    if "role" not in value:
        mistakes.append(' must name a "role".')
    values, wrong = entries(value, _POLICY_READERS)
    if mistakes or wrong:
        raise MistakeError(*mistakes, *wrong)
    return FloorPolicy(**values)


def _strength(value: object) -> str:
    slugs = [strength.slug for strength in Strength if strength is not Strength.NONE]
    if value not in slugs:
        raise MistakeError(f" must be one of {', '.join(slugs)}.")
    return str(value)


def password_mode(value: object) -> PasswordMode:
    """Read what is done about a breached password."""
    modes = [mode.slug for mode in PasswordMode]
    if value not in modes:
        raise MistakeError(f" must be one of {', '.join(modes)}.")
    return PasswordMode.from_slug(str(value))


def _mode_slug(value: object) -> str:
    return password_mode(value).slug


def _due(value: object) -> int | None:
    if value is None:
        return None
    text = text_of(value)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise MistakeError(
            " must be a date or a time in ISO 8601 such as '2027-01-31', UTC unless it says."
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


_POLICY_READERS: Mapping[str, Callable[[object], Any]] = {
    "role": name_of,
    "strength": _strength,
    "due": _due,
    "breached_passwords": _mode_slug,
}
