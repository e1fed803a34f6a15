"""What an account's facts and a session's proofs amount to; the rows of the decision share it.

The trap: a proof is only as good as its factor and its epoch. A removed factor takes its proofs
along, and freshness dies with any change of factors.
"""

from __future__ import annotations

from hardening.core.values import (
    BREAK_GLASS_SECONDS,
    FIRST_FACTOR_PROOF_SECONDS,
    Choice,
    Demand,
    Factor,
    PasswordMode,
    Proof,
    ProofKind,
    Session,
    Strength,
    Who,
)


def due(who: Who, now: int) -> tuple[Demand, ...]:
    """Return the demands whose deadline has passed; a reset factor is one of its own."""
    listed = tuple([demand for demand in who.requirement.demands if demand.due <= now])
    return (*listed, Demand(Strength.ANY, due=now, role="")) if who.must_enrol else listed


def required_strength(who: Who, now: int) -> Strength:
    """Return the strongest thing that is due; `ANY` where nothing is."""
    return max((demand.strength for demand in due(who, now)), default=Strength.ANY)


def roles_due(who: Who, now: int) -> tuple[str, ...]:
    """Return the roles whose policies are due, each once, for the pages to name."""
    return tuple(dict.fromkeys(demand.role for demand in due(who, now) if demand.role))


def owes_password(who: Who) -> bool:
    """True if the password must be replaced: an operator wants it, or it is in a breach."""
    enforced = who.requirement.password_mode is PasswordMode.ENFORCE
    return who.has_password and (who.must_change or (who.password_breached and enforced))


def strongest(who: Who) -> Strength:
    """Return how strong the strongest factor is; `NONE` without one."""
    return max((factor.strength for factor in who.factors), default=Strength.NONE)


def reachable_strength(who: Who, now: int) -> Strength:
    """Return what a second factor is asked to reach: what is due, or any where none reaches it."""
    required = required_strength(who, now)
    return required if strongest(who) >= required else Strength.ANY


def may_be_remembered(who: Who, now: int) -> bool:
    """True if a browser may be asked for no factor for some days, by the policies of now.

    Never where a phishing-resistant one is asked for: a cookie is none.
    """
    allowed = who.requirement.remembered_days > 0
    return allowed and reachable_strength(who, now) < Strength.PHISHING_RESISTANT


def is_proven(factor: Factor, session: Session) -> bool:
    """A proof counts as long as its factor exists; a removed one takes its proofs along."""
    return any(proof.factor_id == factor.id for proof in session.proofs)


def has_fresh_factor(
    who: Who, session: Session, now: int, *, max_age: int, strength: Strength
) -> bool:
    """A proof from before a factor change, from the future, or of unknown age is not fresh."""
    reaching = {factor.id for factor in who.factors if factor.strength >= strength}
    return any(
        proof.factor_id in reaching
        and proof.epoch == who.account_epoch
        and _age_within(proof, now, max_age)
        for proof in session.proofs
    )


def is_fresh(session: Session, now: int, kind: ProofKind, *, epoch: int) -> bool:
    """True if something of this kind was proven within 15 minutes, under the current epoch."""
    return any(
        proof.kind is kind
        and proof.epoch == epoch
        and _age_within(proof, now, FIRST_FACTOR_PROOF_SECONDS)
        for proof in session.proofs
    )


def is_opened(who: Who, session: Session, now: int) -> bool:
    """True in the one session in which a break-glass code was typed, until that is closed.

    Were it the account that is open, the hour would be everybody's who knows the password. For the
    same reason only the newest code counts: one that is typed after a closing opens no session
    again that was stopped by it.
    """
    since = who.break_glass - BREAK_GLASS_SECONDS
    return who.break_glass > now and any(
        proof.kind is ProofKind.BREAK_GLASS
        and proof.epoch == who.account_epoch
        and proof.at is not None
        and since <= proof.at <= now
        for proof in session.proofs
    )


def _age_within(proof: Proof, now: int, max_age: int) -> bool:
    """A stamp from the future has a negative age and proves nothing."""
    return proof.at is not None and 0 <= now - proof.at <= max_age


def usable_factors(who: Who, strength: Strength) -> tuple[Choice, ...]:
    """Return the factors that can be proven right now and reach a strength."""
    return tuple(
        Choice(factor.kind, factor.id)
        for factor in who.factors
        if factor.usable and factor.strength >= strength
    )


def factor_choices(who: Who, strength: Strength) -> tuple[Choice, ...]:
    """What the challenge offers; an operator is always the last way."""
    choices = list(usable_factors(who, strength))
    if who.recovery_codes_left and strength < Strength.PHISHING_RESISTANT:
        choices.append(Choice("recovery_code"))
    return (*choices, Choice("operator"))
