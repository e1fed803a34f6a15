"""Break-glass codes: an envelope in a safe, for the day when every other way is gone.

Made offline in the shell, 120 random bits, kept as keyed digests, single use. A code belongs to
nobody: what it opens is the account of the superuser who types it, with a right password.
"""

from __future__ import annotations

from hardening import keys
from hardening.core import codes
from hardening.keys import Purpose
from hardening.models import BreakGlassCode

CODE_BYTES = codes.RECOVERY_CODE_BYTES  # as strong as a recovery code
NAME_LENGTH = 150  # hardening.models.breakglass


def make(count: int, random: bytes, *, now: int) -> tuple[str, ...]:
    """Add `count` codes and return them as they are shown, once.

    Args:
        count: How many.
        random: `count` × `CODE_BYTES` random bytes.
        now: Unix seconds.
    """
    chunks = (random[i * CODE_BYTES : (i + 1) * CODE_BYTES] for i in range(count))
    shown = tuple(codes.ticket_code(chunk) for chunk in chunks)
    key_id = keys.current(Purpose.BREAK_GLASS).id
    BreakGlassCode.objects.bulk_create(
        BreakGlassCode(
            key_id=key_id, digest=keys.mac(Purpose.BREAK_GLASS, _part(code)), made_at=now
        )
        for code in shown
    )
    return shown


def spend(code: str, *, used_by: str, now: int) -> bool:
    """Use a typed code up; true for exactly one caller."""
    clean = codes.clean_ticket_code(code)
    if clean is None:
        return False
    digests = [digest for _, digest in keys.macs(Purpose.BREAK_GLASS, clean.encode())]
    return BreakGlassCode.objects.spend(digests, used_by=used_by[:NAME_LENGTH], now=now)


def _part(shown: str) -> bytes:
    return shown.replace("-", "").encode()
