"""What an operator does for somebody: reset a factor, hand out a ticket, demand a new password.

The operator never learns or chooses a secret of the person (OWASP ASVS 5.0 6.4.6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hardening import audit, signals
from hardening.audit import NOWHERE, Event, Where
from hardening.factors import recovery, registry, ticket
from hardening.flows.notices import tell
from hardening.models import Account, Factor
from hardening.models.database import atomic

if TYPE_CHECKING:
    from collections.abc import Iterable


def reset_factors(
    user: Any, *, actor: Any = None, reason: str, now: int, where: Where = NOWHERE
) -> int:
    """Remove every factor and recovery code and end all sessions.

    The next sign-in must prove the mailbox (or a ticket) and enrol anew.

    Returns:
        How many factors were removed.
    """
    with atomic():
        Account.objects.bump_epoch(user.pk)
        rows = list(Factor.objects.owned(user.pk).confirmed())
        removed = [row for row in rows if Factor.objects.retire(row.pk, now=now)]
        recovery.remove_all(user.pk)
        registry.rewrite(user.pk)
        Account.objects.filter(user_id=user.pk).update(must_enrol=True)
    for row in removed:
        signals.factor_removed.send_robust(
            sender=Factor, user=user, kind=row.kind, factor_id=row.pk
        )
    tell(user, "factors_reset", _by(actor), now=now, where=where.elsewhere)
    data = {"factors": [row.pk for row in removed], "why": reason}
    audit.record(Event.FACTORS_RESET, user=user, actor=actor, data=data, now=now, where=where)
    return len(removed)


def issue_ticket(
    user: Any, random: bytes, *, actor: Any = None, now: int, where: Where = NOWHERE
) -> str:
    """Make an enrolment ticket and return it, once; its owner is told, where that is possible."""
    account = Account.objects.of(user.pk)  # before: a lock needs a row
    with atomic():
        Account.objects.lock(account.pk)  # two at once leave one that works
        shown = ticket.issue(user.pk, random, now=now)
    tell(user, "ticket_issued", _by(actor), now=now, where=where.elsewhere)
    audit.record(Event.TICKET_ISSUED, user=user, actor=actor, now=now, where=where)
    return shown


def demand_password_change(
    users: Iterable[Any], *, actor: Any = None, now: int, where: Where = NOWHERE
) -> int:
    """Make people choose a new password before anything else; effective on the next request."""
    count = 0
    for user in users:
        account = Account.objects.of(user.pk)
        Account.objects.filter(pk=account.pk).update(must_change="operator", must_change_since=now)
        tell(user, "password_change_required", _by(actor), now=now, where=where.elsewhere)
        audit.record(Event.PASSWORD_CHANGE_DEMANDED, user=user, actor=actor, now=now, where=where)
        count += 1
    return count


def reset_sent(user: Any, *, actor: Any, now: int, where: Where = NOWHERE) -> None:
    """Record that an operator had a link mailed by which a person chooses a new password."""
    audit.record(Event.PASSWORD_RESET_SENT, user=user, actor=actor, now=now, where=where)


def _by(actor: Any) -> dict[str, Any]:
    """Name the operator in a notice, where one is known; the shell knows none."""
    return {"by": actor.get_username()} if actor is not None else {}
