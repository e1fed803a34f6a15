"""Write the list of everybody under one policy, and print what that took: a child.

``{"seconds", "people", "queries", "memory": {"before", "most": KiB}}``: *before* is this process
when Django is there and a first query has been run, *most* the highest that it ever was.
"""

from __future__ import annotations

import json
import os
import sys
from time import perf_counter

import django
from django.core.management import call_command
from django.db import connection

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.people_settings"
django.setup()

from hardening import policies  # noqa: E402 - Django first
from tests.bench.lookups import memory  # noqa: E402


class Sink:
    """A file that counts lines and keeps none."""

    def __init__(self) -> None:
        self.lines = 0

    def write(self, text: str) -> int:
        """Count."""
        self.lines += text.count("\n")
        return len(text)


def main(policy: str) -> None:
    """Write the list, print JSON."""
    policies.read()
    before, sink, queries = memory()["peak"], Sink(), 0

    def count(execute, sql, params, many, context):
        nonlocal queries
        queries += 1
        return execute(sql, params, many, context)

    began = perf_counter()
    with connection.execute_wrapper(count):
        call_command("hardening_report", list=True, policy=policy, format="csv", stdout=sink)
    took = perf_counter() - began
    found = {"before": before, "most": memory()["peak"]}
    about = {"seconds": round(took, 2), "people": sink.lines - 1, "queries": queries}
    json.dump({**about, "memory": found}, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1])
