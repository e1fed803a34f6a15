"""Proving something on a record: a code, a recovery code, the mailbox, a ticket.

Every try goes the same way: charge the record, charge the account, judge, then give back what a
right answer must not cost. A wrong code, a spent code and a disabled factor get one answer.

The trap: the record's limit alone is no limit, because a thief of the password starts as many
records as he likes. The account's budget is what counts, across sessions and addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.hashers import check_password

from hardening import audit, notify, signals
from hardening.audit import Event, Where
from hardening.conf import conf
from hardening.core.hidden import Hidden
from hardening.core.throttle import SECOND_US
from hardening.core.values import Proof, ProofKind
from hardening.factors import mailbox, recovery, registry, ticket, totp
from hardening.factors.totp import Finding
from hardening.flows import record
from hardening.flows.notices import address_book, notice, tell, worth_recording, wrong_code
from hardening.flows.record import RecordGoneError, Waiting
from hardening.models import Account, Factor, ParkedLogin
from hardening.models.database import atomic
from hardening.throttle import subjects
from hardening.throttle.gates import Reservation, reserve

if TYPE_CHECKING:
    from collections.abc import Callable

_Found = TypeVar("_Found")

CODES = "codes"
THROTTLED = (Event.PROOF_THROTTLED, Event.MAILBOX_CODE_THROTTLED)
MAILBOX_MAIL = "mail:mailbox"


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a try. `waiting` is the record afterwards; `None` means it is over.

    `moved`: another request proved something on this record meanwhile (a double click), so that
    this refusal is no sign of a thief.
    """

    accepted: bool
    waiting: Waiting | None = None
    retry_after: int = 0
    moved: bool = False

    @property
    def wrong(self) -> bool:
        """True if something was judged and found wrong."""
        return not (self.accepted or self.retry_after or self.moved)


def second_factor(
    waiting: Waiting, factor_id: int | None, code: str, *, now: int, where: Where
) -> Judged:
    """Judge a code of an authenticator; `factor_id` names it where there are several."""
    row = _chosen(waiting, factor_id)

    def judge() -> Proof | None:
        finding = judge_code(row, waiting.user, code, known=waiting.session.known_browser, now=now)
        return _factor_proof(waiting, row, now) if row and finding is Finding.RIGHT else None

    judged = _try(waiting, CODES, judge, now=now, where=where)
    if judged.wrong:
        wrong_code(waiting.user, now=now, where=where)
    return judged


def recovery_code(waiting: Waiting, code: str, *, now: int, where: Where) -> Judged:
    """Judge a recovery code, used up by this; the owner is told by mail."""

    def judge() -> Proof | None:
        with atomic():
            # As whoever makes a new set does, or its count would be one too low.
            Account.objects.lock(waiting.user.pk)
            spent = recovery.spend(waiting.user.pk, code, now=now)
        if not spent:
            return None
        return Proof(ProofKind.RECOVERY_CODE, now, waiting.who.account_epoch)

    judged = _try(waiting, "recovery", judge, now=now, where=where)
    if judged.accepted:
        left = max(0, waiting.who.recovery_codes_left - 1)
        tell(waiting.user, "recovery_code_used", {"left": left}, now=now, where=where)
    elif judged.wrong:
        wrong_code(waiting.user, now=now, where=where)
    return judged


def mailbox_code(waiting: Waiting, code: str, *, now: int, where: Where) -> Judged:
    """Judge a mailed code."""

    def judge() -> Proof | None:
        if not mailbox.prove(waiting.row, code, now=now):
            return None
        return Proof(ProofKind.MAILBOX, now, waiting.who.account_epoch)

    return _try(waiting, "mailbox", judge, now=now, where=where)


def enrolment_ticket(waiting: Waiting, text: str, *, now: int, where: Where) -> Judged:
    """Judge an operator's ticket."""

    def judge() -> Proof | None:
        if not ticket.spend(waiting.user.pk, text, now=now):
            return None
        return Proof(ProofKind.TICKET, now, waiting.who.account_epoch)

    return _try(waiting, "ticket", judge, now=now, where=where)


def password(waiting: Waiting, text: str, *, now: int, where: Where) -> Judged:
    """Judge the account's password, asked again before a first factor."""

    def judge() -> Proof | None:
        # Not user.check_password(): upgrading an old hash here would end this very session.
        if not check_password(text, waiting.user.password):
            return None
        return Proof(ProofKind.PASSWORD, now, waiting.who.account_epoch)

    return _try(waiting, "password", judge, now=now, where=where)


