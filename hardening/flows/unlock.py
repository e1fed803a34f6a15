"""Ways out of a lock: a link by mail, and an operator's word. A lock never ends by them alone.

The link goes to the mailbox that the account is known to have. It holds 256 random bits, is kept
as a keyed digest that binds password and epochs, works once within `UNLOCK_SECONDS`, and signs
nobody in: it ends the wait, and whoever holds it has proven the mailbox with this browser.

The trap: whether a mail went tells whether somebody has an account here. `send_link` costs what
it costs, so a door calls it when its answer is already on its way; nothing that it returns may
reach the one who asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from hardening import audit, facts, keys, notify
from hardening.audit import NOWHERE, Event, Where
from hardening.conf import conf
from hardening.core.addresses import budget_prefix
from hardening.core.throttle import SECOND_US
from hardening.flows import attempts, named
from hardening.flows.notices import address_book, notice, tell, worth_recording
from hardening.keys import Purpose
from hardening.models import Account
from hardening.throttle import locked, lookup, store, subjects
from hardening.throttle.gates import reserve

if TYPE_CHECKING:
    from hardening.core.values import Who
    from hardening.models import ThrottleCell
    from hardening.throttle.gates import Reservation

UNLOCK_SECONDS = 30 * 60
TOKEN_BYTES = 32
BUDGET = "mail:unlock"
SAID = "event:unlock"
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,512})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Unlocked:
    """Whose wait is over, and under which password and epochs a browser may be remembered."""

    user_pk: Any
    password: str = field(repr=False)
    account_epoch: int
    site_epoch: int


@dataclass(frozen=True, slots=True)
class _Link:
    """Whom a token names, and the digests that it may be kept under."""

    user: Any
    who: Who
    digests: list[str]


@dataclass(frozen=True, slots=True)
class Lifted:
    """How many waits an operator has ended at once."""

    accounts: int
    names: int
    addresses: int


# --- a link by mail -------------------------------------------------------------------------------


@sensitive_variables()
def send_link(
    name: str, random: bytes, *, page: str, address: str | None, now: int, where: Where
) -> bool:
    """Mail a link to whoever the name or e-mail address means; true if a mail went.

    Args:
        name: As it was typed.
        random: `TOKEN_BYTES` of it.
        page: The absolute URL that the token is appended to; ends with a slash.
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
    user = meant(name)
    if user is None:
        return False
    found = facts.of(user)
    who = found.who()
    if not _has_lock(who):
        return False
    to = address_book(user, seen=found.account, now=now).provable(now)
    if not to:
        return _not_sent(Event.UNLOCK_FAILED, user, "no_address", now=now, where=where)
    reservation = _reserve(user, now)
    if not reservation.admitted:
        return _not_sent(Event.UNLOCK_THROTTLED, user, "", now=now, where=where)
    Account.objects.issue_unlock(
        user.pk, _digests(user, who, random)[0], expires_at=now + UNLOCK_SECONDS
    )
    link = f"{page}{_token(user.pk, random)}/"
    details = {"link": link, "minutes": UNLOCK_SECONDS // 60}
    if not notify.deliver(notice(user, "unlock", (to,), details, now=now)):
        reservation.refund()
        return _not_sent(Event.UNLOCK_FAILED, user, "", now=now, where=where)
    audit.record(Event.UNLOCK_SENT, user=user, now=now, where=where)
    return True


@sensitive_variables()
def find(token: str, *, now: int) -> Any:
    """Return whose wait a link would end; `None` if it does not work (any more). Spends nothing.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    link = _opened(token)
    if link is None:
        return None
    works = Account.objects.unlockable(link.user.pk, link.digests, now=now).exists()
    return link.user if works else None


@sensitive_variables()
def spend(token: str, *, now: int, where: Where) -> Unlocked | None:
    """Use a link up and end the wait; `None` if it does not work (any more).

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    link = _opened(token)
    if link is None:
        return None
    user, epoch = link.user, link.who.account_epoch
    if not Account.objects.spend_unlock(user.pk, link.digests, account_epoch=epoch, now=now):
        return None
    attempts.forgive(user)
    audit.record(Event.UNLOCKED, user=user, now=now, where=where)
    return Unlocked(user.pk, user.password, epoch, link.who.site_epoch)


def meant(name: str) -> Any:
    """Return whom a typed name or e-mail address means, with her facts; `None` for nobody."""
    user = facts.load_user_by_name(name)
    if user is not None:
        return user
    meant = lookup.resolve(name)
    return None if meant is None else facts.load_user(meant[0])


def _has_lock(who: Who) -> bool:
    """Whether there is anything that an end of the wait would open."""
    return who.active and not who.frozen and who.has_password


def _reserve(user: Any, now: int) -> Reservation:
    key = subjects.account(BUDGET, user.pk, known_browser=False)
    return reserve(key, conf().THROTTLE.mails, now_us=now * SECOND_US)


def _not_sent(event: Event, user: Any, reason: str, *, now: int, where: Where) -> bool:
    if worth_recording(user, now=now, what=SAID):
        audit.record(event, user=user, reason=reason, now=now, where=where)
    return False


def _token(user_pk: Any, random: bytes) -> str:
    return ".".join(named.encode(part) for part in (str(user_pk).encode(), random))


def _opened(token: str) -> _Link | None:
    """Return what a token says, if it says anything; it may be false, spent or too old."""
    shape = _TOKEN.fullmatch(token)
    user = None if shape is None else _named(shape[1])
    if shape is None or user is None:
        return None
    who = facts.of(user).who()
    return _Link(user, who, _digests(user, who, named.decode(shape[2]))) if _has_lock(who) else None


def _named(text: str) -> Any:
    """Load the user whose key a token holds; anything may stand there."""
    try:
        return named.load(named.decode(text).decode())
    except ValueError:
        return None


def _digests(user: Any, who: Who, random: bytes) -> list[str]:
    """Return the digests of a link, one for every key on the ring, newest first."""
    epochs = f"{who.account_epoch} {who.site_epoch}".encode()
    parts = (random, str(user.pk).encode(), epochs, str(user.password).encode())
    return [digest for _id, digest in keys.macs(Purpose.UNLOCK, *parts)]


# --- an operator's word ---------------------------------------------------------------------------


def by_operator(user: Any, *, actor: Any = None, now: int, where: Where = NOWHERE) -> bool:
    """End the wait of an account and tell its owner; false if it had none and no failures."""
    if not attempts.forgive(user):
        return False
    details = {"by": actor.get_username()} if actor is not None else {}
    tell(user, "unlocked", details, now=now, where=where.elsewhere)
    audit.record(
        Event.THROTTLE_LIFTED, user=user, actor=actor, reason="account", now=now, where=where
    )
    return True


def lift_address(address: str, *, actor: Any = None, now: int, where: Where = NOWHERE) -> bool:
    """Forget what failed at a network address, and its flag; false if nothing was known of it.

    Raises:
        ValueError: If it is no address.
    """
    prefix = budget_prefix(address)
    lifted = store.forget(subjects.address(prefix))
    if lifted:
        data = {"prefix": prefix}
        audit.record(
            Event.THROTTLE_LIFTED, actor=actor, reason="address", data=data, now=now, where=where
        )
    return lifted


def lift_all(*, actor: Any = None, now: int, where: Where = NOWHERE) -> Lifted:
    """End every wait there is, of names that nobody has too: else they would now be told apart."""
    now_us = now * SECOND_US
    listed = locked.people(locked.accounts(now_us=now_us))
    accounts = sum(by_operator(user, actor=actor, now=now, where=where) for user in listed)
    names = locked.forget_names(now_us=now_us)
    addresses = locked.addresses(now_us=now_us)
    keys_ = list(addresses.values_list("key", flat=True))
    store.forget(*keys_)
    lifted = Lifted(accounts, names, len(keys_))
    if names or keys_:
        data = {"names": names, "addresses": len(keys_)}
        audit.record(
            Event.THROTTLE_LIFTED, actor=actor, reason="all", data=data, now=now, where=where
        )
    return lifted


def waiting(*, now: int) -> Lifted:
    """Return how many waits `lift_all` would end."""
    now_us = now * SECOND_US
    accounts = len(locked.people(locked.accounts(now_us=now_us)))
    names, addresses = locked.names(now_us=now_us), locked.addresses(now_us=now_us)
    return Lifted(accounts, names.count(), addresses.count())


def counter(user: Any) -> ThrottleCell | None:
    """Return what is counted for an account under its password of today, if anything is."""
    return locked.of(user)


__all__ = [
    "TOKEN_BYTES",
    "UNLOCK_SECONDS",
    "Lifted",
    "Unlocked",
    "by_operator",
    "counter",
    "find",
    "lift_address",
    "lift_all",
    "meant",
    "send_link",
    "spend",
    "waiting",
]
