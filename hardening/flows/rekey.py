"""Sealing everything with the newest key of the ring, row by row, so that it can be resumed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from hardening import audit, keys, vault
from hardening.audit import Event
from hardening.factors import mailbox, totp
from hardening.flows import outbox
from hardening.keys import Purpose
from hardening.models import (
    Account,
    AuditSeal,
    BreakGlassCode,
    EnrolmentTicket,
    Factor,
    OutgoingNotice,
    RecoveryCode,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Resealed:
    """Counts of one run.

    Attributes:
        changed: Rows sealed anew.
        unopened: Rows that open with no key.
        pinned: Codes and tickets whose digest still needs an old key of the ring.
        seals: Seals of the audit log that do, until their events are deleted.
    """

    changed: int = 0
    unopened: int = 0
    pinned: int = 0
    seals: int = 0


def total() -> int:
    """Return how many rows `reseal_all` walks through."""
    accounts = Account.objects.exclude(email="").count()
    return Factor.objects.exclude(secret="").count() + accounts + OutgoingNotice.objects.count()


def reseal_all(*, step: Callable[[], None], dry_run: bool, now: int) -> Resealed:
    """Re-seal secrets, addresses, mails that wait; `step` is called once a row, for a bar.

    A value that opens with no key is counted, left as it is and said in the event.
    """
    result = Resealed()
    for row in Factor.objects.exclude(secret="").order_by("pk").iterator():
        work = totp.secret_of if dry_run else totp.reseal
        _one(result, partial(work, row), [row.secret])
        step()
    for account in Account.objects.exclude(email="").order_by("pk").iterator():
        task = mailbox.known if dry_run else mailbox.reseal
        _one(result, partial(task, account), [account.email, account.previous_email])
        step()
    for notice in OutgoingNotice.objects.order_by("pk").iterator():
        _one(result, partial(outbox.reseal, notice, dry_run=dry_run), [notice.sealed])
        step()
    result.pinned, result.seals = pinned(), seals()
    if not dry_run:
        data = {"changed": result.changed, "unopened": result.unopened, "pinned": result.pinned}
        audit.record(Event.VAULT_RESEALED, data=data, now=now)
    return result


def pinned() -> int:
    """Return how many unused codes and tickets still need a key that is not the newest."""
    codes = RecoveryCode.objects.filter(used_at__isnull=True)
    tickets = EnrolmentTicket.objects.filter(used_at__isnull=True)
    opening = BreakGlassCode.objects.filter(used_at__isnull=True)
    return (
        codes.exclude(key_id=keys.current(Purpose.RECOVERY).id).count()
        + tickets.exclude(key_id=keys.current(Purpose.TICKET).id).count()
        + opening.exclude(key_id=keys.current(Purpose.BREAK_GLASS).id).count()
    )


def seals() -> int:
    """Return how many seals, with events, only a key that is not the newest can verify."""
    held = AuditSeal.objects.filter(pruned="")
    return held.exclude(key_id=keys.current(Purpose.AUDIT).id).count()


def _one(result: Resealed, work: Callable[[], object], sealed: list[str]) -> None:
    """Open one row's values, re-sealing them where that is the work, and count."""
    stale = any(vault.needs_resealing(value) for value in sealed if value)
    try:
        work()
    except vault.Unsealable:
        result.unopened += 1
        return
    result.changed += int(stale)
