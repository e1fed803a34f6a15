"""Telling people: which notice, to which of their addresses, how often.

Every flow that tells somebody something comes through here, so this is also where a change of
the e-mail address is noticed: it is told to the address that was replaced, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import audit, notify, vault
from hardening.audit import NOWHERE, Event, Where
from hardening.conf import conf
from hardening.core.throttle import DAY_US, SECOND_US, Rule
from hardening.factors import mailbox
from hardening.factors.mailbox import Known
from hardening.throttle import subjects
from hardening.throttle.gates import reserve

if TYPE_CHECKING:
    from hardening.models import Account

DAILY = (Rule("day", 2, DAY_US),)  # a burst of one, and one back after a day
WRONG_CODE = "mail:wrong_code"
STOPPED = "mail:sign_in_stopped"
THROTTLED = "event:throttled"
UNWELCOME = "event:request"


def address_book(user: Any, *, seen: Account | None = None, now: int) -> Known:
    """Return what the account knows of its e-mail addresses, noting a change.

    `seen` is what the facts brought along, if they did. Where the remembered address does not
    open, nothing is known: no proof goes anywhere.
    """
    try:
        known = mailbox.note_address(user, seen=seen, now=now)
    except vault.Unsealable:
        return Known()
    if known.changed:
        audit.record(Event.EMAIL_CHANGED, user=user, now=now)
        old = tuple(filter(None, [known.previous]))
        notify.after_commit(notice(user, "email_changed", old, {}, now=now))
    return known


def tell(
    user: Any, name: str, details: dict[str, Any], *, now: int, where: Where = NOWHERE
) -> None:
    """Send a notice to every e-mail address of the account, after commit; say from where."""
    if where.address:
        details = {**details, "address": where.address}
    notify.after_commit(notice(user, name, addresses(user, now=now), details, now=now))


def addresses(user: Any, *, now: int) -> tuple[str, ...]:
    """Return where notices to somebody go: her address, and one just replaced; noting a change."""
    known = address_book(user, now=now)
    return known.told(now) or tuple(filter(None, [mailbox.email_of(user)]))


def wrong_code(user: Any, *, now: int, where: Where) -> None:
    """The password is known to somebody. Said, but not so often that it becomes a weapon."""
    if _within_budget(WRONG_CODE, user, now):
        tell(user, "wrong_code", {}, now=now, where=where)


def stopped(user: Any, *, now: int, where: Where) -> None:
    """A right password was stopped by the second check. Said, within the budget of such mails."""
    if _within_budget(STOPPED, user, now):
        tell(user, "sign_in_stopped", {}, now=now, where=where)


def worth_recording(user: Any, *, now: int, what: str = THROTTLED) -> bool:
    """True for the first refusals by the throttle (or `what`), not for each of a flood of them."""
    return _within_budget(what, user, now)


def once_a_day(user: Any, what: str, *, now: int) -> bool:
    """True for the first of `what` within a day."""
    key = subjects.account(f"mail:{what}", user.pk, known_browser=True)
    return reserve(key, DAILY, now_us=now * SECOND_US).admitted


def notice(
    user: Any, name: str, to: tuple[str, ...], details: dict[str, Any], *, now: int
) -> notify.Notice:
    """Return a notice about `user`."""
    return notify.Notice(name, to, user.get_username(), now, details)


def _within_budget(label: str, user: Any, now: int) -> bool:
    key = subjects.account(label, user.pk, known_browser=True)
    return reserve(key, conf().THROTTLE.mails, now_us=now * SECOND_US).admitted
