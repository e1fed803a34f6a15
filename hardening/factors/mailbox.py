"""Mailbox proof: eight digits by mail. It confirms who signs in; it is never a factor.

OWASP ASVS 5.0 6.3.6 and NIST SP 800-63B-4 §3.1.3.1 rule e-mail out as an authenticator, not as a
confirmation. A code lives ten minutes, works once, and is bound to the record that asked for it.

The trap: whoever holds a live session can change the e-mail address and then "prove" it. So the
account remembers its address, sealed, and for seven days after a change the proof goes to the
old one. The first thing ever recorded, "no address" included, is no change.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Any

from hardening import keys, vault
from hardening.core import codes
from hardening.keys import Purpose
from hardening.models import Account, ParkedLogin

CODE_BYTES = codes.MAILBOX_CODE_BYTES
CODE_SECONDS = 10 * 60  # ASVS 5.0 6.5.5; NIST SP 800-63B-4 §3.1.3.2
CHANGE_SECONDS = 7 * 24 * 60 * 60  # factors.md, "Mailbox proof"
TOLD_SECONDS = 30 * 24 * 60 * 60  # an address that was replaced goes on hearing of changes


@dataclass(frozen=True, slots=True)
class Known:
    """What the account remembers about its e-mail address. Kept out of `repr`.

    `since` is the Unix second of the last change; `changed` is true for whoever noticed one.
    """

    current: str = ""
    previous: str = ""
    since: int | None = None
    changed: bool = False

    def __repr__(self) -> str:
        """Name nothing."""
        return "Known(…)"

    def provable(self, now: int) -> str:
        """Return where a proof must go: the address, or the old one just after a change.

        Empty where there is none: an address that replaced nothing is no proof for seven days.
        """
        return self.previous if self._within(now, CHANGE_SECONDS) else self.current

    def told(self, now: int) -> tuple[str, ...]:
        """Return every address that a notice goes to: the current one, and one just replaced."""
        old = self.previous if self._within(now, TOLD_SECONDS) else ""
        return tuple(dict.fromkeys(address for address in (self.current, old) if address))

    def _within(self, now: int, seconds: int) -> bool:
        return self.since is not None and now - self.since < seconds


def email_of(user: Any) -> str:
    """Return the user's e-mail address by the field her model names, or an empty text."""
    field = getattr(user, "get_email_field_name", lambda: "email")()
    return str(getattr(user, field, "") or "")


def note_address(user: Any, *, seen: Account | None = None, now: int) -> Known:
    """Record the address if it is new to the account; return what is known now.

    The very first one is no change. "No address" is recorded like any other, so that the first
    address of an account that had none is a change, and proves nothing for seven days.

    Raises:
        vault.Unsealable: If the recorded address does not open; callers refuse the proof.
    """
    email = email_of(user)
    if seen is not None and email == (remembered := known(seen)).current:
        return remembered
    account = Account.objects.of(user.pk)
    remembered = known(account)
    if account.email and email == remembered.current:
        return remembered
    unchanged = Account.objects.filter(pk=account.pk, email=account.email)
    if not account.email:
        unchanged.update(email=_seal(user.pk, email))
        return replace(remembered, current=email)
    # Two changes within the seven days: the proof still goes to the address from before both.
    previous = remembered.provable(now)
    mine = unchanged.update(
        email=_seal(user.pk, email), previous_email=_seal(user.pk, previous), email_since=now
    )
    return Known(current=email, previous=previous, since=now, changed=mine == 1)


def new_code(record: ParkedLogin, random: bytes, *, now: int) -> str:
    """Make a code for this record; it replaces the one before, not the count of failures."""
    code = codes.mailbox_code(random)
    ParkedLogin.objects.filter(pk=record.pk, finished_at__isnull=True).update(
        mail_digest=_digest(record, code), mail_sent_at=now, mail_expires_at=now + CODE_SECONDS
    )
    return code


def void_code(record: ParkedLogin) -> None:
    """Forget the outstanding code: its mail could not be sent."""
    ParkedLogin.objects.filter(pk=record.pk).update(
        mail_digest="", mail_sent_at=None, mail_expires_at=None
    )


def prove(record: ParkedLogin, code: str, *, now: int) -> bool:
    """Judge a typed code and use it up; true for exactly one caller."""
    clean = codes.clean_mailbox_code(code)
    if clean is None or not record.mail_digest:
        return False
    candidates = keys.macs(Purpose.MAILBOX, *_parts(record, clean))
    matches = [hmac.compare_digest(digest, record.mail_digest) for _, digest in candidates]
    return any(matches) and ParkedLogin.objects.spend_mail_code(
        record.pk, record.mail_digest, now=now
    )


def mask(address: str) -> str:
    """Return an address one can recognise but not learn: ``a•••@example.com``."""
    name, at, domain = address.rpartition("@")
    if not at:
        return f"{address[:1]}•••"
    return f"{name[:1]}•••@{domain}"


def reseal(account: Account) -> bool:
    """Seal the kept addresses with the newest key; true if anything changed."""
    fresh = {
        column: _seal(account.pk, _unseal(account.pk, sealed))
        for column in ("email", "previous_email")
        if (sealed := getattr(account, column)) and vault.needs_resealing(sealed)
    }
    if not fresh:
        return False
    unchanged = Account.objects.filter(
        pk=account.pk, email=account.email, previous_email=account.previous_email
    )
    return unchanged.update(**fresh) == 1


def known(account: Account) -> Known:
    """Return what an account's row remembers.

    Raises:
        vault.Unsealable: If it opens with no key of the ring.
    """
    return Known(
        current=_unseal(account.pk, account.email),
        previous=_unseal(account.pk, account.previous_email),
        since=account.email_since,
    )


def _seal(user_pk: Any, email: str) -> str:
    return vault.seal(email.encode(), context=f"email:user:{user_pk}")


def _unseal(user_pk: Any, sealed: str) -> str:
    return vault.unseal(sealed, context=f"email:user:{user_pk}").decode() if sealed else ""


def _digest(record: ParkedLogin, code: str) -> str:
    return keys.mac(Purpose.MAILBOX, *_parts(record, code))


def _parts(record: ParkedLogin, code: str) -> tuple[bytes, bytes]:
    return record.handle.encode(), code.encode()
