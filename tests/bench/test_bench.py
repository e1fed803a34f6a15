"""The benchmark runs, and its exact numbers, those of statements, are the promised ones.

Times are never tested: the machine's other work would be what is judged.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import figures, report
from tests.bench.figures import Round

ROOT = Path(__file__).resolve().parents[2]
# Queries of plain Django, of the guarded site, and how many of the latter name a table of ours.
PROMISED = {
    "authenticated_page": (2, 2, 1),
    "authenticated_page_factor": (2, 2, 1),
    "authenticated_page_roles": (2, 2, 1),
    "anonymous_page": (0, 0, 0),
    "ignoring_page": (0, 0, 0),
    "login": (5, 6, 2),
    "login_first": (5, 10, 6),
    "login_hash": (5, 6, 2),
    "login_parked": (5, 9, 4),
    "login_parked_ours": (None, 5, 3),
    "second_factor": (None, 24, 17),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[str, dict]:
    """The smallest run there is: what it printed, and what it wrote."""
    numbers = tmp_path_factory.mktemp("bench") / "numbers.json"
    wanted = ["--database", "sqlite", "--rounds", "1", "--json", str(numbers)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", *wanted],
        cwd=ROOT,
        env={**os.environ, "HARDENING_TESTS_DATABASE": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(numbers.read_text())


def test_each_request_runs_the_promised_number_of_queries(run) -> None:
    counted = {
        entry["name"]: (
            entry["plain"] and entry["plain"]["queries"],
            entry["guarded"]["queries"],
            entry["guarded"]["ours"],
        )
        for entry in run[1]["results"][0]["scenarios"]
    }
    assert counted == PROMISED


def test_the_table_names_each_scenario_and_says_what_is_over(run) -> None:
    printed, numbers = run
    for entry in numbers["results"][0]["scenarios"]:
        (line,) = (line for line in printed.splitlines() if line.startswith(entry["label"] + " "))
        assert line.endswith("OVER") == report.verdict(entry).over


def test_a_ratio_is_that_of_the_medians_and_lies_in_its_range() -> None:
    rounds = [Round(plain=(100, 100 + n, 900), guarded=(120, 120 + n, 150)) for n in range(20)]
    found = figures.ratio(rounds)
    assert 1.1 < found.low <= found.value <= found.high < 1.3
    assert figures.ratio(rounds) == found


@pytest.mark.parametrize(
    "value, queries, limits, over",
    [
        (1.03, 2, {"ratio": 1.03, "queries": None, "extra_queries": 0}, False),
        (1.04, 2, {"ratio": 1.03, "queries": None, "extra_queries": 0}, True),
        (1.00, 3, {"ratio": 1.03, "queries": None, "extra_queries": 0}, True),
        (9.00, 8, {"ratio": None, "queries": 8, "extra_queries": None}, False),
        (0.50, 9, {"ratio": None, "queries": 8, "extra_queries": None}, True),
    ],
)
def test_a_limit_is_kept_to_its_edge(value, queries, limits, over) -> None:
    sides = {"plain": {"queries": 2}, "guarded": {"queries": queries}}
    assert report.verdict({"ratio": {"value": value}, "limits": limits, **sides}).over is over
