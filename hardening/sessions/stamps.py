"""The stamp of a live session, the handle of a parked one, and what they are stored as.

The stamp says what this session has proven and under which epochs; it is a plain dict because
hosts choose the session serializer. Times are Unix seconds.

The trap: a session without a stamp is from before the app was installed (a password proof of
unknown age, epochs 0); one whose stamp cannot be read, or is somebody else's, is over.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from hardening import host
from hardening.core.values import Proof, ProofKind, Session

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.contrib.sessions.backends.base import SessionBase

STAMP_KEY = "_hardening"
PARKED_KEY = "_hardening_parked"
ENROL_KEY = "_hardening_enrol"
AUTH_KEYS = frozenset({SESSION_KEY, BACKEND_SESSION_KEY, HASH_SESSION_KEY})
HANDLE_BYTES = 16  # 128 bits, login.md point 2
SESSION_ID_BYTES = 9


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
    seen: int | None = None
    remembered: bool = False

    def session(self) -> Session:
        """Return the decision's view of this session."""
        return Session(
            proofs=self.proofs,
            account_epoch=self.account_epoch,
            site_epoch=self.site_epoch,
            id=self.id,
            started=self.started,
            last_seen=self.started if self.seen is None else self.seen,
            known_browser=self.known_browser,
            remembered=self.remembered,
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
        seen=kept.get("seen"),
        remembered=kept.get("remembered", False),
    )


def write(session: SessionBase, stamp: Stamp) -> None:
    """Put the stamp into the session."""
    kept = {
        "user": stamp.user_pk,
        "id": stamp.id,
        "epochs": [stamp.account_epoch, stamp.site_epoch],
        "proofs": proofs_to(stamp.proofs),
        "started": stamp.started,
        "known": stamp.known_browser,
        "next": stamp.next,
    }
    # Left out where they say nothing: a session in a cookie has little room.
    if stamp.seen is not None:
        kept["seen"] = stamp.seen
    if stamp.remembered:
        kept["remembered"] = True
    session[STAMP_KEY] = kept


def proofs_to(proofs: Iterable[Proof]) -> list[list[Any]]:
    """Return proofs as JSON-ready lists: kind, time, epoch, factor id."""
    return [[proof.kind.value, proof.at, proof.epoch, proof.factor_id] for proof in proofs]


def proofs_from(listed: Iterable[Iterable[Any]]) -> tuple[Proof, ...]:
    """Return proofs from their lists.

    Raises:
        ValueError: If a list is not one that `proofs_to` made.
    """
    return tuple(
        [Proof(ProofKind(kind), at, epoch, factor_id) for kind, at, epoch, factor_id in listed]
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
    name, session[key] = make_handle()
    return name


def make_handle() -> tuple[str, str]:
    """Return the digest of a fresh random handle, for the row, and the handle itself."""
    handle = secrets.token_hex(HANDLE_BYTES)
    return digest(handle), handle


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


def signs_in(session: SessionBase, user: Any) -> bool:
    """True if this session says, as Django's ``login()`` writes it, that `user` is signed in."""
    pk = user._meta.pk.value_to_string(user)  # noqa: SLF001 - as Django's login() does
    return session.get(SESSION_KEY) == pk and BACKEND_SESSION_KEY in session


def adopt_model_backend(session: SessionBase) -> None:
    """Read a session that names Django's own backend, no longer configured, as ours.

    By itself this is no reason to store it: installing the app costs no write and no cookie, and
    taking it out again leaves the session good.
    """
    if host.stands_in_for(session.get(BACKEND_SESSION_KEY, "")):
        modified = session.modified
        session[BACKEND_SESSION_KEY] = host.OUR_BACKEND
        session.modified = modified


def dumps(data: dict[str, Any]) -> bytes:
    """Return data in the host's own session format."""
    return bytes(host.session_serializer().dumps(data))


def loads(data: bytes) -> dict[str, Any]:
    """Return what `dumps` was given."""
    return dict(host.session_serializer().loads(data))
