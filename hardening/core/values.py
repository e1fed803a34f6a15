"""The words the decision speaks: verdicts, reasons, proofs, facts, as frozen values.

One closed enum of reasons is shared by audit, JSON answers and docs, so that a reason in a log
line can be looked up. Units: Unix seconds and seconds. Strings of the enums are promises: they
are stored in events and sessions.

The trap: `Proof.epoch` is the account's epoch when the proof was made. Freshness asks that it
is still the same, so a step-up dies with any change of factors even in the session that made it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

FIRST_FACTOR_PROOF_SECONDS = 15 * 60  # login.md, "One rule for the first factor"
BREAK_GLASS_SECONDS = 60 * 60  # policy.md, "Operators' tools"
RECHECK_DAYS = 30  # breach.md: how long a clean verdict on a password holds
RECHECK_DAYS_PRIVILEGED = 7  # for members of a role under an enforcing policy
RECOVERY_CODES_LOW = 3  # factors.md: fewer than three left is said on each login


class Verdict(StrEnum):
    """What happens to whoever knocks. There is no third value between `ALLOW` and a refusal."""

    ALLOW = "allow"
    DENY = "deny"
    LOGIN = "login"
    CHALLENGE = "challenge"
    MAILBOX = "mailbox"
    ENROL = "enrol"
    CHANGE_PASSWORD = "change_password"  # noqa: S105 - a verdict, not a password
    STEP_UP = "step_up"


class Reason(StrEnum):
    """Why; the closed list that audit, JSON and docs share."""

    ALLOWED = "allowed"
    FROZEN = "account_frozen"
    INACTIVE = "account_inactive"
    REVOKED = "revoked"
    SESSION_ENDED = "session_ended"
    IDLE = "session_idle"
    TOO_OLD = "session_too_old"
    FACTOR_NOT_PROVEN = "factor_not_proven"
    NO_USABLE_FACTOR = "no_usable_factor"
    BREACHED_ON_UNKNOWN_DEVICE = "breached_password_on_unknown_browser"
    ATTACK_MODE = "attack_mode"
    FLAGGED_ADDRESS = "flagged_address"
    FACTOR_LOST = "factor_lost"
    POLICY_REQUIRES_FACTOR = "policy_requires_factor"
    RESET_FACTOR_REQUIRED = "factor_required_after_reset"
    PROVE_WEAKER_FIRST = "prove_weaker_factor_first"
    TICKET_REQUIRED = "ticket_required"
    FIRST_FACTOR = "first_factor"
    PASSWORD_AGAIN = "password_again"  # noqa: S105 - a reason, not a password
    PASSWORD_BREACHED = "password_breached"  # noqa: S105 - a reason, not a password
    PASSWORD_CHANGE_REQUIRED = "password_change_required"  # noqa: S105 - a reason
    STEP_UP_NEEDS_FACTOR = "step_up_needs_factor"
    PROOF_TOO_OLD = "proof_too_old"


class Strength(IntEnum):
    """How hard a factor is to steal; policies ask for a minimum."""

    NONE = 0  # no factor at all; never asked for
    ANY = 1  # TOTP, passkey
    PHISHING_RESISTANT = 2  # a passkey with user verification
    DEVICE_BOUND = 3  # a passkey that is not synced

    @property
    def slug(self) -> str:
        """The word used in settings and in policy rows, e.g. ``phishing-resistant``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_slug(cls, slug: str) -> Strength:
        """Return the strength a setting or a row names.

        Raises:
            ValueError: If no policy may ask for `slug`.
        """
        for strength in cls:
            if strength is not cls.NONE and strength.slug == slug:
                return strength
        message = f"unknown strength {slug!r}"
        raise ValueError(message)


class ProofKind(StrEnum):
    """What a session has shown. `UNKNOWN`: signed in by something that told us nothing."""

    PASSWORD = "password"  # noqa: S105 - a kind, not a password
    UNKNOWN = "unknown"
    MAILBOX = "mailbox"
    TICKET = "ticket"
    FACTOR = "factor"
    RECOVERY_CODE = "recovery_code"
    BREAK_GLASS = "break_glass"


BeyondPassword = (
    ProofKind.MAILBOX,
    ProofKind.TICKET,
    ProofKind.FACTOR,
    ProofKind.RECOVERY_CODE,
)


class PasswordMode(IntEnum):
    """What a policy does about a breached password; the strictest wins."""

    OFF = 0
    REPORT = 1
    WARN = 2
    ENFORCE = 3

    @property
    def slug(self) -> str:
        """The word used in settings and in policy rows."""
        return self.name.lower()

    @classmethod
    def from_slug(cls, slug: str) -> PasswordMode:
        """Return the mode a setting or a row names.

        Raises:
            ValueError: If there is none of that name.
        """
        for mode in cls:
            if mode.slug == slug:
                return mode
        message = f"unknown mode {slug!r}"
        raise ValueError(message)


