"""The ground holds: the guard guards, the locks name no place, floors read what they may."""

from __future__ import annotations

import ast
import os
import socket
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from hardening.models.database import Row, WrittenQuerySet
from tests import guard, settings
from tests.harness import stage_key

ROOT = Path(__file__).resolve().parent.parent.parent
APP = ROOT / "hardening"

# Settings are read in conf, its neighbour host, checks and models; time enters once, at a door.
SETTINGS_READERS = ("conf", "host", "checks", "models", "migrations", "testing", "drill")
CLOCK_READERS = (
    *("access", "admin", "backends", "checks", "context_processors", "contrib", "management"),
    *("middleware", "migrations", "outgoing", "receivers", "templatetags", "testing"),
    *("validators", "views"),
)
CLOCKS = {
    *("time.time", "time.time_ns", "timezone.now", "timezone.localtime", "timezone.localdate"),
    *("datetime.now", "datetime.today", "datetime.utcnow", "date.today"),
}


VENDORS = {"plain-postgres": "postgresql", "plain-mariadb": "mysql"}


def modules_outside(rooms):
    for path in sorted(APP.rglob("*.py")):
        if path.relative_to(APP).parts[0].removesuffix(".py") not in rooms:
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def imported_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def dotted_names(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            yield f"{owner}.{node.attr}"


def test_settings_are_read_in_conf_checks_and_models_only():
    readers = [
        str(path.relative_to(ROOT))
        for path, tree in modules_outside(SETTINGS_READERS)
        if "django.conf.settings" in imported_names(tree)
    ]
    assert readers == []


def test_the_clock_is_read_at_the_doors_only():
    readers = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in modules_outside(CLOCK_READERS)
        for name in {*dotted_names(tree), *imported_names(tree)} & CLOCKS
    ]
    assert readers == []


@pytest.mark.parametrize("lock", sorted(ROOT.glob(".ci/locks/*.txt")), ids=lambda path: path.name)
def test_a_lock_names_hashes_and_no_place(lock):
    text = lock.read_text(encoding="utf-8")
    assert "--hash=sha256:" in text
    assert "://" not in text
    assert "index" not in text


def test_a_connection_to_another_machine_is_refused_and_remembered():
    with pytest.raises(guard.OutsideError), socket.socket() as probe:
        probe.connect(("192.0.2.1", 80))
    with pytest.raises(guard.OutsideError):
        socket.getaddrinfo("example.com", 443)
    assert guard.attempts == ["192.0.2.1", "example.com"]
    guard.attempts.clear()


def test_this_machine_may_be_reached():
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


# --- databases ------------------------------------------------------------------------------------


def forgetful_calls(tree):
    """Name what means the database ``default`` whatever a router says."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            bound = any(keyword.arg == "using" for keyword in node.keywords)
            if isinstance(owner, ast.Name) and owner.id == "transaction" and not bound:
                yield f"transaction.{node.func.attr}"
    for name in imported_names(tree):
        if name == "django.db.connection" or name.startswith("django.db.transaction."):
            yield name


def test_a_transaction_names_its_database():
    found = [
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in modules_outside(())
        for name in forgetful_calls(tree)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source, expected",
    [
        ("transaction.atomic()", ["transaction.atomic"]),
        ("transaction.on_commit(send, robust=True)", ["transaction.on_commit"]),
        ("transaction.set_rollback(True, using=alias)", []),
        ("from django.db import connection", ["django.db.connection"]),
        ("from django.db import connections", []),
        ("from django.db.transaction import atomic", ["django.db.transaction.atomic"]),
    ],
)
def test_a_transaction_on_default_is_found(source, expected):
    assert list(forgetful_calls(ast.parse(source))) == expected


@pytest.mark.parametrize("model", list(apps.get_app_config("hardening").get_models()))
def test_every_model_of_ours_reads_where_it_is_written(model):
    assert issubclass(model, Row)
    assert isinstance(model._default_manager.all(), WrittenQuerySet)


def test_a_stage_runs_on_the_database_that_it_names(request):
    stage = request.config.stash[stage_key]
    if stage in VENDORS:
        assert connection.vendor == VENDORS[stage]
    else:  # SQLite, or whatever somebody named
        named = os.environ.get("HARDENING_TESTS_DATABASE", "")
        assert connection.settings_dict["ENGINE"] == settings.database(named)["ENGINE"]


@pytest.mark.parametrize(
    "named, expected",
    [
        ("", {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}),
        ("/somewhere/tests.sqlite3", {"ENGINE": "django.db.backends.sqlite3"}),
        (
            "postgresql://me@127.0.0.1:5433/site",
            {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": "site",
                "USER": "me",
                "HOST": "127.0.0.1",
                "PORT": 5433,
            },
        ),
        (
            "mysql://root@127.0.0.1:3307/site?isolation_level=repeatable%20read",
            {
                "ENGINE": "django.db.backends.mysql",
                "NAME": "site",
                "OPTIONS": {"isolation_level": "repeatable read"},
            },
        ),
    ],
)
def test_an_address_names_a_database(named, expected):
    assert settings.database(named).items() >= expected.items()
