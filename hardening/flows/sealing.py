"""Sealing the audit log: batches of events, chained by an HMAC under a key outside the database.

An event is appended by a plain insert, so that sign-ins never queue for the log. Who seals, by cron
or beside the requests of any process, takes the unsealed rows in the order of their keys. Whoever
inserts the seal of the next number has them; a row that was committed late is in a later seal.

The newest `mac` is logged on ``hardening.audit`` with each seal: kept elsewhere, it is the anchor
that shows a tail that was cut off, or a log that somebody with the key has made anew.

The trap: sealing is no event. Else each seal would give the next one something to seal, for ever.

Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from django.db import IntegrityError

from hardening import audit, keys
from hardening.audit import Event
from hardening.conf import conf
from hardening.keys import Purpose
from hardening.models import AuditSeal, SecurityEvent
from hardening.models.database import atomic, undo
from hardening.moments import moment, unix
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

BATCH = 1_000
SETTLE_SECONDS = 10  # own: what is younger may still be on its way
STATEMENT = 500  # an old SQLite takes no more than 999 parameters


def seal(
    *, now: int, batches: int | None = None, step: Callable[[int], object] = lambda _: None
) -> int:
    """Seal what is settled; return how many events were sealed.

    Args:
        now: Unix seconds.
        batches: At most so many seals; `None`: all there is.
        step: Called with the number of events of each seal.
    """
    sealed, made, after = 0, 0, 0
    while batches is None or made < batches:
        done = _seal_batch(after, now=now)
        if done is None:
            break
        audit.announce(done)
        # The next batch begins where this one ended, whatever the planner thinks of the rest.
        sealed, made, after = sealed + done.count, made + 1, done.last_pk
        step(done.count)
    return sealed


def unsealed_since(*, now: int) -> int | None:
    """Return when the oldest event was recorded that no seal covers; `None` if none is settled."""
    settled = SecurityEvent.objects.filter(seal__isnull=True, at__lte=moment(now - SETTLE_SECONDS))
    oldest = settled.order_by("pk").values_list("at", flat=True).first()
    return None if oldest is None else unix(oldest)


def _seal_batch(after: int, *, now: int) -> AuditSeal | None:
    """Seal one batch; `None` if there is nothing to seal, or somebody else is at it."""
    try:
        with atomic():
            # First the seal, then the rows: had somebody sealed them since, the number is taken.
            last = AuditSeal.objects.order_by("-number").first()
            settled = moment(now - SETTLE_SECONDS)
            open_rows = SecurityEvent.objects.filter(seal__isnull=True, at__lte=settled)
            rows = list(open_rows.filter(pk__gt=after).order_by("pk")[:BATCH])
            if not rows:
                return None
            made = made_of(rows, last, now=now)
            made.save(force_insert=True)
            if _take(rows, made.number) != len(rows):
                undo()
                return None
            return made
    except IntegrityError:
        return None


def _take(rows: Sequence[SecurityEvent], number: int) -> int:
    taken = 0
    for first in range(0, len(rows), STATEMENT):
        pks = [row.pk for row in rows[first : first + STATEMENT]]
        unsealed = SecurityEvent.objects.filter(pk__in=pks, seal__isnull=True)
        taken += unsealed.update(seal=number)
    return taken


# --- what a seal says ----------------------------------------------------------------------------


def made_of(rows: Sequence[SecurityEvent], last: AuditSeal | None, *, now: int) -> AuditSeal:
    """Return the seal, not yet stored, that follows `last` and covers `rows`, one or more by pk."""
    moments = [unix(row.at) for row in rows]
    made = AuditSeal(
        number=1 if last is None else last.number + 1,
        at=now,
        count=len(rows),
        first_pk=rows[0].pk,
        last_pk=rows[-1].pk,
        first_at=min(moments),
        last_at=max(moments),
        digest=digest(map(line, rows)),
        previous="" if last is None else last.mac,
        key_id=keys.current(Purpose.AUDIT).id,
    )
    made.mac = keys.mac(Purpose.AUDIT, *parts(made))
    return made


def line(row: SecurityEvent) -> bytes:
    """Return what a seal covers of one event: its key, all that it says, and its own HMAC."""
    return b"%d %s %s\n" % (row.pk, audit.canonical(row), row.mac.encode())


def digest(lines: Iterable[bytes]) -> str:
    """Return the SHA-256 over the lines of a batch, in hexadecimal."""
    hashed = hashlib.sha256()
    for one in lines:
        hashed.update(one)
    return hashed.hexdigest()


def parts(made: AuditSeal) -> tuple[bytes, ...]:
    """Return what the `mac` of a seal is made of."""
    covers = (made.count, made.first_pk, made.last_pk, made.first_at, made.last_at)
    numbers = (made.number, made.at, *covers)
    texts = (made.previous, *map(str, numbers), made.digest)
    return (b"seal", *(text.encode() for text in texts))


def holds(made: AuditSeal) -> bool | None:
    """Return whether a key of the ring made this seal; `None` if its key is not on the ring."""
    return _made_by(made.key_id, made.mac, parts(made))


def mark(made: AuditSeal) -> str:
    """Return what `pruned` says of a seal whose events were deleted when their time was over."""
    return keys.mac(Purpose.AUDIT, *_mark_parts(made))


def mark_holds(made: AuditSeal) -> bool:
    """Return whether a key of the ring made the mark of a pruned seal."""
    return bool(_made_by("", made.pruned, _mark_parts(made)))


def _mark_parts(made: AuditSeal) -> tuple[bytes, ...]:
    return (b"prune", str(made.number).encode(), made.mac.encode())


def _made_by(key_id: str, stored: str, said: tuple[bytes, ...]) -> bool | None:
    made = keys.macs(Purpose.AUDIT, *said)
    # Bytes: text is compared in constant time only if it is ASCII, and a row may hold any.
    if any(hmac.compare_digest(one.encode(), stored.encode()) for _, one in made):
        return True
    return False if not key_id or key_id in {each for each, _ in made} else None


# --- deleting what is old ------------------------------------------------------------------------


def prune(*, now: int, dry_run: bool = False) -> int:
    """Delete the events of whole seals whose time is over; return how many events went.

    The seals stay, each with a mark that only the key can make, so the chain can be verified. A
    seal that does not hold, or covers other rows than it says, keeps them: they are evidence.
    """
    days = conf().AUDIT_RETENTION_DAYS
    if not days:
        return 0
    over = AuditSeal.objects.filter(pruned="", last_at__lt=now - days * DAY_SECONDS)
    gone, pruned, after = 0, [0, 0], 0
    while (made := over.filter(number__gt=after).order_by("number").first()) is not None:
        after = made.number
        if _prune_one(made, dry_run=dry_run):
            gone += made.count
            pruned = [pruned[0] or made.number, made.number]
    if gone and not dry_run:
        data = {"events": gone, "first_seal": pruned[0], "last_seal": pruned[1]}
        audit.record(Event.AUDIT_PRUNED, data=data, now=now)
    return gone


def _prune_one(made: AuditSeal, *, dry_run: bool) -> bool:
    rows = SecurityEvent.objects.filter(seal=made.number)
    with atomic():
        kept = list(rows.order_by("pk")[: BATCH + 1])
        if not holds(made) or digest(map(line, kept)) != made.digest:
            return False
        if dry_run:
            return True
        mine = AuditSeal.objects.filter(number=made.number, pruned="")
        if mine.update(pruned=mark(made)) != 1:
            return False
        rows.delete()
        return True
