"""Verifying the audit log: every seal and every event in order, a batch in memory at a time.

It changes nothing. What it finds is a *breach* (somebody has been at the log), a key that is
missing (nobody can tell), or a *remark*. What each means, and what only an anchor shows:
docs/howto/audit.md.

The trap: whoever can write to the database can empty the tables, and an empty log is whole. Only
an anchor kept elsewhere tells.

Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from hardening import audit
from hardening.audit import Event
from hardening.flows import sealing
from hardening.flows.auditlog import LISTED, Database
from hardening.flows.sealing import BATCH
from hardening.moments import unix
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hardening.flows.auditlog import Source
    from hardening.models import AuditSeal, SecurityEvent

ANCHORS = 500  # compared at a time
UNSEALED_SECONDS = 60 * 60

log = logging.getLogger("hardening")


class Kind(StrEnum):
    """What is found. The words are in the documentation and in what the command prints."""

    CHAIN = "chain"
    GAP = "gap"
    SEAL = "seal"
    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    SWAPPED = "swapped"
    FORGED = "forged"
    STRAY = "stray"
    UNPRUNED = "unpruned"
    PRUNED = "pruned"
    ANCHOR = "anchor"
    UNKNOWN_KEY = "unknown_key"
    LATE = "late"
    UNSEALED = "unsealed"


REMARKS = frozenset({Kind.LATE, Kind.UNSEALED})
UNTELLABLE = frozenset({Kind.UNKNOWN_KEY})

WORDS = {
    Kind.CHAIN: "the seal does not continue the one before it",
    Kind.GAP: "seals before this one are missing",
    Kind.SEAL: "the seal was altered: no key of the ring made it",
    Kind.CHANGED: "events were altered after they were sealed",
    Kind.REMOVED: "events are missing that were sealed",
    Kind.ADDED: "there are more events than were sealed",
    Kind.SWAPPED: "these are not the events that were sealed",
    Kind.FORGED: "events that this site did not record, or altered before they were sealed",
    Kind.STRAY: "events name a seal that does not exist",
    Kind.UNPRUNED: "the seal is marked as pruned, but there are events of it",
    Kind.PRUNED: "the mark of a pruned seal is false: no key of the ring made it",
    Kind.ANCHOR: "the anchor says otherwise: the seal is missing, or another one",
    Kind.UNKNOWN_KEY: "made with a key that is not on the ring, so nobody can tell",
    Kind.LATE: "events say that they are older by a day or more than those before them",
    Kind.UNSEALED: "events have waited for a seal for more than an hour",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found.

    Attributes:
        kind: What.
        number: Of which seal; `None`: of events without one.
        pks: The keys of the events it is about, as many as are listed.
        count: How many events it is about; 0 where it is about the seal.
    """

    kind: Kind
    number: int | None = None
    pks: tuple[int, ...] = ()
    count: int = 0

    @property
    def is_breach(self) -> bool:
        """Whether somebody has been at the log."""
        return self.kind not in REMARKS | UNTELLABLE


