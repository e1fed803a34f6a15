"""Words to write the decision's table with: moments, factors, proofs, demands, a case."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from hardening.core.decision import decide
from hardening.core.values import (
    Choice,
    Decision,
    Demand,
    Factor,
    Need,
    NeedKind,
    Proof,
    ProofKind,
    Reason,
    Requirement,
    Session,
    Strength,
    Verdict,
    Who,
)

NOW = 1_800_000_000
MINUTE = 60
QUARTER = 15 * MINUTE
DAY = 24 * 60 * MINUTE
EPOCH = 4  # the account's, where it matters that it has one
MAX_AGE = 300

TOTP = Factor(7, "totp", Strength.ANY)
TABLET = Factor(8, "totp", Strength.ANY)
PASSKEY = Factor(9, "passkey", Strength.PHISHING_RESISTANT)
BOUND = Factor(10, "passkey", Strength.DEVICE_BOUND)
BROKEN = replace(TOTP, usable=False)

RECOVERY = Choice("recovery_code")
OPERATOR = Choice("operator")
ENROL = Choice("enrol")
MAILBOX = Choice("mailbox")
TICKET = Choice("ticket")
PASSWORD = Choice("password")

SIGNED_IN = Need()
FRESH = Need(NeedKind.FRESH, max_age=MAX_AGE)
FRESH_PASSKEY = Need(NeedKind.FRESH, max_age=MAX_AGE, strength=Strength.PHISHING_RESISTANT)
ENROLMENT = Need(NeedKind.ENROL, max_age=MAX_AGE)


def way(factor: Factor) -> Choice:
    """The choice that names a factor."""
    return Choice(factor.kind, factor.id)


def proof(kind: ProofKind, *, ago: int | None = 0, epoch: int = EPOCH) -> Proof:
    """Something proven `ago` seconds before now; `None`: nobody knows when."""
    return Proof(kind, None if ago is None else NOW - ago, epoch)


def password(**more: Any) -> Proof:
    return proof(ProofKind.PASSWORD, **more)


def unknown(**more: Any) -> Proof:
    return proof(ProofKind.UNKNOWN, **more)


def mailbox(**more: Any) -> Proof:
    return proof(ProofKind.MAILBOX, **more)


def ticket(**more: Any) -> Proof:
    return proof(ProofKind.TICKET, **more)


def recovery(**more: Any) -> Proof:
    return proof(ProofKind.RECOVERY_CODE, **more)


def opened(**more: Any) -> Proof:
    """That a break-glass code was typed."""
    return proof(ProofKind.BREAK_GLASS, **more)


def shown(factor: Factor, **more: Any) -> Proof:
    """A proof of this factor."""
    return replace(proof(ProofKind.FACTOR, **more), factor_id=factor.id)


def demand(
    strength: Strength = Strength.ANY, *, due: int = NOW - DAY, role: str = "staff"
) -> Demand:
    return Demand(strength, due, role)


def asks(*demands: Demand, **more: Any) -> Requirement:
    """What policies ask; any factor, since yesterday, if nothing is said."""
    return Requirement(demands=demands or (demand(),), **more)


def nothing_asked(**more: Any) -> Requirement:
    return Requirement(**more)


def who(*factors: Factor, **more: Any) -> Who:
    """An account with some recovery codes left."""
    return replace(
        Who(factors=factors, account_epoch=EPOCH, site_epoch=1, recovery_codes_left=10), **more
    )


def staff(*factors: Factor, **more: Any) -> Who:
    """An account that a due policy covers."""
    return who(*factors, **{"requirement": asks(), **more})


def session(*proofs: Proof, **more: Any) -> Session:
    """A session that has proven this, under the current epochs."""
    return replace(Session(proofs=proofs, account_epoch=EPOCH, site_epoch=1), **more)


def signing_in(*proofs: Proof, **more: Any) -> Session:
    return session(*proofs, signing_in=True, **more)


def asked(
    need: Need, account: Who, state: Session, *, now: int = NOW, enforce: bool = True
) -> Decision:
    return decide(need, account, state, now=now, enforce=enforce)


ALLOW = (Verdict.ALLOW, Reason.ALLOWED)
CHALLENGE = (Verdict.CHALLENGE, Reason.FACTOR_NOT_PROVEN)
STUCK = (Verdict.CHALLENGE, Reason.NO_USABLE_FACTOR)
RESISTANT = asks(demand(Strength.PHISHING_RESISTANT))


@dataclass(frozen=True)
class Case:
    """One row of the table; `choices` of `None` are not looked at."""

    account: Who
    state: Session
    verdict: Verdict
    reason: Reason
    choices: tuple[Choice, ...] | None = None
    need: Need = SIGNED_IN

    def holds(self) -> None:
        decision = asked(self.need, self.account, self.state)
        assert (decision.verdict, decision.reason) == (self.verdict, self.reason)
        if self.choices is not None:
            assert decision.choices == self.choices


TABLE: list[Case] = []  # every case of every table that has been imported


def table(**cases: Case) -> pytest.MarkDecorator:
    """Parametrise a test with `case`; the names are the ids."""
    TABLE.extend(cases.values())
    ids = [name.replace("_", " ") for name in cases]
    return pytest.mark.parametrize("case", list(cases.values()), ids=ids)
