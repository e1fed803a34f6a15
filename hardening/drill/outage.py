"""The limits' store goes down: each statement on its table fails, as on a lost connection.

The rest of the database answers. A site whose whole database is down signs nobody in anyway.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import OperationalError, connections

from hardening.models import ThrottleCell
from hardening.models.database import alias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def out_of_order() -> Iterator[None]:
    """Let every statement on the counters fail, on this thread's connection."""
    table = ThrottleCell._meta.db_table  # noqa: SLF001 - Django's documented model API

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if table in sql:
            raise OperationalError("the store is down: the drill says so")
        return execute(sql, *rest)

    with connections[alias()].execute_wrapper(refuse):
        yield
