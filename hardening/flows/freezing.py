"""Freezing an account and thawing it: whoever has it signed in is out, and nobody gets in.

A frozen account answers like a wrong password (row 1 of the decision), everywhere. Its owner
freezes it by the link of a notice (`hardening.flows.disown`), an operator by the admin or the
shell. Only an operator with the permission `FREEZE` thaws it.

The trap: the last superuser must not be frozen out of every way back. Whether there is another one
is asked while the site's row is locked, so two that are frozen at once leave one. That one is not
frozen; the caller says what happens instead, and the event that it was refused.

Times are Unix seconds.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any

from hardening import audit, compliance, host, roles
from hardening.audit import NOWHERE, Event, Where
from hardening.flows import breakglass, outbox
from hardening.flows.notices import about, addresses, tell
from hardening.flows.requests import may
from hardening.models import Account, SiteState
from hardening.models.database import atomic
from hardening.notify import Notice

if TYPE_CHECKING:
    from django.db.models import QuerySet

FREEZE = "hardening.freeze_account"
DISOWNED = "disowned"  # in `Account.must_change`, and the reason of the event
BY_OPERATOR = "operator"
LAST_SUPERUSER = "last_superuser"
MAX_TOLD = 50  # operators who hear of an account that its owner froze


class Came(Enum):
    """What came of it."""

    FROZEN = "frozen"
    ALREADY = "already"
    LAST = "last"  # the last superuser's: not frozen


def freeze(user: Any, *, actor: Any = None, reason: str, now: int, where: Where = NOWHERE) -> Came:
    """Freeze an account for an operator: its sessions end, its owner is told.

    Args:
        user: Whose. Nothing at all is done to the last superuser's.
        actor: The operator; `None`: somebody at the shell.
        reason: Why; kept in the event.
        now: Unix seconds.
        where: From where.
    """
    with atomic():
        came = _freeze(user)
    data = {"why": reason}
    if came is Came.LAST:
        _refused(user, actor, data, now=now, where=where)
    elif came is Came.FROZEN:
        _frozen(user, actor, BY_OPERATOR, data, now=now, where=where)
        tell(user, "account_frozen", _by(actor), now=now, where=where.elsewhere)
    return came


def freeze_disowned(user: Any, *, notice: str, now: int, where: Where) -> Came:
    """Freeze an account because its owner says that a notice was not about her.

    Its sessions end, and a new password is demanded, also where it is not frozen because it is the
    last superuser's. Factors stay as they are: whether one is a thief's, an operator finds out.

    Args:
        user: Whose.
        notice: Which notice.
        now: Unix seconds.
        where: From where the owner said so.
    """
    with atomic():
        came = _freeze(user)
        if came is Came.LAST:
            Account.objects.bump_epoch(user.pk)
        demanded = {"must_change": DISOWNED, "must_change_since": now}
        Account.objects.filter(user_id=user.pk).update(**demanded)
    data = {"notice": notice}
    if notice == "factor_added":
        data["suspicious"] = "factor"
    if came is Came.LAST:
        _refused(user, None, data, now=now, where=where)
    elif came is Came.FROZEN:
        _frozen(user, None, DISOWNED, data, now=now, where=where)
    if came is not Came.ALREADY:
        said = {"disowned": True, "kept_open": came is Came.LAST, "notice": notice}
        tell(user, "account_frozen", said, now=now, where=where)
        _tell_operators(user, said, now=now, where=where)
    return came


def thaw(user: Any, *, actor: Any = None, reason: str, now: int, where: Where = NOWHERE) -> bool:
    """Let a frozen account sign in again; true for the one caller that thawed it.

    What it owes stays owed: a new password, a second factor. Links from before are void: whoever
    collected them in the mailbox would else freeze it again and again.
    """
    if not Account.objects.thaw(user.pk, now=now):
        return False
    data = {"why": reason}
    audit.record(Event.ACCOUNT_THAWED, user=user, actor=actor, data=data, now=now, where=where)
    demanded = Account.objects.filter(user_id=user.pk).exclude(must_change="").exists()
    said = {**_by(actor), "must_change": demanded}
    tell(user, "account_thawed", said, now=now, where=where.elsewhere)
    return True


def frozen() -> QuerySet[Account]:
    """Return the accounts that are frozen."""
    return Account.objects.filter(frozen=True)


def is_frozen(user: Any) -> bool:
    """Return whether an account is frozen, as the database says now."""
    return frozen().filter(user_id=user.pk).exists()


def _freeze(user: Any) -> Came:
    """Freeze, and end the sessions; nothing is done to the last superuser's account."""
    if _is_last_superuser(user):
        return Came.LAST
    if not Account.objects.freeze(user.pk):
        return Came.ALREADY
    Account.objects.bump_epoch(user.pk)
    return Came.FROZEN


def _is_last_superuser(user: Any) -> bool:
    """Whether no other superuser could sign in, were this one frozen; locks until the end."""
    if not any(one.pk == user.pk for one in breakglass.superusers()):
        return False
    SiteState.objects.lock()
    others = {one.pk for one in breakglass.superusers()} - {user.pk}
    # A locking read: it sees what another transaction has committed meanwhile, whatever the
    # isolation of this one.
    held = frozen().filter(user_id__in=others).select_for_update()
    return others <= set(held.values_list("user_id", flat=True))


def _frozen(
    user: Any, actor: Any, reason: str, data: dict[str, Any], *, now: int, where: Where
) -> None:
    audit.record(
        Event.ACCOUNT_FROZEN,
        user=user,
        actor=actor,
        reason=reason,
        data=data,
        now=now,
        where=where,
    )


def _refused(user: Any, actor: Any, data: dict[str, Any], *, now: int, where: Where) -> None:
    audit.record(
        Event.FREEZE_REFUSED,
        user=user,
        actor=actor,
        reason=LAST_SUPERUSER,
        data=data,
        now=now,
        where=where,
    )


def _by(actor: Any) -> dict[str, Any]:
    return {"by": actor.get_username()} if actor is not None else {}


def _tell_operators(user: Any, said: dict[str, Any], *, now: int, where: Where) -> None:
    """Tell those who may thaw; where there is nobody, whoever runs the site."""
    whom = audit.name_of(user)
    said = {**said, "whom": whom, **about(user, "account_disowned", now=now, where=where)}
    holders = compliance.members(f"{roles.PERMISSION_PREFIX}{FREEZE}").exclude(pk=user.pk)
    others = [one for one in holders.order_by("pk")[:MAX_TOLD] if may(one, FREEZE)]
    told = [addresses(one, now=now, where=where) for one in others] or [host.operators()]
    for to in told:
        key = audit.pk_of(user)
        outbox.after_commit(Notice("account_disowned", to, whom, now, said, user_pk=key))
