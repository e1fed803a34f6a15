"""Requests without a session (API tokens, HTTP Basic): the same decision, for one request alone.

Whoever sends such a request signs in with it, at no browser that anybody knows, and is forgotten
with its answer. The one thing that may be brought along is *evidence*: what a live session had
proven when it made a token, signed, bound to the account, its password and its epochs. So it ends
where that session would have ended: with another password, with any change of factors, with a
revocation.

The trap: there is nobody to be asked for anything. Whatever is not `ALLOW` is a refusal; nothing
is parked, and no session is opened or read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.core import signing

from hardening import facts, sessions
from hardening.audit import Event
from hardening.conf import conf
from hardening.core.values import (
    Need,
    NeedKind,
    Proof,
    ProofKind,
    Reason,
    Session,
    Strength,
    Verdict,
)
from hardening.flows import record, rows
from hardening.flows.login import PASSWORD_MARK
from hardening.flows.notices import UNWELCOME, worth_recording
from hardening.flows.parking import SIGNED_IN, record_parked

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

    from hardening.audit import Where
    from hardening.core.values import Decision, Who

SALT = "hardening.evidence"
NEW_PASSWORD = (
    Reason.PASSWORD_BREACHED,
    Reason.BREACHED_ON_UNKNOWN_DEVICE,
    Reason.PASSWORD_CHANGE_REQUIRED,
)


def judge(
    user: Any,
    *,
    password: bool = False,
    evidence: str = "",
    flagged: bool = False,
    now: int,
    where: Where,
) -> Decision:
    """Decide about a request that has just authenticated `user` by itself; record a refusal.

    A password proves a password, whichever backend checked it. Anything else (a token, a
    certificate) proves what an SSO sign-in does: that somebody vouches for her.

    Args:
        user: Who was authenticated. Facts that our backend brought along are used once.
        password: Whether it was by a password; one that our backend checked is known anyway.
        evidence: What `evidence_of` returned when the token was made. What is not signed by us,
            or is about another account or an older password, counts as none.
        flagged: Whether it came from a flagged address.
        now: Unix seconds.
        where: From where.

    Raises:
        FactsError: If nobody can tell; callers answer 503.
        NotMigratedError: If our tables are missing.
    """
    found = facts.of(user)
    who = found.who(known_browser=False)
    state = _brought_along(user, evidence) or _alone(user, who, now, password=password)
    # A password sent with each request is a sign-in each time, in a browser nobody knows: as
    # good a door for stolen ones as any login page.
    state = replace(state, attack_mode=found.attack_until > now, flagged_address=flagged)
    decision = record.ask(SIGNED_IN, who, state, now=now, enforce=conf().ENFORCE)
    if decision.reason in NEW_PASSWORD:
        # There is nobody to ask for the mailbox: what ends it is a new password, set on a page.
        decision = replace(decision, verdict=Verdict.CHANGE_PASSWORD)
    if not decision.allowed and worth_recording(user, now=now, what=UNWELCOME):
        record_parked(Event.REQUEST_REFUSED, user, decision, now=now, where=where)
    return decision


def judge_freshness(
    user: Any, *, max_age: int | None, strength: Strength, always: bool, now: int
) -> Decision:
    """Decide about a door that asks for a fresh proof of a factor, which no such request has.

    `None` as the age means: by the policies. `always` asks even while the kill switch is on.

    Raises:
        FactsError: If nobody can tell; callers answer 503.
        NotMigratedError: If our tables are missing.
    """
    who = facts.of(user).who()
    age = record.fresh_seconds(who) if max_age is None else max_age
    need = Need(NeedKind.FRESH, max_age=age, strength=strength)
    return record.ask(need, who, _alone(user, who, now), now=now, enforce=always or conf().ENFORCE)


def evidence_of(session: SessionBase, user: Any) -> str:
    """Return what a live session of `user` has proven, to be kept beside a token it makes.

    No secret, and no proof of freshness: a token is not somebody at the keyboard.
    """
    stamp = sessions.read(session, user.pk)
    kept = {
        "user": stamp.user_pk,
        "epochs": [stamp.account_epoch, stamp.site_epoch],
        "proofs": sessions.proofs_to(replace(proof, at=None) for proof in stamp.proofs),
        "password": sessions.digest(rows.auth_hash(user)),
    }
    return signing.dumps(kept, salt=SALT)


def _brought_along(user: Any, evidence: str) -> Session | None:
    try:
        kept = signing.loads(evidence, salt=SALT)
        owner, password = kept["user"], kept["password"]
        account_epoch, site_epoch = kept["epochs"]
        proofs = sessions.proofs_from(kept["proofs"])
    except (signing.BadSignature, KeyError, TypeError, ValueError):  # the last: another version's
        return None
    passwords = {sessions.digest(one) for one in rows.auth_hashes(user)}
    if owner != str(user.pk) or password not in passwords:
        return None
    return Session(
        proofs=proofs, account_epoch=account_epoch, site_epoch=site_epoch, known_browser=False
    )


def _alone(user: Any, who: Who, now: int, *, password: bool = False) -> Session:
    # The mark stays: should the view go on to `login()`, it is a sign-in by password there too.
    password = password or getattr(user, PASSWORD_MARK, False)
    kind = ProofKind.PASSWORD if password else ProofKind.UNKNOWN
    return Session(
        proofs=(Proof(kind, now, who.account_epoch),),
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        started=now,
        signing_in=True,
        known_browser=False,
    )
