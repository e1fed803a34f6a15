"""Writing into a live session when it was last seen, for limits on idle sessions.

The time lies in the stamp, in Unix seconds. It is written on the way out of a request, seldom.

The trap: most requests only read their session, and a parallel one may be writing. So a session
that this request has not changed is loaded anew, gets the time and nothing else, and is stored at
once; stores in a database lock the row meanwhile. One that is gone (its key was rotated, it was
flushed) stays gone: Django would answer 400 where it meets that on its own way.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.backends.signed_cookies import SessionStore as CookieStore
from django.db import router, transaction

from hardening import host
from hardening.moments import moment
from hardening.sessions.stamps import STAMP_KEY, Stamp, new_id, read, write

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

log = logging.getLogger("hardening")


def lives_in_cookie(session: SessionBase) -> bool:
    """True if this session is stored in the browser, so that nobody can delete a copy of it."""
    return isinstance(session, CookieStore)


def bears(session: SessionBase, stamp: Stamp, login: str) -> bool:
    """True if a session still is the one that bore `stamp`, and signs the same person in.

    Args:
        session: As it is now, or loaded anew.
        stamp: As it was judged; without an id where the session bore none.
        login: What Django had written as the user's key.
    """
    kept = session.get(STAMP_KEY)
    if session.get(SESSION_KEY) != login:
        return False
    if not isinstance(kept, dict):
        return not stamp.id
    return bool(stamp.id) and (kept.get("id"), kept.get("user")) == (stamp.id, stamp.user_pk)


def see(session: SessionBase, stamp: Stamp, login: str, *, grain: int, now: int) -> Stamp:
    """Write that a live session was seen now; one from before the app gets its first stamp.

    Args:
        session: Of this request; it bears the stamp (`bears`).
        stamp: As it was judged.
        login: As for `bears`.
        grain: Seconds; what was written less long ago stands.
        now: Unix seconds.

    Returns:
        The stamp as it is stored now; as it was judged where nothing could be stored.
    """
    started = now if stamp.started is None else stamp.started
    first = replace(stamp, id=stamp.id or new_id(), started=started, seen=now)
    if session.modified or lives_in_cookie(session) or host.saves_every_request():
        current = read(session, stamp.user_pk)
        seen = replace(current, id=first.id, started=started, seen=now)
        write(session, seen)
        return seen
    try:
        return _stored(session, stamp, first, login, grain=grain, now=now)
    except UpdateError:  # gone meanwhile
        return stamp
    except Exception:
        log.exception("it could not be stored when a session was last seen")
        return stamp


def _stored(
    session: SessionBase, stamp: Stamp, first: Stamp, login: str, *, grain: int, now: int
) -> Stamp:
    """Load the session anew, and store it with the time in it."""
    store = session.__class__(session.session_key)
    patched = partial(_patched, store, stamp, first, login, grain=grain, now=now)
    if not isinstance(store, DatabaseStore):
        return patched()
    alias = router.db_for_write(store.model)
    with transaction.atomic(using=alias):
        rows = store.model.objects.using(alias).select_for_update()
        row = rows.filter(session_key=store.session_key, expire_date__gt=moment(now)).first()
        if row is None:
            return stamp
        # Not by its own `load`, which may ask a cache that is older than the row.
        vars(store)["_session_cache"] = store.decode(row.session_data)
        return patched()


def _patched(store: Any, stamp: Stamp, first: Stamp, login: str, *, grain: int, now: int) -> Stamp:
    if not bears(store, stamp, login):
        return stamp
    current = read(store, stamp.user_pk)
    if current.seen is not None and 0 <= now - current.seen < grain:
        return current
    seen = replace(current, id=first.id, started=first.started, seen=now)
    write(store, seen)
    store.save()
    return seen
