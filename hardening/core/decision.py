"""The one decision: may this session pass this door, and if not, what is missing.

Values in, value out: no Django, no clock, no dice, no network. Whatever guards a door asks
`decide`: the middleware, the sign-in receiver, decorators, the admin, the step pages. The rows
of the design's table stand below in their order, one function a row; the first that applies
wins, and nothing but the last row answers `ALLOW`.

Units: times are Unix seconds (`int`), ages are seconds. `None` as a proof's time means "nobody
knows when", which is never fresh.

The trap: a factor that cannot be used (too many wrong codes, a secret that does not open) still
stands in the way. If it did not, a hundred wrong codes would remove somebody's second factor.

Rules: OWASP ASVS 5.0 6.3.3, 6.3.6, 7.5.1; NIST SP 800-63B-4 §3.2.2, §4.1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from hardening.core.evidence import (
    due,
    factor_choices,
    has_fresh_factor,
    is_fresh,
    is_opened,
    is_proven,
    may_be_remembered,
    owes_password,
    reachable_strength,
    required_strength,
    roles_due,
    strongest,
    usable_factors,
)
from hardening.core.values import (
    FIRST_FACTOR_PROOF_SECONDS,
    RECOVERY_CODES_LOW,
    BeyondPassword,
    Choice,
    Decision,
    Need,
    NeedKind,
    Note,
    NoteKind,
    PasswordMode,
    ProofKind,
    Reason,
    Session,
    Strength,
    Verdict,
    Who,
)

_Row: TypeAlias = Callable[[Need, Who, Session, int], Decision | None]


def decide(need: Need, who: Who, session: Session, *, now: int, enforce: bool = True) -> Decision:
    """Decide whether `session` of `who` may pass a door that asks for `need`.

    Args:
        need: What the door asks.
        who: The facts about the account, read from the database for this very request.
        session: What this session, or this parked login, has proven.
        now: Unix time in seconds.
        enforce: False is the kill switch: rows 3 to 8 are skipped, revocation and freezing stay.

    Returns:
        The verdict with its reason, the choices that lead on, and notes for the pages.
    """
    for row in _ROWS if enforce else _ALWAYS:
        decision = row(need, who, session, now)
        if decision is not None:
            return decision
    return Decision(Verdict.ALLOW, Reason.ALLOWED, notes=_notes(who, now))


# --- rows 1 and 2: not even parked ---------------------------------------------------------


def _account(_need: Need, who: Who, _session: Session, _now: int) -> Decision | None:
    """Row 1: a frozen or inactive account is refused like a wrong password."""
    if who.frozen:
        return Decision(Verdict.DENY, Reason.FROZEN)
    if not who.active:
        return Decision(Verdict.DENY, Reason.INACTIVE)
    return None


def _ended(_need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """Row 2: the session is over. Epochs are compared for equality; no clock has a say there."""
    if session.account_epoch != who.account_epoch or session.site_epoch != who.site_epoch:
        return Decision(Verdict.LOGIN, Reason.REVOKED)
    if session.id and session.id in who.ended_sessions:
        return Decision(Verdict.LOGIN, Reason.SESSION_ENDED)
    idle = who.requirement.idle_seconds
    if idle is not None and session.last_seen is not None and now - session.last_seen > idle:
        return Decision(Verdict.LOGIN, Reason.IDLE)
    absolute = who.requirement.absolute_seconds
    if absolute is not None and session.started is not None and now - session.started > absolute:
        return Decision(Verdict.LOGIN, Reason.TOO_OLD)
    return None


# --- rows 3 to 8: what is missing ------------------------------------------------------------


def _factor(_need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """Row 3: a factor exists, so it is proven, at the required strength if one can reach it."""
    if not who.factors or is_opened(who, session, now):
        return None
    reachable = reachable_strength(who, now)
    if any(factor.strength >= reachable and is_proven(factor, session) for factor in who.factors):
        return None
    if session.remembered and may_be_remembered(who, now):
        return None
    if reachable < Strength.PHISHING_RESISTANT and session.has(ProofKind.RECOVERY_CODE):
        return None
    return _challenge(who, reachable, now)


def _risk(_need: Need, who: Who, session: Session, _now: int) -> Decision | None:
    """Row 4: a right password alone, on a browser nobody knows, in a bad hour."""
    if session.known_browser or session.has(*BeyondPassword, ProofKind.UNKNOWN):
        return None
    guarded = who.requirement.password_mode in (PasswordMode.WARN, PasswordMode.ENFORCE)
    if who.password_breached and guarded:
        return _mailbox(who, Reason.BREACHED_ON_UNKNOWN_DEVICE)
    if session.signing_in and session.attack_mode:
        return _mailbox(who, Reason.ATTACK_MODE)
    if session.signing_in and session.flagged_address:
        return _mailbox(who, Reason.FLAGGED_ADDRESS)
    return None


def _recovered(need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """Row 5: a recovery code let a mandated person in; the lost authenticator is replaced.

    The code stands for the fresh proof of that one enrolment, so a stale one enrols nothing.
    """
    if need.kind is NeedKind.ENROL or is_opened(who, session, now):
        return None  # row 8 has the rule for whoever wants to enrol
    if not session.has(ProofKind.RECOVERY_CODE) or not due(who, now):
        return None
    if any(is_proven(factor, session) for factor in who.factors):
        return None
    if is_fresh(session, now, ProofKind.RECOVERY_CODE, epoch=who.account_epoch):
        choices = (Choice("enrol"), *usable_factors(who, Strength.ANY))
        return Decision(Verdict.ENROL, Reason.FACTOR_LOST, choices, roles=roles_due(who, now))
    return _challenge(who, Strength.ANY, now) if who.factors else None


def _mandate(need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """Row 6: a policy is due that no factor of this account reaches."""
    if need.kind is NeedKind.ENROL or is_opened(who, session, now):
        return None  # row 8 has the rule for whoever wants to enrol
    if not due(who, now) or strongest(who) >= required_strength(who, now):
        return None
    reason = Reason.RESET_FACTOR_REQUIRED if who.must_enrol else Reason.POLICY_REQUIRES_FACTOR
    return _towards_enrolment(who, session, now, reason)


def _password(_need: Need, who: Who, session: Session, _now: int) -> Decision | None:
    """Row 7: the password must change, but never by whoever merely typed it."""
    if not owes_password(who):
        return None
    reason = Reason.PASSWORD_CHANGE_REQUIRED if who.must_change else Reason.PASSWORD_BREACHED
    if not session.has(*BeyondPassword):
        return _mailbox(who, reason)
    return Decision(Verdict.CHANGE_PASSWORD, reason)


def _freshness(need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """Row 8: this door asks for a younger or stronger proof, or for the right to enrol."""
    if need.kind is NeedKind.SIGNED_IN:
        return None
    if need.kind is NeedKind.ENROL:
        return _enrolment(need, who, session, now)
    if strongest(who) < need.strength:
        # The visitor is signed in here, so a weaker factor is a step-up and not a parked login.
        return _towards_enrolment(
            who, session, now, Reason.STEP_UP_NEEDS_FACTOR, weaker=Verdict.STEP_UP
        )
    if has_fresh_factor(who, session, now, max_age=need.max_age, strength=need.strength):
        return None
    choices = usable_factors(who, need.strength) or (Choice("operator"),)
    return Decision(Verdict.STEP_UP, Reason.PROOF_TOO_OLD, choices)


_ALWAYS: tuple[_Row, ...] = (_account, _ended)
_RESTRICTIONS: tuple[_Row, ...] = (_factor, _risk, _recovered, _mandate, _password, _freshness)
_ROWS = (*_ALWAYS, *_RESTRICTIONS)


# --- enrolment --------------------------------------------------------------------------------


def _enrolment(need: Need, who: Who, session: Session, now: int) -> Decision | None:
    """A first factor needs password and mailbox (or a ticket); another one a fresh proof.

    A recovery code is such a proof for one enrolment: confirming it moves the epoch on.
    """
    if who.factors:
        if has_fresh_factor(who, session, now, max_age=need.max_age, strength=Strength.ANY):
            return None
        if is_fresh(session, now, ProofKind.RECOVERY_CODE, epoch=who.account_epoch):
            return None
        choices = usable_factors(who, Strength.ANY) or (Choice("operator"),)
        return Decision(Verdict.STEP_UP, Reason.PROOF_TOO_OLD, choices)
    if not is_fresh(session, now, ProofKind.PASSWORD, epoch=who.account_epoch) and who.has_password:
        return Decision(Verdict.STEP_UP, Reason.PASSWORD_AGAIN, (Choice("password"),))
    return None if _first_factor_proven(who, session, now) else _ticket_or_mailbox(who)


def _towards_enrolment(
    who: Who,
    session: Session,
    now: int,
    reason: Reason,
    *,
    weaker: Verdict = Verdict.CHALLENGE,
) -> Decision:
    """Row 6's way: prove the mailbox or bring a ticket; with a weaker factor, prove that."""
    roles = roles_due(who, now)
    if who.factors:
        age = FIRST_FACTOR_PROOF_SECONDS
        if has_fresh_factor(who, session, now, max_age=age, strength=Strength.ANY):
            return Decision(Verdict.ENROL, reason, (Choice("enrol"),), roles=roles)
        choices = usable_factors(who, Strength.ANY) or (Choice("operator"),)
        return Decision(weaker, Reason.PROVE_WEAKER_FIRST, choices, roles=roles)
    if _first_factor_proven(who, session, now):
        return Decision(Verdict.ENROL, reason, (Choice("enrol"),), roles=roles)
    return _ticket_or_mailbox(who, reason, roles)


