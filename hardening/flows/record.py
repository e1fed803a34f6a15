"""The record that step pages work on: opened, found again, given proofs, closed.

One mechanism for three purposes: a sign-in that owes something, a live session that does, and an
enrolment beside a live session. The session holds a handle, the row everything else.

The trap: a record is only as good as the account it was opened for. Each time it is looked up,
epochs, password hash and the account's state are compared anew; what does not match is over.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY
from django.db.models import F

from hardening import facts, sessions
from hardening.conf import conf
from hardening.core.decision import decide
from hardening.core.values import Decision, Need, NeedKind, Proof, ProofKind, Session, Verdict, Who
from hardening.flows import rows
from hardening.models import ParkedLogin
from hardening.models.parked import Purpose

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

MAX_PROOF_WRITES = 5  # two tabs proving at once; more tries than that is a fault
OVER = frozenset({Verdict.LOGIN, Verdict.DENY})


class RecordGoneError(Exception):
    """The record ended while it was being worked on (cancelled, claimed, revoked)."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record with everything known about its owner, and what the decision says now."""

    row: ParkedLogin
    user: Any
    who: Who
    session: Session
    decision: Decision

    @property
    def enrolling(self) -> bool:
        """Whether this is an enrolment beside a live session, and not a sign-in."""
        return self.row.purpose == Purpose.ENROL

    @property
    def may_enrol(self) -> bool:
        """Whether a factor may be enrolled on this record right now."""
        if self.enrolling:
            return self.decision.allowed
        return self.decision.verdict is Verdict.ENROL

    @property
    def replacing(self) -> bool:
        """Whether a recovery code opened this: the lost authenticator may go."""
        proven = {proof.factor_id for proof in self.session.proofs if proof.factor_id}
        known = {factor.id for factor in self.who.factors}
        return self.session.has(ProofKind.RECOVERY_CODE) and not (proven & known)

    @property
    def awaits_codes(self) -> bool:
        """Whether recovery codes were shown and nobody said yet that they are stored."""
        return self.row.codes_shown

    @property
    def owes_nothing(self) -> bool:
        """Whether this sign-in may be completed now, which gives its session a new key."""
        return not (self.enrolling or self.awaits_codes) and self.decision.allowed


def open_row(
    session: SessionBase,
    user: Any,
    state: Session,
    *,
    purpose: Purpose,
    backend: str,
    auth_hash: str,
    reason: str,
    announced: bool,
    next_url: str = "",
    now: int,
) -> ParkedLogin:
    """Store a record and put its handle into the session."""
    key = sessions.ENROL_KEY if purpose is Purpose.ENROL else sessions.PARKED_KEY
    return ParkedLogin.objects.create(
        handle=sessions.new_handle(session, key),
        user_id=user.pk,
        purpose=purpose,
        backend=backend,
        auth_hash=auth_hash,
        proofs=json.dumps(sessions.proofs_to(state.proofs)),
        circumstances=json.dumps(rows.circumstances_of(state)),
        account_epoch=state.account_epoch,
        site_epoch=state.site_epoch,
        reason=reason,
        announced=announced,
        next=next_url,
        started_at=now,
        expires_at=now + conf().PARKED_LOGIN_SECONDS,
    )


def waiting(session: SessionBase, *, now: int) -> Waiting | None:
    """Return the parked login of this session, or `None` if there is none that still counts.

    Raises:
        FactsError: If nobody can tell.
    """
    found = rows.find(session, sessions.PARKED_KEY, now=now)
    if found is None:
        return None
    row, user, who, state = found
    decision = ask(Need(), who, state, now=now, enforce=conf().ENFORCE)
    if decision.verdict in OVER:
        ParkedLogin.objects.end(row.pk, now=now)
        return None
    return Waiting(row, user, who, state, decision)


def enrolling(session: SessionBase, user: Any, *, now: int) -> Waiting | None:
    """Return the enrolment that goes on beside the live session of `user`, or `None`.

    What the live session has proven counts, and so does what was proven for the enrolment.
    """
    found = rows.find(session, sessions.ENROL_KEY, now=now)
    if found is None or found[1].pk != user.pk:
        return None
    row, _, who, state = found
    live = alongside(sessions.read(session, user.pk))
    both = replace(state, proofs=(*live.proofs, *state.proofs))
    decision = may_enrol(who, both, now=now)
    if decision.verdict in OVER:
        ParkedLogin.objects.end(row.pk, now=now)
        return None
    return Waiting(row, user, who, both, decision)


def alongside(stamp: sessions.Stamp) -> Session:
    """Return what a live session has proven for an enrolment: its password is asked again."""
    proofs = tuple(proof for proof in stamp.proofs if proof.kind is not ProofKind.PASSWORD)
    return replace(stamp.session(), proofs=proofs)


def ask(need: Need, who: Who, state: Session, *, now: int, enforce: bool = True) -> Decision:
    """Ask the decision; that it cannot be made is like a fact that cannot be read.

    Raises:
        FactsError: If deciding failed; callers answer 503.
    """
    try:
        return decide(need, who, state, now=now, enforce=enforce)
    except Exception as fault:
        message = "the decision could not be made"
        raise facts.FactsError(message) from fault


