"""Over every test: no log record holds what a look-up makes of a password.

Each candidate that a process makes is remembered by its SHA-1, and each record that any logger
passes on is searched for that, for its suffix, and for its prefix in an address of the range API.
Events are records, too, and so are exceptions that were logged. Passwords themselves are not
looked for here, for tests use words as passwords: `tests.house.test_secrets` does that, at every
level and in more places.
"""

from __future__ import annotations

import logging
import re
from functools import wraps

from hardening.core.pwned import PREFIX_DIGITS, Candidate

LONG = re.compile(r"[0-9A-Fa-f]{35,}")
ADDRESS = re.compile(r"range/([0-9A-Fa-f]{5})(?![0-9A-Za-z])")

seen: list[str] = []  # the records that hold one, to be emptied by whoever wanted that
_traces: set[str] = set()


class Listener(logging.Handler):
    """Reads every record with its traceback and its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)} {record.args!r}"
        found = {*LONG.findall(text), *ADDRESS.findall(text)}
        if any(each.upper() in _traces for each in found):
            seen.append(text)


def begin() -> None:
    """Remember candidates and listen, from now to the end of the process."""
    made = Candidate.__init__

    @wraps(made)
    def remembered(self: Candidate, *args: object, **kwargs: object) -> None:
        made(self, *args, **kwargs)
        whole = self.digest.hex().upper()
        _traces.update((whole, whole[:PREFIX_DIGITS], whole[PREFIX_DIGITS:]))

    Candidate.__init__ = remembered
    logging.getLogger().addHandler(Listener())


def leaks(text, secrets):
    """Return which secrets occur in a text, digits only where no digit stands beside them."""
    return [
        secret
        for secret in secrets
        if re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text, re.IGNORECASE)
    ]
