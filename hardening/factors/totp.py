"""Authenticator apps: time-based one-time passwords (RFC 6238) and the rows that hold them.

The secret is 160 random bits made by the server; it lies sealed in its row from the first
moment on and never in a session, a form field or a URL. Times are Unix seconds.

The trap: a code is judged first and *claimed* second. Only the claim, one conditional update of
the highest spent step, says yes; two requests with the same right code get one yes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from hardening import vault
from hardening.core import otp
from hardening.models import Factor, ParkedLogin
from hardening.models.factor import NAME_LENGTH, NEVER_SPENT
from hardening.moments import moment

KIND = "totp"
SECRET_BYTES = 20  # RFC 4226 §4, R6: 160 bits recommended


class Finding(Enum):
    """What judging a code found out. Everything but `RIGHT` gets the same answer outside."""

    RIGHT = "right"
    WRONG = "wrong"
    REPLAYED = "replayed"
    UNSEALABLE = "unsealable"


@dataclass(frozen=True, slots=True)
class Pending:
    """An authenticator that waits for its first code. The secret stays out of `repr`."""

    pk: int
    secret: bytes

    def __repr__(self) -> str:
        """Name the row and nothing else."""
        return f"Pending(pk={self.pk})"


def sealed(row: Factor, secret: bytes) -> str:
    """Return `secret` sealed for this row: copied to another one, it does not open."""
    return vault.seal(secret, context=_context(row))


def secret_of(row: Factor) -> bytes:
    """Return the raw secret of an authenticator.

    Raises:
        vault.Unsealable: If it opens with no key of the ring.
    """
    return vault.unseal(row.secret, context=_context(row))


def _context(row: Factor) -> str:
    return f"factor:{row.pk}:user:{row.user_id}"


def start(record: ParkedLogin, *, name: str, secret: bytes, now: int) -> Pending:
    """Make a pending authenticator for the owner of `record`; an older pending one goes."""
    older = Factor.objects.filter(record=record, confirmed_at__isnull=True)
    # Deleting nothing locks, in MariaDB, the gap that another click inserts its row into.
    if older.exists():
        older.delete()
    row = Factor.objects.create(
        user_id=record.user_id,
        record=record,
        kind=KIND,
        name=name[:NAME_LENGTH],
        created_at=moment(now),
    )
    row.secret = sealed(row, secret)
    row.save(update_fields=["secret"])
    return Pending(row.pk, secret)


def pending(record: ParkedLogin) -> Pending | None:
    """Return the authenticator that waits in this record, or `None`.

    Raises:
        vault.Unsealable: If its secret does not open any more.
    """
    row = Factor.objects.filter(record=record, kind=KIND, confirmed_at__isnull=True).first()
    if row is None:
        return None
    return Pending(row.pk, secret_of(row))


def confirm(waiting: Pending, record: ParkedLogin, code: str, *, name: str, now: int) -> bool:
    """Confirm a pending authenticator with its first code, which is spent by that."""
    step = _step(waiting.secret, code, now=now, after=NEVER_SPENT)
    if step is None:
        return False
    return Factor.objects.claim_pending(
        waiting.pk, record.pk, step, name=name[:NAME_LENGTH], now=now
    )


def verify(row: Factor, code: str, *, now: int) -> Finding:
    """Judge a code against one confirmed authenticator and claim its step."""
    try:
        secret = secret_of(row)
    except vault.Unsealable:
        return Finding.UNSEALABLE
    step = _step(secret, code, now=now, after=row.last_step)
    if step is None:
        stale = _step(secret, code, now=now, after=NEVER_SPENT)
        return Finding.WRONG if stale is None else Finding.REPLAYED
    claimed = Factor.objects.claim_step(row.pk, step, now=now)
    return Finding.RIGHT if claimed else Finding.REPLAYED


def _step(secret: bytes, typed: str, *, now: int, after: int) -> int | None:
    """Return the step that what somebody typed proves; spaces and dashes do not matter."""
    code = otp.clean_code(typed)
    return None if code is None else otp.match_step(secret, code, now=now, after=after)


def reseal(row: Factor) -> bool:
    """Seal a secret with the newest key; true if it changed.

    Raises:
        vault.Unsealable: If the secret opens with no key of the ring.
    """
    if not row.secret or not vault.needs_resealing(row.secret):
        return False
    fresh = sealed(row, secret_of(row))
    # Only if nobody removed or resealed it meanwhile.
    return Factor.objects.filter(pk=row.pk, secret=row.secret).update(secret=fresh) == 1
