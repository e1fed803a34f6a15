"""Over every test: no log record holds a secret that was made in it, or what a password hashes to.

Each candidate that a process makes is remembered by its SHA-1, and each record that any logger
passes on is searched for that, for its suffix, and for its prefix in an address of the range API.
So is each session key, each token of a link that disowns or resets, and each derived key. Events
are records, too, and so are exceptions that were logged. Mails are searched as well, for all but
the tokens. Passwords themselves are not looked for here, for tests use words as passwords:
`tests.house.test_secrets` does that, at every level and in more places.
"""

from __future__ import annotations

import base64
import logging
import re
from functools import wraps
from importlib import import_module

from django.apps import apps
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.contrib.sessions.backends.base import SessionBase
from django.core import mail

from hardening.core.pwned import PREFIX_DIGITS, Candidate

LONG = re.compile(r"[0-9A-Fa-f]{35,}")
ADDRESS = re.compile(r"range/([0-9A-Fa-f]{5})(?![0-9A-Za-z])")
WORD = re.compile(r"[0-9A-Za-z_.-]{16,}")  # of session keys, of tokens and their parts
BASE64 = re.compile(r"[0-9A-Za-z+/]{40,}={0,2}")

seen: list[str] = []  # the records that hold one, to be emptied by whoever wanted that
_traces: set[str] = set()
_secrets: set[str] = set()
_mailed: set[str] = set()  # those of them that are made for a mail


class Listener(logging.Handler):
    """Reads every record with its traceback and its arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        text = f"{self.format(record)} {record.args!r}"
        found = {*LONG.findall(text), *ADDRESS.findall(text)}
        if any(each.upper() in _traces for each in found) or told(text):
            seen.append(text)


def told(text: str) -> set[str]:
    """Return which of the secrets that this process has made stand in a text."""
    words = {part for word in WORD.findall(text) for part in (word, *word.split("."))}
    return _secrets & {*words, *BASE64.findall(text)}


def mailed() -> set[str]:
    """Return which secrets stand in the mails of this test that no mail is for."""
    found: set[str] = set()
    for message in getattr(mail, "outbox", []):
        others = [str(text) for text, _kind in getattr(message, "alternatives", [])]
        for part in (message.subject, message.body, *others):
            found |= told(part) - _mailed
    return found


def begin() -> None:
    """Remember candidates and secrets and listen, from now to the end of the process."""
    _remember_candidates()
    _remember_returned(SessionBase, "_get_new_session_key", _secrets)
    _remember_returned(PasswordResetTokenGenerator, "make_token", _secrets, _mailed)
    if apps.is_installed("hardening"):  # not a site from before
        _remember_returned(import_module("hardening.flows.links"), "make", _secrets, _mailed)
        _remember_keys(import_module("hardening.keys").Key)
    logging.getLogger().addHandler(Listener())


def _remember_candidates() -> None:
    made = Candidate.__init__

    @wraps(made)
    def remembered(self: Candidate, *args: object, **kwargs: object) -> None:
        made(self, *args, **kwargs)
        whole = self.digest.hex().upper()
        _traces.update((whole, whole[:PREFIX_DIGITS], whole[PREFIX_DIGITS:]))

    Candidate.__init__ = remembered


def _remember_returned(owner: object, name: str, *kept: set[str]) -> None:
    make = getattr(owner, name)

    @wraps(make)
    def remembered(*args: object, **kwargs: object) -> str:
        secret = make(*args, **kwargs)
        for each in kept:
            each.add(secret)
        return secret

    setattr(owner, name, remembered)


def _remember_keys(kind: type) -> None:
    make = kind.__init__

    @wraps(make)
    def remembered(self: object, *args: object, **kwargs: object) -> None:
        make(self, *args, **kwargs)
        raw = self.secret
        standard, of_urls = base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()
        _secrets.update((raw.hex(), standard, of_urls, of_urls.rstrip("=")))

    kind.__init__ = remembered


def leaks(text, secrets):
    """Return which secrets occur in a text, digits only where no digit stands beside them."""
    return [
        secret
        for secret in secrets
        if re.search(rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])", text, re.IGNORECASE)
    ]
