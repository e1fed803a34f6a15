"""Four eyes: one operator asks, another one approves, and what was asked for is done, once.

Asking takes the permission ``add_operatorrequest``, approving and refusing ``approve_request``;
both are asked again here, because a door can be forgotten. Nobody asks for himself, nobody approves
what he asked for, and nobody what is about himself. Where there is no other operator who could
approve, its requester may, and that is said in the log and in the event; but an exemption, which
helps nobody in need, always takes two. A request that nobody answers is over after `OPEN_SECONDS`.

The deed is done in the transaction that closed the request: both or neither, and of two operators
who approve at once one does it. An approver is a person: the shell's commands, behind which anybody
may sit, approve nothing. They do the deed itself (``hardening_reset``, ``hardening_ticket``), and
end in the same events.

A ticket is shown to whoever approves, in that one answer. Kept for the requester it would have to
be stored so that it can be read again (OWASP ASVS 5.0 6.4.1 wants it not kept); and whoever was
talked into asking is the one whom it should not reach. The second operator hands it over, by a way
of his own, and so looks at the person too.

Rules: policy.md "Operators' tools", "Exemptions"; OWASP ASVS 5.0 6.4.4, 6.4.6.

The trap: who else could approve is counted among superusers and holders of the permission, direct
or through a group. A site whose own backend grants it otherwise has operators that are not seen.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.views.decorators.debug import sensitive_variables

from hardening import audit, compliance, roles
from hardening.audit import NOWHERE, Event, Where
from hardening.flows import recover, request_mails, waivers
from hardening.models import Account, OperatorRequest
from hardening.models.database import alias, atomic
from hardening.models.request import OPEN_SECONDS, Deed, State
from hardening.models.waiver import MAX_EXEMPTION_DAYS
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from hardening.models import RolePolicy

ASK = "hardening.add_operatorrequest"
APPROVE = "hardening.approve_request"
MAX_TOLD = 50  # operators who hear of a new request

log = logging.getLogger("hardening")


class Objection(StrEnum):
    """Why something was not done."""

    NOT_PERMITTED = "not_permitted"
    ABOUT_ONESELF = "about_oneself"
    OWN_REQUEST = "own_request"
    CLOSED = "closed"
    ALREADY_OPEN = "already_open"
    INCOMPLETE = "incomplete"
    REQUESTER_GONE = "requester_gone"
    TOO_LONG = "too_long"


class RequestError(Exception):
    """It was not done; `why` says why."""

    def __init__(self, why: Objection) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Approved:
    """What was approved. `alone`: by its requester. `ticket`: shown once, to who approved."""

    request: OperatorRequest
    alone: bool = False
    ticket: str = field(default="", repr=False)


# --- asking ---------------------------------------------------------------------------------------


def objection_to_asking(
    deed: str,
    target: Any,
    *,
    requester: Any,
    reason: str,
    policy: RolePolicy | None = None,
    until: int | None = None,
    now: int,
) -> Objection | None:
    """Return what speaks against asking; `None` if nothing does. The arguments are `ask`'s."""
    if not may(requester, ASK):
        return Objection.NOT_PERMITTED
    if requester.pk == target.pk:
        return Objection.ABOUT_ONESELF
    if not reason.strip() or not _is_whole(deed, policy, until, now):
        return Objection.INCOMPLETE
    if until is not None and until > now + MAX_EXEMPTION_DAYS * DAY_SECONDS:
        return Objection.TOO_LONG
    same = OperatorRequest.objects.open(now=now).filter(deed=deed, target_id=target.pk)
    return Objection.ALREADY_OPEN if same.filter(policy=policy).exists() else None