def _first_factor_proven(who: Who, session: Session, now: int) -> bool:
    """True with a ticket, or with the mailbox where the policy lets that do, within 15 min."""
    if is_fresh(session, now, ProofKind.TICKET, epoch=who.account_epoch):
        return True
    if who.requirement.first_by_ticket:
        return False
    return is_fresh(session, now, ProofKind.MAILBOX, epoch=who.account_epoch)


def _ticket_or_mailbox(
    who: Who, reason: Reason = Reason.FIRST_FACTOR, roles: tuple[str, ...] = ()
) -> Decision:
    if who.requirement.first_by_ticket:
        return Decision(Verdict.MAILBOX, Reason.TICKET_REQUIRED, (Choice("ticket"),), roles=roles)
    return _mailbox(who, reason, roles)


def _mailbox(who: Who, reason: Reason, roles: tuple[str, ...] = ()) -> Decision:
    """Ask for the mailbox; where there is none to ask, a ticket is the only choice left."""
    choices = (Choice("mailbox"), Choice("ticket")) if who.mailbox_usable else (Choice("ticket"),)
    return Decision(Verdict.MAILBOX, reason, choices, roles=roles)


# --- answers ---------------------------------------------------------------------------------


def _challenge(who: Who, strength: Strength, now: int) -> Decision:
    choices = factor_choices(who, strength)
    usable = any(choice.factor_id is not None for choice in choices)
    reason = Reason.FACTOR_NOT_PROVEN if usable else Reason.NO_USABLE_FACTOR
    return Decision(Verdict.CHALLENGE, reason, choices, roles=roles_due(who, now))


def _notes(who: Who, now: int) -> tuple[Note, ...]:
    """Row 9: what a page may say to somebody who passed."""
    notes: list[Note] = []
    best = strongest(who)
    ahead = [
        demand
        for demand in who.requirement.demands
        if demand.due > now >= demand.exempt_until and demand.strength > best
    ]
    if ahead:
        first = min(ahead, key=lambda demand: demand.due)
        notes.append(Note(NoteKind.DEADLINE, first.due, role=first.role, extended=first.extended))
    if who.factors and who.recovery_codes_left < RECOVERY_CODES_LOW:
        notes.append(Note(NoteKind.RECOVERY_CODES_LOW, who.recovery_codes_left))
    if who.password_breached and who.requirement.password_mode is PasswordMode.WARN:
        notes.append(Note(NoteKind.PASSWORD_BREACHED, 1))
    if who.break_glass > now:
        notes.append(Note(NoteKind.BREAK_GLASS, who.break_glass))
    notes += [
        Note(NoteKind.WOULD_BE_STOPPED, demand.due, role=demand.role)
        for demand in who.requirement.reported
        if demand.strength > best and demand.due <= now
    ]
    return tuple(notes)
