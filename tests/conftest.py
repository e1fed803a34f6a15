"""Fixtures for every folder. The ground itself (stages, servers, guard) is `tests/harness.py`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextvars import copy_context
from importlib import import_module
from pathlib import Path

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.core.mail.utils import DNS_NAME
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from hypothesis import settings as hypothesis_settings

from hardening import host
from hardening.breach import search
from tests import guard, redis, secrecy
from tests.harness import MissingPart
from tests.visitor import NOW, PASSWORD, Visitor

# Shared machines have slow moments; a property is no benchmark.
hypothesis_settings.register_profile("shared", deadline=None)
hypothesis_settings.load_profile("shared")

ASKED_FOR_FACTS = ("hardening_account", "hardening_sitestate", "hardening_rolepolicy")

# Every mail's id names this machine; Django would ask the network what it is called.
DNS_NAME._fqdn = "localhost"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Run each test in a context of its own, which goes when the test ends.

    Each change of the URLconf makes Django's resolvers anew, each with a context variable. Under
    ASGI every one of them is copied at every step: thousands of tests later that takes seconds.
    """
    wanted = pyfuncitem._fixtureinfo.argnames
    given = {name: pyfuncitem.funcargs[name] for name in wanted}
    copy_context().run(pyfuncitem.obj, **given)
    return True


@pytest.fixture(autouse=True)
def _nothing_outside() -> Iterator[None]:
    """Fail the test that tried to reach another machine, even if its code shrugged it off."""
    guard.attempts.clear()
    yield
    assert not guard.attempts, f"reached for {guard.attempts}"


secrecy.begin()


@pytest.fixture(autouse=True)
def _nothing_told() -> Iterator[None]:
    """Fail the test during which a log gave away a secret, or what a password hashes to."""
    secrecy.seen.clear()
    yield
    assert not secrecy.mailed(), "a mail holds a session key or a derived key"
    assert not secrecy.seen, "a log record holds a secret, or a SHA-1, a prefix or a suffix"


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    """Start with an empty cache: pytest-randomly must not make tests meet each other there."""
    cache.clear()


@pytest.fixture(autouse=True)
def _nothing_counted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start as a process does: what one keeps of tries would make the next test's statements.

    Nor is any test the minute's first, which clears away what is over.
    """
    if not apps.is_installed("hardening"):
        return  # a site from before
    flows = ("flows.attempts", "flows.breached", "flows.outbox")
    for name in ("attempted", "notify", *flows, "throttle.store", "throttle.tally"):
        import_module(f"hardening.{name}").clear()
    monkeypatch.setattr("hardening.throttle.tidying.TIDY_SECONDS", sys.maxsize)
    monkeypatch.setattr("hardening.flows.outbox.is_time", lambda *, now: False)


@pytest.fixture(autouse=True)
def _no_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Know of breached passwords what lies on this machine; who wants the API makes a client.

    For a host's tests the app looks up less; these here are about what a site meets.
    """
    monkeypatch.setattr(host, "is_under_test", lambda: False)
    monkeypatch.setitem(search.BUILT_IN, "api", "hardening.breach.sources.Null")
    search.forget()
    yield
    search.forget()


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Freeze time at `NOW`; `clock.shift(seconds)` moves it on."""
    with time_machine.travel(NOW, tick=False) as frozen:
        yield frozen


@pytest.fixture
def person() -> Callable[..., Visitor]:
    """Return `person(name, **fields)`: a new user with an e-mail address, at a browser."""

    def make(name: str, **fields: object) -> Visitor:
        details = {"email": f"{name}@example.com", **fields}
        user = get_user_model().objects.create_user(name, password=PASSWORD, **details)
        return Visitor(user)

    return make


@pytest.fixture
def stronger_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a kind of factor that resists phishing, which nobody has enrolled."""
    registry = import_module("hardening.factors.registry")
    values = import_module("hardening.core.values")
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    registry.install(registry.Kind("key", "Key", values.Strength.PHISHING_RESISTANT))


@pytest.fixture
def part() -> Callable[..., str]:
    """Return a function: path of the first program of the given names, or skip and say so."""

    def find(*names: str) -> str:
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None:
            raise MissingPart(names[0])
        return found

    return find


@pytest.fixture
def oathtool(part: Callable[..., str]) -> Callable[..., str]:
    """Return `oathtool(secret, at=None)`: the code an authenticator not of our making shows.

    `secret` is Base32, spaces allowed; `at` is Unix seconds, now if not given.
    """
    program = part("oathtool")

    def code(secret: str, *, at: int | None = None) -> str:
        moment = [] if at is None else ["-N", f"@{at}"]
        # The secret goes in by standard input: arguments are for everybody to read.
        run = [program, "--totp", "-b", *moment, "-"]
        done = subprocess.run(run, input=secret, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    return code


@pytest.fixture
def read_qr(part: Callable[..., str]) -> Callable[[Path], str]:
    """Return `read_qr(picture)`: what a QR reader not of our making sees in a PNG."""
    program = part("zbarimg")

    def read(picture: Path) -> str:
        run = [program, "-q", "--raw", "--nodbus", str(picture)]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"zbarimg reads no QR code in {picture}"
        return done.stdout.strip()

    return read


@pytest.fixture(scope="session")
def _redis() -> Iterator[redis.Server]:
    if redis.missing():
        raise MissingPart(redis.missing())
    server = redis.Server()
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def redis_server(_redis: redis.Server) -> Iterator[redis.Server]:
    """Return a running Redis that holds no counter; a test may halt and start it."""
    with override_settings(HARDENING={"THROTTLE_STORE": _redis.url}):
        import_module("hardening.throttle.store").clear()
    yield _redis
    _redis.start_again()


@pytest.fixture
def on_redis(redis_server: redis.Server, settings) -> redis.Server:
    """Let the throttle keep rates in Redis; return the server."""
    given = getattr(settings, "HARDENING", {})
    settings.HARDENING = {**given, "THROTTLE_STORE": redis_server.url}
    return redis_server


def _rename(old: str, new: str) -> None:
    quote = connection.ops.quote_name
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {quote(old)} RENAME TO {quote(new)}")


@pytest.fixture
def lose(transactional_db: None) -> Iterator[Callable[..., None]]:
    """Return `lose(*tables)`; they are back afterwards: MariaDB rolls no such statement back."""
    lost: list[str] = []

    def away(*tables: str) -> None:
        for table in tables:
            _rename(table, f"away_{table}")
            lost.append(table)

    yield away
    for table in reversed(lost):
        _rename(f"away_{table}", table)


@pytest.fixture
def unmigrate(lose) -> Iterator[Callable[[], None]]:
    """Return a function: be a site that has deployed the code and not run ``migrate`` yet."""
    ours = MigrationRecorder.Migration.objects.filter(app="hardening")
    kept = list(ours)

    def away() -> None:
        ours.delete()
        lose(*ASKED_FOR_FACTS)

    yield away
    MigrationRecorder.Migration.objects.bulk_create(kept, ignore_conflicts=True)
