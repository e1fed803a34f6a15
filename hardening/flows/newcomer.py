"""A complete sign-in in a browser that the account did not know: its owner is told.

Known is a browser that bears a device cookie of the account, also after a mere password. A new
password, or the end of all sessions, makes every browser a new one. Sign-ins that prove nothing to
us (SSO, a header, ``force_login``) are somebody else's to tell of, and an account's first sign-in
is no news to whoever made it.

Whether it is the first is asked behind the answer, by the events: those of the sign-ins before it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from hardening import audit
from hardening.audit import Event, Where
from hardening.core.values import BeyondPassword, ProofKind, Session
from hardening.flows.notices import new_browser
from hardening.models import SecurityEvent
from hardening.models.database import on_commit

if TYPE_CHECKING:
    from collections.abc import Callable


def is_new(state: Session) -> bool:
    """Whether somebody proved something to us in a browser that had no cookie of the account."""
    return state.new_browser and state.has(*BeyondPassword, ProofKind.PASSWORD)


def tell(user: Any, *, now: int, where: Where, later: Callable[[Callable[[], None]], None]) -> None:
    """Tell the owner, once the sign-in is committed and recorded; `later` takes what is left."""
    on_commit(partial(later, partial(_tell, user, now=now, where=where)))


def _tell(user: Any, *, now: int, where: Where) -> None:
    completed = SecurityEvent.objects.filter(
        target_pk=audit.pk_of(user), event=Event.LOGIN_COMPLETED.value
    )
    if len(completed.values_list("pk", flat=True)[:2]) > 1:
        new_browser(user, now=now, where=where)
