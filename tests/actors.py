"""Sessions without a browser: what the flows are handed by the doors, made by hand.

`parked` and `signed_in` make sessions as a sign-in leaves them behind; `found` looks a parked one
up as each request does. Everything is judged at one frozen moment, `NOW`.
"""

from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model

from hardening import facts, host, sessions
from hardening.audit import Where
from hardening.core.throttle import SECOND_US
from hardening.core.values import Proof, ProofKind
from hardening.factors import recovery, totp
from hardening.flows import login, record
from hardening.models import SecurityEvent, ThrottleCell
from hardening.models.throttle import TATS
from tests.visitor import NOW, STEP

HERE = Where(address="192.0.2.7", session="0123456789abcdef")
FACTOR_RANDOM = bytes(range(totp.SECRET_BYTES))
CODES_RANDOM = bytes(i * 7 % 256 for i in range(recovery.SET_SIZE * recovery.CODE_BYTES))

__all__ = [
    "CODES_RANDOM",
    "FACTOR_RANDOM",
    "HERE",
    "NOW",
    "STEP",
    "again",
    "events",
    "events_of",
    "found",
    "fresh",
    "logged_in",
    "names",
    "new_session",
    "owed",
    "parked",
    "reread",
    "signed_in",
]


def new_session(key=None):
    """Return a session of the site's own engine, stored."""
    session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    if key is None:
        session.create()
    return session


def again(session):
    """Return the same session as another request loads it."""
    return new_session(session.session_key)


def reread(user):
    """Return the user as another request loads her."""
    return get_user_model()._base_manager.get(pk=user.pk)


def logged_in(user, *, session=None):
    """Return a session with the three keys that Django's `login()` writes, and nothing else."""
    session = new_session() if session is None else session  # an empty one is false
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = host.OUR_BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return session


def signed_in(user, *proofs, known_browser=True, now=NOW):
    """Return a live session that has proven the password and `proofs`: (kind, factor id) each."""
    session = logged_in(user)
    who = facts.fresh(user).who()
    kinds = ((ProofKind.PASSWORD, None), *proofs)
    sessions.write(
        session,
        sessions.Stamp(
            user_pk=str(user.pk),
            id=sessions.new_id(),
            account_epoch=who.account_epoch,
            site_epoch=who.site_epoch,
            proofs=tuple(Proof(kind, now, who.account_epoch, pk) for kind, pk in kinds),
            started=now,
            known_browser=known_browser,
        ),
    )
    session.save()
    return session


def fresh(user, factor, now=NOW):
    """Return a live session that proved an authenticator at `now`."""
    return signed_in(user, (ProofKind.FACTOR, factor.pk), now=now)


def parked(user, *, next_url="", now=NOW):
    """Return the session of a right password that owes something still."""
    session = new_session()
    arrival, _decision = login.begin(
        session, user, backend=host.OUR_BACKEND, next_url=next_url, now=now, where=HERE
    )
    assert arrival is login.Arrival.PARKED
    session.save()
    return session


def found(session, *, now=NOW):
    """Return what waits on a session, as a request of its own finds it."""
    return record.waiting(again(session), now=now)


def events():
    """Return the names of all events so far, oldest first."""
    return list(SecurityEvent.objects.order_by("pk").values_list("event", flat=True))


def events_of(flow, *args, **kwargs):
    """Run a flow; return what it returned and the events that it recorded."""
    last = SecurityEvent.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    result = flow(*args, **kwargs)
    return result, list(SecurityEvent.objects.filter(pk__gt=last).order_by("pk"))


def names(said):
    """Return the names of recorded events."""
    return [event.event for event in said]


def owed(now=NOW):
    """Return for how many microseconds any budget still owes something; 0: nothing was charged."""
    charged = [max(tats) for tats in ThrottleCell.objects.values_list(*TATS)]
    return max(0, *charged, now * SECOND_US) - now * SECOND_US
