"""For host projects' tests: sign somebody in who owes a second factor, make codes.

``Client.login`` and ``force_login`` park a mandated user, as they should; `login` signs her in
completely. Never import this in code that serves requests: it bypasses what the app is for.
"""

from __future__ import annotations

import os
import time
from contextlib import ContextDecorator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.contrib.auth import SESSION_KEY, get_user_model
from django.test import override_settings

from hardening import attempted, host, ratelimits, sessions
from hardening.audit import NOWHERE
from hardening.breach import search, sources
from hardening.core import otp
from hardening.core.values import Proof, ProofKind
from hardening.factors import recovery, registry, totp
from hardening.flows import attempts, record, tracking
from hardening.flows import login as login_flow
from hardening.models import Account, Factor, SiteState, Tally, ThrottleCell
from hardening.models.database import alias, atomic
from hardening.moments import moment
from hardening.throttle import hashgate, store, tally

if TYPE_CHECKING:
    from django.test import Client


class NotSignedInError(Exception):
    """Nobody is signed in after `login`; the message says why."""


def enrol(user: Any, *, name: str = "Test authenticator") -> Factor:
    """Give `user` a confirmed authenticator, without mails or events; return its row."""
    now = int(time.time())
    with atomic():
        Account.objects.bump_epoch(user.pk)
        row = Factor.objects.create(
            user_id=user.pk,
            kind=totp.KIND,
            name=name,
            created_at=moment(now),
            confirmed_at=moment(now),
        )
        row.secret = totp.sealed(row, os.urandom(totp.SECRET_BYTES))
        row.save(update_fields=["secret"])
        registry.rewrite(user.pk)
    return row


def recovery_codes(user: Any) -> tuple[str, ...]:
    """Give `user` a set of recovery codes and return them."""
    random = os.urandom(recovery.SET_SIZE * recovery.CODE_BYTES)
    Account.objects.of(user.pk)
    with atomic():
        return recovery.make(user.pk, random, now=int(time.time()))


def code_for(user: Any, *, at: int | None = None) -> str:
    """Return the code that the newest authenticator of `user` shows, now or at a Unix time.

    A code works once: for a second one within 30 seconds, ask for a time 30 seconds on.

    Raises:
        Factor.DoesNotExist: If the user has no authenticator.
    """
    row = Factor.objects.owned(user.pk).confirmed().latest("pk")
    return otp.code_at(secret_of(row), now=int(time.time()) if at is None else at)


def secret_of(row: Factor) -> bytes:
    """Return the raw secret of an authenticator."""
    return totp.secret_of(row)


def login(client: Client, user: Any) -> None:
    """Sign `user` in completely, with a factor proven a moment ago; enrols one if she has none.

    Raises:
        NotSignedInError: If she may not be signed in even so (inactive, hidden by the default
            manager), or owes something that no factor settles (a new password).
    """
    factor = Factor.objects.owned(user.pk).confirmed().last() or enrol(user)
    everybody = get_user_model()._base_manager.using(alias())  # noqa: SLF001
    client.force_login(everybody.get(pk=user.pk))
    now = int(time.time())
    session = client.session
    waiting = record.waiting(session, now=now)
    if waiting is None:  # nothing is asked of this user: only stamp the proof
        if SESSION_KEY not in session:
            raise NotSignedInError(f"{user.get_username()!r} is refused, whatever she proves")
        stamp = sessions.read(session, user.pk)
        proof = Proof(ProofKind.FACTOR, now, stamp.account_epoch, factor_id=factor.pk)
        sessions.write(session, stamp.with_proof(proof))
    else:
        proof = Proof(ProofKind.FACTOR, now, waiting.who.account_epoch, factor_id=factor.pk)
        proven = record.add_proof(waiting, proof, now=now)
        if not login_flow.complete(session, proven, now=now, where=NOWHERE):
            message = f"{user.get_username()!r} owes more than a factor: {proven.decision.reason}"
            raise NotSignedInError(message)
    session.save()
    _keep(client, session)


def step_up(client: Client, user: Any) -> None:
    """Make the session of `user` at this client fresh, as if a code had been typed just now.

    The session gets a new key, as it does then.

    Raises:
        NotSignedInError: If it is not she who is signed in there, or she has no factor.
    """
    session = client.session
    factor = Factor.objects.owned(user.pk).confirmed().last()
    if factor is None or not sessions.signs_in(session, user):
        raise NotSignedInError(f"{user.get_username()!r} is not signed in there with a factor")
    stamp = sessions.read(session, user.pk)
    proof = Proof(ProofKind.FACTOR, int(time.time()), stamp.account_epoch, factor_id=factor.pk)
    sessions.write(session, stamp.with_proof(proof))
    session.cycle_key()
    tracking.follow(session, user)
    session.save()
    _keep(client, session)


def age_proofs(client: Client, user: Any, *, seconds: int) -> None:
    """Let what the session of `user` at this client has proven be so many seconds older.

    For tests of what happens when a proof is no longer fresh, without a clock to freeze. The
    session itself does not grow older.
    """
    session = client.session
    stamp = sessions.read(session, user.pk)
    aged = [
        proof if proof.at is None else replace(proof, at=proof.at - seconds)
        for proof in stamp.proofs
    ]
    sessions.write(session, replace(stamp, proofs=tuple(aged)))
    session.save()
    _keep(client, session)


def _keep(client: Client, session: Any) -> None:
    """Put the session's new key into the client's cookie."""
    client.cookies[host.session_cookie_name()] = session.session_key


def no_floor() -> override_settings:
    """Take the policies of the settings away, for tests from before them.

    A decorator for functions and `SimpleTestCase` classes, or a context manager, as
    ``override_settings`` is. The other settings stay. Policies in the database, and factors that
    people have, go on counting.
    """
    return override_settings(HARDENING={**getattr(settings, "HARDENING", {}), "POLICIES": []})


class fake_breach(ContextDecorator):  # noqa: N801 - read as a verb, like `override_settings`
    """Let these passwords be known from a breach, and every other one be clean.

    A context manager or a decorator. Nobody is asked, neither a corpus nor the API, nor the list of
    common passwords. Where the whole check is off (``BREACHED_PASSWORDS``) it stays off.
    """

    def __init__(self, *passwords: str) -> None:
        self._sources = (sources.Fake(passwords),)
        self._before: list[tuple[sources.Source, ...] | None] = []

    def __enter__(self) -> Self:
        """Ask the fake alone."""
        self._before.append(search.stand_in(self._sources))
        return self

    def __exit__(self, *_: object) -> None:
        """Ask whoever was asked before."""
        search.stand_in(self._before.pop())


def no_throttle() -> None:
    """Forget every counter and end attack mode: the next try is the first one, the next post too.

    Rows and what this process remembers; a cookie that a client got stays with it.
    """
    ratelimits.forget()
    for counted in (ThrottleCell, Tally):
        counted.objects.all().delete()
    SiteState.objects.end_attack()
    store.clear()
    tally.clear()
    attempts.clear()
    attempted.clear()
    hashgate.configure()