def ask(
    deed: str,
    target: Any,
    *,
    requester: Any,
    reason: str,
    evidence: str = "",
    policy: RolePolicy | None = None,
    until: int | None = None,
    now: int,
    where: Where = NOWHERE,
) -> OperatorRequest:
    """Ask for a deed; whoever could approve is told, and whom it is about.

    Args:
        deed: A `Deed`.
        target: Whom it is about.
        requester: Who asks.
        reason: Why; kept in the event.
        evidence: How he made sure who asks him for help.
        policy: What an exemption is from.
        until: Its end.
        now: Unix seconds.
        where: From where.

    Raises:
        RequestError: If something speaks against it.
    """
    why = objection_to_asking(
        deed, target, requester=requester, reason=reason, policy=policy, until=until, now=now
    )
    if why is not None:
        raise RequestError(why)
    asked = OperatorRequest.objects.create(
        deed=deed,
        target=target,
        policy=policy,
        until=until,
        reason=reason,
        evidence=evidence,
        requester_pk=audit.pk_of(requester),
        requester_name=audit.name_of(requester),
        requested_at=now,
        # What would be over before it is approved is over as a request.
        expires_at=min(now + OPEN_SECONDS, until or now + OPEN_SECONDS),
    )
    # Asked once more: where nobody can be counted, `others` are everybody.
    told = [one for one in others(asked)[:MAX_TOLD] if may(one, APPROVE)]
    request_mails.opened(asked, told, now=now, where=where)
    _record(Event.REQUEST_OPENED, asked, requester, {"why": reason}, now=now, where=where)
    return asked


def _is_whole(deed: str, policy: RolePolicy | None, until: int | None, now: int) -> bool:
    """Whether an exemption says from what and until when, and nothing else does."""
    if deed == Deed.EXEMPTION:
        return policy is not None and until is not None and until > now
    return policy is None and until is None


# --- answering ------------------------------------------------------------------------------------


def find(pk: int) -> OperatorRequest | None:
    """Return a request with whom it is about and its policy."""
    return OperatorRequest.objects.select_related("target", "policy").filter(pk=pk).first()


def others(asked: OperatorRequest) -> QuerySet[Any]:
    """Return who could approve beside its requester, and is not whom it is about."""
    operators = compliance.members(f"{roles.PERMISSION_PREFIX}{APPROVE}")
    return operators.exclude(pk=asked.requester_pk).exclude(pk=asked.target_id).order_by("pk")


def objection_to_approving(asked: OperatorRequest, approver: Any, *, now: int) -> Objection | None:
    """Return what speaks against this person's approving; `None` if nothing does."""
    if not may(approver, APPROVE):
        return Objection.NOT_PERMITTED
    if not asked.is_open(now=now):
        return Objection.CLOSED
    if approver.pk == asked.target_id:
        return Objection.ABOUT_ONESELF
    if is_requester(asked, approver) and (asked.deed == Deed.EXEMPTION or others(asked).exists()):
        return Objection.OWN_REQUEST
    # Two pairs of eyes: a thief's who was thrown out meanwhile are none.
    return None if _still_asks(asked) else Objection.REQUESTER_GONE


def _still_asks(asked: OperatorRequest) -> bool:
    """Whether whoever made a request is still there and could make it today."""
    people = get_user_model()._base_manager.using(alias())  # noqa: SLF001 - everybody
    requester = people.filter(pk=asked.requester_pk).first()
    if requester is None or not may(requester, ASK):
        return False
    return not Account.objects.filter(user_id=requester.pk, frozen=True).exists()


@sensitive_variables()
def approve(pk: int, *, approver: Any, random: bytes, now: int, where: Where = NOWHERE) -> Approved:
    """Approve a request and do what it asks for, once.

    Args:
        pk: Which.
        approver: Who; a person, never `None`.
        random: `hardening.factors.ticket.TICKET_BYTES` random bytes.
        now: Unix seconds.
        where: From where.

    Raises:
        RequestError: If something speaks against it; that is recorded.
    """
    asked = find(pk)
    if asked is None:
        raise RequestError(Objection.CLOSED)
    why = objection_to_approving(asked, approver, now=now)
    if why is not None:
        raise _not_approved(asked, approver, why, now=now, where=where)
    alone = is_requester(asked, approver)
    with atomic():
        closed = _close(asked, State.APPROVED, approver, alone=alone, now=now)
        ticket = _do(asked, approver, random, now=now, where=where) if closed else ""
    if not closed:
        raise _not_approved(asked, approver, Objection.CLOSED, now=now, where=where)
    if alone:
        log.warning(
            "operators' request %s was approved by its requester alone: nobody else may approve",
            asked.pk,
        )
    else:
        request_mails.answered(asked, by=approver, approved=True, now=now)
    said = {"requested_by": asked.requester_name, **({"alone": True} if alone else {})}
    _record(Event.REQUEST_APPROVED, asked, approver, said, now=now, where=where)
    return Approved(asked, alone, ticket)


