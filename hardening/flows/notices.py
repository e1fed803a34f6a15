"""Telling people: which notice, to which of their addresses, how often.

Every flow that tells somebody something comes through here, so this is also where a change of
the e-mail address is noticed: it is told to the address that was replaced, once.

What a stranger can cause again and again (`CAPPED`) is told `DAILY_CAP` times a day, all of it
together; of what is beyond, one event a day says so. A notice of a factor, a password or an e-mail
address that changed is never held back: the flood might be there to hide it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import audit, notify, vault
from hardening.audit import NOWHERE, Event, Where
from hardening.conf import conf
from hardening.core.throttle import DAY_US, SECOND_US, Rule
from hardening.factors import mailbox
from hardening.factors.mailbox import Known
from hardening.flows import links, outbox
from hardening.throttle import subjects
from hardening.throttle.gates import reserve

if TYPE_CHECKING:
    from hardening.models import Account

DAILY = (Rule("day", 2, DAY_US),)  # a burst of one, and one back after a day
DAILY_CAP = 12
CAP = (Rule("day", DAILY_CAP, DAY_US),)
CAPPED = frozenset(
    {"login_locked", "new_browser", "sign_in_refused", "sign_in_stopped", "wrong_code"}
)
ALL = "mail:all"
NEW = "mail:new_browser"
REFUSED = "mail:sign_in_refused"
WRONG_CODE = "mail:wrong_code"
STOPPED = "mail:sign_in_stopped"
THROTTLED = "event:throttled"
UNWELCOME = "event:request"


def address_book(
    user: Any, *, seen: Account | None = None, now: int, where: Where = NOWHERE
) -> Known:
    """Return what the account knows of its e-mail addresses, noting a change.

    `seen` is what the facts brought along, if they did. Where the remembered address does not
    open, nothing is known: no proof goes anywhere. `where` is where the change came to light,
    which says nothing of who made it.
    """
    try:
        known = mailbox.note_address(user, seen=seen, now=now)
    except vault.Unsealable:
        return Known()
    if known.changed:
        audit.record(Event.EMAIL_CHANGED, user=user, now=now)
        if known.previous:
            _tell_of_change(user, known, now=now, where=where)
    return known


def _tell_of_change(user: Any, known: Known, *, now: int, where: Where) -> None:
    """Tell the address that was replaced, and the one that took its place."""
    said = about(user, "email_changed", now=now, where=where.elsewhere)
    for address, is_new in ((known.previous, False), (known.current, True)):
        if address:
            details = {**said, "is_new": is_new}
            outbox.after_commit(notice(user, "email_changed", (address,), details, now=now))


def tell(
    user: Any, name: str, details: dict[str, Any], *, now: int, where: Where = NOWHERE
) -> None:
    """Send a notice to every e-mail address of the account, after commit; say from where."""
    if name in CAPPED and not _within_cap(user, name, now=now, where=where):
        return
    details = {**details, **about(user, name, now=now, where=where)}
    outbox.after_commit(notice(user, name, addresses(user, now=now, where=where), details, now=now))


def about(user: Any, name: str, *, now: int, where: Where) -> dict[str, Any]:
    """Return what a notice says beside its own matter: from where, with what, the link."""
    said = {
        "address": where.address,
        "device": where.device,
        "disown": links.link(user, name, now=now, where=where),
    }
    return {key: value for key, value in said.items() if value}


def addresses(user: Any, *, now: int, where: Where = NOWHERE) -> tuple[str, ...]:
    """Return where notices to somebody go: her address, and one just replaced; noting a change."""
    known = address_book(user, now=now, where=where)
    return known.told(now) or tuple(filter(None, [mailbox.email_of(user)]))


def wrong_code(user: Any, *, now: int, where: Where) -> None:
    """The password is known to somebody. Said, but not so often that it becomes a weapon."""
    if _within_budget(WRONG_CODE, user, now):
        tell(user, "wrong_code", {}, now=now, where=where)


def stopped(user: Any, *, now: int, where: Where) -> None:
    """A right password was stopped by the second check. Said, within the budget of such mails."""
    if _within_budget(STOPPED, user, now):
        tell(user, "sign_in_stopped", {}, now=now, where=where)


def new_browser(user: Any, *, now: int, where: Where) -> None:
    """Somebody signed in with a browser that was not used before. Said, within its budget."""
    if _within_budget(NEW, user, now):
        tell(user, "new_browser", {}, now=now, where=where)


def refused(user: Any, *, now: int, where: Where) -> None:
    """A right password was answered like a wrong one, because the account is frozen or closed."""
    if _within_budget(REFUSED, user, now):
        tell(user, "sign_in_refused", {}, now=now, where=where)


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
    key = audit.pk_of(user)
    return notify.Notice(name, to, user.get_username(), now, details, user_pk=key)


def _within_cap(user: Any, name: str, *, now: int, where: Where) -> bool:
    """Whether one more may go today; of the first that may not there is an event."""
    key = subjects.account(ALL, user.pk, known_browser=True)
    if reserve(key, CAP, now_us=now * SECOND_US).admitted:
        return True
    if once_a_day(user, "capped_notice", now=now):
        data = {"notice": name}
        audit.record(Event.NOTICE_CAPPED, user=user, data=data, now=now, where=where)
    return False


def _within_budget(label: str, user: Any, now: int) -> bool:
    key = subjects.account(label, user.pk, known_browser=True)
    return reserve(key, conf().THROTTLE.mails, now_us=now * SECOND_US).admitted
