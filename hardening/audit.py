"""Events: the closed vocabulary, one plain row and one JSON line each.

Names are ``subject:action:outcome``. Each flow ends in exactly one event; rooms record nothing.
Never in an event: codes, secrets, passwords, tokens, raw session keys.

The trap: user names are typed by strangers. Control characters are escaped before anything is
logged, so that no name starts a line of its own (OWASP ASVS 5.0 16.4.1).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import Error, connections, router, transaction

from hardening.core.plain import plain, storable
from hardening.keys import Purpose, mac, macs
from hardening.models import AuditSeal, SecurityEvent
from hardening.models.counting import counting
from hardening.moments import exact, moment

if TYPE_CHECKING:
    from collections.abc import Collection

log = logging.getLogger("hardening.audit")
fault_log = logging.getLogger("hardening")
NAME_LENGTH = 150
PK_LENGTH = 64  # hardening.models.event
REASON_LENGTH = 48
PK_HEAD, PK_DIGEST = 31, 32  # and a dot between them
SIGNED = (
    *("event", "target_pk", "target_name", "actor_pk", "actor_name"),
    *("address", "device", "session", "request_id", "reason"),
)


# Outcomes that are told by a connection of its own where the request's may be rolled back; not on
# SQLite, which has one writer (`hardening.models.counting`).
OUTLIVES = frozenset({"refused", "throttled", "foreign", "fault", "failed"})


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
    LOGIN_FAILURES = "login:fail:counted"
    LOGGED_OUT = "session:sign_out:done"
    SESSION_ENDED = "session:end:done"
    SESSIONS_ENDED = "session:end_others:done"
    SESSION_FOREIGN = "session:open:foreign"
    SESSIONS_REVOKED = "session:revoke:done"
    BROWSER_REMEMBERED = "browser:remember:done"
    BROWSERS_FORGOTTEN = "browser:forget:done"
    ACCOUNT_FROZEN = "account:freeze:done"
    FREEZE_REFUSED = "account:freeze:refused"
    ACCOUNT_THAWED = "account:thaw:done"
    NOTICE_DELAYED = "notice:send:delayed"
    NOTICE_LOST = "notice:send:lost"
    NOTICE_CAPPED = "notice:send:capped"
    NOTICE_FALLBACK = "notice:send:fallback"
    AUDIT_SEALED = "audit:seal:done"
    AUDIT_PRUNED = "audit:prune:done"
    AUDIT_BROKEN = "audit:verify:broken"
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
    PASSWORD_RESET_ASKED = "password:reset:asked"  # noqa: S105 - an event
    PASSWORD_RESET_DONE = "password:reset:done"  # noqa: S105 - an event
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
    PEOPLE_EXPORTED = "people:export:done"
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
    """Where a request came from.

    Attributes:
        address: The network address.
        session: A digest that names the session.
        device: What the browser says it is, in words (`hardening.core.browsers`).
        request_id: What the lines of one request have in common.
        site: Scheme and host that a link in a mail may begin with; empty where nobody vouches
            for them. No event bears it.
    """

    address: str = ""
    session: str = ""
    device: str = ""
    request_id: str = ""
    site: str = field(default="", compare=False)

    @property
    def elsewhere(self) -> Where:
        """What a person hears who was not there: an operator did it, and his address is his."""
        return Where(site=self.site)


NOWHERE = Where()

fresh = threading.Event()  # this process has stored an event since somebody sealed last


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
        device=where.device,
        session=where.session,
        request_id=where.request_id,
        reason=reason,
        data=plain(data or {}),
    )
    for name in SIGNED:
        setattr(row, name, storable(str(getattr(row, name)))[: _length(name)])
    row.mac = mac_of(row)
    log.info("%s", _line(row))
    _store(row, event)


def _store(row: SecurityEvent, event: Event) -> None:
    outcome = event.rpartition(":")[2]
    # A refusal stays on record where the request that met it is rolled back.
    alias = counting().alias if outcome in OUTLIVES else router.db_for_write(SecurityEvent)
    # A savepoint, where a transaction is open: the fault must not take that along.
    open_one = connections[alias].in_atomic_block
    try:
        with transaction.atomic(using=alias) if open_one else nullcontext():
            row.save(force_insert=True, using=alias)
        fresh.set()
    except Error:
        # The line above stands; losing the row must not turn a refusal into a fault.
        fault_log.exception("the security event %s could not be stored", event.value)


def announce(made: AuditSeal) -> None:
    """Log the head of the chain: who keeps that line elsewhere has an anchor. No row is stored."""
    at = moment(made.at).isoformat()
    head = {"at": at, "event": Event.AUDIT_SEALED, "number": made.number, "mac": made.mac}
    log.info("%s", json.dumps(head))


def recent(
    user: Any,
    count: int,
    *,
    without: Collection[Event] = frozenset(),
    before: int | None = None,
) -> list[SecurityEvent]:
    """Return the newest events about one account, newest first.

    Args:
        user: Whose.
        count: How many at most.
        without: Which to leave out.
        before: Only those with a lower key.
    """
    rows = SecurityEvent.objects.filter(target_pk=pk_of(user)).exclude(event__in=sorted(without))
    return list((rows if before is None else rows.filter(pk__lt=before))[:count])


def canonical(row: SecurityEvent) -> bytes:
    """Return what the row says as one JSON list: the same before it is stored and read back.

    Of a row that `record` has made plain, or one that was read; `at` as UTC to the microsecond.
    """
    said = [
        exact(row.at).isoformat(timespec="microseconds"),
        *(getattr(row, name) for name in SIGNED),
        row.data,
    ]
    return json.dumps(said, sort_keys=True, separators=(",", ":"), default=str).encode()


def mac_of(row: SecurityEvent) -> str:
    """Return the HMAC of a row under the newest key: nobody without that key invents an event."""
    return mac(Purpose.AUDIT, b"event", canonical(row))


def is_genuine(row: SecurityEvent) -> bool:
    """Return whether a row bears the HMAC of what it says, by any key of the ring."""
    made = macs(Purpose.AUDIT, b"event", canonical(row))
    # Bytes: text is compared in constant time only if it is ASCII, and a row may hold any.
    return any(hmac.compare_digest(row.mac.encode(), one.encode()) for _, one in made)


@cache
def _length(column: str) -> int | None:
    field: Any = SecurityEvent._meta.get_field(column)  # noqa: SLF001 - our own model
    length: int | None = field.max_length
    return length


def _line(row: SecurityEvent) -> str:
    fields = {
        "at": row.at.isoformat(),
        "event": row.event,
        "target": row.target_pk,
        "target_name": row.target_name,
        "actor": row.actor_pk,
        "actor_name": row.actor_name,
        "address": row.address,
        "device": row.device,
        "session": row.session,
        "request": row.request_id,
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