def refuse(pk: int, *, actor: Any, why: str = "", now: int, where: Where = NOWHERE) -> None:
    """Refuse a request of somebody else's; its requester and whom it is about are told.

    Raises:
        RequestError: If something speaks against it.
    """
    asked = find(pk)
    if not may(actor, APPROVE):
        raise RequestError(Objection.NOT_PERMITTED)
    if asked is not None and is_requester(asked, actor):
        raise RequestError(Objection.OWN_REQUEST)
    if asked is None or not _close(asked, State.REFUSED, actor, alone=False, now=now):
        raise RequestError(Objection.CLOSED)
    request_mails.answered(asked, by=actor, approved=False, why=why, now=now)
    request_mails.dropped(asked, now=now)
    said = {"requested_by": asked.requester_name, "why": why}
    _record(Event.REQUEST_TURNED_DOWN, asked, actor, said, now=now, where=where)


def withdraw(pk: int, *, actor: Any, now: int, where: Where = NOWHERE) -> None:
    """Take one's own request back; whom it is about is told.

    Raises:
        RequestError: If something speaks against it.
    """
    asked = find(pk)
    if asked is not None and not is_requester(asked, actor):
        raise RequestError(Objection.NOT_PERMITTED)
    if asked is None or not _close(asked, State.WITHDRAWN, actor, alone=False, now=now):
        raise RequestError(Objection.CLOSED)
    request_mails.dropped(asked, now=now)
    _record(Event.REQUEST_WITHDRAWN, asked, actor, {}, now=now, where=where)


def _do(asked: OperatorRequest, approver: Any, random: bytes, *, now: int, where: Where) -> str:
    """Do what was asked for; return the ticket, where that is one."""
    if asked.deed == Deed.TICKET:
        return recover.issue_ticket(asked.target, random, actor=approver, now=now, where=where)
    if asked.deed == Deed.EXEMPTION:
        waivers.exempt(asked, approver=approver, now=now, where=where)
    else:
        recover.reset_factors(
            asked.target, actor=approver, reason=asked.reason, now=now, where=where
        )
    return ""


def _close(asked: OperatorRequest, state: State, actor: Any, *, alone: bool, now: int) -> bool:
    return OperatorRequest.objects.close(
        asked.pk,
        state,
        closed_by=actor.pk,
        key=audit.pk_of(actor),
        name=audit.name_of(actor),
        alone=alone,
        now=now,
    )


def _not_approved(
    asked: OperatorRequest, approver: Any, why: Objection, *, now: int, where: Where
) -> RequestError:
    _record(Event.REQUEST_NOT_APPROVED, asked, approver, {}, reason=why, now=now, where=where)
    return RequestError(why)


def may(user: Any, permission: str) -> bool:
    """True if somebody has a permission, today; nobody inactive has any."""
    has_perm = getattr(user, "has_perm", None)  # nobody has it, nor some sites' own users
    return has_perm is not None and bool(has_perm(permission))


def is_requester(asked: OperatorRequest, user: Any) -> bool:
    """True if this person made the request."""
    return audit.pk_of(user) == asked.requester_pk


def _record(
    event: Event,
    asked: OperatorRequest,
    actor: Any,
    said: dict[str, Any],
    *,
    reason: str = "",
    now: int,
    where: Where,
) -> None:
    data = {"request": asked.pk, "deed": asked.deed, **said}
    audit.record(
        event, user=asked.target, actor=actor, reason=reason, data=data, now=now, where=where
    )
