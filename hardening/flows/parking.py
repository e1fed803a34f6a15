"""Parking: a login that owes something is taken out of the session and waits in a row.

A *mark* is put on the session object, never into its data, for the middleware, which replaces the
response: frameworks wrap the request, but share the session.

The trap: what the login view writes after ``login()`` must go into the row as well, so the row is
opened at once and filled at the end of the request, by `conceal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY

from hardening import audit, sessions
from hardening.audit import Event, Where
from hardening.core.values import Need
from hardening.flows import record, rows, tracking
from hardening.models import ParkedLogin, UserSession
from hardening.models.parked import Purpose

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from hardening.core.values import Decision, Session
    from hardening.facts import Facts

MARK = "_hardening_mark"
SIGNED_IN = Need()
OVER = record.OVER  # row 1 and row 2 of the decision: never parked
TIDY_SECONDS = 60
TIDY_SESSIONS = 100  # at a time: somebody waits for the answer


@dataclass(frozen=True, slots=True)
class Mark:
    """What the middleware must do with the response: `decision` is `None` after a fault."""

    decision: Decision | None
    row: ParkedLogin | None = None
    mid_life: bool = False
    undo: bool = False  # take back what the login view wrote
    by_middleware: bool = False  # `login()` was called before any view ran
    repeated: bool = False  # likewise, on a record that goes on: a view's own answer stands

    @property
    def signing_in(self) -> bool:
        """Whether this is a sign-in, and not a live session that was stopped."""
        return self.row is not None and self.row.purpose == Purpose.LOGIN

    @property
    def view_saw_nobody(self) -> bool:
        """Whether the view met a visitor, and not somebody whom it had signed in itself."""
        return self.row is not None and (self.by_middleware or not self.signing_in)


def mark_of(session: SessionBase | None) -> Mark | None:
    """Return the mark on a session object, if this request put one there."""
    return getattr(session, MARK, None)


def set_mark(session: SessionBase, mark: Mark | None) -> None:
    """Put a mark on the session object (never into its data), or take it off."""
    setattr(session, MARK, mark)


def park(
    session: SessionBase,
    found: Facts,
    state: Session,
    decision: Decision,
    *,
    announced: bool,
    next_url: str = "",
    now: int,
) -> ParkedLogin:
    """Open the row for a login, or a live session, that owes something."""
    _tidy_up(now)
    return record.open_row(
        session,
        found.user,
        state,
        purpose=Purpose.LOGIN if state.signing_in else Purpose.LIVE,
        backend=session[BACKEND_SESSION_KEY],
        auth_hash=session.get(HASH_SESSION_KEY, ""),
        reason=decision.reason,
        announced=announced,
        next_url=next_url,
        now=now,
    )


def _tidy_up(now: int) -> None:
    """Delete what is long over, without cron; at most once a minute in each process."""
    global _tidied_at  # noqa: PLW0603 - one moment per process
    if abs(now - _tidied_at) >= TIDY_SECONDS:
        _tidied_at = now
        ParkedLogin.objects.prune(now=now)
        UserSession.objects.prune(now=now, most=TIDY_SESSIONS)


_tidied_at = 0


def conceal(session: SessionBase, row: ParkedLogin, *, mid_life: bool, next_url: str) -> None:
    """Move what the login wrote out of the session and into the row, sealed.

    Called once, at the end of the request. If the host's transaction was rolled back, it took
    the row and the session's new key along; both are made anew (login.md, point 5).
    """
    written = sessions.take_written(session, everything=mid_life)
    row.next = next_url or row.next
    rolled_back = not _add_data(row, written)
    if rolled_back:
        row.save(force_insert=True)
    if sessions.is_lost(session, rolled_back=rolled_back):
        kept = dict(session.items())
        session.create()
        session.update(kept)


def set_aside(session: SessionBase | None) -> None:
    """Move what a middleware wrote with a repeated login into the row; called before a view runs.

    The view meets nobody, so its answer stands, and what it writes stays in the session.
    """
    mark = mark_of(session)
    if session is None or mark is None or mark.row is None or not mark.repeated:
        return
    written = sessions.take_written(session, everything=False)
    if written:
        _add_data(mark.row, written)
    set_mark(session, None)


def _add_data(row: ParkedLogin, written: dict[str, Any]) -> bool:
    """Seal session keys into a row; a login repeated on the same record adds to what it holds."""
    if row.data:
        written = {**(rows.open_data(row) or {}), **written}
    row.data = rows.seal_data(row.handle, written)
    mine = ParkedLogin.objects.filter(pk=row.pk, handle=row.handle)
    return mine.update(data=row.data, next=row.next) == 1


def record_parked(event: Event, user: Any, decision: Decision, *, now: int, where: Where) -> None:
    """Record that somebody was parked, and why."""
    data = {"verdict": decision.verdict.value, "roles": list(decision.roles)}
    audit.record(event, user=user, reason=decision.reason, data=data, now=now, where=where)


def end(
    session: SessionBase,
    user: Any,
    decision: Decision,
    *,
    by_middleware: bool = False,
    now: int,
    where: Where,
) -> None:
    """End a session for good; the response is the login page."""
    tracking.ended(session, user, why=decision.reason, now=now)
    session.flush()
    set_mark(session, Mark(decision, by_middleware=by_middleware))
    audit.record(Event.SESSION_ENDED, user=user, reason=decision.reason, now=now, where=where)
