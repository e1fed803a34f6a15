"""The part of a life in which passwords are known from breaches, for the search for secrets.

A password known from a breach signs in and has to be changed, a listed one is refused in its
place, a program is turned away; then the range API misbehaves, and a source raises what it was
asked. What this leaves behind is `tests.house.test_secrets`' to search.
"""

from __future__ import annotations

import base64
from collections.abc import Callable

from django.test import override_settings

from hardening import testing
from hardening.breach import search
from hardening.core.pwned import Candidate
from hardening.flows import breached
from tests.pwned_server import PwnedServer
from tests.visitor import Visitor, newest_code

LEAKED = "nineteen copper whistles"
LISTED = "eleven marble giraffes"
CHOSEN = "a ladder made of thursdays"
GUESSED = "forty wooden astronauts"
USED = (LEAKED, LISTED, CHOSEN, GUESSED)
# How the API answers, and the reason of the event; a right answer has none.
BEHAVIOURS = {
    "right": "",
    "html": "api:type",
    "503": "api:status",
    "redirect": "api:status",
    "whole digests": "api:shape",
    "resets in mid-body": "api:connection",
    "hangs": "api:timeout",
}
ENFORCED = {"BREACHED_PASSWORDS": "enforce"}
PATIENT_SECONDS = 10.0
HASTY_SECONDS = 0.3  # for an answer that never comes


def traces(password: str) -> set[str]:
    """Return what gives a password away: itself, its SHA-1 and both parts of it."""
    one = Candidate(password)
    suffix = one.suffix.decode()
    return {
        *(password, one.prefix, suffix, one.prefix + suffix),
        *(repr(one.digest), base64.b64encode(one.digest).decode()),
    }


class Quoting:
    """A source of the site's own that raises what it was asked."""

    name = "quoting"

    def look(self, candidate, *, wait, late=None):
        raise LookupError(candidate.password, candidate.prefix, candidate.suffix, candidate.digest)


def change(visitor: Visitor, old: str, new: str):
    """Fill in the page that asks for a new password."""
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return visitor.post("hardening:change_password", fields)


def forced_change(visitor: Visitor, remember: Callable[[Visitor], None]) -> str:
    """Sign in with a breached password and choose another one; return the code that was mailed."""
    with testing.fake_breach(LEAKED, LISTED), override_settings(HARDENING=ENFORCED):
        program = visitor.again(json_client=True)
        program.sign_in(password=LEAKED)
        remember(program)
        visitor.sign_in(password=GUESSED)
        visitor.sign_in(password=LEAKED)
        remember(visitor)
        visitor.post("hardening:mailbox", {"action": "send"})
        code = newest_code()
        visitor.post("hardening:mailbox", {"code": code})
        remember(visitor)
        change(visitor, LEAKED, LISTED)
        change(visitor, LEAKED, CHOSEN)
        remember(visitor)
    return code


def misbehaving_api(
    visitor: Visitor, remember: Callable[[Visitor], None], behave: str
) -> list[str]:
    """Sign in and have a listed password looked up; return the heads of what was asked."""
    seconds = HASTY_SECONDS if BEHAVIOURS[behave].endswith("timeout") else PATIENT_SECONDS
    with PwnedServer({LISTED: 3}, behave=behave) as server:
        api = {"BREACH_API_URL": server.url, "BREACH_TIMEOUT_SECONDS": seconds}
        with override_settings(HARDENING={**ENFORCED, **api}):
            look_up(visitor, remember)
        return server.heads


def raising_source(visitor: Visitor, remember: Callable[[Visitor], None]) -> None:
    """Do the same where a source raises."""
    before = search.stand_in((Quoting(),))
    try:
        look_up(visitor, remember)
    finally:
        search.stand_in(before)


def look_up(visitor: Visitor, remember: Callable[[Visitor], None]) -> None:
    breached.clear()  # each fault is an event: no minute has to pass
    # What the API did not refuse became the password; and a young verdict would spare the look-up.
    visitor.user.set_password(CHOSEN)
    visitor.user.save()
    again = visitor.again()
    again.sign_in(password=CHOSEN)
    remember(again)
    change(again, CHOSEN, LISTED)
