"""The link "this wasn't me" in a notice: signed, kept nowhere, good for `LINK_DAYS`.

It says whose account, which notice, when, from where and with which browser, so that its page can
show that long after, and it bears 128 random bits and an HMAC under a key of the ring (any of the
ring's is read). It opens one thing: the page that freezes the account. So it is bound neither to
the password nor to the epochs, which a thief in the account can change.

Where it leads: `SITE_URL`; without that, the host of the request that caused the notice, if
``ALLOWED_HOSTS`` vouches for it; else the mail has no link. A ``Host`` header that anybody may
choose would decide where the owner goes in her fright.

The trap: mails of commands and jobs have no request, so without `SITE_URL` no link.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.urls import NoReverseMatch, reverse
from django.views.decorators.debug import sensitive_variables

from hardening import host, keys
from hardening.flows import named
from hardening.keys import Purpose

if TYPE_CHECKING:
    from hardening.audit import Where

LINK_DAYS = 14
LINK_SECONDS = LINK_DAYS * 24 * 60 * 60
RANDOM_BYTES = 16
# What somebody did, or had done, that its owner may not know of. Not: codes and links that she
# asked for, reminders, what operators tell each other, and failures that anybody can cause.
LINKED = frozenset(
    {
        *("factor_added", "factor_removed", "factors_reset"),
        *("recovery_code_used", "recovery_codes_made"),
        *("password_changed", "password_change_required", "email_changed"),
        *("new_browser", "wrong_code", "sign_in_stopped"),
        *("ticket_issued", "request_about_you", "unlocked"),
        *("sessions_ended", "sessions_revoked", "account_thawed"),
    }
)
_TOKEN = re.compile(r"([A-Za-z0-9_-]{1,1024})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Claim:
    """What a link says. `at`, `expires_at` in Unix seconds; `digest` names it, once it is used."""

    pk: str
    notice: str
    at: int
    address: str
    device: str
    digest: str = field(repr=False)

    @property
    def expires_at(self) -> int:
        """When it stops working."""
        return self.at + LINK_SECONDS


def link(user: Any, notice: str, *, now: int, where: Where) -> str:
    """Return the link for a notice; empty where it gets none, or nobody knows where it would lead.

    Args:
        user: Whose account.
        notice: The mail's name.
        now: Unix seconds.
        where: From where what it tells of was done.
    """
    site = host.site_url() or where.site
    if notice not in LINKED or not site:
        return ""
    try:
        page = reverse("hardening:disown")
    except NoReverseMatch:  # a site without our pages
        return ""
    return f"{site}{page}?token={make(user, notice, now, where)}"


def make(user: Any, notice: str, now: int, where: Where) -> str:
    """Return a new token."""
    random = secrets.token_urlsafe(RANDOM_BYTES)
    said = [str(user.pk), notice, now, where.address, where.device, random]
    payload = json.dumps(said, separators=(",", ":")).encode()
    tag = bytes.fromhex(keys.mac(Purpose.DISOWN, payload))
    return f"{named.encode(payload)}.{named.encode(tag)}"


@sensitive_variables()
def read(token: str, *, now: int) -> Claim | None:
    """Return what a token says; `None` if it is not ours, or too old."""
    shape = _TOKEN.fullmatch(token)
    if shape is None:
        return None
    try:
        payload, tag = named.decode(shape[1]), named.decode(shape[2]).hex()
    except ValueError:
        return None
    ours = [hmac.compare_digest(tag, one) for _, one in keys.macs(Purpose.DISOWN, payload)]
    if not any(ours):
        return None
    pk, notice, at, address, device, _random = json.loads(payload)
    digest = hashlib.sha256(payload).hexdigest()  # the same under every key of the ring
    claim = Claim(pk, notice, at, address, device, digest)
    return claim if at <= now < claim.expires_at else None


__all__ = ["LINKED", "LINK_DAYS", "Claim", "link", "make", "read"]
