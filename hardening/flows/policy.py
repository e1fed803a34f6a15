"""Changing a policy: who may, what it would do to the one who changes it, and the event.

Two rules keep an editor from sawing off the branch he sits on: a policy that covers him is saved
only if he complies with it, and none is saved that takes away the last superuser who could go on
without help, unless there is a break-glass code to come back with.

The trap: both ask for a factor of the strength, whatever the grace. Who is merely spared today is
locked out on the day that nobody looks.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from hardening import audit, compliance, facts, policies, roles, signals
from hardening.audit import Event, Where
from hardening.core.values import Strength
from hardening.factors import registry
from hardening.models import Account, BreakGlassCode, RolePolicy
from hardening.models.database import alias
from hardening.models.policy import Mode
from hardening.moments import moment, unix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model, QuerySet

    from hardening.policies import Policy

WATCHED = (
    "role",
    "mode",
    "strength",
    "grace_days",
    "starts_at",
    "first_enrolment",
    "step_up_seconds",
    "breached_passwords",
    "recheck_days",
    "new_account_days",
    "idle_seconds",
    "absolute_seconds",
    "parallel_sessions",
    "remembered_days",
    "note",
)

SUPERUSER = "superuser"


class Objection(StrEnum):
    """Why a policy is not saved."""

    LOCKS_EDITOR_OUT = "locks_editor_out"
    LEAVES_NOBODY = "leaves_nobody"


def strengths() -> tuple[Strength, ...]:
    """Return the strengths that an installed kind of factor reaches, weakest first."""
    best = registry.strongest()
    return tuple(s for s in Strength if s is not Strength.NONE and s <= best)


def would_lock_out(policy: RolePolicy, editor: Any) -> bool:
    """True if an enforced policy covers its editor and he has no factor that reaches it."""
    if policy.mode != Mode.ENFORCE or not is_member(editor, policy.role):
        return False
    who = facts.fresh(editor).who()
    asked = Strength.from_slug(policy.strength)
    return not any(factor.strength >= asked for factor in who.factors)


def would_leave_nobody(policy: RolePolicy, *, now: int) -> bool:
    """True if an enforced policy takes away the last superuser who needs nobody's help.

    That is one who is not stopped by a policy in force today, nor could ever be by this one. Where
    there is none even now, or no superuser at all, there is nobody to be taken away; and an unused
    break-glass code is a way back.
    """
    if policy.mode != Mode.ENFORCE or roles.find(SUPERUSER) is None:
        return False
    rules = enforced()
    standing = compliance.members(SUPERUSER).exclude(Exists(frozen()))
    lacking = compliance.lacking(policies.from_row(policy)).filter(pk=OuterRef("pk"))
    if not_stopped(standing, beside(rules, policy), now=now).exclude(Exists(lacking)).exists():
        return False
    if BreakGlassCode.objects.filter(used_at__isnull=True).exists():
        return False
    return not_stopped(standing, rules, now=now).exists()


def objection(policy: RolePolicy, editor: Any, *, now: int) -> Objection | None:
    """Return why this editor may not save this policy; `None` if he may.

    Args:
        policy: With its primary key if it replaces a row.
        editor: Who wants to save it.
        now: Unix seconds.
    """
    if would_lock_out(policy, editor):
        return Objection.LOCKS_EDITOR_OUT
    return Objection.LEAVES_NOBODY if would_leave_nobody(policy, now=now) else None


def enforced() -> tuple[Policy, ...]:
    """Return the policies that stop people now, read anew."""
    return tuple(one for one in policies.read().policies if one.enforced)


def beside(listed: Iterable[Policy], policy: RolePolicy) -> tuple[Policy, ...]:
    """Return the policies that stay when this one is saved in the place of its row."""
    return tuple(one for one in listed if one.pk is None or one.pk != policy.pk)


def not_stopped(users: QuerySet[Any], listed: Iterable[Policy], *, now: int) -> QuerySet[Any]:
    """Leave out whom any of these policies stops."""
    for one in listed:
        if one.due <= now:
            overdue = compliance.of_status(one, compliance.Status.OVERDUE, now=now)
            users = users.exclude(Exists(overdue.filter(pk=OuterRef("pk"))))
    return users


def frozen() -> QuerySet[Account]:
    """Return the frozen account of the user at hand, for an `Exists`."""
    return Account.objects.filter(user_id=OuterRef("pk"), frozen=True)


def is_member(user: Any, key: str) -> bool:
    """True if the user is in the role; an unknown role holds everybody."""
    role = roles.find(key)
    if role is None or not role.q:
        return True
    model: type[Model] = get_user_model()
    members = model._base_manager.using(alias()).filter(role.q)  # noqa: SLF001
    return members.filter(pk=user.pk).exists()


def values(policy: RolePolicy) -> dict[str, str]:
    """Return what an event says about a policy; the same moment reads the same in any zone."""
    return {name: _text(getattr(policy, name)) for name in WATCHED}


def _text(value: Any) -> str:
    return str(moment(unix(value)) if isinstance(value, datetime) else value)


def changed(
    policy: RolePolicy,
    *,
    before: dict[str, str],
    after: dict[str, str],
    actor: Any,
    now: int,
    where: Where,
) -> None:
    """Record who changed what; `before` is empty for a new policy, `after` for a deleted one."""
    names = [n for n in WATCHED if before.get(n) != after.get(n)]
    data = {
        "policy": policy.pk,
        "role": policy.role,
        "before": {n: before[n] for n in names if n in before},
        "after": {n: after[n] for n in names if n in after},
    }
    signals.policy_changed.send_robust(sender=RolePolicy, policy=policy, actor=actor)
    audit.record(Event.POLICY_CHANGED, actor=actor, data=data, now=now, where=where)


def refused(
    policy: RolePolicy,
    *,
    actor: Any,
    now: int,
    where: Where,
    why: Objection = Objection.LOCKS_EDITOR_OUT,
) -> None:
    """Record that somebody tried to saw off his own branch, or everybody's."""
    data = {"role": policy.role, "strength": policy.strength, "why": why.value}
    audit.record(Event.POLICY_REFUSED, actor=actor, data=data, now=now, where=where)
