"""Links to a new password: mailed on request or by an operator, bound to the epochs.

The token is Django's, and ours in what it is bound to (`hardening.tokens`). The link goes to the
mailbox that the account is known to have: to the address from before, where it was changed lately.
Nobody is signed in by it, and it proves no factor.

The trap: whether a mail went tells whether somebody has an account here. `send_link` costs what it
costs, so a door calls it when its answer is already on its way; nothing that it returns may reach
the one who asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from hardening import audit, facts, host, notify
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.addresses import budget_prefix
from hardening.core.throttle import SECOND_US
from hardening.flows import named, unlock
from hardening.flows.notices import address_book, notice, worth_recording
from hardening.models import Account
from hardening.moments import moment
from hardening.throttle import subjects
from hardening.throttle.gates import reserve
from hardening.tokens import EpochTokenGenerator, may_reset

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGET = "mail:password_reset"
SAID = "event:password_reset"
MAX_LENGTH = 512  # of what stands in a link in place of a key, or of a token


@sensitive_variables()
def send_link(
    name: str, *, link: Callable[[str, str], str], address: str | None, now: int, where: Where
) -> bool:
    """Mail a link to whoever the name or e-mail address means; true if a mail went.

    Args:
        name: As it was typed.
        link: Makes the absolute URL of a key and a token.
        address: The network address that asks; `None` where nobody knows it.
        now: Unix seconds.
        where: From where, for the events.

    Raises:
        FactsError: If nobody can tell who is meant.
        NotMigratedError: If our tables are missing.
    """
    if address is not None:
        asked = subjects.mails_of_address(budget_prefix(address))
        if not reserve(asked, conf().THROTTLE.mails_address, now_us=now * SECOND_US).admitted:
            return False
    user = unlock.meant(name)
    if user is None:
        return False
    found = facts.of(user)
    if not may_reset(found.who()):
        return False
    to = address_book(user, seen=found.account, now=now).provable(now)
    if not to:
        return _not_sent(user, "no_address", now=now, where=where)
    key = subjects.account(BUDGET, user.pk, known_browser=False)
    reservation = reserve(key, conf().THROTTLE.mails, now_us=now * SECOND_US)
    if not reservation.admitted:
        return _not_sent(user, "throttled", now=now, where=where)
    if not mail(user, to, link=link, now=now):
        reservation.refund()
        return _not_sent(user, "mail_down", now=now, where=where)
    audit.record(Event.PASSWORD_RESET_ASKED, user=user, now=now, where=where)
    return True


@sensitive_variables()
def mail(user: Any, to: str, *, link: Callable[[str, str], str], now: int, by: str = "") -> bool:
    """Mail a link to an address at once; false if it could not be sent.

    Args:
        user: Whose password it is.
        to: The e-mail address.
        link: Makes the absolute URL of a key and a token.
        now: Unix seconds.
        by: The operator who sends it, if it is one.
    """
    Account.objects.of(user.pk)  # for `password.reset` to lock: two that insert it may collide
    key = named.encode(str(user.pk).encode())
    details = {
        "link": link(key, EpochTokenGenerator().make_token(user)),
        "until": moment(now + host.reset_seconds()),
        "by": by,  # also where it is empty: Django logs what a template looks for in vain
    }
    return notify.deliver(notice(user, "password_reset", (to,), details, now=now))


@sensitive_variables()
def find(key: str, token: str) -> Any:
    """Return whose password a link lets one choose; `None` if it does not work (any more).

    Args:
        key: The account's key as the link has it; anything at all.
        token: Its token; anything at all.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    if max(len(key), len(token)) > MAX_LENGTH:
        return None
    try:
        user = named.load(named.decode(key).decode())
    except ValueError:
        return None
    return user if user is not None and EpochTokenGenerator().check_token(user, token) else None


def _not_sent(user: Any, reason: str, *, now: int, where: Where) -> bool:
    if worth_recording(user, now=now, what=SAID):
        audit.record(Event.PASSWORD_RESET_ASKED, user=user, reason=reason, now=now, where=where)
    return False
