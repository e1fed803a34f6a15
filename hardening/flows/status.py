"""What an operator wants to know at a glance, and the clearing away of what is over.

The only flow without an event: it changes nobody's rights.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef

from hardening import policies, roles
from hardening.breach import corpus
from hardening.conf import conf
from hardening.core.pwned import Finding
from hardening.core.values import PasswordMode
from hardening.flows import (
    attack,
    attention,
    freezing,
    outbox,
    sealing,
    snapshots,
    tracking,
    unguarded,
)
from hardening.models import (
    Disowning,
    EnrolmentTicket,
    Factor,
    ParkedLogin,
    RecoveryCode,
    UserSession,
)
from hardening.models.database import alias
from hardening.models.verdicts import count_verdicts
from hardening.moments import moment
from hardening.throttle import tidying

NOT_COVERED = (
    "Requests that authenticate without a session, outside Django REST framework's views.",
    "Code that calls django.contrib.auth.get_user() on a session outside a request (Channels).",
)
KEEP_TICKETS = timedelta(days=1)


def report(*, now: int) -> dict[str, Any]:
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
            **_verdicts(users),
            "unused recovery codes": RecoveryCode.objects.filter(used_at__isnull=True).count(),
            "sign-ins on their way": ParkedLogin.objects.filter(finished_at__isnull=True).count(),
            "live sessions": tracking.count_alive(now=now),
            "frozen accounts": freezing.frozen().count(),
            "notices that wait": outbox.waiting(),
            "API authentication classes that ask nothing": len(unguarded.find()),
        },
        "breached_passwords": _breached(now),
        "attention": attention.listed(now=now),
        "not_covered": [*_api(), *NOT_COVERED],
    }


def _verdicts(users: Any) -> dict[str, int]:
    """Count what was found of people's passwords; nobody is named."""
    counted = count_verdicts(users)
    return {
        "passwords in a leaked list": counted.get(Finding.HIT, 0),
        "passwords in no list": counted.get(Finding.CLEAN, 0),
        "passwords not looked up": counted.get("", 0),
    }


def _breached(now: int) -> dict[str, Any]:
    """Return what is done for everybody, who is asked, and how old the corpus is."""
    named = [name for name in conf().BREACH_SOURCES if name != "local"]
    listed = "corpus" in named
    file = corpus.current() if listed else None
    if file is None:
        named = [name for name in named if name != "corpus"]
    return {
        "for_everybody": conf().BREACHED_PASSWORDS.slug,
        "sources": ["local", *named],
        "corpus": _corpus(file, now) if file else None,
        "corpus_refused": corpus.refused() if listed else None,
    }


def _corpus(file: corpus.Corpus, now: int) -> dict[str, Any]:
    header = file.header
    return {
        "edition": file.edition,
        "entries": header.count,
        "age_days": max(0, now - header.source_date) // policies.DAY_SECONDS,
        "complete": header.complete,
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
        "breached_passwords": _password_mode(policy).slug,
        "members": members.count(),
        "without_factor": members.filter(has_factor=False).count(),
    }


def _password_mode(policy: policies.Policy) -> PasswordMode:
    """Return what a policy does; one that only reports counts and does no more."""
    mode = policy.password_mode
    return mode if policy.enforced else min(mode, PasswordMode.REPORT)


def prune(*, now: int) -> dict[str, int]:
    """Delete sign-ins, sessions, tickets and counters that are over; return how many of each."""
    attack.lapse(now=now)  # where nobody signs in meanwhile, its end is told here
    old = EnrolmentTicket.objects.filter(expires_at__lt=moment(now) - KEEP_TICKETS)
    return {
        "sign-ins": ParkedLogin.objects.prune(now=now),
        "tickets": old.delete()[0],
        "throttle counters": tidying.prune(now=now),
        "policy snapshots": snapshots.prune(now=now),
        "sessions": UserSession.objects.prune(now=now),
        "used links": Disowning.objects.prune(now=now),
        "security events": sealing.prune(now=now),
    }