class NeedKind(StrEnum):
    """What a door asks."""

    SIGNED_IN = "signed_in"
    FRESH = "fresh"
    ENROL = "enrol"


class NoteKind(StrEnum):
    """What a page may say to somebody who passed."""

    DEADLINE = "deadline"
    RECOVERY_CODES_LOW = "recovery_codes_low"
    PASSWORD_BREACHED = "password_breached"  # noqa: S105 - a note, not a password
    WOULD_BE_STOPPED = "would_be_stopped"
    BREAK_GLASS = "break_glass"


@dataclass(frozen=True, slots=True)
class Proof:
    """One thing a session has proven, when (`None`: unknown) and under which account epoch."""

    kind: ProofKind
    at: int | None
    epoch: int
    factor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Factor:
    """A confirmed second factor. `usable` is false when disabled or when it does not unseal."""

    id: int
    kind: str
    strength: Strength
    usable: bool = True


@dataclass(frozen=True, slots=True)
class Demand:
    """One policy's wish: this strength, from `due` (Unix seconds) on, because of `role`.

    `policy` is its row's primary key, `None` for the floor of the settings. A new account has
    `new_account_seconds` from its creation. `exempt_until`: so long nothing is even announced.
    `extended`: that `due` is no earlier, an operator has granted.
    """

    strength: Strength
    due: int
    role: str
    policy: int | None = None
    new_account_seconds: int = 0
    exempt_until: int = 0
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Requirement:
    """All policies that cover somebody, merged; the strictest has won in every field.

    Demands stay apart, so that a weak one due now and a strong one due later are both seen.
    """

    demands: tuple[Demand, ...] = ()
    reported: tuple[Demand, ...] = ()
    password_mode: PasswordMode = PasswordMode.OFF
    recheck_days: int = RECHECK_DAYS
    idle_seconds: int | None = None
    absolute_seconds: int | None = None
    parallel_sessions: int | None = None
    remembered_days: int = 0
    first_by_ticket: bool = False
    step_up_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Who:
    """The facts about an account, read for this request and never cached."""

    active: bool = True
    frozen: bool = False
    factors: tuple[Factor, ...] = ()
    recovery_codes_left: int = 0
    requirement: Requirement = field(default_factory=Requirement)
    has_password: bool = True
    password_breached: bool = False
    must_change: bool = False
    must_enrol: bool = False
    mailbox_usable: bool = True
    account_epoch: int = 0
    site_epoch: int = 0
    ended_sessions: frozenset[str] = frozenset()
    break_glass: int = 0  # until when, in Unix seconds, for the session that bears its proof


@dataclass(frozen=True, slots=True)
class Session:
    """What a session or a parked login has shown; browser and risk as judged at sign-in."""

    proofs: tuple[Proof, ...] = ()
    account_epoch: int = 0
    site_epoch: int = 0
    id: str = ""
    started: int | None = None
    last_seen: int | None = None
    signing_in: bool = False
    known_browser: bool = True
    attack_mode: bool = False
    flagged_address: bool = False
    remembered: bool = False
    new_browser: bool = False  # no device cookie of the account came with the sign-in

    def has(self, *kinds: ProofKind) -> bool:
        """True if any proof is of one of `kinds`, whatever its age."""
        return any(proof.kind in kinds for proof in self.proofs)


@dataclass(frozen=True, slots=True)
class Need:
    """What a door asks. `max_age` in seconds and `strength` matter for `FRESH` and `ENROL`."""

    kind: NeedKind = NeedKind.SIGNED_IN
    max_age: int = 0
    strength: Strength = Strength.ANY


@dataclass(frozen=True, slots=True)
class Choice:
    """One way on: a factor with its id, a recovery code, the mailbox, a ticket, an operator."""

    kind: str
    factor_id: int | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something a page may say: a Unix time for deadlines, else a count.

    `extended`: an operator has put this deadline off.
    """

    kind: NoteKind
    value: int
    role: str = ""
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer: a verdict, always with its reason; ways on; notes; the roles that ask."""

    verdict: Verdict
    reason: Reason
    choices: tuple[Choice, ...] = ()
    notes: tuple[Note, ...] = ()
    roles: tuple[str, ...] = ()

    @property
    def allowed(self) -> bool:
        """True for `ALLOW` and nothing else."""
        return self.verdict is Verdict.ALLOW
