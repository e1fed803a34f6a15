"""What the row of a sign-in that waits holds, and whose it is: written for it and read from it.

Proofs and circumstances are JSON; session data are sealed, bound to the row's handle.

The trap: a row is only as good as the account it was opened for. Its owner is loaded by the backend
that signed her in, and the password hash is compared each time.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth import load_backend
from django.utils.crypto import constant_time_compare

from hardening import facts, host, sessions, vault
from hardening.core.values import Proof, Session, Who
from hardening.models import ParkedLogin
from hardening.models.parked import Purpose

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase


def seal_data(handle: str, data: dict[str, Any]) -> str:
    """Seal session keys for the row of that handle, bound to it."""
    return vault.seal(sessions.dumps(data), context=f"parked:{handle}") if data else ""


def open_data(row: ParkedLogin) -> dict[str, Any] | None:
    """Return the sealed session keys; `None` if they do not open (they are lost, nothing more)."""
    if not row.data:
        return {}
    try:
        return sessions.loads(vault.unseal(row.data, context=f"parked:{row.handle}"))
    except vault.Unsealable:
        return None


def auth_hash(user: Any) -> str:
    """Return the hash that ties a session to the password, as Django's ``login()`` takes it."""
    return str(user.get_session_auth_hash()) if hasattr(user, "get_session_auth_hash") else ""


def auth_hashes(user: Any) -> list[str]:
    """Return the hashes that a session of today may bear, those under older keys included."""
    return [auth_hash(user), *getattr(user, "get_session_auth_fallback_hash", list)()]


def find(
    session: SessionBase, key: str, *, now: int
) -> tuple[ParkedLogin, Any, Who, Session] | None:
    """Return the row that a session's handle names, its owner, the facts and what is proven.

    `None` if there is none that still counts; one that counts no more is ended.

    Raises:
        FactsError: If nobody can tell.
    """
    digest = sessions.handle_digest(session, key)
    if digest is None:
        return None
    row = ParkedLogin.objects.waiting(now=now).filter(handle=digest).first()
    if row is None:
        return None
    user = _owner(row)
    if user is None or not _same_password(user, row):
        ParkedLogin.objects.end(row.pk, now=now)
        return None
    try:
        state = state_of(row)
    except (KeyError, TypeError, ValueError):  # written by another version of us
        ParkedLogin.objects.end(row.pk, now=now)
        return None
    return row, user, facts.of(user).who(known_browser=state.known_browser), state


def _owner(row: ParkedLogin) -> Any:
    """Return whom the backend that signed her in would load for a session; `None` for nobody.

    So a default manager that hides somebody (another tenant's, a deleted one) hides her here too.
    """
    if row.backend not in host.backends():
        return None
    try:
        return load_backend(row.backend).get_user(row.user_id)
    except facts.FactsError:
        raise
    except Exception as fault:
        message = "the owner of a sign-in that waits could not be loaded"
        raise facts.FactsError(message) from fault


def _same_password(user: Any, row: ParkedLogin) -> bool:
    return any(constant_time_compare(one, row.auth_hash) for one in auth_hashes(user))


def state_of(row: ParkedLogin) -> Session:
    """Return what a row says of its sign-in.

    Raises:
        KeyError, TypeError, ValueError: If another version of us wrote it.
    """
    circumstances = json.loads(row.circumstances)
    return Session(
        proofs=proofs_of(row),
        account_epoch=row.account_epoch,
        site_epoch=row.site_epoch,
        signing_in=row.purpose == Purpose.LOGIN,
        **circumstances,
    )


def circumstances_of(state: Session) -> dict[str, Any]:
    """What was judged at sign-in and is never judged again for this record."""
    return {
        "id": state.id,
        "started": state.started,
        "known_browser": state.known_browser,
        "attack_mode": state.attack_mode,
        "flagged_address": state.flagged_address,
        "new_browser": state.new_browser,
        "remembered": state.remembered,
    }


def proofs_of(row: ParkedLogin) -> tuple[Proof, ...]:
    """Return the proofs of a row."""
    return sessions.proofs_from(json.loads(row.proofs))
