"""How the tests run the benchmark: as a person does, in its smallest size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def measured(folder: Path, database: str, *more: str) -> tuple[str, dict]:
    """Return what the smallest run there is printed, and what it wrote into `folder`."""
    numbers = folder / "numbers.json"
    wanted = ["--database", database, "--rounds", "1", "--json", str(numbers), *more]
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
