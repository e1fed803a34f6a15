"""Where counters are written, so that no foreign transaction takes them back.

A view under ``ATOMIC_REQUESTS``, or Django REST framework on a fault, rolls back all that was
written meanwhile; guesses that were counted there would be free. So inside somebody's transaction
PostgreSQL and MariaDB get a second connection of this thread's, a copy of the first, which
commits by itself. SQLite has one writer, who would wait for himself: there the write stays in the
transaction, and `may_be_lost` says so, so that whoever counts does it again after a rollback.

The trap: a `TestCase` is a transaction too, and one to which the counters belong, also inside a
view's own: counters of a host's tests go when the test ends, and a second connection would wait
for ever for rows that the test has written.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from django.core.signals import request_finished
from django.db import connections, transaction

from hardening.models.database import alias as account_alias

if TYPE_CHECKING:
    from django.db.models import Model

SUFFIX = "-hardening-counters"
COMMITS_ALONE = ("postgresql", "mysql")

_opened = threading.local()  # `names`: the second connections of this thread


class Counting:
    """One database to count in; see the module."""

    def __init__(self, alias: str) -> None:
        self.alias = alias

    def rows(self, model: type[Model]) -> Any:
        """Return the model's rows there."""
        return model._default_manager.using(self.alias)  # noqa: SLF001 - our own models

    def atomic(self) -> transaction.Atomic:
        """Open a transaction there."""
        return transaction.atomic(using=self.alias)

    def undo(self) -> None:
        """Let the block of `atomic` at hand end without a trace."""
        transaction.set_rollback(True, using=self.alias)


def counting() -> Counting:
    """Return where to count right now; a second connection lasts until the request is over."""
    alias = account_alias()
    alone = connections[alias].vendor in COMMITS_ALONE and not _in_test(alias)
    return Counting(_second(alias) if alone and in_foreign_transaction(alias) else alias)


def _second(alias: str) -> str:
    """Return the name of this thread's second connection, opened if there is none that works."""
    name, names = alias + SUFFIX, _opened.__dict__.setdefault("names", set())
    if name not in names:
        copy = connections[alias].copy(name)
        copy.settings_dict["AUTOCOMMIT"] = True
        copy.settings_dict["OPTIONS"].pop("pool", None)  # a pool of its own would stay open
        connections[name] = copy
        names.add(name)
    elif connections[name].errors_occurred:  # nobody else looks after it: begin anew
        connections[name].close()
    return name


def may_be_lost() -> bool:
    """True where a count made now goes with somebody's transaction if that is rolled back.

    Not in a `TestCase`, whose outermost transaction never commits: nobody could tell there.
    """
    alias = account_alias()
    if not in_foreign_transaction(alias) or connections[alias].vendor in COMMITS_ALONE:
        return False
    return not _in_test(alias)


def close(**_: Any) -> None:
    """Close this thread's second connection, if it has one."""
    names = _opened.__dict__.pop("names", ())
    for name in names:
        second = connections[name]
        del connections[name]
        second.close()


request_finished.connect(close, dispatch_uid="hardening.counting")


def in_foreign_transaction(alias: str | None = None) -> bool:
    """True inside a transaction that may be rolled back by somebody else; a test's does not count.

    Nothing that counts guesses opens one of its own around the count.
    """
    connection = connections[alias or account_alias()]
    if not connection.in_atomic_block and connection.get_autocommit():
        return False
    blocks = getattr(connection, "atomic_blocks", ())
    return not (blocks and blocks[-1]._from_testcase)  # noqa: SLF001 - as `durable` asks


def _in_test(alias: str) -> bool:
    blocks = getattr(connections[alias], "atomic_blocks", ())
    return any(block._from_testcase for block in blocks)  # noqa: SLF001 - as `durable` asks
