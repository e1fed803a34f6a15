"""The demo site from outside: a newcomer's commands, each a process of its own.

The settings of the demo cannot live beside those of the tests in one process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def manage(tmp_path):
    """Return `manage(*arguments, **variables)`: runs `manage.py` on a data folder of its own."""
    ours = {"BACKSTAGE_DATA": str(tmp_path / "data"), "BACKSTAGE_BREACH_API": "0"}

    def run(*arguments, **variables):
        surroundings = {
            name: value
            for name, value in os.environ.items()
            if name not in {"DATABASE_URL", "DJANGO_SETTINGS_MODULE", "PORT", "SECRET_KEY"}
        }
        return subprocess.run(
            [sys.executable, "-W", "error", "manage.py", *arguments],
            cwd=ROOT,
            env=surroundings | ours | variables,
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
    # The policies for managers and editors stand in the admin, where no system check looks.
    assert "no issues (2 silenced)" in done.stdout


def test_what_is_silenced_is_said_where_the_database_can_be_asked(manage):
    assert_well(manage("migrate", "--verbosity", "0"))
    assert_well(manage("seed_backstage"))
    done = manage("hardening_status", "--format", "json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    silenced = [check["id"] for check in report["checks"] if check["silenced"]]
    assert silenced == ["hardening.W004", "hardening.W004"]
    (said,) = [line for line in report["attention"] if "publishes publicly" in line]
    assert "'artist-page-editor'" in said
    done = manage("check", BACKSTAGE_DEMO="0")
    assert "hardening.W004" in done.stderr


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
    corpus = manage("hardening_corpus", "info", "--format", "json")
    assert_well(corpus)
    assert json.loads(corpus.stdout)["path"] == str(tmp_path / "data" / "breached.corpus")
    assert_well(manage("check", "--fail-level", "WARNING"))


def test_outside_the_demo_nothing_is_seeded(manage):
    done = manage("seed_backstage", BACKSTAGE_DEMO="0")
    assert done.returncode == 1
    assert "not the demo" in done.stderr


@pytest.mark.parametrize(
    "variable, sources", [("1", "('api',)"), ("0", "()")], ids=["asked", "not"]
)
def test_whether_the_api_is_asked_the_environment_says(manage, variable, sources):
    said = "from hardening.conf import conf; print(conf().BREACH_SOURCES)"
    done = manage("shell", "-v", "0", "-c", said, BACKSTAGE_BREACH_API=variable)
    assert_well(done)
    assert done.stdout.strip() == sources
