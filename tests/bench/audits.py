"""Measure the log of events: appending by two processes, sealing, verifying. A child.

Appending is measured three times over, in turns, each time two processes that start together and
stop after so many seconds: rows without an HMAC and without seals ("bare"), rows as they are
("signed"), and rows as they are while a third process seals them ("sealed").

Verifying is done by a process of its own for each length, whose memory is looked at.

The trap: on two cores a third process takes of the other two, whatever locks say. So nothing is
asked of that rate; the locks themselves are looked at, some fifty times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import django
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import connection

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
django.setup()

from hardening import audit  # noqa: E402 - Django first
from hardening.audit import Event, Where  # noqa: E402
from hardening.flows import sealing, verifying  # noqa: E402
from hardening.management.progress import Progress  # noqa: E402
from hardening.models import AuditSeal, SecurityEvent  # noqa: E402
from hardening.moments import moment  # noqa: E402
from tests.bench.lookups import memory  # noqa: E402

WAYS = ("bare", "signed", "sealed")
WRITERS = 2
HERE = Where("192.0.2.7", "0123456789abcdef", "Firefox on Linux", "0123456789abcdef01234567")
DATA = {"proofs": ["password", "factor"], "verdict": "challenge", "roles": ["staff"]}
LOOK_SECONDS = 0.02
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype <> 'extend'"
AHEAD = 60  # seconds; so that what has just been written is old enough to be sealed


class Person:
    """Stands for a user: a key and a name."""

    pk = 350_000

    def get_username(self) -> str:
        """Return the name."""
        return "somebody@example.com"


def append(way: str, *, start: float, seconds: float) -> dict[str, Any]:
    """Append from `start` on; return how many and how long."""
    person, count = Person(), 0
    connection.ensure_connection()
    bare = patch.object(audit, "mac_of", return_value="") if way == "bare" else patch.dict({})
    with bare:
        time.sleep(max(0.0, start - time.time()))
        began = perf_counter()
        while (took := perf_counter() - began) < seconds:
            audit.record(
                Event.LOGIN_COMPLETED, user=person, data=DATA, where=HERE, now=int(time.time())
            )
            count += 1
    return {"count": count, "seconds": took}


def seal(*, start: float, seconds: float) -> dict[str, Any]:
    """Seal as one process a minute does, only without a pause longer than a second."""
    connection.ensure_connection()
    time.sleep(max(0.0, start - time.time()))
    sealed, before = 0, resource.getrusage(resource.RUSAGE_SELF)
    while time.time() < start + seconds:
        sealed += sealing.seal(now=int(time.time()) + AHEAD)
        time.sleep(1)
    after = resource.getrusage(resource.RUSAGE_SELF)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"count": sealed, "processor": used}


def together(way: str, seconds: float) -> dict[str, Any]:
    """Return how many events two processes appended in a second, and what a sealer did."""
    start = time.time() + 2.5  # each has begun by then
    jobs = [(way, start, seconds)] * WRITERS + [("seal", start, seconds)] * (way == "sealed")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.audits", "--job", *map(str, job)],
            stdout=subprocess.PIPE,
        )
        for job in jobs
    ]
    looks, waits = looked(running) if way == "sealed" else (0, 0)
    said = [json.loads(one.communicate()[0]) for one in running]
    rate = sum(one["count"] / one["seconds"] for one in said[:WRITERS])
    sealer = said[WRITERS] if way == "sealed" else None
    return {"rate": rate, "sealer": sealer, "looks": looks, "waits": waits}


def looked(running: list[subprocess.Popen[bytes]]) -> tuple[int, int]:
    """Look at PostgreSQL's locks until all have ended; return how often, and how often one waited.

    Not at that for a longer file, which writers take in turns however little they do.
    """
    looks = waits = 0
    while any(one.poll() is None for one in running):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(WAITING)
                waits += cursor.fetchone()[0] > 0
                looks += 1
        time.sleep(LOOK_SECONDS)
    return looks, waits


def appended(rounds: int, seconds: float, progress: Progress) -> dict[str, Any]:
    """Return the medians of each way, and of the ratios to "bare" of the same round."""
    taken: list[dict[str, Any]] = []
    for number in range(rounds):
        ways = WAYS if number % 2 else WAYS[::-1]
        found = {}
        for way in ways:
            found[way] = together(way, seconds)
            progress.step()
        taken.append(found)
    last = taken[-1]["sealed"]["sealer"]
    return {
        "rates": {way: round(median(one[way]["rate"] for one in taken)) for way in WAYS},
        "ratios": {
            way: round(median(one[way]["rate"] / one["bare"]["rate"] for one in taken), 3)
            for way in WAYS[1:]
        },
        "sealer": {"count": last["count"], "processor": round(last["processor"] / seconds, 3)},
        "looks": sum(one["sealed"]["looks"] for one in taken),
        "waits": sum(one["sealed"]["waits"] for one in taken),
    }


def signed(number: int, now: int) -> SecurityEvent:
    """Return an event as `audit.record` makes it, not yet stored."""
    row = SecurityEvent(
        at=moment(now),
        event=Event.LOGIN_COMPLETED.value,
        target_pk=str(number),
        target_name="somebody@example.com",
        address=HERE.address,
        device=HERE.device,
        session=HERE.session,
        request_id=HERE.request_id,
        data={**DATA, "n": number},
    )
    row.mac = audit.mac_of(row)
    return row


def fill(events: int) -> float:
    """Write so many signed events and seal them all; return how many a second were sealed."""
    SecurityEvent.objects.all().delete()
    AuditSeal.objects.all().delete()
    now, rows = int(time.time()) - 10 * AHEAD, []
    for number in range(events):
        rows.append(signed(number, now))
        if len(rows) == 5_000 or number == events - 1:
            SecurityEvent.objects.bulk_create(rows)
            rows.clear()
    began = perf_counter()
    while sealing.seal(now=int(time.time())):
        pass
    return events / (perf_counter() - began)


def verify() -> dict[str, Any]:
    """Verify all there is, as the command does; return the findings' count, time and memory."""
    SecurityEvent.objects.first()
    before, began = memory()["peak"], perf_counter()
    walk = verifying.Verification(now=int(time.time()))
    findings = sum(1 for _ in walk.findings())
    took = perf_counter() - began
    return {
        "events": walk.events,
        "findings": findings,
        "seconds": round(took, 2),
        "more": memory()["peak"] - before,
    }


