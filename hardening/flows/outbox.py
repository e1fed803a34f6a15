"""Notices that could not be sent: kept sealed, tried again for a day, then said to be lost.

What the notice was about has long happened. It is made anew with each try, by the language and
the time zone of its first one. After `PATIENCE_SECONDS` it is given up, and the event says so:
which template and whose account, but no e-mail address.

Tried again by ``hardening_retry``, meant for every minute, and without cron behind the answers of
requests that sign in (`a_few`). Codes and links that somebody waits for (mailbox code, unlock link)
are no notices: they are not tried again, whoever waits asks for another.

The trap: a row holds an e-mail address and whatever the mail says, so it is sealed, and bound to
what stands beside it in the row. Not even a full database may make a fault of the action: what
cannot be kept is lost, and an event says that, or at least the log.

Times are Unix seconds.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.utils import timezone, translation
from django.views.decorators.debug import sensitive_variables

from hardening import audit, notify, vault
from hardening.audit import Event
from hardening.models import OutgoingNotice
from hardening.models.database import atomic
from hardening.notify import Notice, Outcome
from hardening.throttle.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

MINUTE = 60
DELAYS = (MINUTE, 5 * MINUTE, 15 * MINUTE, 60 * MINUTE)  # the last one from then on
PATIENCE_SECONDS = 24 * 60 * MINUTE
BATCH = 100
FEW = 3  # behind the answer to somebody's request
MAX_FAILURES = 10  # in a row: the mail server is down, and more tries would say no more
SAID_SECONDS = 60 * MINUTE
NAME_LENGTH, KEY_LENGTH = 150, 64  # hardening.models.outbox

log = logging.getLogger("hardening")
_said = Sampling(SAID_SECONDS)
_looked = Sampling(MINUTE)


@dataclass(frozen=True, slots=True)
class _Whose:
    """Whose account a notice is about, as events ask for it: the user may be gone by now."""

    pk: str
    name: str

    def get_username(self) -> str:
        return self.name


@dataclass(slots=True)
class Run:
    """What one run did. `gave_up`: mail seems to be down, the rest was left for later."""

    sent: int = 0
    failed: int = 0
    lost: int = 0
    gave_up: bool = False
    _in_a_row: int = 0

    def note(self, *, sent: bool) -> None:
        """Count one try."""
        self.sent += sent
        self.failed += not sent
        self._in_a_row = 0 if sent else self._in_a_row + 1
        self.gave_up = self._in_a_row >= MAX_FAILURES


def after_commit(notice: Notice) -> None:
    """Send once the transaction at hand is committed; keep what does not go."""
    notify.after_commit(notice, heard)


def heard(notice: Notice, outcome: Outcome) -> None:
    """Record what became of a notice that was sent a moment ago, and keep what did not go."""
    if outcome.fallback and _said.is_first(notice.name, now=notice.at):
        _record(Event.NOTICE_FALLBACK, notice, template="fallback")
    kept = sum(_keep(notice, address) for address in outcome.failed)
    if kept:
        _record(Event.NOTICE_DELAYED, notice, addresses=kept)
    if lost := len(outcome.failed) - kept:
        _record(Event.NOTICE_LOST, notice, reason="unkept", addresses=lost)


def _record(event: Event, notice: Notice, *, reason: str = "", **said: Any) -> None:
    whose = _Whose(notice.user_pk, notice.person) if notice.user_pk else None
    data = {"notice": notice.name, **said}
    audit.record(event, user=whose, reason=reason, data=data, now=notice.at)


@sensitive_variables()
def _keep(notice: Notice, address: str) -> bool:
    row = OutgoingNotice(
        name=notice.name,
        user_pk=notice.user_pk[:KEY_LENGTH],
        user_name=audit.name_of(_Whose("", notice.person))[:NAME_LENGTH],
        created_at=notice.at,
        due_at=notice.at + DELAYS[0],
    )
    try:
        row.sealed = vault.seal(_packed(notice, address), context=_context(row))
        with atomic():
            row.save(force_insert=True)
    except Exception:
        log.exception("the notice %r could neither be sent nor kept", notice.name)
        return False
    return True


def _context(row: OutgoingNotice) -> str:
    return f"notice:{row.name}:{row.user_pk}:{row.created_at}"


# --- what it takes to make a mail anew ------------------------------------------------------------


@sensitive_variables()
def _packed(notice: Notice, address: str) -> bytes:
    kept = {
        "to": address,
        "person": notice.person,
        "details": {key: _plain(value) for key, value in notice.details.items()},
        "zone": str(notice.zone or timezone.get_current_timezone()),
        "language": notice.language or translation.get_language() or "",
    }
    return json.dumps(kept, default=str).encode()


def _plain(value: Any) -> Any:
    """Return a detail as JSON knows it; a datetime says what it is, anything odd is its text."""
    return {"datetime": value.isoformat()} if isinstance(value, datetime) else value


def _detail(value: Any) -> Any:
    is_moment = isinstance(value, dict) and list(value) == ["datetime"]
    return datetime.fromisoformat(value["datetime"]) if is_moment else value


@sensitive_variables()
def _unpacked(row: OutgoingNotice) -> Notice:
    """Return the notice that a row keeps.

    Raises:
        Unsealable: If it does not open.
    """
    kept = json.loads(vault.unseal(row.sealed, context=_context(row)))
    try:
        zone = ZoneInfo(kept["zone"])
    except (LookupError, ValueError, OSError):  # a zone without a name, or renamed meanwhile
        zone = None
    return Notice(
        row.name,
        (kept["to"],),
        kept["person"],
        row.created_at,
        {key: _detail(value) for key, value in kept["details"].items()},
        zone=zone,
        language=kept["language"],
        user_pk=row.user_pk,
    )


@sensitive_variables()
def reseal(row: OutgoingNotice, *, dry_run: bool = False) -> None:
    """Seal what a row keeps with the newest key; a dry run only opens it.

    Raises:
        Unsealable: If it does not open.
    """
    kept = vault.unseal(row.sealed, context=_context(row))
    if not dry_run:
        same = OutgoingNotice.objects.filter(pk=row.pk, sealed=row.sealed)
        same.update(sealed=vault.seal(kept, context=_context(row)))


# --- trying again ---------------------------------------------------------------------------------


def waiting(*, since: int | None = None) -> int:
    """Return how many notices wait; only those from before `since`, if that is given."""
    rows = OutgoingNotice.objects.all()
    return rows.count() if since is None else rows.filter(created_at__lt=since).count()


def due(*, now: int) -> int:
    """Return how many are to be tried again."""
    return OutgoingNotice.objects.due(now=now).count()


def retry(*, now: int, most: int | None = None, step: Callable[[], None] = lambda: None) -> Run:
    """Try those again that are due, the longest waiting first.

    Args:
        now: Unix seconds.
        most: How many at most; `None`: all of them.
        step: Called once a notice looked at, for a progress bar.
    """
    run = Run()
    while rows := list(OutgoingNotice.objects.due(now=now)[: most or BATCH]):
        for row in rows:
            _try(row, run, now=now)  # whoever claims it, it is not due any more
            step()
            if run.gave_up:
                return run
        if most is not None:
            break
    return run


def _try(row: OutgoingNotice, run: Run, *, now: int) -> None:
    delay = DELAYS[min(row.tries + 1, len(DELAYS) - 1)]
    if not OutgoingNotice.objects.claim(row, due_at=now + delay):
        return  # another run, at the same time
    try:
        notice = _unpacked(row)
    except vault.Unsealable as fault:
        log.error("a notice that waits does not open: %s", fault.reason)  # noqa: TRY400 - no trace
        _give_up(row, run, now=now, why=str(fault.reason))
        return
    sent = not notify.send(notice).failed
    run.note(sent=sent)
    if sent:
        OutgoingNotice.objects.filter(pk=row.pk).delete()
    elif now - row.created_at >= PATIENCE_SECONDS:
        _give_up(row, run, now=now, why="unsent")


def _give_up(row: OutgoingNotice, run: Run, *, now: int, why: str) -> None:
    OutgoingNotice.objects.filter(pk=row.pk).delete()
    run.lost += 1
    data = {"notice": row.name, "addresses": 1, "tries": row.tries + 1}
    whose = _Whose(row.user_pk, row.user_name) if row.user_pk else None
    audit.record(Event.NOTICE_LOST, user=whose, reason=why, data=data, now=now)


def is_time(*, now: int) -> bool:
    """True once a minute in each process: somebody should look whether anything waits."""
    return _looked.is_first("", now=now)


def a_few(*, now: int) -> None:
    """Try a few again, and none more once one fails; for behind an answer."""
    for _ in range(FEW):
        run = retry(now=now, most=1)
        if not run.sent:
            return


def clear() -> None:
    """Forget what was said lately; for tests."""
    _said.clear()
    _looked.clear()


__all__ = [
    "Run",
    "a_few",
    "after_commit",
    "clear",
    "due",
    "heard",
    "is_time",
    "reseal",
    "retry",
    "waiting",
]
