"""Telling apart what a session held before and what a login wrote, to take the latter out again.

A session is *watched*: the data it is loaded with is copied at that moment.

The trap: nothing here may load a session that the page did not load itself, or anonymous pages
would cost a query and gain ``Vary: Cookie``.
"""

from __future__ import annotations

import copy
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError
from django.middleware.csrf import CSRF_SESSION_KEY

from hardening.sessions.stamps import AUTH_KEYS, ENROL_KEY, PARKED_KEY, STAMP_KEY

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

MESSAGES_KEY = "_messages"  # django.contrib.messages.storage.session
_BEFORE = "_hardening_before"
_PRESENTED = "_hardening_presented"
_FLUSHED = "_hardening_flushed"
_COMPLETING = "_hardening_completing"


def watch(session: SessionBase) -> None:
    """Remember the data this session will be loaded with; loads nothing by itself.

    A session that is flushed was loaded with nothing from then on: what it held before belonged
    to somebody whose session has ended.
    """
    key = session.session_key
    setattr(session, _PRESENTED, key)
    if key is None:
        return  # nothing is loaded without a key
    # Of the class, not of the object: four closures a request would each keep the session in a
    # cycle, to be found by the garbage collector. A proxy's `__class__` is the engine's.
    engine = session.__class__
    session.__class__ = _watched.get(engine) or _watching(engine)


_watched: dict[type[SessionBase], type[SessionBase]] = {}


def _watching(engine: type[SessionBase]) -> type[SessionBase]:
    """Return a subclass of a session engine that remembers what it loads, made once a class."""

    class Watched(engine):  # type: ignore[valid-type, misc]
        def load(self) -> dict[str, Any]:
            return _remembered(self, super().load())

        async def aload(self) -> dict[str, Any]:
            return _remembered(self, await super().aload())

        def flush(self) -> None:
            super().flush()
            _forget(self)

        async def aflush(self) -> None:
            await super().aflush()
            _forget(self)

    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(Watched, name, getattr(engine, name))
    _watched[engine] = _watched[Watched] = Watched
    return Watched


def _forget(session: SessionBase) -> None:
    """Forget what was flushed, all but the stamp: whoever signs in next says that it is over."""
    before = getattr(session, _BEFORE, {})
    if STAMP_KEY in before:
        setattr(session, _FLUSHED, before[STAMP_KEY])
    setattr(session, _BEFORE, {})


def flushed_stamp(session: SessionBase) -> Any:
    """Return the stamp, as it was stored, of a session that was flushed in this request."""
    return getattr(session, _FLUSHED, None)


def _remembered(session: SessionBase, data: dict[str, Any]) -> dict[str, Any]:
    try:
        before = _copied(data)
    except RecursionError:  # something that holds itself, by a serializer of the host's own
        before = copy.deepcopy(data)
    setattr(session, _BEFORE, before)
    return data


def _copied(value: Any) -> Any:
    """Return a deep copy, fast for what JSON can hold: each signed-in request makes one."""
    kind = type(value)
    if kind is str or kind is int or value is None:
        return value
    if kind is dict:
        return {key: _copied(one) for key, one in value.items()}
    if kind is list:
        return [_copied(one) for one in value]
    return copy.deepcopy(value)


def is_watched(session: SessionBase) -> bool:
    """True if the middleware watches this session, and so will see the response."""
    return hasattr(session, _PRESENTED)


def is_loaded(session: SessionBase) -> bool:
    """True if this session's data are at hand: asking costs nothing, in a coroutine neither.

    ``accessed`` alone says only that somebody tried to read it.
    """
    return bool(session.accessed) and "_session_cache" in vars(session)


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
        # The flush deleted it, whatever its key was; a rolled back transaction brings it back.
        session.save(must_create=not session.exists(presented))


def keep_key(session: SessionBase, presented: str) -> None:
    """Take back the new key that a repeated ``login()`` gave a session which came with another.

    A sign-in repeated with each request would else give each a key of its own, and of two
    requests side by side the second would find no session and begin a sign-in anew.
    """
    made = session.session_key
    # One that lives in a cookie exists under no key.
    if made is None or made == presented or not session.exists(made):
        return
    session.delete(made)
    session._session_key = presented  # noqa: SLF001 - Django has no public way
    with suppress(CreateError):  # the other request was first; the middleware saves as ever
        session.save(must_create=True)


def is_lost(session: SessionBase, *, rolled_back: bool) -> bool:
    """True if this session's key names nothing, so that storing it would be a 400.

    A key made in a transaction that was rolled back is gone with it, even where a cache in front
    of the database still says that it exists.
    """
    key = session.session_key
    made_here = key != getattr(session, _PRESENTED, None)
    return key is not None and ((rolled_back and made_here) or not session.exists(key))


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
