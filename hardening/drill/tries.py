"""What is sent to the login page and what came back, as values.

Times are Unix seconds of the simulated clock, with a fraction.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

NOBODY = -1


@dataclass(frozen=True, slots=True)
class Try:
    """One name and password, posted.

    Attributes:
        at: When.
        address: The client's network address.
        name: What is typed as the user name.
        password: What is typed as the password.
        person: Number of whose account it is aimed at; `NOBODY`: no account's.
        right: Whether the password is that account's.
        good: Typed by the owner, and not by an attacker.
        known: Whether the browser is known for that account.
        cookies: What the browser brings along, as a header; empty: nothing.
        final: Whether the sign-in of a good user stands or falls with this try.
        forwarded: What the client claims in ``X-Forwarded-For``.
        own: An attacker's sign-in to an account of his own.
    """

    at: float
    address: str
    name: str
    password: str
    person: int
    right: bool = False
    good: bool = False
    known: bool = False
    cookies: str = ""
    final: bool = True
    forwarded: str = ""
    own: bool = False


@dataclass(frozen=True, slots=True)
class Volley:
    """Tries that are posted by threads, all at the same moment."""

    at: float
    tries: tuple[Try, ...]


@dataclass(frozen=True, slots=True)
class Outage:
    """From `at` on the store of the limits is down, or is back."""

    at: float
    down: bool


Act = Try | Volley | Outage


class Outcome(Enum):
    """What became of a try."""

    OPEN = "open"  # a session that reads the account's page
    PARKED = "parked"  # the password was right, more is asked
    WRONG = "wrong"
    REFUSED = "refused"  # 429 or 503
    FAULT = "fault"  # anything else


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        outcome: What became of it.
        hashes: How many passwords were hashed for it.
        cpu: Seconds of processor time the site took to answer.
        retry_after: Seconds; 0 where nothing was said.
        cookies: Cookies that outlive the session, as a header.
        session: The session's own cookie; empty: there is none.
        said: Of a fault, what came back.
    """

    outcome: Outcome
    hashes: int = 0
    cpu: float = 0.0
    retry_after: int = 0
    cookies: str = ""
    session: str = ""
    said: str = ""


NO_ANSWER = Answer(Outcome.REFUSED)
