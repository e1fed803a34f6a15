"""The list that is always there: Django's common passwords, and words of the site and the person.

Asked first and without a network, so that an outage of the other sources never means that a
password was not looked at. Whole passwords are compared: stripped, in Unicode's form NFKC, without
a difference between upper and lower case.

Source: NIST SP 800-63B-4 §3.1.1.2 ("context-specific words, such as the name of the service, the
username, and derivatives thereof"); breach.md, "Sources, in order".

The traps: what is not in twenty thousand passwords may well be in two billion. This source says
`HIT` or `UNKNOWN`, and never `CLEAN`. And normalising takes time by the square of a run of
combining marks, minutes for what one post may hold: what is too long to be known is not folded.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING
from unicodedata import normalize

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.views.decorators.debug import sensitive_variables

from hardening.breach.sources import Answer
from hardening.core.pwned import Finding

if TYPE_CHECKING:
    from hardening.breach.sources import Late
    from hardening.core.pwned import Candidate

MIN_LENGTH = 8  # NIST SP 800-63B-4 §3.1.1.2: shorter ones are refused for their length
MAX_LENGTH = 1024  # longer than any entry or word; see the trap


class Local:
    """Compares whole passwords with a list in memory."""

    name = "local"

    @sensitive_variables("candidate", "password")
    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Answer `HIT` or `UNKNOWN`, at once."""
        del wait, late
        if len(candidate.password) > MAX_LENGTH:
            return Answer(Finding.UNKNOWN, self.name)
        password = _folded(candidate.password)
        words = (_folded(word) for word in candidate.words if len(word) <= MAX_LENGTH)
        known = password in common() or password in words
        return Answer(Finding.HIT if known else Finding.UNKNOWN, self.name)


@cache
def common() -> frozenset[str]:
    """Return Django's common passwords of `MIN_LENGTH` characters or more, read once a process."""
    listed = CommonPasswordValidator().passwords
    return frozenset(_folded(one) for one in listed if len(one) >= MIN_LENGTH)


def _folded(text: str) -> str:
    return normalize("NFKC", text.strip()).casefold()
