"""What the app costs, measured against plain Django in one run: `make bench`.

Starts one child a database (`tests.bench.measure`), prints a table and, with `--json`, writes

    {"schema": 5,
     "date": "2026-01-31",                                   UTC
     "machine": {"cores": 2, "python": "3.11.7", "django": "5.2.19", "load": 0.4},
     "rounds": 60,
     "results": [{
       "database": {"vendor": "sqlite", "version": [3, 40, 1], "store": "database" or "redis"},
       "control": {"value": 1.0, "low": 0.99, "high": 1.01},  plain Django against itself
       "scenarios": [{
         "name", "label", "rounds",
         "plain": null, or as "guarded",
         "guarded": {"median", "lower", "upper": microseconds, quartiles,
                     "cpu": microseconds of the processor, median,
                     "queries", "transaction", "ours", "hashes", "connections": counts,
                     "statements": [SQL]},
         "compared_with": the scenario whose plain times the ratio is over,
         "ratio": {"value", "low", "high"},
         "limits": {"ratio", "queries", "extra_queries"}}],  null: none
       "names": [{"stage", "side", "known", "unknown": times as above, "ratio", "limit"}],
       "cpu": [{"name": of a scenario, times as above, "cheaper": times less, "limit"}]}],
     "breaches": null, or with `--breaches`: see `tests.bench.breach_run`,
     "policies": null, or with `--policies`: see `tests.bench.policy_run`,
     "sessions": null, or with `--sessions`: see `tests.bench.session_run`}

What is compared, and why within one process, says `tests.bench.sides`; how, `tests.bench.measure`.

The trap: only ratios of one run mean anything. The machine's other work shows in the control:
where plain Django differs from itself by three per cent, so may everything else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests import postgres, redis
from tests.bench import (
    breach_run,
    breach_tables,
    policy_run,
    policy_tables,
    report,
    saying,
    session_run,
    session_tables,
)
from tests.servers import DatabaseServer

ROUNDS = 60
QUICK_ROUNDS = 5
REDIS = "+redis"
DATABASES = ("sqlite", "sqlite+redis", "postgresql", "postgresql+redis")
ALL = ("sqlite", "postgresql", "postgresql+redis")  # what sites run
ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Measure, print, write; 1 if a limit is broken and `--strict` was given, else 0."""
    given = parse(arguments)
    rounds = given.rounds or (QUICK_ROUNDS if given.quick else ROUNDS)
    found: dict[str, Any] = {
        "schema": 5,
        "date": datetime.now(tz=UTC).date().isoformat(),
        "machine": machine(),
        "rounds": rounds,
        "results": [],
        "breaches": None,
        "policies": None,
        "sessions": None,
    }
    if given.breaches:
        found["breaches"] = breaches(given, rounds)
    elif given.policies:
        found["policies"] = policies(given)
    elif given.sessions:
        found["sessions"] = sessions(given)
    else:
        found["results"] = list(results(given.database, rounds))
    sys.stdout.write("\n".join([*saying.said(found), ""]))
    if given.json:
        Path(given.json).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if given.docs:
        saying.into_docs(found)
    broken = any(report.any_over(result) for result in found["results"])
    broken = broken or (given.breaches and breach_tables.any_over(found["breaches"]))
    broken = broken or (given.policies and policy_tables.any_over(found["policies"]))
    broken = broken or (given.sessions and session_tables.any_over(found["sessions"]))
    return 1 if given.strict and broken else 0


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--database", choices=(*DATABASES, "all"), default="all")
    parser.add_argument("--rounds", type=int, help=f"rounds of each scenario; default {ROUNDS}")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ROUNDS} rounds: a look, no proof"
    )
    parser.add_argument("--json", metavar="FILE", help="write the numbers there too")
    parser.add_argument(
        "--docs", action="store_true", help="write the table into docs/benchmarks.md"
    )
    parser.add_argument(
        "--breaches", action="store_true", help="the check of breached passwords, nothing else"
    )
    parser.add_argument(
        "--policies", action="store_true", help="policies of very many people, nothing else"
    )
    parser.add_argument(
        "--sessions", action="store_true", help="revocations and the log of events, nothing else"
    )
    parser.add_argument(
        "--people", type=int, metavar="N", help=f"that many instead of {policy_run.MANY:,}"
    )
    parser.add_argument(
        "--large", action="store_true", help=f"with a corpus of {breach_run.LARGE:,} entries"
    )
    parser.add_argument(
        "--entries", type=int, nargs="+", metavar="N", help="with corpora of these sizes instead"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 if a limit is broken")
    return parser.parse_args(arguments)


def results(database: str, rounds: int) -> Iterator[dict[str, Any]]:
    """Measure everything on one database or all, against plain Django."""
    for name in ALL if database == "all" else (database,):
        lacking = missing(name)
        if lacking:
            sys.stderr.write(f"{lacking} is not installed: {name} not measured\n")
            continue
        yield measured(name, rounds)


def breaches(given: argparse.Namespace, rounds: int) -> dict[str, Any]:
    """Measure the check of breached passwords, on SQLite unless another is named."""
    name = "sqlite" if given.database == "all" else given.database
    lacking = missing(name)
    if lacking:
        sys.exit(f"{lacking} is not installed: {name} not measured")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    sizes, short = breach_run.sizes_of(quick=given.quick, large=given.large, free=free)
    ranges = breach_run.QUICK_RANGES if given.quick else breach_run.RANGES
    with database(name.removesuffix(REDIS)) as address, rates(name) as url:
        found = breach_run.measured(
            given.entries or sizes, rounds=rounds, ranges=ranges, database=address, store=url
        )
    return {**found, "short": short}


def policies(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Measure the policies of very many people, on PostgreSQL unless another is named."""
    name = "postgresql" if given.database == "all" else given.database
    lacking = missing(name)
    if lacking:
        sys.exit(f"{lacking} is not installed: {name} not measured")
    runs = given.rounds or (policy_run.QUICK_RUNS if given.quick else policy_run.RUNS)
    sizes = policy_run.sizes_of(given.people, quick=given.quick)
    return policy_run.measured(sizes, runs=runs, lend=lambda: database(name))


def sessions(given: argparse.Namespace) -> dict[str, Any]:
    """Measure revocations and the log of events, on PostgreSQL unless another is named."""
    name = "postgresql" if given.database == "all" else given.database
    lacking = missing(name)
    if lacking:
        sys.exit(f"{lacking} is not installed: {name} not measured")
    return session_run.measured(
        people=given.people, rounds=given.rounds, quick=given.quick, lend=lambda: database(name)
    )


def missing(name: str) -> str | None:
    """Return what this machine lacks to measure there, or `None`."""
    lacking = postgres.missing() if name.startswith("postgresql") else None
    return lacking or (redis.missing() if name.endswith(REDIS) else None)


def machine() -> dict[str, Any]:
    """Return what a reader must know of the machine; not which one it is."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "django": version("django"),
        "load": round(os.getloadavg()[0], 1),
    }


def measured(name: str, rounds: int) -> dict[str, Any]:
    """Run the child for one database and return what it found.

    Raises:
        SystemExit: If the child failed; it has said why.
    """
    with database(name.removesuffix(REDIS)) as address, rates(name) as url:
        child = subprocess.run(
            [sys.executable, "-m", "tests.bench.measure", "--rounds", str(rounds)],
            env={**os.environ, "HARDENING_TESTS_DATABASE": address, "HARDENING_BENCH_STORE": url},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            check=False,
        )
    if child.returncode != 0:
        sys.exit(f"measuring on {name} failed")
    return dict(json.loads(child.stdout))


@contextmanager
def database(name: str) -> Iterator[str]:
    """Lend an empty database: a file, or a server of our own that is stopped afterwards."""
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="hardening-bench-") as folder:
            yield f"{folder}/bench.sqlite3"
        return
    with running(postgres.Server()) as url:
        yield url


@contextmanager
def rates(name: str) -> Iterator[str]:
    """Lend a Redis of our own to what is measured with one; else an empty text."""
    if not name.endswith(REDIS):
        yield ""
        return
    with running(redis.Server()) as url:
        yield url


@contextmanager
def running(server: DatabaseServer) -> Iterator[str]:
    """Run a server, and stop it afterwards."""
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
