"""Revoking: an operator ends every session of some users, of a role's members, or of everybody.

It moves an epoch on, the accounts' by one statement or the site's by one row, and whatever bears
the older one is over with its next request: sessions of every engine, sign-ins that wait and the
mailbox codes sent for them, enrolments beside a session, remembered and known browsers, links that
unlock or reset, tickets, and evidence kept beside API tokens. Passwords and factors stay.

The traps: the operator's own session ends too, unless he keeps it (`keep`). And a mail to each of
350,000 people is no part of the revocation: it goes out in batches, only if it is asked for.
Source: OWASP ASVS 5.0 7.4.5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from hardening import audit, roles
from hardening.audit import NOWHERE, Event, Where
from hardening.flows import tracking
from hardening.flows.notices import tell
from hardening.models import SiteState
from hardening.models.bumping import bump_epochs
from hardening.models.database import alias

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.contrib.sessions.backends.base import SessionBase
    from django.db.models import QuerySet

MAX_NAMED = 100  # of so many or fewer each has an event of her own, and a mail
CHUNK = 2000  # people in memory at a time
KEYS = 5000  # primary keys in one statement: SQLite takes no more than 250,000 parameters

Told = Callable[[int], None]


class Scope(StrEnum):
    """Whom a revocation means; the reason of its event."""

    USERS = "users"
    ROLE = "role"
    EVERYBODY = "everybody"


class UnknownRoleError(LookupError):
    """No role has this key."""


@dataclass(frozen=True, slots=True)
class Order:
    """Who revokes, and how.

    Attributes:
        actor: The operator; `None` for the shell.
        why: In the operator's words; kept in the event, not mailed.
        mail: Whether each is told by mail; `None`: where at most `MAX_NAMED` users are named.
        dry_run: Count only.
        now: Unix seconds.
        where: From where.
    """

    now: int
    actor: Any = None
    why: str = ""
    mail: bool | None = None
    dry_run: bool = False
    where: Where = NOWHERE


def everyone() -> QuerySet[Any]:
    """Return all users, whatever managers hide."""
    model = get_user_model()
    users: QuerySet[Any] = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    return users


def users(chosen: QuerySet[Any], order: Order, *, told: Told | None = None) -> int:
    """End every session of the users a query means; return how many users it means.

    Args:
        chosen: Users; not sliced.
        order: Who revokes, and how.
        told: Called with how many more were mailed.
    """
    return _revoke(Scope.USERS, [chosen], _count(chosen), order, told)


def listed(keys: Sequence[Any], order: Order, *, told: Told | None = None) -> int:
    """Do so for users by their primary keys, however many; keys that nobody has mean nobody."""
    each = list(dict.fromkeys(keys))
    starts = range(0, len(each), KEYS)
    chunks = [everyone().filter(pk__in=each[start : start + KEYS]) for start in starts]
    return _revoke(Scope.USERS, chunks, sum(map(_count, chunks)), order, told)


def role(key: str, order: Order, *, told: Told | None = None) -> int:
    """Do so for the members of a role, whether their accounts are active or not.

    Raises:
        UnknownRoleError: If there is none of that key.
    """
    found = roles.find(key)
    if found is None:
        raise UnknownRoleError(key)
    chosen = everyone().filter(roles.condition(found))
    return _revoke(Scope.ROLE, [chosen], _count(chosen), order, told, role=key)


def everybody(order: Order, *, told: Told | None = None) -> int:
    """End every session there is, by one write; return how many users there are."""
    count = _count(everyone())
    if order.dry_run:
        return count
    SiteState.objects.bump_epoch()
    _record(Scope.EVERYBODY, count, order)
    if order.mail:
        _mail(everyone(), order, told)
    return count


def keep(session: SessionBase, user: Any) -> None:
    """Let the session go on in which `user` has just revoked `users` with himself among them.

    Nothing else is survived: neither a colleague's revocation at the same time, for the session
    may be stolen, nor one of everybody. What it has proven lately has to be proven again where a
    door asks for a fresh proof.
    """
    tracking.go_on(session, user)


def _revoke(
    scope: Scope,
    chunks: Sequence[QuerySet[Any]],
    count: int,
    order: Order,
    told: Told | None,
    **data: Any,
) -> int:
    if order.dry_run:
        return count
    for chunk in chunks:
        bump_epochs(chunk)
    _record(scope, count, order, **data)
    named = count <= MAX_NAMED
    for chunk in chunks if named else ():
        _record_each(scope, chunk, order)
    by_default = named and scope is Scope.USERS
    if by_default if order.mail is None else order.mail:
        for chunk in chunks:
            _mail(chunk, order, told)
    return count


def _count(chosen: QuerySet[Any]) -> int:
    return chosen.order_by().values("pk").distinct().count()


def _record(scope: Scope, count: int, order: Order, **data: Any) -> None:
    audit.record(
        Event.SESSIONS_REVOKED,
        actor=order.actor,
        reason=scope,
        data={"count": count, "why": order.why, **data},
        now=order.now,
        where=order.where,
    )


def _record_each(scope: Scope, chosen: QuerySet[Any], order: Order) -> None:
    """Say it of each, so that she reads of it among what happened to her account."""
    for user in _each(chosen):
        audit.record(
            Event.SESSIONS_REVOKED,
            user=user,
            actor=order.actor,
            reason=scope,
            data={"why": order.why},
            now=order.now,
            where=order.where,
        )


def _mail(chosen: QuerySet[Any], order: Order, told: Told | None) -> None:
    details = {"by": order.actor.get_username()} if order.actor is not None else {}
    for user in _each(chosen):
        tell(user, "sessions_revoked", details, now=order.now, where=order.where.elsewhere)
        if told is not None:
            told(1)


def _each(chosen: QuerySet[Any]) -> Iterable[Any]:
    """Yield users, each once, some thousands in memory at a time."""
    keys = chosen.order_by().values("pk")
    return everyone().filter(pk__in=keys).order_by("pk").iterator(chunk_size=CHUNK)


__all__ = [
    "MAX_NAMED",
    "Order",
    "Scope",
    "UnknownRoleError",
    "everybody",
    "everyone",
    "keep",
    "listed",
    "role",
    "users",
]