def verified(events: int, progress: Progress) -> dict[str, Any]:
    """Fill the log and verify it in a process of its own."""
    rate = fill(events)
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.audits", "--job", "verify", "0", "0"],
        stdout=subprocess.PIPE,
        check=True,
    )
    progress.step()
    return {**json.loads(done.stdout), "sealed": round(rate)}


def job(name: str, start: float, seconds: float) -> dict[str, Any]:
    """Do what one process of several does."""
    if name == "verify":
        return verify()
    if name == "seal":
        return seal(start=start, seconds=seconds)
    return append(name, start=start, seconds=seconds)


def main() -> None:
    """Make the tables, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--job", nargs=3, metavar=("NAME", "START", "SECONDS"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--events", type=int, nargs=2, default=(100_000, 1_000_000))
    given = parser.parse_args()
    if given.job:
        name, start, seconds = given.job
        json.dump(job(name, float(start), float(seconds)), sys.stdout)
        return
    steps = given.rounds * len(WAYS) + len(given.events)
    with Progress(OutputWrapper(sys.stderr), steps, "the log of events") as progress:
        call_command("migrate", verbosity=0)
        found = appended(given.rounds, given.seconds, progress)
        lengths = [verified(events, progress) for events in given.events]
    version = list(connection.get_database_version())
    database = {"vendor": connection.vendor, "version": version}
    json.dump({"database": database, "appending": found, "verifying": lengths}, sys.stdout)


if __name__ == "__main__":
    main()
