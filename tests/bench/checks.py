"""The ways to check for breached passwords that are compared, and the hashes beside which.

The trap: what a check leaves behind (a clean verdict, a range in the cache, an open breaker, a
question still in the air) makes the next sign-in cheap or dear: `Check.prepare` makes its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from django.test.utils import override_settings

from hardening.breach import corpus, search
from hardening.breach.search import Found
from hardening.conf import conf
from hardening.core.pwned import Candidate, Finding
from tests.bench import data, lookups, ranges

FIRST, USUAL = "first", "usual"
DEAD = "dead"  # beside the server's manners: nobody listens there
TRIES = 50
PATIENCE_SECONDS = 10.0  # longer than any call takes: none is in the air afterwards
HANG_UP_SECONDS = 0.05  # until the threads of the pool have noticed
DEMO_HASHER = "hardening.hashers.Argon2idHasher"


@dataclass(frozen=True, slots=True)
class Check:
    """One way to check, and what a sign-in may cost with it.

    Attributes:
        name: Its key in the JSON.
        label: What the table calls it.
        sources: Who is asked, after the list that is always there; `None`: the check is off.
        manner: Of the range API: `ranges.AT_ONCE`, `ranges.SLOW` or `DEAD`.
        state: `FIRST`: no verdict is there and one is looked up; `USUAL`: it is clean and young.
        verdict: The one that is there in the end.
        prepare: Called before each sign-in, untimed.
        asks: How many ranges the server is asked for by one sign-in.
        share: The most of a sign-in without the check that it may take, beside Argon2.
        more_ms: The most that it may take at all.
        batch: Sign-ins in a batch; `None`: as all others.
        rounds: The share of all rounds that it takes part in.
    """

    name: str
    label: str
    sources: tuple[str, ...] | None
    manner: str = ranges.AT_ONCE
    state: str = FIRST
    verdict: str = "clean"
    prepare: Callable[[], None] = lambda: None
    asks: int = 0
    share: float | None = None
    more_ms: int | None = None
    batch: int | None = None
    rounds: float = 1.0


def out_of_cache() -> None:
    """Drop the corpus from memory and from the page cache."""
    opened = corpus.current()
    if opened is not None:
        lookups.drop_mapped(opened, conf().BREACH_CORPUS)


def another_range() -> None:
    """Forget the ranges that the API has sent; the connection stays open."""
    api()._recent._rows.clear()


def unasked() -> None:
    """Let the API never have been asked: no question is in the air, the breaker is closed."""
    client = api()
    for call in list(client._running.values()):
        call.expire()
    client.begin()
    until = time.monotonic() + HANG_UP_SECONDS
    while time.monotonic() < until:
        pass  # no sleep: what comes after one is slower by itself, and would be told of the check


def api() -> Any:
    """Return the API's client of this process."""
    (found,) = (source for source in search.sources() if source.name == "api")
    return found


CORPUS, API = ("corpus",), ("api",)
PERCENT = 0.01
CHECKS = (
    Check("off", "Check off", None, verdict=""),
    Check("off_again", "Check off, against itself", None, verdict=""),
    Check("usual", "Usual: clean and young", CORPUS, state=USUAL, share=PERCENT),
    Check("corpus", "Corpus", CORPUS, share=PERCENT),
    Check("corpus_cold", "Corpus, none of it in memory", CORPUS, prepare=out_of_cache),
    Check("api_kept", "API, range asked for lately", API),
    Check("api", "API, answers at once", API, prepare=another_range, asks=1),
    Check(
        "api_slow",
        f"API, takes {ranges.SLOW_SECONDS:.0f} s",
        API,
        manner=ranges.SLOW,
        verdict="",
        prepare=unasked,
        asks=1,
        more_ms=150,
        batch=2,
        rounds=0.3,
    ),
    Check("api_dead", "API, dead: breaker open", API, manner=DEAD, verdict="", share=PERCENT),
)


@dataclass(frozen=True, slots=True)
class Hash:
    """How passwords are hashed meanwhile, and who signs in."""

    name: str
    user: str
    phase: Callable[[], AbstractContextManager[None]]
    batch: int
    rounds: float  # of those asked for
    limits: bool


@contextmanager
def demo_hash() -> Iterator[None]:
    """Hash as the demo does."""
    with override_settings(PASSWORD_HASHERS=[DEMO_HASHER]):
        yield


HASHES = (
    Hash("cheap", "fan", data.cheap_hash, 5, 1.0, limits=False),
    Hash("argon2", "weighed", demo_hash, 2, 0.5, limits=True),
)


def ask_until(done: Callable[[Found], bool]) -> None:
    """Ask about the password of this bench until what came back is what is waited for.

    Raises:
        RuntimeError: If it does not come.
    """
    for _ in range(TRIES):
        if done(search.search(Candidate(data.PASSWORD), wait=PATIENCE_SECONDS)):
            return
    raise RuntimeError("the API does not get into the state that is to be measured")


def is_clean(found: Found) -> bool:
    """Tell whether the password was found clean: the API's range is kept from then on."""
    return found.finding is Finding.CLEAN


def is_open(found: Found) -> bool:
    """Tell whether the API is left alone."""
    return "api:open" in found.faults
