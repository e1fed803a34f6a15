"""Measure the policies of a site with very many people, and print the numbers as JSON: a child.

What an operator opens, and what cron runs, on the tests' host with an admin: each scenario
(`tests.bench.policy_scenarios`) some times over, after one that is not counted. Its statements are
counted apart from the times, and the rows that they write: by what the database says of each.

The list of everybody is written by a process of its own, whose memory is looked at afterwards.

The trap: a page that answers something else is fast. Every answer is looked at. And after filling
the tables the database tidies up for a while; it is told to, first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import Any

import django
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db import connection

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.people_settings"
django.setup()

from hardening.management.progress import Progress  # noqa: E402 - Django first
from tests.bench import counted, people, rules  # noqa: E402
from tests.bench.policy_scenarios import SCENARIOS, Scenario, Site, seen_elsewhere  # noqa: E402

WRITES = ("INSERT", "UPDATE", "DELETE")
FILLING = 35  # steps that `people.populate` shows, about


@contextmanager
def rows_written() -> Iterator[list[int]]:
    """Count the rows that each statement of the block writes."""
    found: list[int] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        answer = execute(sql, params, many, context)
        if sql.lstrip().startswith(WRITES):
            found.append(context["cursor"].rowcount)
        return answer

    with connection.execute_wrapper(note):
        yield found


def measured(site: Site, scenario: Scenario, runs: int) -> dict[str, Any]:
    """Return the times of one scenario in seconds, its statements and the rows it writes."""
    times = []
    for _ in range(runs + 1):
        run = scenario.prepare(site)
        began = perf_counter()
        run()
        times.append(perf_counter() - began)
    run = scenario.prepare(site)
    with counted.counting() as said, rows_written() as written:
        run()
    return {
        "name": scenario.name,
        "label": scenario.label,
        "median": round(median(times[1:]), 4),
        "most": round(max(times[1:]), 4),
        "queries": said.asdict()["queries"],
        "written": sum(written),
        "limits": {"seconds": scenario.seconds, "written": scenario.written},
        "grows": scenario.grows,
    }


def streamed(policy: str) -> dict[str, Any]:
    """Return what a process of its own says that has written the list of everybody."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.streamed", policy],
        stdout=subprocess.PIPE,
        check=True,
    )
    return dict(json.loads(done.stdout))


def main() -> None:
    """Make the tables, fill them, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, required=True)
    parser.add_argument("--runs", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    steps = FILLING + len(SCENARIOS) + 2
    with Progress(OutputWrapper(sys.stderr), steps, f"{given.people:,} people") as progress:
        began, now = perf_counter(), int(time.time())
        call_command("migrate", verbosity=0)
        call_command("migrate", verbosity=0, run_syncdb=True)  # the crew has no migrations
        rows = rules.demand(now)
        people.populate(
            given.people, rows, now=now, seed=given.seed, show=lambda _: progress.step()
        )
        rules.remember(given.people, now)
        filled = perf_counter() - began
        site = Site(rows, given.people)
        found = []
        for scenario in SCENARIOS:
            found.append(measured(site, scenario, given.runs))
            progress.step()
        everybody = f"row:{rows['everyone'].pk}"
        lists = streamed(everybody)
        progress.step()
        json.dump(
            {
                "people": given.people,
                "database": {
                    "vendor": connection.vendor,
                    "version": list(connection.get_database_version()),
                },
                "filled_seconds": round(filled, 1),
                "scenarios": found,
                "list": lists,
                "elsewhere": seen_elsewhere(site),
            },
            sys.stdout,
        )


if __name__ == "__main__":
    main()
