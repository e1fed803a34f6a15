"""Where an audit log is read from, a batch at a time; a file is read by `exporting.File`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hardening.flows.sealing import BATCH
from hardening.models import AuditSeal, SecurityEvent

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LISTED = 20  # keys a finding names


class Source(Protocol):
    """Where a log is read from; the database, or a file."""

    def batches(self) -> Iterator[tuple[AuditSeal, Iterable[SecurityEvent]]]:
        """Yield each seal by number, and its events by key: no more than one more than it says."""

    def unsealed(self) -> Iterable[SecurityEvent]:
        """Yield the events that no seal covers, by key."""

    def strays(self) -> Iterable[int]:
        """Yield keys of events that name a seal that does not exist; no more than are listed."""

    def macs(self, numbers: list[int]) -> dict[int, str]:
        """Return the `mac` of each of these seals that exists."""

    def pruned_since(self, number: int) -> bool:
        """Return whether the seal has been pruned since it was read."""


class Database:
    """The log as it is."""

    def batches(self) -> Iterator[tuple[AuditSeal, Iterable[SecurityEvent]]]:
        """Yield each seal with its events."""
        first = AuditSeal.objects.order_by("number").values_list("number", flat=True).first()
        after = 0 if first is None else first - 1  # a forged one may be of any number
        while made := list(AuditSeal.objects.filter(number__gt=after).order_by("number")[:BATCH]):
            for one in made:
                rows = SecurityEvent.objects.filter(seal=one.number).order_by("pk")
                yield one, rows[: min(one.count, BATCH) + 1]
            after = made[-1].number

    def unsealed(self) -> Iterator[SecurityEvent]:
        """Yield what is not sealed yet, or never was."""
        rows, after = SecurityEvent.objects.filter(seal__isnull=True).order_by("pk"), None
        while batch := list((rows if after is None else rows.filter(pk__gt=after))[:BATCH]):
            yield from batch
            after = batch[-1].pk

    def strays(self) -> Iterable[int]:
        """Yield some of the events whose seal is gone."""
        named = SecurityEvent.objects.filter(seal__isnull=False)
        gone = named.exclude(seal__in=AuditSeal.objects.order_by().values("number"))
        return gone.order_by().values_list("pk", flat=True)[:LISTED]

    def macs(self, numbers: list[int]) -> dict[int, str]:
        """Look them up."""
        found = AuditSeal.objects.filter(number__in=numbers).order_by()
        return dict(found.values_list("number", "mac"))

    def pruned_since(self, number: int) -> bool:
        """Look again."""
        return AuditSeal.objects.filter(number=number).exclude(pruned="").exists()
