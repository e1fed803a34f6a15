"""Which site is attacked: the same one in plain Django, with the app, and with the breach check."""

from __future__ import annotations

from enum import StrEnum

LABELS = {"breach": "with breach check"}


class Variant(StrEnum):
    """One of the three sites. The value is its name in JSON and on the command line."""

    WITHOUT = "without"  # Django's own login
    WITH = "with"  # the app; no password is looked up
    BREACH = "breach"  # the app, and passwords known from a breach must change

    @property
    def guarded(self) -> bool:
        """Whether the app is there."""
        return self is not Variant.WITHOUT

    @property
    def label(self) -> str:
        """What people read."""
        return LABELS.get(self.value, self.value)
