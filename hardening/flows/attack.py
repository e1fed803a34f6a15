"""Attack mode: while stolen passwords are tried by the thousand, a password alone opens nothing.

It begins when the site's counts say so (`core.seen.is_attack`), lasts half an hour beyond the
last alarm, and is a column of the site's row, so each sign-in reads it with the facts. Unknown
browsers are then asked for the mailbox or the second factor; live sessions and known browsers are
left alone. Operators are told by mail when it begins and when it ends.

The trap: many processes raise the same alarm. One of them changes the row, and tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import audit, host, signals
from hardening.audit import NOWHERE, Event, Where
from hardening.core.seen import ATTACK_MODE_US, is_attack
from hardening.core.throttle import SECOND_US
from hardening.flows import outbox
from hardening.models import SiteState
from hardening.notify import Notice
from hardening.throttle import tally

if TYPE_CHECKING:
    from hardening.throttle.tally import Lately

ATTACK_SECONDS = ATTACK_MODE_US // SECOND_US


def note(*, failed: bool, now: int, known: bool = False) -> None:
    """Count a try, and begin or prolong attack mode if those of unknown browsers say so."""
    if failed:
        audit.fresh.set()  # the minute's count becomes an event once the minute is over
    if not tally.note(failed=failed, now=now, known=known):
        return
    lately = tally.lately(now=now)
    if is_attack(lately.failures, lately.tries, lately.usual):
        begin(lately, now=now)
    else:
        lapse(now=now)


def begin(lately: Lately, *, now: int) -> bool:
    """Begin attack mode, or prolong it; true for the one caller that began it."""
    until = now + ATTACK_SECONDS
    lapse(now=now)
    if not SiteState.objects.begin_attack(until=until, now=now):
        return False
    signals.attack_mode_changed.send_robust(sender=SiteState, on=True, until=until)
    data = {"failures": lately.failures, "tries": lately.tries, "until": until}
    audit.record(Event.ATTACK_BEGAN, data=data, now=now)
    _tell("attack_began", {"failures": lately.failures, "tries": lately.tries}, now=now)
    return True


def lapse(*, now: int) -> bool:
    """End an attack mode whose time is over; true for the one caller that ended it."""
    if not SiteState.objects.lapse_attack(now=now):
        return False
    _ended({}, now=now)
    return True


def until(*, now: int) -> int:
    """Return until when attack mode is on, in Unix seconds; 0 while it is off."""
    on = SiteState.objects.filter(attack_until__gt=now)
    return on.values_list("attack_until", flat=True).first() or 0


def end(*, actor: Any = None, now: int, where: Where = NOWHERE) -> bool:
    """End attack mode by an operator's word; true if it was on."""
    if not SiteState.objects.end_attack():
        return False
    _ended({"by": "operator"}, actor=actor, now=now, where=where)
    return True


def _ended(data: dict[str, Any], *, actor: Any = None, now: int, where: Where = NOWHERE) -> None:
    signals.attack_mode_changed.send_robust(sender=SiteState, on=False, until=0)
    audit.record(Event.ATTACK_ENDED, actor=actor, data=data, now=now, where=where)
    _tell("attack_ended", {}, now=now)


def _tell(name: str, details: dict[str, Any], *, now: int) -> None:
    to = host.operators()
    if to:
        outbox.after_commit(Notice(name, to, "", now, details))
