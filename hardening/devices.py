"""The device cookie's contents: which accounts have signed in completely with this browser.

One entry an account, at most `MAX_ACCOUNTS`, newest first, joined by dots. An entry is 54 bytes,
base64url without padding (letters, digits, "-" and "_": RFC 6265 §4.1.1):

    version 1 · nonce 16 · day 4 · account 16 · flags 1 · tag 16

The day counts from 1970-01-01 UTC. The account is a keyed digest of nonce and primary key, so an
entry names nobody, and two browsers of one person have nothing in common. The tag is an
HMAC-SHA256 over all of that, the epochs of account and site, and the stored password: when one of
them changes, every browser is unknown again. The newest key makes, every key on the ring reads.
Rules: throttle.md "Device cookies".

It opens nothing. A known browser has a budget of its own; a proven one is not asked for the
mailbox. Whoever copies the cookie gets that and no more.

The trap: only the entry of the account at hand can be checked. The others are carried along as
they came, well-formed and in date; what they are worth is found out when their account signs in.
And a right password may be hashed anew while it is checked: what was stored before is then told by
`flows.attempts`.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.views.decorators.debug import sensitive_variables

from hardening import keys
from hardening.conf import conf
from hardening.keys import Purpose

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ACCOUNTS = 5  # throttle.md: five accounts a browser
NONCE_BYTES = 16
DAY_SECONDS = 24 * 60 * 60
VERSION = 1
PROVEN = 0b1  # a flag: a mailbox or a factor was proven, not a password alone
MAC_HEX_DIGITS = 32  # 16 bytes
LAYOUT = struct.Struct(">B16sI16sB16s")
ENTRY_CHARACTERS = LAYOUT.size * 4 // 3  # 54 bytes are 72 characters; nothing is left to pad
MAX_COOKIE_CHARACTERS = MAX_ACCOUNTS * (ENTRY_CHARACTERS + 1) - 1
SEPARATOR = "."
_ENTRY = re.compile(rf"[A-Za-z0-9_-]{{{ENTRY_CHARACTERS}}}")


@dataclass(frozen=True, slots=True)
class Device:
    """What an entry that is valid for an account says of this browser.

    Attributes:
        nonce: `NONCE_BYTES`; names the browser's budget until the next complete sign-in.
        proven: Whether a mailbox or a factor was proven with it. Only then is it a known browser
            for the decision; after a mere password it has a budget of its own and no more.
    """

    nonce: bytes = field(repr=False)
    proven: bool


@dataclass(frozen=True, slots=True)
class _Bound:
    """What an entry is bound to, and ends with."""

    password: str = field(repr=False)
    account_epoch: int
    site_epoch: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry that is well-formed. Whether it is true, `_is_of` and `_is_true` say."""

    nonce: bytes
    day: int
    account: bytes
    flags: int
    tag: bytes

    def text(self) -> str:
        fields = (VERSION, self.nonce, self.day, self.account, self.flags, self.tag)
        return urlsafe_b64encode(LAYOUT.pack(*fields)).decode()


@sensitive_variables("password")
def find(
    cookie: str | None,
    user_pk: Any,
    *,
    password: str,
    account_epoch: int,
    site_epoch: int,
    now: int,
) -> Device | None:
    """Return what the cookie says of this browser and this account; `None` if it does not know it.

    Args:
        cookie: As the browser sent it; anything at all.
        user_pk: The account's primary key.
        password: The hash as stored in the user's row. Whoever knew an older password may have
            collected cookies by it, each with a budget of its own.
        account_epoch: The account's epoch as it is now.
        site_epoch: The site's.
        now: Unix seconds.
    """
    bound = _Bound(password, account_epoch, site_epoch)
    for entry in _in_date(cookie, now):
        if _is_true(entry, user_pk, bound):
            return Device(entry.nonce, proven=bool(entry.flags & PROVEN))
    return None


