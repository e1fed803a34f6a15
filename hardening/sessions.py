"""What we keep in a session: the stamp of a live one, the handle of a parked one.

The stamp says what this session has proven and under which epochs; it is a plain dict because
hosts choose the session serializer. A session without a stamp is from before the app was
installed: a password proof of unknown age, epochs 0.

Taking a login out again means telling apart what the session held before and what the login
wrote. So a session is *watched*: the data it is loaded with is copied at that moment.

The trap: nothing here may load a session that the page did not load itself, or anonymous pages
would cost a query and gain ``Vary: Cookie``. `peek` and `watch` only look at what is there.
"""

from __future__ import annotations

import copy
import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.middleware.csrf import CSRF_SESSION_KEY

from hardening import host
from hardening.core.values import Proof, ProofKind, Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.sessions.backends.base import SessionBase

STAMP_KEY = "_hardening"
PARKED_KEY = "_hardening_parked"
ENROL_KEY = "_hardening_enrol"
AUTH_KEYS = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY})
MESSAGES_KEY = "_messages"  # django.contrib.messages.storage.session
HANDLE_BYTES = 16  # 128 bits, login.md point 2
SESSION_ID_BYTES = 9
_BEFORE = "_hardening_before"
_PRESENTED = "_hardening_presented"
_COMPLETING = "_hardening_completing"


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a live session carries. Times in Unix seconds, epochs compared for equality."""

    user_pk: str
    id: str
    account_epoch: int
    site_epoch: int
    proofs: tuple[Proof, ...] = ()
    started: int | None = None
    known_browser: bool = True
    next: str = ""

    def session(self) -> Session:
        """Return the decision's view of this session."""
        return Session(
            proofs=self.proofs,
            account_epoch=self.account_epoch,
            site_epoch=self.site_epoch,
            id=self.id,
            started=self.started,
            known_browser=self.known_browser,
        )

    def with_proof(self, proof: Proof, *, epoch: int | None = None) -> Stamp:
        """Return a stamp that bears one more proof, at another account epoch if one is given."""
        return replace(
            self,
            proofs=add_proof(self.proofs, proof),
            account_epoch=self.account_epoch if epoch is None else epoch,
        )


def new_id() -> str:
    """Return a random name for a session; it is no secret and opens nothing."""
    return secrets.token_urlsafe(SESSION_ID_BYTES)


def read(session: SessionBase, user_pk: Any) -> Stamp:
    """Return the stamp; for a session from before the app, one that proves a password."""
    kept = session.get(STAMP_KEY)
    if not isinstance(kept, dict):
        proof = Proof(ProofKind.PASSWORD, at=None, epoch=0)
        return Stamp(str(user_pk), "", account_epoch=0, site_epoch=0, proofs=(proof,))
    try:
        stamp = _stamp_from(kept)
    except (KeyError, TypeError, ValueError, IndexError):
        stamp = None
    if stamp is None or stamp.user_pk != str(user_pk):
        # Somebody else's proofs prove nothing; an epoch below zero matches no account.
        return Stamp(str(user_pk), "", account_epoch=-1, site_epoch=-1)
    return stamp


def _stamp_from(kept: dict[str, Any]) -> Stamp:
    return Stamp(
        user_pk=kept["user"],
        id=kept["id"],
        account_epoch=kept["epochs"][0],
        site_epoch=kept["epochs"][1],
        proofs=proofs_from(kept["proofs"]),
        started=kept["started"],
        known_browser=kept["known"],
        next=kept.get("next", ""),
    )


def write(session: SessionBase, stamp: Stamp) -> None:
    """Put the stamp into the session."""
    session[STAMP_KEY] = {
        "user": stamp.user_pk,
        "id": stamp.id,
        "epochs": [stamp.account_epoch, stamp.site_epoch],
        "proofs": proofs_to(stamp.proofs),
        "started": stamp.started,
        "known": stamp.known_browser,
        "next": stamp.next,
    }


def proofs_to(proofs: Iterable[Proof]) -> list[list[Any]]:
    """Return proofs as JSON-ready lists: kind, time, epoch, factor id."""
    return [[proof.kind.value, proof.at, proof.epoch, proof.factor_id] for proof in proofs]


def proofs_from(listed: Iterable[Iterable[Any]]) -> tuple[Proof, ...]:
    """Return proofs from their lists.

    Raises:
        ValueError: If a list is not one that `proofs_to` made.
    """
    return tuple(
        Proof(ProofKind(kind), at, epoch, factor_id) for kind, at, epoch, factor_id in listed
    )


def add_proof(proofs: tuple[Proof, ...], proof: Proof) -> tuple[Proof, ...]:
    """Return proofs with a newer one of the same kind and factor in place of the older."""
    kept = [
        other for other in proofs if (other.kind, other.factor_id) != (proof.kind, proof.factor_id)
    ]
    return (*kept, proof)


# --- handles ------------------------------------------------------------------------------


def new_handle(session: SessionBase, key: str) -> str:
    """Put a fresh random handle into the session and return its digest, for the row."""
    handle = secrets.token_hex(HANDLE_BYTES)
    session[key] = handle
    return digest(handle)


def handle_digest(session: SessionBase, key: str) -> str | None:
    """Return the digest of the session's handle, or `None` where it holds none."""
    handle = session.get(key)
    return digest(handle) if isinstance(handle, str) else None


def digest(text: str) -> str:
    """Return the SHA-256 digest of a random handle, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def name_of(session: SessionBase | None) -> str:
    """Return a digest that names a session in events, never its key."""
    key = getattr(session, "session_key", None)
    return digest(key)[:32] if key else ""


# --- watching what a login writes -----------------------------------------------------------


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


def signs_in(session: SessionBase, user: Any) -> bool:
    """True if this session says, as Django's ``login()`` writes it, that `user` is signed in."""
    pk = user._meta.pk.value_to_string(user)  # noqa: SLF001 - as Django's login() does
    return session.get(SESSION_KEY) == pk and BACKEND_SESSION_KEY in session


def adopt_model_backend(session: SessionBase) -> None:
    """Read a session that names Django's own backend, no longer configured, as ours."""
    if host.stands_in_for(session.get(BACKEND_SESSION_KEY, "")):
        session[BACKEND_SESSION_KEY] = host.OUR_BACKEND


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


def dumps(data: dict[str, Any]) -> bytes:
    """Return data in the host's own session format."""
    return bytes(host.session_serializer().dumps(data))


def loads(data: bytes) -> dict[str, Any]:
    """Return what `dumps` was given."""
    return dict(host.session_serializer().loads(data))
