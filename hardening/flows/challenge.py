"""A net over its limit: what its browsers are offered instead of the mailbox, and who met that.

A net is the wider neighbourhood of an address. Failures from unknown browsers are charged to it,
five times as many as an address has; beyond that nobody is refused, but a right password alone
completes nothing until a challenge is met.

The traps: whoever guesses would learn from the answer without a challenge that a password is
right, and then meet one for that password alone. So for a day after such an answer the account is
asked for its mailbox all the same. And faults of a challenge are nobody's refusal: it is then not
offered, or not met, which leads to the mailbox.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import Error

from hardening.conf import conf
from hardening.core.addresses import net_prefix
from hardening.core.throttle import SECOND_US
from hardening.core.values import Reason
from hardening.models import ParkedLogin
from hardening.throttle import challenge, database, subjects
from hardening.throttle.budgets import Budget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hardening.throttle.challenge import Challenge

log = logging.getLogger("hardening")


@dataclass(frozen=True, slots=True)
class Offer:
    """What the login page shows of a challenge, and what a program gets as JSON."""

    template_name: str
    data: dict[str, Any]


def net_of(address: str) -> Budget:
    """Return what is counted of an address's net."""
    return Budget(subjects.net(net_prefix(address)), conf().THROTTLE.net)


def offer(address: str | None, *, due: bool | None = None, now: int) -> Offer | None:
    """Return what the login page is to offer, `None` where nothing is due.

    Args:
        address: The client's network address.
        due: Whether the net is known to be over its limit; `None`: look.
        now: Unix seconds.
    """
    chosen = _chosen()
    if chosen is None or not (_is_due(address, now) if due is None else due):
        return None
    try:
        return Offer(chosen.template_name, chosen.issue(address=address, now=now))
    except Exception:
        log.exception("no challenge could be issued")
        return None


def is_met(answer: Mapping[str, str], address: str | None, *, now: int) -> bool:
    """Return whether a sign-in brings what its net owes. Whatever it brings is used up."""
    chosen = _chosen()
    try:
        return chosen is not None and chosen.verify(answer, address=address, now=now) is True
    except Exception:
        log.exception("a challenge could not be verified")
        return False


def was_passed_over(user_pk: Any, *, now: int) -> bool:
    """Return whether a right password of this account came without, in the last day."""
    return ParkedLogin.objects.was_stopped(user_pk, Reason.FLAGGED_ADDRESS, now=now)


def _chosen() -> Challenge | None:
    try:
        return challenge.current()
    except ImportError:
        log.exception("CHALLENGE cannot be imported: none is offered (hardening.E016)")
        return None


def _is_due(address: str | None, now: int) -> bool:
    try:
        return address is not None and database.is_over(net_of(address), now_us=now * SECOND_US)
    except Error:
        log.exception("whether a challenge is due could not be read")
        return False
