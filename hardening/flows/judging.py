"""How a sign-in came, what that is worth, and what its owner hears of it.

Browser and risk are judged here, once a sign-in; a live session bears them as they were then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hardening import devices
from hardening.conf import conf
from hardening.core.pwned import Finding
from hardening.core.values import Decision, Proof, ProofKind, Session
from hardening.flows import breached, challenge, record
from hardening.flows.notices import stopped
from hardening.flows.parking import SIGNED_IN

if TYPE_CHECKING:
    from hardening.audit import Where
    from hardening.facts import Facts


@dataclass(frozen=True, slots=True)
class Came:
    """How a sign-in came: with which device cookie, and whether something speaks against it.

    No cookie is believed of a browser that failed too often to be known any more. `stored`: the
    hash under which it was known when the try began, if it was. `flagged`: from an address that
    is, or from a net over its limit whose challenge was not met; `solved`: it was met.
    """

    cookie: str | None = None
    stored: str | None = field(default=None, repr=False)
    flagged: bool = False
    solved: bool = False


UNKNOWN = Came()


def judge(found: Facts, kind: ProofKind, came: Came, now: int) -> tuple[Session, Decision]:
    """Return what a sign-in shows, and what the decision says to it.

    Args:
        found: The facts about who signs in.
        kind: What was proven.
        came: How.
        now: Unix seconds.

    Raises:
        FactsError: If the decision cannot be made.
    """
    epochs = found.who()
    device = devices.find(
        came.cookie,
        found.user.pk,
        password=found.user.password if came.stored is None else came.stored,
        account_epoch=epochs.account_epoch,
        site_epoch=epochs.site_epoch,
        now=now,
    )
    known = device is not None and device.proven
    who = found.who(known_browser=known)
    state = Session(
        proofs=(Proof(kind, now, who.account_epoch),),
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        started=now,
        signing_in=True,
        known_browser=known,
        new_browser=device is None,
        remembered=device is not None
        and device.is_remembered(who.requirement.remembered_days, now=now),
        attack_mode=found.attack_until > now,
        flagged_address=came.flagged
        or (came.solved and challenge.was_passed_over(found.user.pk, now=now)),
    )
    return state, record.ask(SIGNED_IN, who, state, now=now, enforce=conf().ENFORCE)


def tell_if_stopped(found: Facts, state: Session, *, now: int, where: Where) -> None:
    """A right password met the second check in a bad hour, or is stolen: its owner hears of it."""
    if state.known_browser or not state.has(ProofKind.PASSWORD):
        return
    if state.attack_mode or state.flagged_address:
        stopped(found.user, now=now, where=where)
    if found.password_verdict is Finding.HIT:
        breached.remind(found, now=now, where=where)
