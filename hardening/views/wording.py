"""The words of our pages that depend on a decision: why we ask, which step it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from hardening import roles
from hardening.audit import Event
from hardening.core.values import Reason, Verdict

if TYPE_CHECKING:
    from hardening.core.values import Decision, Who
    from hardening.flows.record import Waiting

FIRST_FACTOR_STEPS = 3  # mailbox (or ticket), authenticator, recovery codes
_STEP_OF_PAGE = {"mailbox": 1, "ticket": 1, "enrol": 2, "enrol_totp": 2, "recovery_codes": 3}


def why(decision: Decision) -> str:
    """Return the sentence that says why somebody was stopped; empty where the page says it."""
    if decision.roles and decision.verdict in (Verdict.MAILBOX, Verdict.ENROL):
        labels = ", ".join(roles.label(key) for key in decision.roles)
        return ngettext(
            "Your role %(roles)s needs a second factor.",
            "Your roles %(roles)s need a second factor.",
            len(decision.roles),
        ) % {"roles": labels}
    sentences = {
        Reason.RESET_FACTOR_REQUIRED: _(
            "Your second factor was reset, so a new one is set up with this sign-in."
        ),
        Reason.PASSWORD_CHANGE_REQUIRED: _("Your password must be changed before you go on."),
        Reason.PASSWORD_BREACHED: _("Your password is in a list leaked from other websites."),
        Reason.ATTACK_MODE: _("Many passwords are being tried on this site right now."),
        Reason.FLAGGED_ADDRESS: _("Many passwords are being tried from your network."),
        Reason.BREACHED_ON_UNKNOWN_DEVICE: _(
            "Your password is in a list leaked from other websites."
        ),
        Reason.FIRST_FACTOR: _("This keeps others from adding their own phone to your account."),
        Reason.TICKET_REQUIRED: _("A first second factor needs a ticket from an operator."),
        Reason.PROVE_WEAKER_FIRST: _("Confirm the authenticator you have before adding another."),
    }
    return sentences.get(decision.reason, "")


def event(name: str) -> str:
    """Return what the owner of an account reads for an event; its name where we have no words."""
    words = {
        Event.LOGIN_COMPLETED: _("Signed in"),
        Event.LOGIN_PARKED: _("Password accepted, more was asked"),
        Event.LOGIN_ENDED: _("Sign-in refused"),
        Event.LOGIN_CANCELLED: _("Sign-in cancelled"),
        Event.SESSION_PARKED: _("Session stopped until more is proven"),
        Event.SESSION_ENDED: _("Session ended"),
        Event.PROOF_ACCEPTED: _("Proof accepted"),
        Event.PROOF_REFUSED: _("Wrong code"),
        Event.PROOF_THROTTLED: _("Too many tries"),
        Event.MAILBOX_CODE_SENT: _("Code sent by mail"),
        Event.ENROLMENT_STARTED: _("Setting up an authenticator"),
        Event.FACTOR_ADDED: _("Authenticator added"),
        Event.FACTOR_REMOVED: _("Authenticator removed"),
        Event.FACTOR_RENAMED: _("Authenticator renamed"),
        Event.FACTORS_RESET: _("Second factor reset by an operator"),
        Event.RECOVERY_CODES_MADE: _("New recovery codes made"),
        Event.RECOVERY_CODES_STORED: _("Recovery codes stored"),
        Event.STEP_UP_DONE: _("Confirmed with an authenticator"),
        Event.STEP_UP_REFUSED: _("Wrong code"),
        Event.STEP_UP_THROTTLED: _("Too many tries"),
        Event.PASSWORD_CHANGED: _("Password changed"),
        Event.PASSWORD_CHANGE_DEMANDED: _("A new password was demanded"),
        Event.TICKET_ISSUED: _("Enrolment ticket issued"),
    }
    return words.get(name, name)  # type: ignore[call-overload, no-any-return]


def progress(match: Any, waiting: Waiting) -> tuple[int | None, int | None]:
    """Return (step, steps) on the way to a first factor, else (None, None)."""
    number = _STEP_OF_PAGE.get(getattr(match, "url_name", "") or "")
    first = not waiting.who.factors or waiting.awaits_codes
    if number is None or not first or waiting.decision.verdict is Verdict.CHANGE_PASSWORD:
        return None, None
    return number, FIRST_FACTOR_STEPS


def requirements(who: Who, now: int) -> list[str]:
    """Return one sentence per role whose policy asks for a factor now."""
    due = dict.fromkeys(d.role for d in who.requirement.demands if d.due <= now and d.role)
    return [
        _("Your role %(role)s needs a second factor.") % {"role": roles.label(key)} for key in due
    ]
