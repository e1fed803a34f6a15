"""Plain tables for people at a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return rows under their heads, columns aligned, two blanks before each line."""
    texts = [[str(cell) for cell in row] for row in (heads, *rows)]
    columns = widths(texts)
    return "\n".join(wide(row, columns) for row in texts)


def widths(texts: Sequence[Sequence[str]]) -> list[int]:
    """Return how wide each column must be for these rows."""
    return [max(map(len, column)) for column in zip(*texts, strict=True)]


def wide(row: Sequence[str], columns: Sequence[int]) -> str:
    """Return one row as a line of such columns."""
    cells = (cell.ljust(width) for cell, width in zip(row, columns, strict=True))
    return f"  {'  '.join(cells)}".rstrip()
