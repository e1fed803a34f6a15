"""Fuzz every target with atheris: `python -m tests.fuzz [--seconds 60 | --runs 20000]`.

Each target has a process of its own, because libFuzzer ends it. One seed of chance for all, so a
number of runs is the same runs each time. What broke a promise is printed by libFuzzer, as text
and in base 64.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("fuzz_range", "fuzz_corpus")
CHANCE = 1
MAX_BYTES = 8192  # two pages: a header and something behind it
SLOW_SECONDS = 20  # for one input; more is a fault


def main(*arguments: str) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    amount = parser.add_mutually_exclusive_group()
    amount.add_argument("--seconds", type=int, default=60, help="for each target")
    amount.add_argument("--runs", type=int, help="inputs for each target")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.inside:
        return inside(*options.inside)
    limit = f"-runs={options.runs}" if options.runs else f"-max_total_time={options.seconds}"
    failed = [target for target in TARGETS if not run(target, limit)]
    print(f"fuzz: {len(TARGETS) - len(failed)} passed, {len(failed)} failed")  # noqa: T201
    return 1 if failed else 0


def run(target: str, limit: str) -> bool:
    """Fuzz one target; its whole output is shown if it breaks a promise."""
    with tempfile.TemporaryDirectory(prefix="hardening-fuzz-") as scratch:
        seeds = Path(scratch) / "seeds"
        seeds.mkdir()
        for place, seed in enumerate(importlib.import_module(f"tests.fuzz.{target}").SEEDS):
            (seeds / str(place)).write_bytes(seed)
        options = (
            *(limit, f"-seed={CHANCE}", f"-max_len={MAX_BYTES}", f"-timeout={SLOW_SECONDS}"),
            *("-print_final_stats=1", f"-artifact_prefix={scratch}/"),
        )
        command = (sys.executable, "-m", "tests.fuzz", "--inside", target, *options, str(seeds))
        done = subprocess.run(
            command,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="backslashreplace",
            env={**os.environ, "PYTHONHASHSEED": str(CHANCE)},
        )
    counted = re.search(r"number_of_executed_units: (\d+)", done.stdout)
    passed = done.returncode == 0 and counted is not None
    if not passed:
        print(done.stdout)  # noqa: T201
    told = "held" if passed else "BROKEN"
    print(f"{target}: {told} for {counted[1] if counted else 'no'} inputs", flush=True)  # noqa: T201
    return passed


def inside(target: str, *arguments: str) -> int:
    """Be the process that libFuzzer ends."""
    import atheris  # noqa: PLC0415  (in an environment of its own)

    atheris.enabled_hooks.add("RegEx")
    with atheris.instrument_imports(include=["hardening.core", "tests.fuzz"]):
        module = importlib.import_module(f"tests.fuzz.{target}")
    atheris.Setup([target, *arguments], module.check)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
