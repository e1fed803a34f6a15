"""What an operator should do something about, and no system check can see: it is in the database.

System checks run before ``migrate`` and never ask the database; `hardening_status` asks all of
this. One sentence each, nobody is named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hardening import policies, roles
from hardening.audit import Event
from hardening.compliance import STATUS, Status, with_status
from hardening.conf import conf
from hardening.flows import breakglass, outbox, sealing
from hardening.flows.verifying import UNSEALED_SECONDS
from hardening.models import BreakGlassCode, PolicyWaiver, SecurityEvent
from hardening.models.waiver import Kind
from hardening.moments import moment
from hardening.policies import DAY_SECONDS

BROKEN_DAYS = 30

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.policies import Policy


LATE_SECONDS = 60 * 60  # own


def listed(*, now: int) -> list[str]:
    """Return the sentences; none where all is well. `now` in Unix seconds."""
    rules = policies.read().policies  # anew: nobody else may have asked since they were changed
    said = [_superusers(), _codes(), _opened(now), *_publishers(rules), *_overdue(rules, now)]
    said += [_notices(now), _kill_switch(), _unsealed(now), _broken(now)]
    return [sentence for sentence in said if sentence]


def _superusers() -> str:
    count = len(breakglass.superusers())
    if count == 0:
        return "There is no active superuser."
    if count == 1:
        return "There is only one active superuser: nobody could help if that account is lost."
    return ""


def _codes() -> str:
    if breakglass.unused():
        return ""
    if BreakGlassCode.objects.exists():
        return "Every break-glass code has been used: make new ones with hardening_breakglass."
    return "No break-glass code was ever made: make some with hardening_breakglass."


def _opened(now: int) -> str:
    count = len(breakglass.opened(now=now))
    return f"Accounts opened by a break-glass code right now: {count}." if count else ""


def _publishers(rules: Iterable[Policy]) -> list[str]:
    """Name the roles that publish while no policy in force covers them; W004 sees no rows."""
    covered = {policy.role for policy in rules if policy.enforced}
    return [
        f"The role {role.key!r} publishes publicly, and no policy in force covers it."
        for role in roles.registered()
        if role.publishes_publicly and not covered & {role.key, "everyone"}
    ]


def _overdue(rules: Iterable[Policy], now: int) -> list[str]:
    """Name the policies that stop people whose exemption has ended."""
    over = PolicyWaiver.objects.filter(kind=Kind.EXEMPTION, until__lte=now, ended_at__isnull=True)
    sentences = []
    for policy in rules:
        if policy.pk is None or not policy.enforced:
            continue
        people = with_status(policy, now=now).filter(**{STATUS: Status.OVERDUE.value})
        count = people.filter(pk__in=over.filter(policy_id=policy.pk).values("user_id")).count()
        if count:
            sentences.append(
                f"Exemptions from the policy for {policy.role!r} that have ended, of people who "
                f"still have no factor: {count}."
            )
    return sentences


def _notices(now: int) -> str:
    late = outbox.waiting(since=now - LATE_SECONDS)
    if not late:
        return ""
    return (
        f"Mails that could not be sent for more than an hour: {late}. Look at the mail server, and "
        "let hardening_retry run each minute."
    )


def _kill_switch() -> str:
    return "" if conf().ENFORCE else "The kill switch is on: nobody is asked for a second factor."


def _unsealed(now: int) -> str:
    since = sealing.unsealed_since(now=now)
    if since is None or since > now - UNSEALED_SECONDS:
        return ""
    return (
        "Security events have waited for a seal for more than an hour: run hardening_audit seal, "
        "best each minute by cron."
    )


def _broken(now: int) -> str:
    """Say that a verification has found a breach lately; that none has is not known."""
    rows = SecurityEvent.objects.filter(event=Event.AUDIT_BROKEN)
    if not rows.filter(at__gte=moment(now - BROKEN_DAYS * DAY_SECONDS)).exists():
        return ""
    return (
        f"Within the last {BROKEN_DAYS} days hardening_audit verify found the audit log broken: "
        "run it again to see where."
    )