@sensitive_variables("password")
def issue(
    cookie: str | None,
    user_pk: Any,
    *,
    password: str,
    account_epoch: int,
    site_epoch: int,
    proven: bool,
    random: bytes,
    now: int,
) -> str:
    """Return the cookie after a complete sign-in: a fresh nonce, this account's entry first.

    An entry that is valid and proven stays so after a sign-in that proved a password only: else
    the second such sign-in would be asked for the mailbox again. What must not be carried over
    (a revoked one) is taken out by `forget` first.

    Args:
        cookie: What the browser sent; the entries of other accounts are kept.
        user_pk: The account's primary key.
        password: The hash as stored in the user's row.
        account_epoch: The account's epoch as it is now.
        site_epoch: The site's.
        proven: Whether this sign-in proved a mailbox or a factor.
        random: `NONCE_BYTES` of it.
        now: Unix seconds.

    Raises:
        ValueError: If `random` has another length.
    """
    if len(random) != NONCE_BYTES:
        raise ValueError(f"A nonce has {NONCE_BYTES} bytes.")
    bound = _Bound(password, account_epoch, site_epoch)
    known = next((e for e in _in_date(cookie, now) if _is_true(e, user_pk, bound)), None)
    entry = _make(
        random,
        now // DAY_SECONDS,
        user_pk,
        PROVEN if proven or (known is not None and known.flags & PROVEN) else 0,
        bound,
    )
    others = [other for other in _in_date(cookie, now) if not _is_of(other, user_pk)]
    return _joined([entry, *others][:MAX_ACCOUNTS])


def forget(cookie: str | None, user_pk: Any) -> str:
    """Return the cookie without this account; empty if nothing is left."""
    return _joined([entry for entry in _entries(cookie) if not _is_of(entry, user_pk)])


def is_about(cookie: str | None, user_pk: Any) -> bool:
    """Return whether any entry names this account, whatever its age and its epochs."""
    return any(_is_of(entry, user_pk) for entry in _entries(cookie))


def has_entries(cookie: str | None) -> bool:
    """Return whether anything in it is well-formed; costs no digest and proves nothing."""
    return next(_entries(cookie), None) is not None


# --- reading -------------------------------------------------------------------------------


def _entries(cookie: str | None) -> Iterator[_Entry]:
    """Yield what is well-formed. Bounded by the length: at most `MAX_ACCOUNTS` fit into it."""
    if not cookie or len(cookie) > MAX_COOKIE_CHARACTERS:
        return
    for text in cookie.split(SEPARATOR):
        if not _ENTRY.fullmatch(text):
            continue
        version, *fields = LAYOUT.unpack(urlsafe_b64decode(text))
        if version == VERSION:
            yield _Entry(*fields)


def _in_date(cookie: str | None, now: int) -> Iterator[_Entry]:
    """Yield entries that are neither too old nor from the future, to the end of their last day."""
    today, days = now // DAY_SECONDS, conf().DEVICE_COOKIE_DAYS
    return (entry for entry in _entries(cookie) if 0 <= today - entry.day <= days)


def _is_of(entry: _Entry, user_pk: Any) -> bool:
    """Return whether an entry bears this account's digest, true or not."""
    return any(_same(entry.account, account) for account in _accounts(entry.nonce, user_pk))


def _is_true(entry: _Entry, user_pk: Any, bound: _Bound) -> bool:
    """Return whether we made this entry for this account, under what it is bound to."""
    accounts = _accounts(entry.nonce, user_pk)
    tags = _tags(entry.nonce, entry.day, entry.account, entry.flags, bound)
    pairs = zip(accounts, tags, strict=True)  # both by the same key of the ring
    return any(_same(entry.account, account) and _same(entry.tag, tag) for account, tag in pairs)


# --- making --------------------------------------------------------------------------------


def _make(nonce: bytes, day: int, user_pk: Any, flags: int, bound: _Bound) -> _Entry:
    account = _accounts(nonce, user_pk)[0]
    return _Entry(nonce, day, account, flags, _tags(nonce, day, account, flags, bound)[0])


def _joined(entries: list[_Entry]) -> str:
    return SEPARATOR.join(entry.text() for entry in entries)


# --- digests, one for every key on the ring, newest first ------------------------------------


def _accounts(nonce: bytes, user_pk: Any) -> list[bytes]:
    return _digests(b"account", nonce, str(user_pk).encode())


def _tags(nonce: bytes, day: int, account: bytes, flags: int, bound: _Bound) -> list[bytes]:
    numbers = (VERSION, day, flags, bound.account_epoch, bound.site_epoch)
    texts = [str(part).encode() for part in (*numbers, bound.password)]
    return _digests(b"entry", nonce, account, *texts)


def _digests(*parts: bytes) -> list[bytes]:
    made = keys.macs(Purpose.DEVICE, *parts)
    return [bytes.fromhex(digest[:MAC_HEX_DIGITS]) for _key_id, digest in made]


def _same(one: bytes, other: bytes) -> bool:
    return hmac.compare_digest(one, other)


__all__ = [
    "DAY_SECONDS",
    "NONCE_BYTES",
    "Device",
    "find",
    "forget",
    "has_entries",
    "is_about",
    "issue",
]
