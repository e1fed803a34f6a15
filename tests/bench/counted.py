"""What one request says to the database, and how many passwords it hashes: exact, and no times.

A *query* reads or writes rows; what opens, closes and nests transactions is counted beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

from django.contrib.auth.hashers import get_hashers
from django.db import connection
from django.db.backends.signals import connection_created
from django.test.utils import CaptureQueriesContext

TRANSACTION = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "SET ")


@dataclass(slots=True)
class Counted:
    """The statements of one request, and its hashes."""

    statements: list[str] = field(default_factory=list)
    hashes: int = 0
    connections: int = 0  # opened for this request alone

    def asdict(self) -> dict[str, Any]:
        """Return what the JSON says of it."""
        frames = sum(sql.upper().startswith(TRANSACTION) for sql in self.statements)
        return {
            "queries": len(self.statements) - frames,
            "transaction": frames,
            "ours": sum("hardening_" in sql for sql in self.statements),
            "hashes": self.hashes,
            "connections": self.connections,
            "statements": self.statements,
        }


@contextmanager
def counting() -> Iterator[Counted]:
    """Count all that happens in the block, on every connection."""
    found = Counted()
    opened: list[Any] = []

    def open_one(*, connection: Any, **_: Any) -> None:
        connection.force_debug_cursor = True
        opened.append(connection)

    connection_created.connect(open_one)
    try:
        with CaptureQueriesContext(connection) as caught, _hashes(found):
            yield found
    finally:
        connection_created.disconnect(open_one)
    logs = [caught.captured_queries, *(other.queries_log for other in opened)]
    found.statements = [said["sql"] for log in logs for said in log]
    found.connections = len(opened)


@contextmanager
def _hashes(found: Counted) -> Iterator[None]:
    """Count the calls of hashers; one that calls itself is one hash."""
    inside = False

    def counted(call: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            nonlocal inside
            if inside:
                return call(*args, **kwargs)
            inside, found.hashes = True, found.hashes + 1
            try:
                return call(*args, **kwargs)
            finally:
                inside = False

        return run

    with ExitStack() as patches:
        for hasher in get_hashers():
            for name in ("encode", "verify"):
                call = counted(getattr(hasher, name))
                patches.enter_context(mock.patch.object(hasher, name, call))
        yield
