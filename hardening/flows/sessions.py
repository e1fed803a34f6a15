"""What an owner does with her sessions: list them, end one, end all others.

Ending one puts its id into the account's row, ending all others moves the account's epoch on; both
act on the next request of whoever holds those sessions, whatever the session engine. Both take a
fresh proof of a factor, asked for again here because a door can be forgotten
(OWASP ASVS 5.0 7.5.2). Times are Unix seconds.

The trap: a row of somebody else's session must look like one that is not there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from hardening import audit, facts, sessions
from hardening.audit import Event, Where
from hardening.flows import stepup, tracking
from hardening.flows.notices import tell
from hardening.models import Account, UserSession
from hardening.models.database import atomic, undo

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

OWNER, OTHERS = "owner", "others"
MAX_LISTED = 100  # a program that signs in with each call makes thousands


class Ended(Enum):
    """What came of ending."""

    DONE = "done"
    NOT_FRESH = "not_fresh"
    GONE = "gone"  # over already, or not hers
    CURRENT = "current"  # whoever wants that signs out


@dataclass(frozen=True, slots=True)
class Listed:
    """One session of somebody.

    Attributes:
        pk: Of the row; `None` for the session at hand where it has none.
        device: What the browser says it is, in words; empty where it is not known.
        address: From where it was seen last.
        started: When its sign-in was; `None` where nobody knows.
        seen: When it was seen last, some minutes more or less.
        current: Whether it is the one at hand.
    """

    pk: int | None
    device: str
    address: str
    started: int | None
    seen: int
    current: bool = False


def listed(session: SessionBase, user: Any, *, now: int, where: Where) -> list[Listed]:
    """Return the sessions of `user` that can still be used: the one at hand, then the last seen.

    No more than `MAX_LISTED` are looked at.

    Raises:
        FactsError: If nobody can tell.
    """
    stamp = sessions.read(session, user.pk)
    here = Listed(None, where.device, where.address, stamp.started, now, current=True)
    others = []
    for row in _usable(user, now):
        if stamp.id and row.sid == stamp.id:
            here = replace(here, pk=row.pk, device=where.device or row.device)
        else:
            seen, started = row.seen_at, row.started_at
            others.append(Listed(row.pk, row.device, row.address, started, seen))
    return [here, *others]


def end(session: SessionBase, user: Any, pk: int, *, now: int, where: Where) -> Ended:
    """End one other session of `user`.

    Raises:
        FactsError: If nobody can tell whether the proof is fresh.
    """
    stamp = sessions.read(session, user.pk)
    row = _find(user, pk, now=now, where=where)
    if row is None:
        return Ended.GONE
    if stamp.id and row.sid == stamp.id:
        return Ended.CURRENT
    if not _fresh(session, user, now):
        return Ended.NOT_FRESH
    with atomic():
        listed_one = Account.objects.end_sessions(
            user.pk, {row.sid: tracking.until(row.expires_at)}, now=now
        )
        if not UserSession.objects.end([row.sid], why=OWNER, now=now):
            undo()
            return Ended.GONE
        if not listed_one:
            tracking.go_on(session, user)
    data = {"session": row.pk}
    audit.record(Event.SESSION_ENDED, user=user, reason=OWNER, data=data, now=now, where=where)
    return Ended.DONE


def end_others(session: SessionBase, user: Any, *, now: int, where: Where) -> Ended:
    """End every session of `user` but this one, and all that is bound to the account's epoch.

    Sign-ins on their way, remembered browsers, API tokens' evidence, reset and unlock links too.

    Raises:
        FactsError: If nobody can tell whether the proof is fresh.
    """
    who, decision = stepup.ask(session, user, max_age=None, always=True, now=now)
    if not decision.allowed:
        return Ended.NOT_FRESH
    stamp = sessions.read(session, user.pk)
    with atomic():
        epoch = Account.objects.bump_epoch(user.pk)
        if epoch != who.account_epoch + 1:
            undo()  # this session was ended meanwhile, perhaps by its true owner
            return Ended.NOT_FRESH
        rows = UserSession.objects.of(user.pk).exclude(sid=stamp.id)
        count = rows.update(ended_at=now, ended_why=OTHERS)
    tracking.restamp(session, user, epoch)
    tell(user, "sessions_ended", {}, now=now, where=where)
    data = {"sessions": count}
    audit.record(Event.SESSIONS_ENDED, user=user, reason=OWNER, data=data, now=now, where=where)
    return Ended.DONE


def _usable(user: Any, now: int) -> list[UserSession]:
    """Return the rows of sessions that no rule of today ends."""
    who = facts.of(user).who()
    need = who.requirement
    idle, absolute = need.idle_seconds, need.absolute_seconds
    return [
        row
        for row in tracking.alive(user, who.account_epoch, who.site_epoch, now=now)[:MAX_LISTED]
        if row.sid not in who.ended_sessions
        and (absolute is None or now - row.started_at <= absolute)
        and (idle is None or now - row.seen_at <= idle + tracking.SEEN_SECONDS)
    ]


def _find(user: Any, pk: int, *, now: int, where: Where) -> UserSession | None:
    """Return a session of this user; somebody else's is `None` and an event."""
    row = UserSession.objects.filter(pk=pk).first()
    if row is None:
        return None
    if row.user_id != user.pk:
        data = {"session": pk}
        audit.record(Event.SESSION_FOREIGN, user=user, data=data, now=now, where=where)
        return None
    return row if row.ended_at is None else None


def _fresh(session: SessionBase, user: Any, now: int) -> bool:
    _who, decision = stepup.ask(session, user, max_age=None, always=True, now=now)
    return decision.allowed


__all__ = ["MAX_LISTED", "Ended", "Listed", "end", "end_others", "listed"]
