"""Where each verdict leads: the URL of the page that asks, and the code a JSON client reads."""

from __future__ import annotations

from hardening.core.values import Decision, Verdict

URL_NAMES = {
    Verdict.ALLOW: "hardening:verify",
    Verdict.CHALLENGE: "hardening:verify",
    Verdict.MAILBOX: "hardening:mailbox",
    Verdict.ENROL: "hardening:enrol",
    Verdict.CHANGE_PASSWORD: "hardening:change_password",
    Verdict.STEP_UP: "hardening:step_up",
}
JSON_CODES = {
    Verdict.ALLOW: "verification_required",
    Verdict.CHALLENGE: "verification_required",
    Verdict.MAILBOX: "mailbox_required",
    Verdict.ENROL: "enrolment_required",
    Verdict.CHANGE_PASSWORD: "password_change_required",
    Verdict.STEP_UP: "step_up_required",
    Verdict.LOGIN: "login_required",
    Verdict.DENY: "login_required",
}
RECOVERY_CODES = "hardening:recovery_codes"
TICKET = "hardening:ticket"
CONFIRM_PASSWORD = "hardening:confirm_password"  # noqa: S105 - a URL name


def url_name(decision: Decision, *, enrolling: bool = False) -> str | None:
    """Return the URL name of the page that asks for what is missing; `None`: sign in again.

    A parked login that owes nothing any more leads to a page that completes it.
    """
    ways = {choice.kind for choice in decision.choices}
    if decision.verdict is Verdict.MAILBOX and ways == {"ticket"}:
        return TICKET
    if enrolling and "password" in ways:
        return CONFIRM_PASSWORD
    return URL_NAMES.get(decision.verdict)


def json_code(decision: Decision) -> str:
    """Return the code of surface.md for what a decision asks."""
    return JSON_CODES[decision.verdict]
