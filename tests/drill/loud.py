"""A source and a validator of a site's own that say when they are asked."""

from __future__ import annotations

from hardening.breach.sources import Answer
from hardening.core.pwned import Finding

asked: list[str] = []


class Loud:
    name = "loud"

    def look(self, candidate, *, wait, late=None):
        del candidate, wait, late
        asked.append("a source")
        return Answer(Finding.UNKNOWN, self.name)


class Validator:
    def validate(self, password, user=None):
        del password, user
        asked.append("a validator")