def send_mailbox_code(waiting: Waiting, random: bytes, *, now: int, where: Where) -> Judged:
    """Mail a fresh code. `accepted` says whether it went; `retry_after` how long to wait."""
    address = address_book(waiting.user, now=now).provable(now)
    if not address:
        _say(Event.MAILBOX_CODE_FAILED, waiting, now=now, where=where, reason="no_address")
        return Judged(accepted=False, waiting=waiting)
    key = subjects.account(MAILBOX_MAIL, waiting.user.pk, known_browser=True)
    reservation = reserve(key, conf().THROTTLE.mails, now_us=now * SECOND_US)
    if not reservation.admitted:
        _say(Event.MAILBOX_CODE_THROTTLED, waiting, now=now, where=where)
        return Judged(accepted=False, waiting=waiting, retry_after=reservation.retry_after)
    code = mailbox.new_code(waiting.row, random, now=now)
    details = {"code": Hidden(code), "minutes": mailbox.CODE_SECONDS // 60}
    sent = notify.deliver(notice(waiting.user, "mailbox_code", (address,), details, now=now))
    if not sent:
        mailbox.void_code(waiting.row)
        reservation.refund()
    event = Event.MAILBOX_CODE_SENT if sent else Event.MAILBOX_CODE_FAILED
    _say(event, waiting, now=now, where=where)
    waiting.row.refresh_from_db()
    return Judged(accepted=sent, waiting=waiting)


# --- one way for every try --------------------------------------------------------------------


def _try(
    waiting: Waiting, budget: str, judge: Callable[[], Proof | None], *, now: int, where: Where
) -> Judged:
    """Charge, judge, and add the proof to the record."""

    def settle(proof: Proof, reservation: Reservation) -> Judged:
        return _accept(waiting, proof, reservation, budget, now=now, where=where)

    return attempt(waiting, budget, judge, settle, now=now, where=where)


def attempt(
    waiting: Waiting,
    budget: str,
    judge: Callable[[], _Found | None],
    settle: Callable[[_Found, Reservation], Judged],
    *,
    now: int,
    where: Where,
) -> Judged:
    """Charge, judge, settle. The record's own count is five; the account's is `THROTTLE`'s.

    Args:
        waiting: Whose try it is.
        budget: Which of the account's budgets is charged; the events' reason as well.
        judge: Says what was right about it; `None`: nothing.
        settle: Given that, and the charge, which it gives back, says how it goes on.
        now: Unix seconds.
        where: From where.
    """
    if not ParkedLogin.objects.reserve_try(waiting.row.pk, now=now):
        _say(Event.PROOF_REFUSED, waiting, now=now, where=where, reason="record_over")
        return Judged(accepted=False)
    known = waiting.session.known_browser
    key = subjects.account(budget, waiting.user.pk, known_browser=known)
    reservation = reserve(key, conf().THROTTLE.codes, now_us=now * SECOND_US)
    if not reservation.admitted:
        ParkedLogin.objects.refund_try(waiting.row.pk)
        _say(Event.PROOF_THROTTLED, waiting, now=now, where=where, reason=budget)
        return Judged(accepted=False, waiting=waiting, retry_after=reservation.retry_after)
    right = judge()
    if right is None:
        _say(Event.PROOF_REFUSED, waiting, now=now, where=where, reason=budget)
        if record.moved_on(waiting):
            return Judged(accepted=False, moved=True)
        alive = ParkedLogin.objects.waiting(now=now).filter(pk=waiting.row.pk).exists()
        return Judged(accepted=False, waiting=waiting if alive else None)
    return settle(right, reservation)


def _accept(
    waiting: Waiting,
    proof: Proof,
    reservation: Reservation,
    budget: str,
    *,
    now: int,
    where: Where,
) -> Judged:
    reservation.refund()
    stand = proof.kind is ProofKind.FACTOR  # a recovery code less is a new fact
    try:
        after = record.add_proof(waiting, proof, tried=True, facts_stand=stand, now=now)
    except RecordGoneError:
        _say(Event.PROOF_REFUSED, waiting, now=now, where=where, reason="record_over")
        return Judged(accepted=False)
    _say(Event.PROOF_ACCEPTED, waiting, now=now, where=where, reason=budget)
    return Judged(accepted=True, waiting=after)


def judge_code(row: Factor | None, user: Any, code: str, *, known: bool, now: int) -> Finding:
    """Judge a code against one authenticator and keep its run of consecutive failures.

    `None` as the row (no such factor, or a disabled one) is judged like a wrong code.
    """
    if row is None:
        return Finding.WRONG
    finding = totp.verify(row, code, now=now)
    if finding is Finding.UNSEALABLE:
        audit.record(Event.VAULT_FAULT, user=user, data={"factor": row.pk}, now=now)
    elif finding is Finding.RIGHT:
        if row.failures_known if known else row.failures_unknown:
            Factor.objects.forgive(row.pk, known_browser=known)
        signals.factor_used.send_robust(sender=Factor, user=user, kind=row.kind, factor_id=row.pk)
    elif Factor.objects.count_failure(row.pk, known_browser=known):
        _disabled(row, user, now=now)
    return finding


def _disabled(row: Factor, user: Any, *, now: int) -> None:
    """The hundredth wrong code in a row: the facts must say so, under the account's lock."""
    with atomic():
        Account.objects.lock(user.pk)
        registry.rewrite(user.pk)
    audit.record(Event.FACTOR_DISABLED, user=user, data={"factor": row.pk}, now=now)


def usable_row(who_factors: Any, user_pk: Any, factor_id: int | None) -> Factor | None:
    """Return the authenticator to judge against: the one named, else the first usable one."""
    usable = [factor.id for factor in who_factors if factor.usable and factor.kind == totp.KIND]
    chosen = factor_id if factor_id is not None else next(iter(usable), None)
    if chosen is None or chosen not in usable:
        return None
    return Factor.objects.owned(user_pk).confirmed().filter(pk=chosen).first()


def _chosen(waiting: Waiting, factor_id: int | None) -> Factor | None:
    return usable_row(waiting.who.factors, waiting.user.pk, factor_id)


def _factor_proof(waiting: Waiting, row: Factor, now: int) -> Proof:
    return Proof(ProofKind.FACTOR, now, waiting.who.account_epoch, factor_id=row.pk)


def _say(event: Event, waiting: Waiting, *, now: int, where: Where, reason: str = "") -> None:
    if event in THROTTLED and not worth_recording(waiting.user, now=now):
        return
    data = {"purpose": str(waiting.row.purpose)}
    audit.record(event, user=waiting.user, reason=reason, data=data, now=now, where=where)
