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
