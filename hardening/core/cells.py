"""Cells of a table that a spreadsheet will open.

The trap: to a spreadsheet a text that begins with ``=`` is a program, and a user name may begin
with anything (OWASP, "CSV injection"). Where it takes another character for the separator, one
cell of ours is several, and each of them begins with something.
"""

from __future__ import annotations

import re

STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
_FORMULA = re.compile(r"(^|[;|\t\r\n])(\s*)(?=[=+\-@＝＋－＠])")  # noqa: RUF001


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula: with an apostrophe before it."""
    guarded = _FORMULA.sub(r"\1'\2", cell)
    return f"'{guarded}" if guarded.startswith(STARTS_A_FORMULA) else guarded


def printable(cell: str) -> str:
    """Return a cell for a terminal: on one line, and nothing that a terminal obeys."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in cell)
