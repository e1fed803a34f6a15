"""Measure the ending of sessions, and what keeping a list of them costs. A child.

`PEOPLE` lost their session in a hurry once, so as many are revoked: by one statement over a query,
and everybody by one row. What another process answers to a session that was open is its very next
request. What a sign-in and a page pay is the time *inside* the functions named in `INSIDE`, taken
within the very requests that are measured: their whole varies by more than that.

The trap: an account that was never seen has no row; some of these have none (`people.SHARES`).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from statistics import median
from time import perf_counter, perf_counter_ns
from typing import Any
from unittest import mock

import django
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import connection

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.people_settings"
django.setup()

from django.contrib.auth.models import User  # noqa: E402 - Django first
from django.test import Client  # noqa: E402

from hardening import audit  # noqa: E402
from hardening.flows import revoking, tracking  # noqa: E402
from hardening.flows.revoking import Order  # noqa: E402
from hardening.management.progress import Progress  # noqa: E402
from hardening.models import Account, SiteState  # noqa: E402
from tests.bench import counted, people, rules  # noqa: E402
from tests.bench.policies import rows_written  # noqa: E402

PASSWORD = "a pond of orange lanterns"
LOGIN, PAGE = "/security/login/", "/reads-user/"
SIGN_INS, PAGES = 40, 400
MOST_SECONDS = 5  # issue: 350,000 users on PostgreSQL
MOST_STATEMENTS = 12  # whatever the number of people
FILLING = 35


def of_query(now: int) -> int:
    """End the sessions of all that a query means."""
    return revoking.users(revoking.everyone(), Order(now, why="bench", mail=False))


def of_everybody(now: int) -> int:
    """End everybody's."""
    return revoking.everybody(Order(now, why="bench"))


REVOCATIONS = (
    ("query", "Of all that a query means, one statement", of_query),
    ("everybody", "Of everybody, one row", of_everybody),
)


def revocation(run: Callable[[int], int], rounds: int) -> dict[str, Any]:
    """Return how long it took, what it asked and wrote."""
    times = []
    for _ in range(rounds):
        began = perf_counter()
        run(int(time.time()))
        times.append(perf_counter() - began)
    before = list(Account.objects.order_by("epoch").values_list("epoch", flat=True)[:1])
    site = SiteState.objects.values_list("epoch", flat=True).first() or 0
    with counted.counting() as said, rows_written() as written:
        run(int(time.time()))
    after = list(Account.objects.order_by("epoch").values_list("epoch", flat=True)[:1])
    if after == before and SiteState.objects.get().epoch == site:
        message = "nobody was revoked"
        raise RuntimeError(message)
    return {
        "seconds": round(median(times), 3),
        "most": round(max(times), 3),
        "statements": said.asdict()["queries"],
        "rows": sum(written),
        "limits": {"seconds": MOST_SECONDS, "statements": MOST_STATEMENTS},
    }


def seen_elsewhere(name: str) -> dict[str, str]:
    """Return what another process answers an open session before a revocation, and next."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.onlooker", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        before = other.stdout.readline().strip()
        of_query(int(time.time()))
        other.stdin.write("again\n")
        other.stdin.flush()
        after = other.stdout.readline().strip()
        other.stdin.close()
    return {"before": before, "after": after}


# --- what a sign-in and a page pay ---------------------------------------------------------------

INSIDE = (
    ("sign_in_audit", "A sign-in: its events", "sign_in", ((audit, "record"),), None),
    ("sign_in_list", "A sign-in: its row in the list", "sign_in", ((tracking, "began"),), None),
    (
        "page_seen",
        "A page: whether its session is written down now",
        "page",
        ((tracking, "is_due"),),
        0.02,
    ),
)


@contextmanager
def timed(functions: tuple[tuple[Any, str], ...]) -> Iterator[list[int]]:
    """Collect the nanoseconds that each call of these functions takes."""
    taken: list[int] = []

    def watch(inner: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            began = perf_counter_ns()
            try:
                return inner(*args, **kwargs)
            finally:
                taken.append(perf_counter_ns() - began)

        return call

    with ExitStack() as stack:
        for module, name in functions:
            watched = watch(getattr(module, name))
            stack.enter_context(mock.patch.object(module, name, watched))
        yield taken


def sign_in(name: str) -> Callable[[], None]:
    """Return a sign-in by a new browser, to be run once."""
    client = Client()

    def run() -> None:
        answer = client.post(LOGIN, {"username": name, "password": PASSWORD})
        if answer.status_code != 302:
            message = f"the sign-in was answered with {answer.status_code}"
            raise RuntimeError(message)

    return run


def page(client: Client) -> Callable[[], None]:
    """Return a request of a page by somebody who is signed in."""

    def run() -> None:
        if client.get(PAGE).status_code != 200:
            message = "nobody is signed in"
            raise RuntimeError(message)

    return run


def inside(name: str) -> list[dict[str, Any]]:
    """Return what `INSIDE` names, each with the whole that it is part of."""
    client, found = Client(), []
    client.force_login(User.objects.get(username=name))
    makers = {"sign_in": (lambda: sign_in(name), SIGN_INS), "page": (lambda: page(client), PAGES)}
    for key, label, what, functions, limit in random.sample(INSIDE, len(INSIDE)):
        make, times = makers[what]
        wholes, parts = [], []
        for _ in range(times):
            run = make()
            with timed(functions) as taken:
                began = perf_counter_ns()
                run()
                wholes.append(perf_counter_ns() - began)
            parts.append(sum(taken))
        whole, part = median(wholes) / 1000, median(parts) / 1000
        found.append(
            {
                "name": key,
                "label": label,
                "whole": round(whole, 1),
                "inside": round(part, 2),
                "share": round(part / whole, 5),
                "limit": limit,
            }
        )
    return sorted(found, key=lambda one: [entry[0] for entry in INSIDE].index(one["name"]))


def main() -> None:
    """Make the tables, fill them, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    given = parser.parse_args()
    with Progress(OutputWrapper(sys.stderr), FILLING + 4, f"{given.people:,} people") as progress:
        now = int(time.time())
        call_command("migrate", verbosity=0)
        call_command("migrate", verbosity=0, run_syncdb=True)
        rows = rules.demand(now)
        people.populate(given.people, rows, now=now, seed=1, show=lambda _: progress.step())
        User.objects.create_user("fan", "fan@example.com", PASSWORD)
        found = []
        for name, label, run in REVOCATIONS:
            found.append({"name": name, "label": label, **revocation(run, given.rounds)})
            progress.step()
        elsewhere = seen_elsewhere("fan")
        progress.step()
        json.dump(
            {
                "people": given.people,
                "database": {
                    "vendor": connection.vendor,
                    "version": list(connection.get_database_version()),
                },
                "revocations": found,
                **elsewhere,
                "inside": inside("fan"),
            },
            sys.stdout,
        )


if __name__ == "__main__":
    main()
