"""Values that every database, and every reader of JSON, gives back as they were stored.

What is signed is signed before it is stored and compared after it was read, so nothing in it may
depend on who kept it meanwhile.

The trap: PostgreSQL keeps numbers in JSON by their value and not by their spelling (``1e20`` comes
back whole, ``-0.0`` without its sign), and neither NUL nor half a surrogate pair at all.
"""

from __future__ import annotations

from typing import Any

BIGGEST = 2**63 - 1  # of whole numbers that every database and reader of JSON keeps as they are
DEEPEST = 20  # own: what is nested deeper is kept as text


def storable(text: str) -> str:
    """Return the text without what some database refuses: NUL and lone surrogates, written out."""
    if text.isascii() and "\0" not in text:
        return text
    return "".join(c if c != "\0" and not is_surrogate(c) else f"\\u{ord(c):04x}" for c in text)


def is_surrogate(character: str) -> bool:
    """Return whether it is half of a pair, which is no character (Unicode, D71 to D74)."""
    return "\ud800" <= character <= "\udfff"


def plain(value: Any, deep: int = 0) -> Any:
    """Return what JSON, and each database's idea of it, keeps as it is.

    Keys are text; tuples and sets are lists. A number that is not whole, or longer than 64 bits, is
    text, and so is what JSON does not know.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and -BIGGEST <= value <= BIGGEST:
        return int(value)
    if deep < DEEPEST and isinstance(value, dict):
        return {storable(str(key)): plain(one, deep + 1) for key, one in value.items()}
    if deep < DEEPEST and isinstance(value, list | tuple):
        return [plain(one, deep + 1) for one in value]
    if deep < DEEPEST and isinstance(value, set | frozenset):
        return sorted((plain(one, deep + 1) for one in value), key=repr)
    if isinstance(value, int):
        return hex(value)  # Python writes no more than some thousand digits
    return storable(str(value))
