"""What the owner of an account reads of its events: plain words, where, and with which device.

A closed table: each event of the vocabulary has its words, or is left out because it is about no
account. A test demands one or the other.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from hardening import audit
from hardening.audit import Event

PROOFS = {
    "codes": _("Code from an authenticator accepted"),
    "recovery": _("Recovery code used"),
    "mailbox": _("E-mail address confirmed"),
    "ticket": _("Enrolment ticket used"),
    "password": _("Password confirmed"),
}
WORDS = {
    Event.LOGIN_COMPLETED: _("Signed in"),
    Event.LOGIN_PARKED: _("Password accepted, more was asked"),
    Event.LOGIN_ENDED: _("Sign-in refused"),
    Event.LOGIN_CANCELLED: _("Sign-in cancelled"),
    Event.LOGIN_FAULT: _("Sign-in stopped by a fault of this site"),
    Event.LOGIN_THROTTLED: _("Too many wrong passwords"),
    Event.REQUEST_REFUSED: _("Request of a program refused"),
    Event.LOGGED_OUT: _("Signed out"),
    Event.SESSION_PARKED: _("Session stopped until more is proven"),
    Event.SESSION_ENDED: _("Session ended"),
    Event.SESSION_FOREIGN: _("Asked for a session of another account"),
    Event.SESSIONS_ENDED: _("Signed out everywhere else"),
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
    Event.SESSIONS_REVOKED: _("An operator ended your sessions"),
    Event.BROWSER_REMEMBERED: _("A browser is remembered for some days"),
    Event.BROWSERS_FORGOTTEN: _("Remembered browsers were forgotten"),
    Event.ACCOUNT_FROZEN: _("The account was frozen: nobody can sign in"),
    Event.FREEZE_REFUSED: _("The account was not frozen: it is the last superuser’s"),
    Event.ACCOUNT_THAWED: _("An operator thawed the account"),
    Event.NOTICE_DELAYED: _("A mail to you waits to be sent again"),
    Event.NOTICE_FALLBACK: _("A mail was sent to you in plain words, as its template is broken"),
    Event.NOTICE_LOST: _("A mail to you could not be sent"),
    Event.NOTICE_CAPPED: _("Too many mails: some were not sent"),
    Event.PASSWORD_RESET_ASKED: _("A link to choose a new password was asked for"),
    Event.PASSWORD_RESET_DONE: _("A new password was chosen by a mailed link"),
}
# About the site, its log, its policies; or counted over all accounts.
LEFT_OUT = frozenset(
    {
        Event.THROTTLE_STORE_DOWN,
        Event.BREACH_SOURCE_DOWN,
        Event.ATTACK_BEGAN,
        Event.ATTACK_ENDED,
        Event.LOGIN_FAILURES,
        Event.AUDIT_SEALED,
        Event.AUDIT_PRUNED,
        Event.AUDIT_BROKEN,
        Event.BREAK_GLASS_MADE,
        Event.BREAK_GLASS_REVOKED,
        Event.POLICY_CHANGED,
        Event.PEOPLE_EXPORTED,
        Event.POLICY_REFUSED,
        Event.VAULT_RESEALED,
    }
)


def recent(user: Any, count: int, *, before: int | None = None) -> list[dict[str, Any]]:
    """Return the newest events about `user`, newest first, as a page shows them.

    Args:
        user: Whose.
        count: How many at most.
        before: Only those with a lower key.
    """
    kept = ("pk", "at", "event", "reason", "address", "device")
    return [
        {**{name: getattr(row, name) for name in kept}, "text": sentence(row.event, row.reason)}
        for row in audit.recent(user, count, without=LEFT_OUT, before=before)
    ]


def sentence(name: str, reason: str = "") -> str:
    """Return the words for an event; its name where an older or newer version recorded it."""
    if name == Event.PROOF_ACCEPTED and reason in PROOFS:
        return str(PROOFS[reason])
    return str(WORDS.get(name, name))  # type: ignore[call-overload]
