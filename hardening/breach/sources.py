"""What a source of breached passwords is; the one that knows nothing, and one for tests.

A source never raises, never waits longer than it is given, and tells nobody what it was asked.
A site's own is a class without arguments, named by its dotted path in
`HARDENING["BREACH_SOURCES"]`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from hardening.core.pwned import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.core.pwned import Candidate


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source says.

    Attributes:
        finding: `UNKNOWN` also where the source could not be asked.
        source: Its name: `local`, `corpus`, `api` or a dotted path.
        version: Which edition was looked into, where there are such (a corpus).
        fault: Why it could not be asked, in one word; empty where it could, or is still asked.
    """

    finding: Finding
    source: str = ""
    version: str = ""
    fault: str = ""


Late: TypeAlias = Callable[[Answer], None]


class Source(Protocol):
    """Answers about one password."""

    name: str

    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Look a password up.

        Args:
            candidate: The password; nothing of it may be kept, logged or raised.
            wait: For how many seconds the caller waits.
            late: Told, from another thread, of an answer that comes after `wait`; `None`: nobody
                wants to know.

        Returns:
            The answer; `UNKNOWN` without a fault where it is yet to come.
        """
        ...


class Null:
    """Knows nothing, asks nobody."""

    name = "null"

    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Know nothing."""
        del candidate, wait, late
        return Answer(Finding.UNKNOWN, self.name)


class Fake:
    """Knows the passwords it was given and calls every other one clean; for tests."""

    name = "fake"

    def __init__(self, passwords: Iterable[str] = ()) -> None:
        self._passwords = frozenset(passwords)

    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Compare whole passwords."""
        del wait, late
        known = candidate.password in self._passwords
        return Answer(Finding.HIT if known else Finding.CLEAN, self.name)
