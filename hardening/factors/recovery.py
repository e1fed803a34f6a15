"""Recovery codes: ten single-use codes of 120 random bits, kept as keyed digests.

At that entropy a plain digest is enough (OWASP ASVS 5.0 6.5.2); ours is keyed besides, so a dump
without the key says nothing, and a wrong guess costs no slow hash. Codes are shown once.

The trap: a code is matched against one digest per key of the ring, so that rotating keys does
not void codes people have printed.
"""

from __future__ import annotations

from typing import Any

from hardening import keys
from hardening.core import codes
from hardening.keys import Purpose
from hardening.models import Account, RecoveryCode

SET_SIZE = 10
CODE_BYTES = codes.RECOVERY_CODE_BYTES


def make(user_pk: Any, random: bytes, *, now: int) -> tuple[str, ...]:
    """Replace the set of codes; the caller's transaction has locked the account.

    Args:
        user_pk: Whose codes.
        random: `SET_SIZE` × `CODE_BYTES` random bytes.
        now: Unix seconds.

    Returns:
        The codes as they are shown, once.
    """
    chunks = (random[i * CODE_BYTES : (i + 1) * CODE_BYTES] for i in range(SET_SIZE))
    shown = tuple(codes.recovery_code(chunk) for chunk in chunks)
    RecoveryCode.objects.replace(user_pk, (_digest(user_pk, code) for code in shown), now=now)
    Account.objects.filter(user_id=user_pk).update(codes_left=len(shown))
    return shown


def spend(user_pk: Any, code: str, *, now: int) -> bool:
    """Use a typed code up; true for exactly one caller."""
    clean = codes.clean_recovery_code(code)
    if clean is None:
        return False
    digests = [digest for _, digest in keys.macs(Purpose.RECOVERY, *_parts(user_pk, clean))]
    if not RecoveryCode.objects.spend(user_pk, digests, now=now):
        return False
    Account.objects.spend_recovery_code(user_pk)
    return True


def remove_all(user_pk: Any) -> None:
    """Forget every code of this account."""
    RecoveryCode.objects.filter(user_id=user_pk).delete()
    Account.objects.filter(user_id=user_pk).update(codes_left=0)


def _digest(user_pk: Any, shown: str) -> tuple[str, str]:
    clean = codes.clean_recovery_code(shown)
    if clean is None:  # cannot be: we made it
        message = "a recovery code of our own making does not read back"
        raise ValueError(message)
    key = keys.current(Purpose.RECOVERY)
    return key.id, keys.mac(Purpose.RECOVERY, *_parts(user_pk, clean))


def _parts(user_pk: Any, clean: str) -> tuple[bytes, bytes]:
    return str(user_pk).encode(), clean.encode()
