"""Measure sessions and the log of events: the children, one after the other.

`measured` returns what the JSON has under "sessions":

    {"audit": {"database",
               "appending": {"rates": {way: events a second by two processes},
                             "ratios": {way: to "bare", median of the rounds},
                             "sealer": {"count", "processor": share of one core},
                             "looks", "waits": at the locks; how often anybody waited for one},
               "verifying": [{"events", "findings", "seconds", "more": KiB, "sealed": a second}]},
     "ending": {"database", "people",
                "revocations": [{"name", "label", "seconds", "most", "statements", "rows",
                                 "limits": {"seconds", "statements"}}],
                "before", "after": what another process answers an open session, next,
                "inside": [{"name", "label", "whole", "inside": microseconds, "share", "limit"}],
                "page": {"plain", "kept": microseconds, "ratio", "low", "high",
                         "queries": [without, with]}}}
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tests.bench.breach_run import child

PEOPLE, QUICK_PEOPLE = 350_000, 2_000
ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS, QUICK_SECONDS = 4.0, 0.5
EVENTS, QUICK_EVENTS = (100_000, 1_000_000), (1_000, 3_000)


def measured(
    *,
    people: int | None,
    rounds: int | None,
    quick: bool,
    lend: Callable[[], AbstractContextManager[str]],
) -> dict[str, Any]:
    """Return the figures.

    Args:
        people: How many have a session that is ended; `None`: as many as lost theirs.
        rounds: Of what is repeated.
        quick: A look, no proof.
        lend: Lends an empty database, as in ``HARDENING_TESTS_DATABASE``.
    """
    rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
    people = people or (QUICK_PEOPLE if quick else PEOPLE)
    seconds, events = (QUICK_SECONDS, QUICK_EVENTS) if quick else (SECONDS, EVENTS)
    found = {}
    with lend() as address:
        wanted = ("--rounds", rounds, "--seconds", seconds, "--events", *events)
        found["audit"] = child("audits", *wanted, HARDENING_TESTS_DATABASE=address)
    with lend() as address:
        wanted = ("--rounds", rounds, "--people", people)
        found["ending"] = child("ending", *wanted, HARDENING_TESTS_DATABASE=address)
    return found
