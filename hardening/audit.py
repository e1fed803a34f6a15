"""Events: the closed vocabulary, one plain row and one JSON line each.

Names are ``subject:action:outcome``. Each flow ends in exactly one event; rooms record nothing.
Never in an event: codes, secrets, passwords, tokens, raw session keys.

The trap: user names are typed by strangers. Control characters are escaped before anything is
logged, so that no name starts a line of its own (OWASP ASVS 5.0 16.4.1).
"""

from __future__ import annotations

import hashlib
import json
import logging
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import Error, connections, router, transaction

from hardening.models import SecurityEvent
from hardening.moments import moment

log = logging.getLogger("hardening.audit")
fault_log = logging.getLogger("hardening")
NAME_LENGTH = 150
PK_LENGTH = 64  # hardening.models.event
REASON_LENGTH = 48
PK_HEAD, PK_DIGEST = 31, 32  # and a dot between them


class Event(StrEnum):
    """Everything that is ever recorded."""

    LOGIN_COMPLETED = "login:complete:done"
    LOGIN_PARKED = "login:park:done"
    LOGIN_ENDED = "login:end:done"
    LOGIN_CANCELLED = "login:cancel:done"
    LOGIN_FAULT = "login:decide:fault"
    LOGIN_THROTTLED = "login:try:throttled"
    THROTTLE_STORE_DOWN = "throttle:store:fault"
    BREACH_SOURCE_DOWN = "breach:source:fault"
    ATTACK_BEGAN = "attack_mode:begin:done"
    ATTACK_ENDED = "attack_mode:end:done"
    REQUEST_REFUSED = "request:judge:refused"
    SESSION_PARKED = "session:park:done"
    SESSION_ENDED = "session:end:done"
    PROOF_ACCEPTED = "proof:judge:accepted"
    PROOF_REFUSED = "proof:judge:refused"
    PROOF_THROTTLED = "proof:judge:throttled"
    MAILBOX_CODE_SENT = "mailbox:send:done"
    MAILBOX_CODE_FAILED = "mailbox:send:failed"
    MAILBOX_CODE_THROTTLED = "mailbox:send:throttled"
    ENROLMENT_STARTED = "factor:start:done"
    ENROLMENT_REFUSED = "factor:start:refused"
    ENROLMENT_CANCELLED = "factor:start:cancelled"
    FACTOR_ADDED = "factor:add:done"
    FACTOR_REMOVED = "factor:remove:done"
    FACTOR_RENAMED = "factor:rename:done"
    FACTOR_REFUSED = "factor:change:refused"
    FACTOR_DISABLED = "factor:disable:done"
    FACTOR_FOREIGN = "factor:open:foreign"
    FACTORS_RESET = "factor:reset:done"
    RECOVERY_CODES_MADE = "recovery_codes:make:done"
    RECOVERY_CODES_STORED = "recovery_codes:store:done"
    STEP_UP_DONE = "step_up:prove:done"
    STEP_UP_REFUSED = "step_up:prove:refused"
    STEP_UP_THROTTLED = "step_up:prove:throttled"
    PASSWORD_CHANGED = "password:change:done"  # noqa: S105 - an event
    PASSWORD_BREACHED = "password:breach:found"  # noqa: S105 - an event
    PASSWORD_CHANGE_DEMANDED = "password:demand:done"  # noqa: S105 - an event
    PASSWORD_RESET_SENT = "password:reset:sent"  # noqa: S105 - an event
    EMAIL_CHANGED = "email:change:noticed"
    TICKET_ISSUED = "ticket:issue:done"
    BREAK_GLASS_MADE = "break_glass:make:done"
    BREAK_GLASS_REVOKED = "break_glass:revoke:done"
    BREAK_GLASS_OPENED = "break_glass:open:done"
    BREAK_GLASS_CLOSED = "break_glass:close:done"
    DEADLINE_REMINDED = "deadline:remind:done"
    EXEMPTION_REMINDED = "exemption:remind:done"
    REQUEST_OPENED = "operator_request:open:done"
    REQUEST_APPROVED = "operator_request:approve:done"
    REQUEST_NOT_APPROVED = "operator_request:approve:refused"
    REQUEST_TURNED_DOWN = "operator_request:refuse:done"
    REQUEST_WITHDRAWN = "operator_request:withdraw:done"
    WAIVER_EXTENDED = "waiver:extend:done"
    WAIVER_EXEMPTED = "waiver:exempt:done"
    WAIVER_ENDED = "waiver:end:done"
    POLICY_CHANGED = "policy:change:done"
    POLICY_REFUSED = "policy:change:refused"
    UNLOCK_SENT = "unlock:send:done"
    UNLOCK_FAILED = "unlock:send:failed"
    UNLOCK_THROTTLED = "unlock:send:throttled"
    UNLOCKED = "unlock:spend:done"
    THROTTLE_LIFTED = "throttle:lift:done"
    VAULT_RESEALED = "vault:reseal:done"
    VAULT_FAULT = "vault:open:fault"


@dataclass(frozen=True, slots=True)
class Where:
    """Where a request came from: network address, and a digest that names the session."""

    address: str = ""
    session: str = ""


NOWHERE = Where()


def record(
    event: Event,
    *,
    now: int,
    user: Any = None,
    actor: Any = None,
    where: Where = NOWHERE,
    reason: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Append one event and log it as one JSON line. Never raises for a database fault.

    Args:
        event: Which.
        now: Unix seconds.
        user: Whom it is about.
        actor: Who did it, where that is somebody else.
        where: From where.
        reason: A `Reason` of the decision, or a room's word.
        data: What else a reader needs; no secrets.
    """
    row = SecurityEvent(
        at=moment(now),
        event=event.value,
        target_pk=pk_of(user),
        target_name=name_of(user),
        actor_pk=pk_of(actor),
        actor_name=name_of(actor),
        address=where.address,
        session=where.session,
        reason=reason,
        data=data or {},
    )
    log.info("%s", _line(row))
    alias = router.db_for_write(SecurityEvent)
    # A savepoint, where a transaction is open: the fault must not take that along.
    open_one = connections[alias].in_atomic_block
    try:
        with transaction.atomic(using=alias) if open_one else nullcontext():
            row.save(force_insert=True)
    except Error:
        # The line above stands; losing the row must not turn a refusal into a fault.
        fault_log.exception("the security event %s could not be stored", event.value)


def recent(user: Any, count: int) -> list[SecurityEvent]:
    """Return the newest events about one account, newest first."""
    return list(SecurityEvent.objects.filter(target_pk=pk_of(user))[:count])


def _line(row: SecurityEvent) -> str:
    fields = {
        "at": row.at.isoformat(),
        "event": row.event,
        "target": row.target_pk,
        "target_name": row.target_name,
        "actor": row.actor_pk,
        "actor_name": row.actor_name,
        "address": row.address,
        "session": row.session,
        "reason": row.reason,
        "data": row.data,
    }
    return json.dumps({key: value for key, value in fields.items() if value}, default=str)


def pk_of(user: Any) -> str:
    """Return the key as text; a long one as its beginning and a digest, so that no two are one."""
    text = "" if user is None else str(user.pk)
    if len(text) <= PK_LENGTH:
        return text
    return f"{text[:PK_HEAD]}…{hashlib.sha256(text.encode()).hexdigest()[:PK_DIGEST]}"


def name_of(user: Any) -> str:
    """Return the name with its control characters escaped, cut to what a column holds."""
    if user is None:
        return ""
    name = str(getattr(user, "get_username", lambda: "")())
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name)[:NAME_LENGTH]
