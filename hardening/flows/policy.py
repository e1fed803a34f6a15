"""Changing a policy: who may, what it would do to the one who changes it, and the event.

The trap: an admin who mandates a factor that he does not have is locked out by his own next
request. So a policy that covers its editor is saved only if he complies with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from hardening import audit, facts, roles, signals
from hardening.audit import Event, Where
from hardening.core.values import Strength
from hardening.factors import registry
from hardening.models import RolePolicy
from hardening.models.database import alias
from hardening.models.policy import Mode

if TYPE_CHECKING:
    from django.db.models import Model

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
)


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


def is_member(user: Any, key: str) -> bool:
    """True if the user is in the role; an unknown role holds everybody."""
    role = roles.find(key)
    if role is None or not role.q:
        return True
    model: type[Model] = get_user_model()
    members = model._base_manager.using(alias()).filter(role.q)  # noqa: SLF001
    return members.filter(pk=user.pk).exists()


def values(policy: RolePolicy) -> dict[str, str]:
    """Return what an event says about a policy."""
    return {name: str(getattr(policy, name)) for name in WATCHED}


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


def refused(policy: RolePolicy, *, actor: Any, now: int, where: Where) -> None:
    """Record that somebody tried to saw off his own branch."""
    data = {"role": policy.role, "strength": policy.strength}
    audit.record(Event.POLICY_REFUSED, actor=actor, data=data, now=now, where=where)
