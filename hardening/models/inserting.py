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
    if connections[alias].vendor != "mysql":
        queryset.bulk_create(rows, ignore_conflicts=True)
        return
    # What `bulk_create(update_conflicts=True)` calls; it takes no primary key to update itself.
    queryset._insert(  # noqa: SLF001
        rows,
        fields=model._meta.concrete_fields,  # noqa: SLF001
        using=alias,
        on_conflict=OnConflict.UPDATE,
        update_fields=[model._meta.pk],  # noqa: SLF001
        unique_fields=[],
    )