def fresh_seconds(who: Who) -> int:
    """Return how long a proof stays fresh: as the setting says, or less where a policy does."""
    setting, policy = conf().STEP_UP_SECONDS, who.requirement.step_up_seconds
    return setting if policy is None else min(setting, policy)


def may_enrol(who: Who, state: Session, *, now: int) -> Decision:
    """Ask the decision whether another factor, or a first one, may be enrolled here."""
    return ask(Need(NeedKind.ENROL, max_age=fresh_seconds(who)), who, state, now=now)


def continues(session: SessionBase, user: Any, *, now: int) -> bool:
    """True if the login just written repeats the one that waits: same user, backend and hash."""
    digest = sessions.handle_digest(session, sessions.PARKED_KEY)
    if digest is None:
        return False
    return (
        ParkedLogin.objects.waiting(now=now)
        .filter(
            handle=digest,
            user_id=user.pk,
            backend=session.get(BACKEND_SESSION_KEY),
            auth_hash=session.get(HASH_SESSION_KEY, ""),
        )
        .exists()
    )


def add_proof(
    found: Waiting,
    proof: Proof,
    *,
    tried: bool = False,
    facts_stand: bool = False,
    now: int,
    **values: Any,
) -> Waiting:
    """Store one more proof on a record and ask the decision again.

    Two tabs may prove at once: the write goes through only if nobody wrote since the read.

    Args:
        found: The record, as this request found it.
        proof: What was proven.
        tried: A try was reserved for it (`reserve_try`); it is given back by the same write.
        facts_stand: Proving this changed nothing about the account; else its facts are read anew.
        now: Unix seconds.
        values: Further columns.

    Raises:
        RecordGoneError: If the record ended meanwhile.
    """
    row = found.row
    refund = {"failures": F("failures") - 1} if tried else {}
    for _ in range(MAX_PROOF_WRITES):
        proofs = sessions.add_proof(rows.proofs_of(row), proof)
        fields = {"proofs": json.dumps(sessions.proofs_to(proofs)), **values}
        written = {**fields, **refund}
        if ParkedLogin.objects.swap_proofs(row.pk, seen=row.version, values=written):
            for name, value in {**fields, "version": row.version + 1}.items():
                setattr(row, name, value)
            if facts_stand:
                return _decided(found, row, found.who, now)
            return refreshed(found, row, now=now)
        latest = ParkedLogin.objects.filter(pk=row.pk, finished_at__isnull=True).first()
        if latest is None:
            break
        row = latest
    raise RecordGoneError


def renew(session: SessionBase, found: Waiting) -> None:
    """Give a record another handle and its session another key, after a right proof.

    Whoever else holds the key, or a copy of the cookie that holds the session (it was planted
    here, or copied from here), must not go on from what its owner has just proven. Of two tabs
    that prove at once the first renews; the other's answer leaves the session alone.

    Source: OWASP ASVS 5.0 7.2.4.
    """
    row = found.row
    name, handle = sessions.make_handle()
    data = rows.open_data(row)
    # What does not open any more stays as it is, and is missed at completion.
    sealed = row.data if data is None else rows.seal_data(name, data)
    mine = ParkedLogin.objects.filter(pk=row.pk, handle=row.handle, finished_at__isnull=True)
    if mine.update(handle=name, data=sealed) == 1:
        row.handle, row.data = name, sealed
        session[sessions.ENROL_KEY if found.enrolling else sessions.PARKED_KEY] = handle
        session.cycle_key()


def moved_on(found: Waiting) -> bool:
    """True if another request proved something here, or completed it, since `found` was read."""
    row = ParkedLogin.objects.filter(pk=found.row.pk).first()
    return row is not None and (row.version != found.row.version or row.finished_at is not None)


def refreshed(found: Waiting, row: ParkedLogin, *, now: int) -> Waiting:
    """Return the record with its owner's facts read anew and the decision asked again."""
    who = facts.fresh(found.user).who(known_browser=found.session.known_browser)
    return _decided(found, row, who, now)


def _decided(found: Waiting, row: ParkedLogin, who: Who, now: int) -> Waiting:
    state = rows.state_of(row)
    if row.purpose == Purpose.ENROL:
        others = tuple(proof for proof in found.session.proofs if proof not in state.proofs)
        state = replace(state, proofs=(*others, *state.proofs))
        return Waiting(row, found.user, who, state, may_enrol(who, state, now=now))
    decision = ask(Need(), who, state, now=now, enforce=conf().ENFORCE)
    return Waiting(row, found.user, who, state, decision)


def drop(session: SessionBase, *, now: int, owner: Any = None) -> bool:
    """End whatever waits on this session and forget its handle.

    Returns:
        True if a record was named here that is not known to be `owner`'s: what lies in this
        session may be somebody else's.
    """
    digest = sessions.handle_digest(session, sessions.PARKED_KEY)
    if digest is None:
        return False
    named = list(ParkedLogin.objects.filter(handle=digest))
    for row in named:
        ParkedLogin.objects.end(row.pk, now=now)
    session.pop(sessions.PARKED_KEY, None)
    return owner is not None and [row.user_id for row in named] != [owner.pk]


def head_for(found: Waiting, next_url: str) -> None:
    """Remember where a person was going when a step page stopped her."""
    if next_url and next_url != found.row.next:
        ParkedLogin.objects.filter(pk=found.row.pk).update(next=next_url)
