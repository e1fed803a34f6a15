"""What differs between two contents of a page, ready to be read by a person. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from typing import TYPE_CHECKING

from project.backstage.models import Content, Motif, Palette

if TYPE_CHECKING:
    from collections.abc import Iterator

LABELS = {
    "headline": "Headline",
    "biography": "Biography",
    "motif": "Picture",
    "palette": "Colours",
}


class Mark(StrEnum):
    """What happened to a line."""

    KEPT = "kept"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference."""

    mark: Mark
    text: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One part of a page that changed.

    Attributes:
        label: The name of the part, as the edit form calls it.
        lines: Its lines in reading order.
    """

    label: str
    lines: tuple[Line, ...]


def differences(before: Content, after: Content) -> list[Difference]:
    """Return what changed, part by part, in the order of the edit form."""
    old, new = _in_words(before), _in_words(after)
    return [
        Difference(label=LABELS[part], lines=tuple(_lines(old[part], new[part])))
        for part in LABELS
        if old[part] != new[part]
    ]


def _in_words(content: Content) -> dict[str, str]:
    """Return the parts of `content` with choices spelt out."""
    return {
        "headline": content.headline,
        "biography": content.biography,
        "motif": str(Motif(content.motif).label),
        "palette": str(Palette(content.palette).label),
    }


def _lines(before: str, after: str) -> Iterator[Line]:
    """Yield the lines of both texts, each once, marked."""
    old, new = before.splitlines(), after.splitlines()
    for tag, old_from, old_to, new_from, new_to in SequenceMatcher(
        a=old, b=new, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            yield from (Line(Mark.KEPT, text) for text in old[old_from:old_to])
        else:
            yield from (Line(Mark.REMOVED, text) for text in old[old_from:old_to])
            yield from (Line(Mark.ADDED, text) for text in new[new_from:new_to])
