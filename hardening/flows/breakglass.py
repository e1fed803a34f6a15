"""Break-glass: a superuser whose second factor is gone gets in for an hour.

For the day when no operator is left who could help: the codes were made offline and lie in a safe.
A code is taken from a superuser with a right password whom a second factor stops (rows 3, 5 and 6
of the decision). It is used up, every superuser and ``ADMINS`` get a mail, and a banner stays until
the hour is over or somebody closes it.

The trap: if this opened the *account*, the hour would be everybody's who knows the password. So
the sign-in in which the code was typed bears a proof of it, and the account's row says until when
such a proof counts, so that it can be closed. It stands for no factor otherwise: it satisfies no
step-up, spares no password change and no mailbox, and enrols nothing.

Rules: policy.md "Operators' tools".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from hardening import audit, host, signals
from hardening.audit import NOWHERE, Event, Where
from hardening.conf import conf
from hardening.core.values import Need, Proof, ProofKind
from hardening.factors import breakglass
from hardening.flows import outbox, record
from hardening.flows.notices import addresses, notice, wrong_code
from hardening.flows.prove import Judged, attempt
from hardening.flows.record import RecordGoneError
from hardening.models import Account, BreakGlassCode
from hardening.models.breakglass import OPEN_SECONDS
from hardening.models.database import alias, atomic

if TYPE_CHECKING:
    from hardening.flows.record import Waiting
    from hardening.throttle.gates import Reservation

BUDGET = "break_glass"
MAX_CODES = 100  # of one making; a safe holds an envelope, not a ledger


def make(count: int, random: bytes, *, now: int) -> tuple[str, ...]:
    """Make codes beside those there are and return them, once.

    Args:
        count: How many, `MAX_CODES` at most.
        random: `count` × `breakglass.CODE_BYTES` random bytes.
        now: Unix seconds.

    Raises:
        ValueError: If `count` is none that can be made.
    """
    if not 1 <= count <= MAX_CODES:
        message = f"from 1 to {MAX_CODES} codes can be made at once"
        raise ValueError(message)
    shown = breakglass.make(count, random, now=now)
    audit.record(Event.BREAK_GLASS_MADE, data={"codes": count}, now=now)
    return shown


def unused() -> int:
    """Return how many codes still work."""
    return BreakGlassCode.objects.filter(used_at__isnull=True).count()


def revoke(*, now: int) -> int:
    """Void every code that has not been used; return how many."""
    count, _ = BreakGlassCode.objects.filter(used_at__isnull=True).delete()
    audit.record(Event.BREAK_GLASS_REVOKED, data={"codes": count}, now=now)
    return count


def is_offered(waiting: Waiting, *, now: int) -> bool:
    """Return whether a code would bring this sign-in on, and its owner may use one.

    A superuser with a right password, whom something stops that a code opens.
    """
    if waiting.enrolling or not getattr(waiting.user, "is_superuser", False):
        return False
    if waiting.decision.allowed or not waiting.session.has(ProofKind.PASSWORD):
        return False
    opened = replace(waiting.who, break_glass=now + OPEN_SECONDS)
    state = replace(waiting.session, proofs=(*waiting.session.proofs, _proof(waiting, now)))
    then = record.ask(Need(), opened, state, now=now, enforce=conf().ENFORCE)
    return then.reason is not waiting.decision.reason and unused() > 0


def spend(waiting: Waiting, code: str, *, now: int, where: Where) -> Judged:
    """Judge a code, used up by this, and let this sign-in pass for an hour."""
    if not is_offered(waiting, now=now):
        return Judged(accepted=False, waiting=waiting)
    user = waiting.user

    def judge() -> int | None:
        Account.objects.of(user.pk)  # before: a lock needs a row
        until = now + OPEN_SECONDS
        with atomic():
            Account.objects.lock(user.pk)
            if not breakglass.spend(code, used_by=user.get_username(), now=now):
                return None
            Account.objects.filter(user_id=user.pk).update(break_glass_until=until)
        return until

    def settle(until: int, reservation: Reservation) -> Judged:
        _opened(user, until, now=now, where=where)  # first: whatever fails, it is told
        reservation.refund()
        try:
            after = record.add_proof(waiting, _proof(waiting, now), tried=True, now=now)
        except RecordGoneError:
            return Judged(accepted=False)  # the code is spent, and nobody is in
        return Judged(accepted=True, waiting=after)

    judged = attempt(waiting, BUDGET, judge, settle, now=now, where=where)
    if judged.wrong:
        wrong_code(user, now=now, where=where)
    return judged


def _proof(waiting: Waiting, now: int) -> Proof:
    return Proof(ProofKind.BREAK_GLASS, now, waiting.who.account_epoch)


def open_until(user: Any, *, now: int) -> int:
    """Return until when an account is open, in Unix seconds; 0 where it is not."""
    on = Account.objects.filter(user_id=user.pk, break_glass_until__gt=now)
    return on.values_list("break_glass_until", flat=True).first() or 0


def opened(*, now: int) -> list[Any]:
    """Return the users whose accounts are open."""
    on = Account.objects.filter(break_glass_until__gt=now)
    users = get_user_model()._base_manager.using(alias())  # noqa: SLF001 - everybody
    return list(users.filter(pk__in=on.values("user_id")).order_by("pk"))


def close(user: Any, *, actor: Any = None, now: int, where: Where = NOWHERE) -> bool:
    """Close an account before its hour is over; true for the one caller that closed it.

    Effective on the next request: sessions that have proven no factor are stopped again.
    """
    on = Account.objects.filter(user_id=user.pk, break_glass_until__gt=now)
    if on.update(break_glass_until=0) != 1:
        return False
    signals.break_glass_changed.send_robust(sender=Account, user=user, on=False, until=0)
    audit.record(Event.BREAK_GLASS_CLOSED, user=user, actor=actor, now=now, where=where)
    _tell_everybody(user, "break_glass_closed", {}, now=now, where=where)
    return True


def _opened(user: Any, until: int, *, now: int, where: Where) -> None:
    signals.break_glass_changed.send_robust(sender=Account, user=user, on=True, until=until)
    data = {"until": until}
    audit.record(Event.BREAK_GLASS_OPENED, user=user, data=data, now=now, where=where)
    details = {"minutes": OPEN_SECONDS // 60, "left": unused()}
    _tell_everybody(user, "break_glass_opened", details, now=now, where=where)


def _tell_everybody(
    user: Any, name: str, details: dict[str, Any], *, now: int, where: Where
) -> None:
    """Mail every superuser, the account's own addresses among them, and ``ADMINS``."""
    if where.address:
        details = {**details, "address": where.address}
    to = [*addresses(user, now=now), *host.operators()]
    for other in superusers():
        to += addresses(other, now=now)
    unique = tuple(dict.fromkeys(to))
    if unique:
        outbox.after_commit(notice(user, name, unique, details, now=now))


def superusers() -> list[Any]:
    """Return the active superusers; none where the user model knows no such thing."""
    model = get_user_model()
    names = {field.name for field in model._meta.get_fields()}  # noqa: SLF001 - documented API
    if "is_superuser" not in names:
        return []
    wanted = {"is_superuser": True} | ({"is_active": True} if "is_active" in names else {})
    users = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    return list(users.filter(**wanted).order_by("pk"))
