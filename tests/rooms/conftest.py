"""What the rooms need to stand on: a user, a record, a policy; each process starts anew."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

import pytest
from django.contrib.auth import get_user_model

from hardening import facts, policies
from hardening.breach import pool
from hardening.breach.api import RangeApi
from hardening.models import ParkedLogin, RolePolicy
from hardening.models.parked import Purpose
from hardening.models.policy import Mode
from hardening.moments import moment
from tests.pwned_server import PwnedServer
from tests.visitor import DAY, NOW


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    """Hold no policies of an earlier test, as a process that has just started."""
    policies.forget()
    monkeypatch.setattr(facts, "_tables_seen", set())
    yield
    policies.forget()


@pytest.fixture
def user(db):
    """Return a user with an e-mail address and no role."""
    return get_user_model().objects.create_user("ada", "ada@example.com", "pass")


@pytest.fixture
def other(db):
    """Return somebody else."""
    return get_user_model().objects.create_user("bea", "bea@example.com", "pass")


@pytest.fixture
def make_record(db):
    """Return a function that parks a sign-in of a user."""

    def make(owner, **values):
        fields = {
            "handle": f"handle-{ParkedLogin.objects.count()}",
            "user": owner,
            "purpose": Purpose.LOGIN,
            "account_epoch": 0,
            "site_epoch": 0,
            "started_at": NOW,
            "expires_at": NOW + 600,
        }
        return ParkedLogin.objects.create(**{**fields, **values})

    return make


@pytest.fixture
def record(user, make_record):
    """Return a parked sign-in of `user`."""
    return make_record(user)


@pytest.fixture
def make_policy(db):
    """Return a function that stores an enforcing policy, due since yesterday."""

    def make(role="staff", **values):
        fields = {"mode": Mode.ENFORCE, "starts_at": moment(NOW - DAY)}
        return RolePolicy.objects.create(role=role, **{**fields, **values})

    return make


class _Meeting:
    """A task that is over when every thread of the pool has come to it."""

    def __init__(self, all_here: threading.Barrier) -> None:
        self.deadline = time.monotonic() + 30
        self.settled = threading.Event()
        self.all_here = all_here

    def run(self) -> None:
        self.all_here.wait(30)
        self.settled.set()

    def expire(self) -> None:
        """Nobody waits for a meeting that did not come about but the test, which fails."""


def _quiet() -> None:
    """Wait until no thread of the pool is at work: what it still logs would be the next test's."""
    all_here = threading.Barrier(pool.THREADS)
    meetings = [_Meeting(all_here) for _ in range(pool.THREADS)]
    assert all(pool.submit(one) for one in meetings)
    assert all(one.settled.wait(30) for one in meetings)


@pytest.fixture
def pwned(settings):
    """Return `pwned(behave, passwords, tls=…, monotonic=…, **HARDENING)`: a client and its server.

    The real client of the range API, as it comes in a new process, and a server of leaked
    passwords and their counts that behaves so.
    """
    with ExitStack() as stack:

        def make(behave="right", passwords=(), *, tls=None, monotonic=None, **chosen):
            serving = PwnedServer(dict(passwords), behave=behave, tls=tls)
            server = stack.enter_context(serving)
            settings.HARDENING = {"BREACH_API_URL": server.url, **chosen}
            clock = {"monotonic": monotonic} if monotonic else {}
            return RangeApi(**clock), server

        yield make
    _quiet()
