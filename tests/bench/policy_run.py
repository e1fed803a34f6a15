"""Measure the policies of a site with very many people: one child a number of people.

`measured` returns what the JSON has under "policies":

    [{"people", "database": {"vendor", "version"}, "filled_seconds",
      "scenarios": [{"name", "label", "median", "most": seconds,
                     "queries", "written": statements, rows,
                     "limits": {"seconds", "written"}, null: none,
                     "grows": its work is a piece for each person}],
      "list": {"seconds", "people", "queries", "memory": {"before", "most": KiB}},
      "elsewhere": {"before", "after": what another process answers, next, to a policy edit},
      "load": of the machine, as the child ended}]

The first is the small site that the others are compared with.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any

from tests.bench.breach_run import child

FEW, MANY = 10_000, 1_000_000
RUNS, QUICK_RUNS = 7, 2


def sizes_of(people: int | None, *, quick: bool) -> tuple[int, ...]:
    """Return how many people live on each site that is measured."""
    many = people or (FEW * 2 if quick else MANY)
    return (min(FEW, max(many // 2, 1)), many)


def measured(
    sizes: Sequence[int], *, runs: int, lend: Callable[[], AbstractContextManager[str]]
) -> list[dict[str, Any]]:
    """Return the figures of each site.

    Args:
        sizes: How many people, one an empty database.
        runs: Of each scenario.
        lend: Lends an empty database, as in ``HARDENING_TESTS_DATABASE``.
    """
    found = []
    for people in sizes:
        with lend() as address:
            environ = {"HARDENING_TESTS_DATABASE": address}
            one = child("policies", "--people", people, "--runs", runs, **environ)
        found.append({**one, "load": round(os.getloadavg()[0], 1)})
    return found
