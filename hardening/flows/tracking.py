"""Keeping `UserSession` beside the stamp: which sessions somebody has, and when each was last seen.

A list, never a lock: what ends a session is in the account's row. So a row that cannot be written
is logged and stops nobody. Times are Unix seconds; `seen_at` is as coarse as `SEEN_SECONDS`, so
that a page writes nothing: at most one UPDATE in that time for each session and process.

The trap: whoever is seen is noted while the user is read, and written down on the way *out*, when
the view's transaction is over and only if the session is still the one that was judged.
"""

from __future__ import annotations

import hashlib
import logging
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import Error, connections
from django.db.models import Exists, OuterRef, Q

from hardening import audit, sessions
from hardening.audit import Event, Where
from hardening.flows import rows
from hardening.flows.lately import Lately
from hardening.models import Account, SiteState, UserSession
from hardening.models.database import alias, atomic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.contrib.sessions.backends.base import SessionBase

    from hardening.core.values import Who

SEEN_SECONDS = 300
MAX_GRAIN_SECONDS = 60  # the time in the stamp, where idle sessions end
FORGET_SECONDS = 30 * 24 * 60 * 60  # how much longer than a session lives an ended id is kept
MARK_LENGTH = 32
SIGNED_OUT, REPLACED, PARALLEL = "signed_out", "replaced", "parallel"
_LIVE = "_hardening_live"

log = logging.getLogger("hardening")


@dataclass(frozen=True, slots=True)
class Live:
    """A session that was judged and allowed in this request."""

    user: Any
    stamp: sessions.Stamp
    login: str  # what Django wrote as the user's key
    grain: int | None  # seconds; `None`: nothing is written into the session


_known = Lately(SEEN_SECONDS)


# --- a session begins ------------------------------------------------------------------------


def began(
    session: SessionBase,
    user: Any,
    *,
    most: int | None = None,
    resumed: bool = False,
    now: int,
    where: Where,
) -> None:
    """Write down a session that a complete sign-in has just stamped; end what is one too many.

    Args:
        session: Bears the stamp, and what Django's ``login()`` writes.
        user: Whose.
        most: How many sessions she may have at the same time; `None`: any number.
        resumed: It was parked in mid-life and goes on under its id.
        now: Unix seconds.
        where: From where.
    """
    stamp = sessions.read(session, user.pk)
    row = _row(session, user, stamp, now=now, where=where)
    _known.claim(stamp.id, now)
    with _bearing_faults():
        seen = {**_follows(session, user, stamp), "seen_at": now}
        if resumed and UserSession.objects.follow(stamp.id, **seen):
            return
        if most is None:
            row.save(force_insert=True)
        else:
            _within(session, user, row, most, now=now, where=where)


def replaced(session: SessionBase, *, now: int) -> None:
    """A new sign-in takes the place of a live session in this browser, of whomever that is.

    Somebody else's Django has flushed by then.
    """
    for kept in (session.get(sessions.STAMP_KEY), sessions.flushed_stamp(session)):
        if not isinstance(kept, dict):
            continue
        with _bearing_faults():
            if _is_somebodys(kept.get("user")):
                _end(session, kept["user"], kept.get("id"), why=REPLACED, now=now)


def _within(
    session: SessionBase, user: Any, row: UserSession, most: int, *, now: int, where: Where
) -> None:
    """Insert a session and end those beyond the limit, the longest unseen first.

    One at a time for an account: two that came at once would spare, or end, each other.
    """
    with atomic():
        Account.objects.of(user.pk)
        Account.objects.lock(user.pk)
        others = alive(user, row.account_epoch, row.site_epoch, now=now)
        beyond = list(others.exclude(sid=row.sid)[most - 1 :])
        row.save(force_insert=True)
        if not beyond:
            return
        ids = {other.sid: until(other.expires_at) for other in beyond}
        UserSession.objects.end(ids, why=PARALLEL, now=now)
        if not Account.objects.end_sessions(user.pk, ids, now=now):
            go_on(session, user)
    for other in beyond:
        data = {"session": other.pk}
        audit.record(
            Event.SESSION_ENDED, user=user, reason=PARALLEL, data=data, now=now, where=where
        )


