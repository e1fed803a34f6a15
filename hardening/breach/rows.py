"""What a corpus is built from, whatever that is: the entries of each range, in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


class BuildError(Exception):
    """A corpus cannot be built; what is in place is as it was."""


class Place(NamedTuple):
    """Where in its source a build may go on: after a whole range. Units are the source's own."""

    at: int = 0
    line: int = 0


class Piece(NamedTuple):
    """The entries of one range.

    Attributes:
        prefix: Its number, above that of the piece before.
        remainders: Sorted, as the file keeps them.
        place: Where to go on after it; `None` where that cannot be said.
    """

    prefix: int
    remainders: bytes
    place: Place | None


class Rows(Protocol):
    """Where entries come from.

    Attributes:
        origin: For the header: kind and place.
        whole: True if whatever is not in it is in no breach that the list knows.
        date: Of when the list is, in Unix seconds; final once all pieces are read.
        min_count: What was seen less often is left out.
    """

    origin: str
    whole: bool
    date: int
    min_count: int

    def key(self) -> dict[str, Any]:
        """Return what must be the same for a build to go on, as JSON."""
        ...

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Read from there on."""
        ...
