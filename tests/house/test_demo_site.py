"""The demo site from outside: a newcomer's commands, each a process of its own.

The settings of the demo cannot live beside those of the tests in one process.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def manage(tmp_path):
    """Return `manage(*arguments, **variables)`: runs `manage.py` on a data folder of its own."""

    def run(*arguments, **variables):
        surroundings = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PORT", "SECRET_KEY"}
        }
        return subprocess.run(
            [sys.executable, "-W", "error", "manage.py", *arguments],
            cwd=ROOT,
            env=surroundings | {"BACKSTAGE_DATA": str(tmp_path / "data")} | variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def assert_well(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


def test_the_system_checks_are_silent(manage):
    done = manage("check", "--fail-level", "WARNING")
    assert_well(done)
    assert "no issues (0 silenced)" in done.stdout


def test_no_migration_is_missing(manage):
    assert_well(manage("makemigrations", "--check", "--dry-run"))


def test_a_newcomer_migrates_and_seeds_and_may_do_so_again(manage, tmp_path):
    assert_well(manage("migrate", "--verbosity", "0"))
    first = manage("seed_backstage", PORT="8123")
    assert_well(first)
    assert "http://localhost:8123/mailbox/" in first.stdout
    again = manage("seed_backstage", PORT="8123")
    assert_well(again)
    assert again.stdout == first.stdout
    assert (tmp_path / "data" / "db.sqlite3").exists()


def test_outside_the_demo_nothing_is_seeded(manage):
    done = manage("seed_backstage", BACKSTAGE_DEMO="0")
    assert done.returncode == 1
    assert "not the demo" in done.stderr
