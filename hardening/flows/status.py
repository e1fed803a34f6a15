"""What an operator wants to know at a glance, and the clearing away of what is over.

The only flow without an event: it changes nobody's rights.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from hardening import policies, roles
from hardening.flows import attack, unguarded
from hardening.models import EnrolmentTicket, Factor, ParkedLogin, RecoveryCode
from hardening.models.database import alias
from hardening.moments import moment
from hardening.throttle import tidying

NOT_COVERED = (
    "Requests that authenticate without a session, outside Django REST framework's views.",
    "Code that calls django.contrib.auth.get_user() on a session outside a request (Channels).",
)
KEEP_TICKETS = timedelta(days=1)


def report() -> dict[str, Any]:
    """Return policies with their members, counts, and what is not covered."""
    model = get_user_model()
    factor = Factor.objects.confirmed().filter(user_id=OuterRef("pk"))
    users = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    if any(field.name == "is_active" for field in model._meta.get_fields()):  # noqa: SLF001
        users = users.filter(is_active=True)
    floor = len(policies.floor())
    listed = [
        _policy(policy, users.annotate(has_factor=Exists(factor)), from_floor=index < floor)
        for index, policy in enumerate(policies.read().policies)
    ]
    return {
        "policies": listed,
        "counts": {
            "active users": users.count(),
            "with a second factor": users.filter(Exists(factor)).count(),
            "unused recovery codes": RecoveryCode.objects.filter(used_at__isnull=True).count(),
            "sign-ins on their way": ParkedLogin.objects.filter(finished_at__isnull=True).count(),
            "API authentication classes that ask nothing": len(unguarded.find()),
        },
        "not_covered": [*_api(), *NOT_COVERED],
    }


def _api() -> list[str]:
    listed = unguarded.find().items()
    return [f"{unguarded.path(one)}, in {', '.join(doors)}: no decision." for one, doors in listed]


def _policy(policy: policies.Policy, users: Any, *, from_floor: bool) -> dict[str, Any]:
    role = roles.find(policy.role)
    members = users if role is None or not role.q else users.filter(role.q).distinct()
    return {
        "role": policy.role,
        "from": "settings" if from_floor else "admin",
        "mode": "enforce" if policy.enforced else "report",
        "strength": policy.strength.slug,
        "due": moment(policy.due).date().isoformat() if policy.due else "at once",
        "members": members.count(),
        "without_factor": members.filter(has_factor=False).count(),
    }


def prune(*, now: int) -> dict[str, int]:
    """Delete finished sign-ins, expired tickets and counters; return how many of each."""
    attack.lapse(now=now)  # where nobody signs in meanwhile, its end is told here
    old = EnrolmentTicket.objects.filter(expires_at__lt=moment(now) - KEEP_TICKETS)
    return {
        "sign-ins": ParkedLogin.objects.prune(now=now),
        "tickets": old.delete()[0],
        "throttle counters": tidying.prune(now=now),
    }
