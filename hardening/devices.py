"""The device cookie's contents: which accounts have signed in completely with this browser.

One entry an account, at most `MAX_ACCOUNTS`, newest first, joined by dots. An entry is 60 bytes,
base64url without padding (letters, digits, "-" and "_": RFC 6265 §4.1.1):

    version 1 · nonce 16 · day 4 · account 16 · flags 1 · remembered 4 · days 2 · tag 16

The day counts from 1970-01-01 UTC; `remembered` is when (Unix seconds) its owner said, after a
right code, that none be asked for here for so many `days`; zeros: she did not. Entries of version 1
lack these two and are still read, so that an upgrade makes no browser unknown. The account is a
keyed digest of nonce and primary key, so an entry names nobody, and two browsers of one person have
nothing in common. The tag is an HMAC-SHA256 over all of that, the epochs of account and site, and
the stored password: when one of them changes, every browser is unknown again. The newest key makes,
every key on the ring reads.
Rules: throttle.md "Device cookies".

By itself it opens nothing. A known browser has a budget of its own; a proven one is not asked for
the mailbox; a remembered one, where a policy allows it, not for a code. Whoever copies the cookie
gets that and no more: the password is always asked for.

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
from dataclasses import dataclass, field, replace
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
VERSION = 2
PLAIN_VERSION = 1  # before browsers could be remembered
PROVEN = 0b1  # a flag: a mailbox or a factor was proven, not a password alone
MAC_HEX_DIGITS = 32  # 16 bytes
LAYOUT = struct.Struct(">B16sI16sBIH16s")
PLAIN_LAYOUT = struct.Struct(">B16sI16sB16s")
ENTRY_CHARACTERS = LAYOUT.size * 4 // 3  # 60 bytes are 80 characters; nothing is left to pad
PLAIN_CHARACTERS = PLAIN_LAYOUT.size * 4 // 3
MAX_COOKIE_CHARACTERS = MAX_ACCOUNTS * (ENTRY_CHARACTERS + 1) - 1
SEPARATOR = "."
_ENTRY = re.compile(rf"[A-Za-z0-9_-]{{{PLAIN_CHARACTERS}}}(?:[A-Za-z0-9_-]{{8}})?")


@dataclass(frozen=True, slots=True)
class Device:
    """What an entry that is valid for an account says of this browser.

    Attributes:
        nonce: `NONCE_BYTES`; names the browser's budget until the next complete sign-in.
        proven: Whether a mailbox or a factor was proven with it. Only then is it a known browser
            for the decision; after a mere password it has a budget of its own and no more.
        remembered_at: When (Unix seconds) a code was not to be asked for here; 0: never.
        remembered_days: For how many days its owner was offered that.
    """

    nonce: bytes = field(repr=False)
    proven: bool
    remembered_at: int = 0
    remembered_days: int = 0

    def remembered_until(self, most: int) -> int:
        """Return until when (Unix seconds) no code is asked for here; 0: it always is.

        Args:
            most: For how many days the policies allow it now, which may be fewer than they did.
        """
        days = min(self.remembered_days, most) if self.proven else 0
        return self.remembered_at + days * DAY_SECONDS if days > 0 else 0

    def is_remembered(self, most: int, *, now: int) -> bool:
        """Return whether no code is asked for here; never by a clock that was ahead."""
        return self.remembered_at <= now < self.remembered_until(most)


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
    version: int = VERSION
    remembered_at: int = 0
    remembered_days: int = 0

    def text(self) -> str:
        head = (self.version, self.nonce, self.day, self.account, self.flags)
        if self.version == PLAIN_VERSION:
            packed = PLAIN_LAYOUT.pack(*head, self.tag)
        else:
            packed = LAYOUT.pack(*head, self.remembered_at, self.remembered_days, self.tag)
        return urlsafe_b64encode(packed).decode()


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
            return Device(
                entry.nonce,
                proven=bool(entry.flags & PROVEN),
                remembered_at=entry.remembered_at,
                remembered_days=entry.remembered_days,
            )
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
    remembered_days: int | None = None,
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
        remembered_days: For how many days from now no code is to be asked for here; 0: it is from
            now on; `None`: as it was.
        random: `NONCE_BYTES` of it.
        now: Unix seconds.

    Raises:
        ValueError: If `random` has another length.
    """
    if len(random) != NONCE_BYTES:
        raise ValueError(f"A nonce has {NONCE_BYTES} bytes.")
    bound = _Bound(password, account_epoch, site_epoch)
    known = next((e for e in _in_date(cookie, now) if _is_true(e, user_pk, bound)), None)
    flags = PROVEN if proven or (known is not None and known.flags & PROVEN) else 0
    remembered = (now, remembered_days) if remembered_days else (0, 0)
    if remembered_days is None and known is not None:
        remembered = (known.remembered_at, known.remembered_days)
    entry = _make(random, now // DAY_SECONDS, user_pk, flags, remembered, bound)
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
        packed = urlsafe_b64decode(text)
        plain = len(packed) == PLAIN_LAYOUT.size
        layout, expected = (PLAIN_LAYOUT, PLAIN_VERSION) if plain else (LAYOUT, VERSION)
        version, nonce, day, account, flags, *remembered, tag = layout.unpack(packed)
        if version == expected:
            yield _Entry(nonce, day, account, flags, tag, version, *remembered)


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
    tags = _tags(entry, bound)
    pairs = zip(accounts, tags, strict=True)  # both by the same key of the ring
    return any(_same(entry.account, account) and _same(entry.tag, tag) for account, tag in pairs)


# --- making --------------------------------------------------------------------------------


def _make(
    nonce: bytes, day: int, user_pk: Any, flags: int, remembered: tuple[int, int], bound: _Bound
) -> _Entry:
    account = _accounts(nonce, user_pk)[0]
    untagged = _Entry(nonce, day, account, flags, b"", VERSION, *remembered)
    return replace(untagged, tag=_tags(untagged, bound)[0])


def _joined(entries: list[_Entry]) -> str:
    return SEPARATOR.join(entry.text() for entry in entries)


# --- digests, one for every key on the ring, newest first ------------------------------------


def _accounts(nonce: bytes, user_pk: Any) -> list[bytes]:
    return _digests(b"account", nonce, str(user_pk).encode())


def _tags(entry: _Entry, bound: _Bound) -> list[bytes]:
    numbers = [entry.version, entry.day, entry.flags, bound.account_epoch, bound.site_epoch]
    if entry.version != PLAIN_VERSION:
        numbers += [entry.remembered_at, entry.remembered_days]
    texts = [str(part).encode() for part in (*numbers, bound.password)]
    return _digests(b"entry", entry.nonce, entry.account, *texts)


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
