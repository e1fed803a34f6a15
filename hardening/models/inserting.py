"""Inserting rows unless they are there, so that whoever goes on to update them is never stuck.

The trap: MariaDB and MySQL lock the row that their ``INSERT IGNORE`` meets, and lock it *shared*.
Of two transactions that met the same row, each then waits with its update for the other, and one
is broken off as a deadlock. An upsert that changes nothing locks the row exclusively instead, so
that they queue. PostgreSQL and SQLite lock nothing for a conflict that is ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, router
from django.db.models.constants import OnConflict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model


def insert_missing(queryset: Any, rows: Sequence[Model]) -> None:
    """Insert those of `rows` whose primary key is not there yet, by one statement.

    Their model must have no other unique column.
    """
    if not rows:
        return
    model = queryset.model
    alias = queryset._db or router.db_for_write(model)  # noqa: SLF001 - as `bulk_create` writes
    conflict: dict[str, Any] = {"on_conflict": OnConflict.IGNORE}
    if connections[alias].vendor == "mysql":
        update_fields = [model._meta.pk]  # noqa: SLF001
        conflict = {"on_conflict": OnConflict.UPDATE, "update_fields": update_fields}
        conflict["unique_fields"] = []
    # What `bulk_create` calls, without its transaction around one statement (two more round trips)
    # and without its refusal to update a primary key.
    fields = model._meta.concrete_fields  # noqa: SLF001
    queryset._insert(rows, fields=fields, using=alias, **conflict)  # noqa: SLF001
