"""Telling apart what a session held before and what a login wrote, to take the latter out again.

A session is *watched*: the data it is loaded with is copied at that moment.

The trap: nothing here may load a session that the page did not load itself, or anonymous pages
would cost a query and gain ``Vary: Cookie``.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.middleware.csrf import CSRF_SESSION_KEY

from hardening.sessions.stamps import AUTH_KEYS, ENROL_KEY, PARKED_KEY, STAMP_KEY

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

MESSAGES_KEY = "_messages"  # django.contrib.messages.storage.session
_BEFORE = "_hardening_before"
_PRESENTED = "_hardening_presented"
_COMPLETING = "_hardening_completing"


def watch(session: SessionBase) -> None:
    """Remember the data this session will be loaded with; loads nothing by itself.

    A session that is flushed was loaded with nothing from then on: what it held before belonged
    to somebody whose session has ended.
    """
    load, aload, flush, aflush = session.load, session.aload, session.flush, session.aflush
    setattr(session, _PRESENTED, session.session_key)

    def watched_load() -> dict[str, Any]:
        data = load()
        setattr(session, _BEFORE, copy.deepcopy(data))
        return data

    async def watched_aload() -> dict[str, Any]:
        data = await aload()
        setattr(session, _BEFORE, copy.deepcopy(data))
        return data

    def watched_flush() -> None:
        flush()
        setattr(session, _BEFORE, {})

    async def watched_aflush() -> None:
        await aflush()
        setattr(session, _BEFORE, {})

    session.load = watched_load  # type: ignore[method-assign]
    session.aload = watched_aload  # type: ignore[method-assign]
    session.flush = watched_flush  # type: ignore[method-assign]
    session.aflush = watched_aflush  # type: ignore[method-assign]


def is_watched(session: SessionBase) -> bool:
    """True if the middleware watches this session, and so will see the response."""
    return "load" in vars(session)


def was_live(session: SessionBase) -> bool:
    """True if this session was loaded with somebody signed in, and was not flushed since."""
    return SESSION_KEY in getattr(session, _BEFORE, {})


def restart(session: SessionBase) -> None:
    """Keep the login just written and nothing else: what was there is somebody else's."""
    kept = {key: session[key] for key in (*AUTH_KEYS, CSRF_SESSION_KEY) if key in session}
    session.flush()
    session.update(kept)


def undo(session: SessionBase) -> None:
    """Put back what this request found: a login that could not be judged leaves no trace.

    Django saves no session with a 5xx, so a rotated key would never reach the browser: the data
    go back under the key that came with the request, and only if there were any.
    """
    before = copy.deepcopy(getattr(session, _BEFORE, {}))
    presented = getattr(session, _PRESENTED, None)
    session.flush()
    session.update(before)
    if before and presented:
        session._session_key = presented  # noqa: SLF001 - Django has no public way
        session.save(must_create=True)  # whatever its key was, the flush deleted it


def set_completing(session: SessionBase, *, completing: bool) -> None:
    """Say on the session object that our own completion announces this login."""
    setattr(session, _COMPLETING, completing)


def is_completing(session: SessionBase) -> bool:
    """True while our own completion announces a login that has been judged already."""
    return bool(getattr(session, _COMPLETING, False))


def take_login(session: SessionBase) -> None:
    """Take Django's three keys and our stamp out: the session signs nobody in any more."""
    for key in (*AUTH_KEYS, STAMP_KEY, ENROL_KEY):
        session.pop(key, None)


def take_written(session: SessionBase, *, everything: bool) -> dict[str, Any]:
    """Take out what this request wrote (or everything) and return it; messages are dropped.

    A session that was never watched (``Client.login``) gives up everything: what cannot be told
    apart is treated as secret.
    """
    before = {} if everything else getattr(session, _BEFORE, {})
    keep = {PARKED_KEY, CSRF_SESSION_KEY}
    taken = {
        key: session[key]
        for key in list(session.keys())
        if key not in keep and (key not in before or before[key] != session[key])
    }
    for key in taken:
        del session[key]
    for key in (*AUTH_KEYS, STAMP_KEY, MESSAGES_KEY):
        taken.pop(key, None)
    if not everything and MESSAGES_KEY in before:
        session[MESSAGES_KEY] = before[MESSAGES_KEY]
    return taken


def keep_cookie(session: SessionBase, *, presented: bool) -> None:
    """Let a request that came with an old key not delete the cookie that replaced it.

    When a sign-in rotates the key, requests still in flight with the old one find no session,
    and Django answers them by deleting the cookie, which is the new one by then. Sessions that
    were changed (``logout()`` flushes) are none of this.
    """
    if presented and session.accessed and not session.modified and session.is_empty():
        session.is_empty = lambda: False  # type: ignore[method-assign]
