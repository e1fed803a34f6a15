"""Live sessions: the same decision, asked by each request that reads the user.

The trap: whoever is stopped here may be in the middle of something. Everything the session holds
goes into the row and comes back at completion, and only a navigation is remembered as `next`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import facts, sessions
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.flows import record, tracking
from hardening.flows.parking import OVER, SIGNED_IN, Mark, end, park, record_parked, set_mark

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from hardening.core.values import Decision


def judge(session: SessionBase, user: Any, *, now: int) -> Decision:
    """Decide about a live session, for each request that reads the user.

    Raises:
        FactsError: If nobody can tell; the caller answers 503 and changes nothing.
        NotMigratedError: If our tables are missing.
    """
    found = facts.of(user)
    stamp = sessions.read(session, user.pk)
    who = found.who(known_browser=stamp.known_browser)
    decision = record.ask(SIGNED_IN, who, stamp.session(), now=now, enforce=conf().ENFORCE)
    if decision.allowed:
        tracking.note(session, user, stamp, who)
    else:
        tracking.forget(session)
    return decision


def leave(
    session: SessionBase, user: Any, decision: Decision, *, next_url: str, now: int, where: Where
) -> None:
    """Take a live session that may not go on away from its owner: end it, or park it."""
    if decision.verdict in OVER:
        end(session, user, decision, now=now, where=where)
        return
    stamp = sessions.read(session, user.pk)
    found = facts.fresh(user)
    state = stamp.session()
    row = park(session, found, state, decision, announced=True, next_url=next_url, now=now)
    sessions.take_login(session)
    set_mark(session, Mark(decision, row, mid_life=True))
    record_parked(Event.SESSION_PARKED, user, decision, now=now, where=where)
