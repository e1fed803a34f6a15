"""The passwords known from a breach in the drill: exactly those of the stolen pairs.

What is stuffed was stolen elsewhere, so a list of leaked passwords has it. The site's own sources
are set aside in every variant, so that nothing is asked of another machine: the passwords here
are made up, but the rule holds whatever the site's settings say.

The trap: the search makes its sources once and keeps them, and they are classes without
arguments. So the list lies in this module, and is put there before the settings change.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.test.utils import override_settings

from hardening.breach.sources import Fake
from hardening.conf import NAME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

NOWHERE = "http://127.0.0.1:9"  # the port that discards; no source is configured that asks it
UNCHECKED: dict[str, Any] = {
    "BREACHED_PASSWORDS": "off",
    "BREACH_SOURCES": [],
    "BREACH_API_URL": NOWHERE,
    "BREACH_CORPUS": None,
    "BREACH_CACHE": None,
}
_listed: set[str] = set()


class Stolen(Fake):
    """Knows the stolen passwords and calls every other one clean."""

    name = "drill"

    def __init__(self) -> None:
        """Take what is listed now."""
        super().__init__(_listed)


CHECKED: dict[str, Any] = {
    **UNCHECKED,
    "BREACHED_PASSWORDS": "enforce",
    "BREACH_SOURCES": [f"{Stolen.__module__}.{Stolen.__qualname__}"],
}


@contextmanager
def breached(passwords: Iterable[str]) -> Iterator[None]:
    """Switch the breach check on, with these passwords known from a breach and no others."""
    _listed.update(passwords)
    given = {**getattr(settings, NAME, {}), **CHECKED}
    try:
        with override_settings(**{NAME: given}):
            yield
    finally:
        _listed.clear()