def go_on(session: SessionBase, user: Any) -> None:
    """Let this session survive what has just moved its account's epoch on by one.

    Only from the very epoch it bore: had somebody else ended it meanwhile, by the epoch or one by
    one (an id that goes with the list it stood in), it stays over.
    """
    stamp = sessions.read(session, user.pk)
    if not UserSession.objects.filter(sid=stamp.id, ended_at__isnull=False).exists():
        restamp(session, user, stamp.account_epoch + 1)


# --- a session goes on -----------------------------------------------------------------------


def note(session: SessionBase, user: Any, stamp: sessions.Stamp, who: Who) -> None:
    """Remember on the session object that the decision allows this user in this request."""
    need = who.requirement
    idle = need.idle_seconds
    grain = None if idle is None else max(1, min(MAX_GRAIN_SECONDS, idle // 10))
    if grain is None and need.absolute_seconds is not None and stamp.started is None:
        grain = MAX_GRAIN_SECONDS  # from before the app: from now on it has an age
    setattr(session, _LIVE, Live(user, stamp, session.get(SESSION_KEY, ""), grain))


def forget(session: SessionBase) -> None:
    """Take that back: the session is not allowed any more."""
    setattr(session, _LIVE, None)


def is_due(session: SessionBase, *, now: int) -> bool:
    """True if something is to be written down; asked of each request, and costs nothing."""
    live: Live | None = getattr(session, _LIVE, None)
    if live is None:
        return False
    return bool(live.stamp.id and _known.is_due(live.stamp.id, now)) or _is_idle_due(live, now)


def touch(session: SessionBase, *, now: int, where: Where) -> None:
    """Write down that a session was seen: in its stamp where idle ones end, and in the list."""
    live: Live | None = getattr(session, _LIVE, None)
    if live is None or not sessions.bears(session, live.stamp, live.login):
        return
    stamp = live.stamp
    if live.grain is not None and _is_idle_due(live, now):
        stamp = sessions.see(session, stamp, live.login, grain=live.grain, now=now)
    if not stamp.id or not _known.claim(stamp.id, now):
        return
    row = _row(session, live.user, stamp, now=now, where=where)
    seen = {**_follows(session, live.user, stamp), "expires_at": row.expires_at}
    if where.address:
        seen["address"] = where.address
    with _bearing_faults():
        before = now - SEEN_SECONDS + 1
        if UserSession.objects.touch(stamp.id, now=now, before=before, **seen):
            return
        if not UserSession.objects.filter(sid=stamp.id).exists():  # from before this list
            UserSession.objects.bulk_create([row], ignore_conflicts=True)


def follow(session: SessionBase, user: Any) -> None:
    """Take over what one of our flows changed of a live session: epoch, key, password."""
    stamp = sessions.read(session, user.pk)
    with _bearing_faults():
        UserSession.objects.follow(stamp.id, **_follows(session, user, stamp))


def restamp(session: SessionBase, user: Any, epoch: int) -> None:
    """Let this very session go on under another epoch of its account; its old proofs are stale.

    So is what let it in without a factor: no browser is remembered any more.
    """
    stamp = sessions.read(session, user.pk)
    id_ = stamp.id or sessions.new_id()
    sessions.write(session, replace(stamp, id=id_, account_epoch=epoch, remembered=False))
    session.cycle_key()
    follow(session, user)


# --- a session ends --------------------------------------------------------------------------


def ended(session: SessionBase, user: Any, *, why: str, now: int) -> None:
    """Write down that a live session is over; the caller flushes it."""
    stamp = sessions.read(session, user.pk)
    if stamp.id:
        with _bearing_faults():
            UserSession.objects.end([stamp.id], why=why, now=now)


def signed_out(session: SessionBase, user: Any, *, now: int, where: Where) -> None:
    """Her own sign-out. Of a session that lives in a cookie, copies must die as well."""
    stamp = sessions.read(session, user.pk)
    audit.record(Event.LOGGED_OUT, user=user, now=now, where=where)
    with _bearing_faults():
        _end(session, user.pk, stamp.id, why=SIGNED_OUT, now=now)


def until(expires_at: int) -> int:
    """Return until when the id of an ended session is remembered, in Unix seconds.

    Generously: pages that never read the user may go on storing a session that is over.
    """
    return expires_at + FORGET_SECONDS


def alive(user: Any, account_epoch: int, site_epoch: int, *, now: int) -> Any:
    """Return the rows of sessions that a user can still use, the latest seen first."""
    marks = [_mark(text) for text in rows.auth_hashes(user)]
    return UserSession.objects.alive(
        user.pk, account_epoch=account_epoch, site_epoch=site_epoch, marks=marks, now=now
    )


def count_alive(*, now: int) -> int:
    """Return how many sessions of everybody are listed as alive; passwords are not compared."""
    site = SiteState.objects.values_list("epoch", flat=True).first() or 0
    accounts = Account.objects.filter(user_id=OuterRef("user_id"))
    same = Exists(accounts.filter(epoch=OuterRef("account_epoch")))
    never = Q(account_epoch=0) & ~Exists(accounts)
    listed = UserSession.objects.filter(site_epoch=site, ended_at=None, expires_at__gt=now)
    return int(listed.filter(same | never).count())


# --- rows ------------------------------------------------------------------------------------


def _end(session: SessionBase, user_pk: Any, sid: str | None, *, why: str, now: int) -> None:
    if not sid:
        return
    UserSession.objects.end([sid], why=why, now=now)
    if sessions.lives_in_cookie(session):
        with atomic():
            lives = until(now + session.get_expiry_age())
            Account.objects.end_sessions(user_pk, {sid: lives}, now=now)


def _is_somebodys(user_pk: Any) -> bool:
    """Whether the account is still there: no row may be made for one that was deleted."""
    users = get_user_model()._base_manager.using(alias())  # noqa: SLF001 - whatever managers hide
    return users.filter(pk=user_pk).exists()


def _row(
    session: SessionBase, user: Any, stamp: sessions.Stamp, *, now: int, where: Where
) -> UserSession:
    return UserSession(
        user_id=user.pk,
        sid=stamp.id,
        device=where.device,
        address=where.address,
        known_browser=stamp.known_browser,
        started_at=now if stamp.started is None else stamp.started,
        seen_at=now,
        expires_at=now + session.get_expiry_age(),
        **_follows(session, user, stamp),
    )


def _follows(session: SessionBase, user: Any, stamp: sessions.Stamp) -> dict[str, Any]:
    """Return the columns that change when a session is stamped or stored anew."""
    in_cookie = sessions.lives_in_cookie(session)  # the cookie itself, another with each answer
    return {
        "account_epoch": stamp.account_epoch,
        "site_epoch": stamp.site_epoch,
        "key_digest": "" if in_cookie else sessions.name_of(session),
        "password_mark": _mark(session.get(HASH_SESSION_KEY) or rows.auth_hash(user)),
    }


def _mark(auth_hash: str) -> str:
    return hashlib.sha256(auth_hash.encode()).hexdigest()[:MARK_LENGTH]


def _is_idle_due(live: Live, now: int) -> bool:
    if live.grain is None:
        return False
    seen = live.stamp.seen if live.stamp.seen is not None else live.stamp.started
    return seen is None or abs(now - seen) >= live.grain


@contextmanager
def _bearing_faults() -> Iterator[None]:
    """Log what the database refuses: the list may lack a row, nobody is stopped for that."""
    open_one = connections[alias()].in_atomic_block
    try:
        # A savepoint, where a transaction is open: the fault must not take that along.
        with atomic() if open_one else nullcontext():
            yield
    except Error:
        log.exception("a session could not be written down")


__all__ = [
    "PARALLEL",
    "SEEN_SECONDS",
    "alive",
    "began",
    "count_alive",
    "ended",
    "follow",
    "forget",
    "go_on",
    "is_due",
    "note",
    "replaced",
    "restamp",
    "signed_out",
    "touch",
    "until",
]
