"""The one database of our rows: where they are written, they are read, and transactions open.

A site may keep its users and our tables in a database that is not ``default``, and may read from
replicas. A replica that lags shows no sign-in that waits and a factor that is gone, so nothing of
ours asks ``db_for_read``; a transaction on another alias holds nothing together.

The trap: `transaction.atomic` and `transaction.on_commit` without ``using=`` mean ``default``.
Nothing in this app calls them so; `atomic` and `on_commit` of this module know where the rows are.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.apps import apps
from django.db import connections, models, router, transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_Row = TypeVar("_Row", bound=models.Model)


def alias() -> str:
    """Return the alias that the accounts are written to; `hardening.E010` wants all rows there."""
    # Also while a test of the host has taken the app out of the list: its rows are where they were.
    return router.db_for_write(apps.get_registered_model("hardening", "Account"))


def atomic() -> transaction.Atomic:
    """Open a transaction, or a savepoint in the one at hand, on the database of our rows."""
    return transaction.atomic(using=alias())


def undo() -> None:
    """Let the block of `atomic` at hand end without a trace, and without an exception."""
    transaction.set_rollback(True, using=alias())


@contextmanager
def over_many() -> Iterator[None]:
    """Run queries over very many rows: PostgreSQL is told not to compile them first.

    It takes them for dear, and compiling takes longer than the scan itself. The word holds to the
    end of the transaction, so a connection pool passes it on to nobody.
    """
    connection = connections[alias()]
    if connection.vendor != "postgresql":
        yield
        return
    with atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL jit = off")
        yield


def on_commit(done: Callable[[], object]) -> None:
    """Call `done` once our rows are committed; at once outside a transaction.

    What it raises is logged and stops nobody else's.
    """
    transaction.on_commit(done, using=alias(), robust=True)


def release() -> None:
    """Close what this thread has opened; a thread that serves no request does so itself."""
    for connection in connections.all(initialized_only=True):
        connection.close()


class WrittenQuerySet(models.QuerySet[_Row]):
    """Reads from the database that is written, whatever a router says of reading."""

    @property
    def db(self) -> str:
        """Return the alias that this query goes to; `using` names another."""
        named: str | None = self._db  # type: ignore[attr-defined]
        return named or router.db_for_write(self.model, **self._hints)  # type: ignore[attr-defined]


class Row(models.Model):
    """What every model of ours is: read anew from the database that is written."""

    class Meta:
        abstract = True

    def refresh_from_db(self, using: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Read the columns anew."""
        using = using or router.db_for_write(type(self), instance=self)
        super().refresh_from_db(using, *args, **kwargs)
