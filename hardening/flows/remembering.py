"""Remembered browsers: where a policy allows it, no code is asked for in them for some days.

What remembers is the entry of the device cookie (`hardening.devices`), bound to the password and to
the epochs of account and site: a new password, any change of factors and every revocation forget
it. The policies of now say how long at most. It lets a sign-in pass; it is no proof, and no step-up
takes it for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import audit
from hardening.audit import Event, Where
from hardening.core.evidence import may_be_remembered
from hardening.core.values import Verdict

if TYPE_CHECKING:
    from hardening.core.values import Who
    from hardening.flows.record import Waiting


def offered(waiting: Waiting, *, now: int) -> int:
    """Return for how many days this sign-in may have its browser remembered; 0: not at all.

    Only a code of an authenticator earns it, so nothing is offered to whoever came another way.
    """
    asked = waiting.decision.verdict is Verdict.CHALLENGE and not waiting.enrolling
    return allowed(waiting.who, now=now) if asked else 0


def allowed(who: Who, *, now: int) -> int:
    """Return for how many days somebody's policies let a browser be remembered."""
    return who.requirement.remembered_days if may_be_remembered(who, now) else 0


def remembered(user: Any, days: int, *, now: int, where: Where) -> None:
    """Record that a browser is asked for no code for some days."""
    audit.record(Event.BROWSER_REMEMBERED, user=user, data={"days": days}, now=now, where=where)


def forgotten(user: Any, *, now: int, where: Where) -> None:
    """Record that a browser is asked for a code again."""
    audit.record(Event.BROWSERS_FORGOTTEN, user=user, now=now, where=where)
