"""Enrolment tickets: an operator's word in place of a mailbox, for a first factor.

Single use, 24 hours, kept as a keyed digest over the epochs of account and site as well: whatever
ends the account's sessions (a revocation, a reset of the factors) makes its ticket void. The very
first superuser of a site that has no mail server gets in by one that `hardening_ticket` prints in
the shell.

The trap: so a ticket is issued after a reset, not before it.
"""

from __future__ import annotations

from typing import Any

from hardening import keys
from hardening.core import codes
from hardening.keys import Purpose
from hardening.models import Account, EnrolmentTicket, SiteState
from hardening.models.ticket import TICKET_SECONDS
from hardening.moments import moment

TICKET_BYTES = codes.RECOVERY_CODE_BYTES  # as strong as a recovery code


def issue(user_pk: Any, random: bytes, *, now: int) -> str:
    """Make a ticket and return it as it is handed over; older unused ones are void.

    Args:
        user_pk: Whose.
        random: `TICKET_BYTES` random bytes.
        now: Unix seconds.
    """
    shown = codes.ticket_code(random)
    clean = codes.clean_ticket_code(shown) or ""
    EnrolmentTicket.objects.filter(user_id=user_pk, used_at__isnull=True).delete()
    EnrolmentTicket.objects.create(
        user_id=user_pk,
        key_id=keys.current(Purpose.TICKET).id,
        digest=keys.mac(Purpose.TICKET, *_parts(user_pk, clean)),
        issued_at=moment(now),
        expires_at=moment(now + TICKET_SECONDS),
    )
    return shown


def spend(user_pk: Any, ticket: str, *, now: int) -> bool:
    """Use a typed ticket up; true for exactly one caller."""
    clean = codes.clean_ticket_code(ticket)
    if clean is None:
        return False
    digests = [digest for _, digest in keys.macs(Purpose.TICKET, *_parts(user_pk, clean))]
    return EnrolmentTicket.objects.spend(user_pk, digests, now=now)


def _parts(user_pk: Any, clean: str) -> tuple[bytes, ...]:
    account = Account.objects.filter(user_id=user_pk).values_list("epoch", flat=True).first()
    site = SiteState.objects.values_list("epoch", flat=True).first()
    epochs = f"{account or 0} {site or 0}".encode()
    return str(user_pk).encode(), clean.encode(), epochs
