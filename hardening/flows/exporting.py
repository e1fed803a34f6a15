"""The audit log as JSON lines: an object a line, seals before the events that they cover.

What is exported whole can be verified elsewhere, with the key alone: `File` reads it back. Only
ASCII leaves, so nothing in it moves a cursor or starts a line of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db.models import Q

from hardening.flows.auditlog import LISTED, Database
from hardening.flows.sealing import BATCH
from hardening.models import AuditSeal, SecurityEvent
from hardening.moments import exact, moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import QuerySet

EVENT, SEAL = "event", "seal"  # what a line is
KIND = "line"


class UnreadableError(Exception):
    """A line is none of an export; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events; all of them by default. `since` and `until` are Unix seconds.

    Attributes:
        since: From then on.
        until: Before then.
        event: A name of the vocabulary, or its beginning up to a colon.
        user: The key of an account, or its name, as it was then.
    """

    since: int | None = None
    until: int | None = None
    event: str = ""
    user: str = ""

    def rows(self) -> QuerySet[SecurityEvent]:
        """Return the events, without an order."""
        rows = SecurityEvent.objects.order_by()
        if self.since is not None:
            rows = rows.filter(at__gte=moment(self.since))
        if self.until is not None:
            rows = rows.filter(at__lt=moment(self.until))
        if self.event:
            rows = rows.filter(of_event(self.event))
        if self.user:
            rows = rows.filter(Q(target_pk=self.user) | Q(target_name=self.user))
        return rows


def of_event(name: str) -> Q:
    """Return the condition for an event, or for all those of a subject or a subject's action."""
    return Q(event=name) | Q(event__startswith=f"{name.rstrip(':')}:")


def lines(wanted: Wanted) -> Iterator[str]:
    """Yield the lines, without their ends; with seals where nothing is left out."""
    if wanted != Wanted():
        yield from map(event_line, by_key(wanted.rows()))
        return
    log = Database()
    for made, rows in log.batches():
        yield seal_line(made)
        yield from map(event_line, rows)
    yield from map(event_line, log.unsealed())


def by_key(rows: QuerySet[SecurityEvent]) -> Iterator[SecurityEvent]:
    """Yield events by key, a batch at a time in memory."""
    rows, after = rows.order_by("pk"), None
    while batch := list((rows if after is None else rows.filter(pk__gt=after))[:BATCH]):
        yield from batch
        after = batch[-1].pk


def columns(row: SecurityEvent) -> dict[str, Any]:
    """Return all columns of an event, as JSON has them; `at` is UTC."""
    fields = SecurityEvent._meta.concrete_fields  # noqa: SLF001 - our own model
    said = {field.attname: getattr(row, field.attname) for field in fields}
    return {**said, "at": exact(row.at).isoformat(timespec="microseconds")}


def event_line(row: SecurityEvent) -> str:
    """Return one event."""
    return json.dumps({KIND: EVENT, **columns(row)})


def seal_line(made: AuditSeal) -> str:
    """Return one seal."""
    fields = AuditSeal._meta.concrete_fields  # noqa: SLF001 - our own model
    return json.dumps(
        {KIND: SEAL, **{field.attname: getattr(made, field.attname) for field in fields}}
    )


class File:
    """A log that was exported whole, read back; see `auditlog.Source`."""

    def __init__(self, text: Iterable[str]) -> None:
        """Read from lines, as an open file has them."""
        self._found = map(_read, enumerate(text, 1))
        self._held: AuditSeal | SecurityEvent | None = None
        self._macs: dict[int, str] = {}
        self._strays: list[int] = []

    def batches(self) -> Iterator[tuple[AuditSeal, Iterable[SecurityEvent]]]:
        """Yield each seal with its events."""
        while (one := self._next()) is not None:
            if isinstance(one, AuditSeal):
                self._macs[one.number] = one.mac
                yield one, self._rows_of(one.number)
            elif one.seal is None:
                self._held = one
                return
            else:
                self._stray(one)

    def unsealed(self) -> Iterator[SecurityEvent]:
        """Yield what stands after the last seal."""
        while (one := self._next()) is not None:
            if isinstance(one, SecurityEvent) and one.seal is None:
                yield one
            else:
                self._stray(one)

    def strays(self) -> Iterable[int]:
        """Return the keys of what stands where it does not belong."""
        return self._strays

    def macs(self, numbers: list[int]) -> dict[int, str]:
        """Return those that were read."""
        return {number: self._macs[number] for number in numbers if number in self._macs}

    def pruned_since(self, number: int) -> bool:
        """Return that a file stays as it is."""
        del number
        return False

    def _rows_of(self, number: int) -> Iterator[SecurityEvent]:
        while (one := self._next()) is not None:
            if not isinstance(one, SecurityEvent) or one.seal != number:
                self._held = one
                return
            yield one

    def _next(self) -> AuditSeal | SecurityEvent | None:
        held, self._held = self._held, None
        return held or next(self._found, None)

    def _stray(self, one: AuditSeal | SecurityEvent) -> None:
        if len(self._strays) < LISTED:
            self._strays.append(one.pk)


def _read(numbered: tuple[int, str]) -> AuditSeal | SecurityEvent:
    number, text = numbered
    try:
        said = json.loads(text)
        kind = said.pop(KIND)
        if kind == EVENT:
            said["at"] = moment_of(said["at"])
        one = AuditSeal(**said) if kind == SEAL else SecurityEvent(**said)
        one.clean_fields()
    except (ValueError, TypeError, KeyError, AttributeError, ValidationError) as fault:
        message = f"line {number} is no line of an export: {type(fault).__name__}"
        raise UnreadableError(message) from fault
    return one


def moment_of(text: str) -> datetime:
    """Return the moment that a line names.

    Raises:
        ValueError: If it is none, or in no time zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        message = "a moment without its time zone"
        raise ValueError(message)
    return at
