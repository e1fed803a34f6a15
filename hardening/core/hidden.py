"""Text that is shown to one person and to no log.

Pages hand keys and codes to templates, and Django logs a whole template context when a variable
of it is missing (logger ``django.template``, level DEBUG); error reports print local variables.
Both go by `repr`.

The trap: only `repr` is blank. What is made of the text, by slicing or joining, is plain again.
"""

from __future__ import annotations


class Hidden(str):
    """A text whose `repr` says nothing."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Say nothing."""
        return "'…'"