class Verification:
    """One walk over the log; `findings` does it, the numbers say how far it has come."""

    def __init__(
        self,
        source: Source | None = None,
        *,
        now: int,
        step: Callable[[int], object] = lambda _: None,
    ) -> None:
        """Read from `source`, or the database; call `step` with the number of events read."""
        self.source = source or Database()
        self.now, self.step = now, step
        self.seals = self.events = self.unsealed = self.pruned = 0
        self.head = ""  # ``number:mac`` of the newest seal
        self._signed = False  # an event with an HMAC of its own was met
        self._newest = 0  # of the events read so far
        self._key_gone_at: int | None = None

    def findings(self, anchors: Iterable[tuple[int, str]] = ()) -> Iterator[Finding]:
        """Yield what is found, in the order of the log; anchors last.

        Args:
            anchors: Numbers of seals, and the `mac` that each was logged with.
        """
        last: AuditSeal | None = None
        for made, rows in self.source.batches():
            yield from self._of_seal(made, last)
            yield from self._of_rows(made, rows)
            last, self.seals = made, self.seals + 1
            self.head = f"{made.number}:{made.mac}"
        yield from self._of_unsealed()
        strays = tuple(self.source.strays())
        if strays:
            yield Finding(Kind.STRAY, None, strays, len(strays))
        anchors = iter(anchors)
        while some := list(islice(anchors, ANCHORS)):
            yield from self._of_anchors(some)

    def _of_seal(self, made: AuditSeal, last: AuditSeal | None) -> Iterator[Finding]:
        due = 1 if last is None else last.number + 1
        if made.number != due:
            yield Finding(Kind.GAP, made.number)
        elif made.previous != ("" if last is None else last.mac):
            yield Finding(Kind.CHAIN, made.number)
        known = sealing.holds(made)
        if known is None:
            self._key_gone_at = made.at
            yield Finding(Kind.UNKNOWN_KEY, made.number)
        elif not known:
            yield Finding(Kind.SEAL, made.number)

    def _of_rows(self, made: AuditSeal, rows: Iterable[SecurityEvent]) -> Iterator[Finding]:
        if made.pruned:
            yield from self._of_pruned(made, rows)
            return
        lines, forged, late = _Digest(), _Some(), _Some()
        for row in rows:
            lines.add(sealing.line(row))
            self._look_at(row, forged, late)
        self.events += lines.count
        self.step(lines.count)
        if lines.count < made.count and self.source.pruned_since(made.number):
            return
        if lines.count != made.count:
            kind = Kind.REMOVED if lines.count < made.count else Kind.ADDED
            yield Finding(kind, made.number, (), abs(made.count - lines.count))
        whole = lines.hexdigest() == made.digest
        if forged.count and not self._lacks_key(made):
            yield forged.finding(Kind.FORGED if whole else Kind.CHANGED, made.number)
        elif forged.count and whole and self._key_gone_at != made.at:
            yield forged.finding(Kind.UNKNOWN_KEY, made.number)
        elif not whole and lines.count == made.count:
            yield Finding(Kind.SWAPPED, made.number, (), made.count)
        if late.count:
            yield late.finding(Kind.LATE, made.number)

    def _of_pruned(self, made: AuditSeal, rows: Iterable[SecurityEvent]) -> Iterator[Finding]:
        self.pruned += 1
        if sealing.holds(made) is not None and not sealing.mark_holds(made):
            yield Finding(Kind.PRUNED, made.number)
        left = _Some()
        for row in rows:
            left.add(row.pk)
        if left.count:
            yield left.finding(Kind.UNPRUNED, made.number)

    def _of_unsealed(self) -> Iterator[Finding]:
        forged, late, waiting = _Some(), _Some(), _Some()
        for row in self.source.unsealed():
            self._look_at(row, forged, late)
            self.unsealed += 1
            if self.unsealed % BATCH == 0:
                self.step(BATCH)
            if unix(row.at) < self.now - UNSEALED_SECONDS:
                waiting.add(row.pk)
        self.step(self.unsealed % BATCH)
        for kind, some in ((Kind.FORGED, forged), (Kind.LATE, late), (Kind.UNSEALED, waiting)):
            if some.count:
                yield some.finding(kind, None)

    def _of_anchors(self, anchors: list[tuple[int, str]]) -> Iterator[Finding]:
        found = self.source.macs([number for number, _ in anchors])
        for number, mac in anchors:
            if not hmac.compare_digest(found.get(number, "").encode(), mac.encode()):
                yield Finding(Kind.ANCHOR, number)

    def _look_at(self, row: SecurityEvent, forged: _Some, late: _Some) -> None:
        """Judge one event by itself."""
        # Rows without an HMAC were written by an older version, before any with one.
        self._signed = self._signed or bool(row.mac)
        if self._signed and not audit.is_genuine(row):
            forged.add(row.pk)
        at = unix(row.at)
        if at < self._newest - DAY_SECONDS:
            late.add(row.pk)
        self._newest = max(self._newest, at)

    def _lacks_key(self, made: AuditSeal) -> bool:
        """Whether events of this seal may have been signed with a key that is gone.

        Those of the seals after a change of keys may: they were waiting then.
        """
        return self._key_gone_at is not None and made.at - self._key_gone_at <= DAY_SECONDS


class _Digest:
    """Hashes lines as they come."""

    def __init__(self) -> None:
        self.count = 0
        self._hashed = hashlib.sha256()  # as `sealing.digest`

    def add(self, line: bytes) -> None:
        self.count += 1
        self._hashed.update(line)

    def hexdigest(self) -> str:
        return self._hashed.hexdigest()


class _Some:
    """Counts events, and keeps the keys of the first few."""

    def __init__(self) -> None:
        self.count = 0
        self.pks: list[int] = []

    def add(self, pk: int) -> None:
        self.count += 1
        if len(self.pks) < LISTED:
            self.pks.append(pk)

    def finding(self, kind: Kind, number: int | None) -> Finding:
        return Finding(kind, number, tuple(self.pks), self.count)


def record_breach(breaches: dict[Kind, int], *, first: int | None, now: int) -> None:
    """Record that the log is broken, and say so where somebody listens.

    Args:
        breaches: How many findings of each kind.
        first: The number of the first seal that is concerned.
        now: Unix seconds.
    """
    counted = {kind.value: count for kind, count in breaches.items()}
    log.critical("the audit log is broken: %s", ", ".join(sorted(counted)))
    audit.record(Event.AUDIT_BROKEN, data={"findings": counted, "first_seal": first}, now=now)
