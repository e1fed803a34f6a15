"""Live sessions when nobody can decide, and when it is another process that changed a policy."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client

from hardening import policies
from tests.doors.conftest import HTML, JSON, name_shown
from tests.doors.test_live import MAILBOX, policy, stopped

pytestmark = pytest.mark.django_db

# --- faults ----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/reads-user/", "/members/", "/async-reads-user/", "/admin/"])
def test_a_decision_that_raises_is_503_and_signs_nobody_out(
    path, armed, live, monkeypatch, caplog
) -> None:
    client = live(armed)
    before = dict(client.session)

    def boom(*_args, **_kwargs):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr("hardening.flows.record.decide", boom)
        for headers in (HTML, JSON):
            caplog.clear()
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
            assert "no-store" in answer.headers["Cache-Control"]
            logged = [r for r in caplog.records if r.levelno >= logging.ERROR]
            assert logged[0].name == "hardening"
            assert logged[0].exc_info is not None
        assert answer.json() == {"code": "unavailable"}
        assert client.get("/public/").status_code == 200
    assert dict(client.session) == before
    assert name_shown(client) == "armed"


@pytest.mark.django_db(transaction=True)  # PostgreSQL takes nothing more after a failed query
def test_facts_that_cannot_be_read_are_503(armed, live, monkeypatch) -> None:
    client = live(armed)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hardening_sitestate RENAME COLUMN epoch TO epoch_gone")
    assert client.get("/reads-user/").status_code == 503
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE hardening_sitestate RENAME COLUMN epoch_gone TO epoch")
    assert name_shown(client) == "armed"


# --- another process -------------------------------------------------------------------------


def test_this_process_sees_rows_that_another_one_wrote(fan, clock) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    assert name_shown(client) == "fan"
    held = policies.current()
    policy()
    policies._held = held  # as if the write had been made elsewhere
    assert stopped(client) == MAILBOX


OTHER_PROCESS = """
import django; django.setup()
from hardening.models import RolePolicy
from hardening.moments import moment
RolePolicy.objects.create(role="everyone", mode="enforce", starts_at=moment(0))
"""
THIS_PROCESS = """
import subprocess, sys
import django; django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from django.contrib.auth import get_user_model
from django.test import Client
fan = get_user_model().objects.create_user("fan", "fan@example.com", "x")
client = Client(headers={"Accept": "text/html"})
client.force_login(fan)
print(client.get("/reads-user/").status_code)
subprocess.run([sys.executable, "-c", sys.argv[1]], check=True)
print(client.get("/reads-user/").url)
"""


def test_a_policy_of_another_process_acts_on_the_next_request(tmp_path) -> None:
    database = tmp_path / "site.sqlite3"
    sqlite3.connect(database).close()
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "HARDENING_TESTS_DATABASE": str(database),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", THIS_PROCESS, OTHER_PROCESS],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == ["200", MAILBOX], done.stderr
