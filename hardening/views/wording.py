"""The words of our pages that depend on a decision: why we ask, which step it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.utils.formats import date_format
from django.utils.text import Truncator
from django.utils.timezone import is_aware, localtime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hardening import roles
from hardening.audit import Event
from hardening.core.evidence import due, owes_password, required_strength, strongest
from hardening.core.pwned import Finding
from hardening.core.values import BeyondPassword, PasswordMode, ProofKind, Reason, Verdict
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from hardening.core.values import Decision, Who
    from hardening.flows.record import Waiting

DESTINATION_LENGTH = 60  # characters
FIRST_FACTOR_STEPS = 3  # mailbox (or ticket), authenticator, recovery codes
_STEP_OF_PAGE = {"mailbox": 1, "ticket": 1, "enrol": 2, "enrol_totp": 2, "recovery_codes": 3}
_ONE_PROOF = ("verify", "recovery_code", "mailbox", "ticket")
# Where the mailbox is asked for and no factor has to follow.
_MAILBOX_ALONE = (
    Reason.ATTACK_MODE,
    Reason.FLAGGED_ADDRESS,
    Reason.BREACHED_ON_UNKNOWN_DEVICE,
    Reason.PASSWORD_BREACHED,
    Reason.PASSWORD_CHANGE_REQUIRED,
)


def why(waiting: Waiting) -> str:
    """Return the sentences that say why somebody was stopped; empty where the page says it."""
    decision = waiting.decision
    if decision.verdict is Verdict.MAILBOX and decision.reason in (
        Reason.BREACHED_ON_UNKNOWN_DEVICE,
        Reason.PASSWORD_BREACHED,
    ):
        return _breached(waiting.who)
    return _why(decision)


def _breached(who: Who) -> str:
    """Return why a leaked password is not enough, and what comes after the proof."""
    leaked = _(
        "Your password is in a list leaked from other websites, so somebody else may know it. "
        "Prove first that it is you."
    )
    if owes_password(who):
        return f"{leaked} {_('Then you choose a new password.')}"
    return f"{leaked} {_('Then you can go on; please choose a new password soon.')}"


def _why(decision: Decision) -> str:
    if decision.roles and decision.verdict in (Verdict.MAILBOX, Verdict.ENROL):
        return _needs_factor(decision.roles)
    sentences = {
        Reason.RESET_FACTOR_REQUIRED: _(
            "Your second factor was reset, so a new one is set up with this sign-in."
        ),
        Reason.PASSWORD_CHANGE_REQUIRED: _("Your password must be changed before you go on."),
        Reason.ATTACK_MODE: _("Many passwords are being tried on this site right now."),
        Reason.FLAGGED_ADDRESS: _("Many passwords are being tried from your network."),
        Reason.FIRST_FACTOR: _("This keeps others from adding their own phone to your account."),
        Reason.TICKET_REQUIRED: _("A first second factor needs a ticket from an operator."),
        Reason.PROVE_WEAKER_FIRST: _("Confirm the authenticator you have before adding another."),
    }
    return sentences.get(decision.reason, "")


def event(name: str, reason: str = "") -> str:
    """Return what the owner of an account reads for an event; its name where we have no words."""
    proofs = {
        "codes": _("Code from an authenticator accepted"),
        "recovery": _("Recovery code used"),
        "mailbox": _("E-mail address confirmed"),
        "ticket": _("Enrolment ticket used"),
        "password": _("Password confirmed"),
    }
    if name == Event.PROOF_ACCEPTED and reason in proofs:
        return proofs[reason]
    words = {
        Event.LOGIN_COMPLETED: _("Signed in"),
        Event.LOGIN_PARKED: _("Password accepted, more was asked"),
        Event.LOGIN_ENDED: _("Sign-in refused"),
        Event.LOGIN_CANCELLED: _("Sign-in cancelled"),
        Event.LOGIN_FAULT: _("Sign-in stopped by a fault of this site"),
        Event.LOGIN_THROTTLED: _("Too many wrong passwords"),
        Event.REQUEST_REFUSED: _("Request of a program refused"),
        Event.SESSION_PARKED: _("Session stopped until more is proven"),
        Event.SESSION_ENDED: _("Session ended"),
        Event.PROOF_ACCEPTED: _("Proof accepted"),
        Event.PROOF_REFUSED: _("Wrong code"),
        Event.PROOF_THROTTLED: _("Too many tries"),
        Event.MAILBOX_CODE_SENT: _("Code sent by mail"),
        Event.MAILBOX_CODE_FAILED: _("A code could not be sent by mail"),
        Event.MAILBOX_CODE_THROTTLED: _("Too many codes by mail"),
        Event.ENROLMENT_STARTED: _("Setting up an authenticator"),
        Event.ENROLMENT_REFUSED: _("Setting up an authenticator refused"),
        Event.ENROLMENT_CANCELLED: _("Setting up an authenticator cancelled"),
        Event.FACTOR_ADDED: _("Authenticator added"),
        Event.FACTOR_REMOVED: _("Authenticator removed"),
        Event.FACTOR_REFUSED: _("Change of an authenticator refused"),
        Event.FACTOR_DISABLED: _("Authenticator disabled after too many wrong codes"),
        Event.FACTOR_RENAMED: _("Authenticator renamed"),
        Event.FACTOR_FOREIGN: _("Asked for an authenticator of another account"),
        Event.FACTORS_RESET: _("Second factor reset by an operator"),
        Event.RECOVERY_CODES_MADE: _("New recovery codes made"),
        Event.RECOVERY_CODES_STORED: _("Recovery codes stored"),
        Event.STEP_UP_DONE: _("Confirmed with an authenticator"),
        Event.STEP_UP_REFUSED: _("Wrong code"),
        Event.STEP_UP_THROTTLED: _("Too many tries"),
        Event.PASSWORD_CHANGED: _("Password changed"),
        Event.PASSWORD_BREACHED: _("Password found in a list of leaked ones"),
        Event.PASSWORD_CHANGE_DEMANDED: _("A new password was demanded"),
        Event.PASSWORD_RESET_SENT: _("An operator had a password reset mailed to you"),
        Event.EMAIL_CHANGED: _("E-mail address changed"),
        Event.TICKET_ISSUED: _("Enrolment ticket issued"),
        Event.REQUEST_OPENED: _("An operator asked for something on your behalf"),
        Event.REQUEST_APPROVED: _("What an operator asked for was approved"),
        Event.REQUEST_NOT_APPROVED: _("An operator tried to approve what he may not"),
        Event.REQUEST_TURNED_DOWN: _("What an operator asked for was refused"),
        Event.REQUEST_WITHDRAWN: _("What an operator asked for was withdrawn"),
        Event.WAIVER_EXTENDED: _("An operator granted more time with a policy"),
        Event.WAIVER_EXEMPTED: _("Exempt from a policy for a while"),
        Event.WAIVER_ENDED: _("More time or an exemption was ended"),
        Event.BREAK_GLASS_OPENED: _("Opened for an hour with a break-glass code"),
        Event.BREAK_GLASS_CLOSED: _("Closed again after a break-glass code"),
        Event.DEADLINE_REMINDED: _("Reminded of the date by which a second factor is needed"),
        Event.EXEMPTION_REMINDED: _("Told that an exemption ends"),
        Event.UNLOCK_SENT: _("Link to end a wait sent by mail"),
        Event.UNLOCK_FAILED: _("A link to end a wait could not be sent by mail"),
        Event.UNLOCK_THROTTLED: _("Too many links by mail"),
        Event.UNLOCKED: _("Wait ended by a mailed link"),
        Event.THROTTLE_LIFTED: _("Wait ended by an operator"),
        Event.VAULT_FAULT: _("An authenticator could not be read"),
    }
    return words.get(name, name)  # type: ignore[call-overload, no-any-return]


def progress(match: Any, waiting: Waiting, now: int) -> tuple[int | None, int | None]:
    """Return (step, steps) where there are several: a first factor, a new password, or both."""
    page = getattr(match, "url_name", "") or ""
    if page == "change_password":
        before = _steps_before_password(waiting, now)
        return (before + 1, before + 1) if before else (None, None)
    password = 0 if waiting.enrolling else int(owes_password(waiting.who))  # always the last one
    number = _first_factor_step(page, waiting, now)
    if number is not None:
        return number, FIRST_FACTOR_STEPS + password
    return (1, 2) if password and _proves_once(page, waiting, now) else (None, None)


def _first_factor_step(page: str, waiting: Waiting, now: int) -> int | None:
    number = _STEP_OF_PAGE.get(page)
    if waiting.awaits_codes:
        # They are first shown in the answer to the code, at the URL of the step before.
        number = FIRST_FACTOR_STEPS
        first = len(waiting.who.factors) == 1 and not waiting.session.has(ProofKind.RECOVERY_CODE)
    else:
        first = not waiting.who.factors
    if waiting.decision.reason in _MAILBOX_ALONE and not due(waiting.who, now):
        return None
    return number if first else None


def _proves_once(page: str, waiting: Waiting, now: int) -> bool:
    """True on a page whose proof is all that comes before the new password."""
    if page not in _ONE_PROOF:
        return False
    if not due(waiting.who, now):
        return True
    reaches = strongest(waiting.who) >= required_strength(waiting.who, now)
    return reaches and page != "recovery_code"  # after one, what is lost is replaced


def _steps_before_password(waiting: Waiting, now: int) -> int:
    """Return how many steps this very sign-in took so far; 0 where they are not counted."""
    since = waiting.row.started_at
    done = {proof.kind for proof in waiting.session.proofs if (proof.at or 0) >= since}
    if ProofKind.RECOVERY_CODE in done and due(waiting.who, now):
        return 0
    if ProofKind.FACTOR in done and done & {ProofKind.MAILBOX, ProofKind.TICKET}:
        return FIRST_FACTOR_STEPS
    return int(bool(done & set(BeyondPassword)))


def speaks_of_leak(who: Who) -> bool:
    """Whether the pages speak of a leaked password: not where it is only counted."""
    return who.password_breached and who.requirement.password_mode >= PasswordMode.WARN


def verdict(who: Who, found: Finding | None) -> str:
    """Return what the owner reads of her password; empty where the site keeps it to itself."""
    if not who.has_password or who.requirement.password_mode < PasswordMode.WARN:
        return ""
    if found is Finding.HIT:
        return _("In a list leaked from other websites. Change it.")
    if found is Finding.CLEAN:
        return _("Not in any list we know of.")
    return _("Not looked up in lists of leaked passwords yet; that happens when you sign in.")


def requirements(who: Who, now: int, zone: tzinfo | None = None) -> list[str]:
    """Return a sentence per role whose policy asks for a factor now, or spares this person so far.

    `zone`: whose time a date is told in; `None`: the site's.
    """
    spared = {d.role: d.exempt_until for d in who.requirement.demands if d.exempt_until > now}
    asking = (d.role for d in who.requirement.demands if d.due <= now or d.role in spared)
    said = []
    for key in dict.fromkeys(key for key in asking if key):
        until = _exempt_until(spared[key], zone) if key in spared else ""
        said.append(f"{_needs_factor((key,))} {until}".strip())
    return said


def _exempt_until(at: int, zone: tzinfo | None) -> str:
    found = moment(at)
    local = localtime(found, zone) if is_aware(found) else found
    return _("You are exempt until %(date)s.") % {"date": date_format(local, "DATETIME_FORMAT")}


def cannot_remove(who: Who, now: int) -> str:
    """Return why an authenticator that a policy needs cannot be removed."""
    keys = tuple(dict.fromkeys(d.role for d in who.requirement.demands if d.due <= now and d.role))
    way = _("Add another authenticator first, then remove this one.")
    return f"{_needs_factor(keys)} {way}"


def destination(next_url: str) -> str:
    """Return where a sign-in leads, short enough to read: the path without its query."""
    return Truncator(urlsplit(next_url).path).chars(DESTINATION_LENGTH)


def _needs_factor(keys: Sequence[str]) -> str:
    labels = roles.labels(keys)
    if not labels:
        return _("Every account on this site needs a second factor.")
    number = len([key for key in keys if key != "everyone"])
    return ngettext(
        "Your role %(roles)s needs a second factor.",
        "Your roles %(roles)s need a second factor.",
        number,
    ) % {"roles": labels}
