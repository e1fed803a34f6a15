"""Reminders of what is going to bite: deadlines of policies, and exemptions that end.

Meant for a job that runs every day, or every hour: `hardening_remind`. A person is reminded 7, 3
and 1 days before *her own* deadline, once each, in her own time zone. Where the job did not run for
days, only the nearest of the three goes out. An exemption is announced once, a week before its end,
to whom it spares, to the operators who asked for and approved it, and to ``ADMINS``.

Of a mail that cannot be sent the claim is given back, so the next run tries again; after a few in a
row the mail server is taken for down and the run ends. A process that dies between claiming and
sending has claimed: that reminder stays unsent, for a mail is never sent twice. The next one, and
the banner until then, say the same.

The trap: policies of the settings have no row, so nothing could be claimed for them; their dates
are in the banner only. A policy that only reports reminds nobody.

Rules: policy.md "Grace", "Exemptions". Times are Unix seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from hardening import audit, compliance, host, notify, policies, roles
from hardening.audit import Event
from hardening.compliance import STATUS, Status
from hardening.factors.mailbox import email_of
from hardening.flows.notices import addresses, notice
from hardening.flows.requests import APPROVE, ASK, may
from hardening.models import PolicyWaiver, Reminder, RolePolicy
from hardening.models.database import alias
from hardening.models.policy import Mode
from hardening.models.waiver import Kind
from hardening.policies import DAY_SECONDS
from hardening.zones import zone_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import tzinfo

    from django.db.models import QuerySet

    from hardening.compliance import Person
    from hardening.policies import Policy

REMIND_DAYS = (1, 3, 7)  # policy.md "Grace"
EXEMPTION_DAYS = max(REMIND_DAYS)
BATCH = 500  # people whose reminders are looked up by one query
MAX_FAILURES = 10  # in a row: the mail server is down, and a million tries would say no more
LONGEST_PK = 64  # characters of a key that stand in a reminder's as they are


@dataclass(slots=True)
class Run:
    """What one run did. `by_days`: reminders by how many days before; `gave_up`: mail is down."""

    by_days: dict[int, int] = field(default_factory=lambda: dict.fromkeys(REMIND_DAYS, 0))
    exemptions: int = 0
    without_address: int = 0
    failed: int = 0
    gave_up: bool = False
    _in_a_row: int = 0

    @property
    def sent(self) -> int:
        """How many reminders, and warnings of exemptions, went out."""
        return sum(self.by_days.values()) + self.exemptions

    def note(self, *, sent: bool) -> bool:
        """Count a mail that was tried; return whether it went out."""
        self._in_a_row = 0 if sent else self._in_a_row + 1
        self.failed += not sent
        self.gave_up = self._in_a_row >= MAX_FAILURES
        return sent


@dataclass(frozen=True, slots=True)
class _Due:
    """One reminder that may have to go out."""

    person: Person
    policy: Policy
    days: int

    @property
    def key(self) -> str:
        pk = str(self.person.user.pk)
        if len(pk) > LONGEST_PK:
            pk = hashlib.sha256(pk.encode()).hexdigest()
        return f"{self.policy.pk}:{pk}:{self.person.due}:{self.days}"


def total(*, now: int) -> int:
    """Return how many people and exemptions `remind_all` looks at."""
    people = [_in_grace(policy, now=now).count() for policy in _policies(now=now)]
    return sum(people) + _ending(now=now).count()


def remind_all(*, step: Callable[[], None], dry_run: bool, now: int) -> Run:
    """Send what is due and was not sent yet; `step` is called once a person looked at."""
    run = Run()
    for policy in _policies(now=now):
        for batch in _batches(_due(policy, step, now=now)):
            for one in _unclaimed(batch):
                _remind(one, run, dry_run=dry_run, now=now)
                if run.gave_up:
                    return run
    for waiver in _ending(now=now).order_by("pk").iterator():
        _announce(waiver, run, dry_run=dry_run, now=now)
        step()
        if run.gave_up:
            return run
    return run


# --- deadlines -------------------------------------------------------------------------------


def _policies(*, now: int) -> list[Policy]:
    """Return those by which anybody may have to be reminded now: nobody's date is earlier."""
    ahead = now + max(REMIND_DAYS) * DAY_SECONDS
    listed = policies.read().policies
    return [one for one in listed if one.enforced and one.pk is not None and one.due <= ahead]


def _in_grace(policy: Policy, *, now: int) -> QuerySet[Any]:
    return compliance.of_status(policy, Status.IN_GRACE, now=now)


def _due(policy: Policy, step: Callable[[], None], *, now: int) -> Iterator[_Due]:
    for person in compliance.every(policy, now=now, status=Status.IN_GRACE):
        step()
        left = person.due - now
        days = next((one for one in REMIND_DAYS if 0 < left <= one * DAY_SECONDS), None)
        if days is not None:
            yield _Due(person, policy, days)


def _batches(due: Iterator[_Due]) -> Iterator[list[_Due]]:
    while batch := list(islice(due, BATCH)):
        yield batch


def _unclaimed(batch: list[_Due]) -> list[_Due]:
    claimed = Reminder.objects.filter(
        pk__in=[one.key for one in batch], claimed_at__isnull=False
    ).values_list("pk", flat=True)
    known = set(claimed)
    return [one for one in batch if one.key not in known]


def _remind(due: _Due, run: Run, *, dry_run: bool, now: int) -> None:
    user = due.person.user
    if not email_of(user):
        run.without_address += 1
        return
    if dry_run:
        run.by_days[due.days] += 1
        return
    key, policy = due.key, due.policy
    if not Reminder.objects.claim(key, policy_pk=policy.pk or 0, user_pk=user.pk, now=now):
        return  # another run, at the same time
    if not run.note(sent=notify.reach(_reminder(due, now=now))):
        Reminder.objects.give_back(key)
        return
    Reminder.objects.confirm(key, now=now)
    run.by_days[due.days] += 1
    data = {"policy": policy.pk, "role": policy.role, "due": due.person.due, "days": due.days}
    audit.record(Event.DEADLINE_REMINDED, user=user, data=data, now=now)


def _reminder(due: _Due, *, now: int) -> notify.Notice:
    user, zone = due.person.user, zone_of(due.person.user)
    details = {
        "due": datetime.fromtimestamp(due.person.due, tz=zone),
        "days": due.days,
        "roles": roles.labels([due.policy.role]),
        "extended": due.person.extended,
    }
    return _in(zone, user, "deadline_ahead", addresses(user, now=now), details, now=now)


# --- exemptions ------------------------------------------------------------------------------


def _ending(*, now: int) -> QuerySet[PolicyWaiver]:
    soon = now + EXEMPTION_DAYS * DAY_SECONDS
    standing = PolicyWaiver.objects.standing(now=now).filter(kind=Kind.EXEMPTION, until__lte=soon)
    untold = standing.filter(told_at__isnull=True, policy__mode=Mode.ENFORCE)
    return untold.select_related("user", "policy")


def _announce(waiver: PolicyWaiver, run: Run, *, dry_run: bool, now: int) -> None:
    if not _spares(waiver, now=now):
        return  # she has a factor by now, or left the role: nothing is going to bite
    if dry_run:
        run.exemptions += 1
        return
    mine = PolicyWaiver.objects.filter(pk=waiver.pk)
    if mine.filter(told_at__isnull=True).update(told_at=now) != 1:
        return  # another run, at the same time
    sent = [notify.reach(one) for one in _warnings(waiver, now=now) if one.to]
    if not sent:
        run.without_address += 1
        return
    if not run.note(sent=any(sent)):
        mine.update(told_at=None)
        return
    run.exemptions += 1
    data = {"policy": waiver.policy_id, "role": waiver.policy.role, "until": waiver.until}
    audit.record(Event.EXEMPTION_REMINDED, user=waiver.user, data=data, now=now)


def _spares(waiver: PolicyWaiver, *, now: int) -> bool:
    policy = policies.from_row(waiver.policy)
    member = compliance.with_status(policy, now=now).filter(pk=waiver.user_id)
    return list(member.values_list(STATUS, flat=True)) == [Status.EXEMPT]


def _warnings(waiver: PolicyWaiver, *, now: int) -> list[notify.Notice]:
    """Return the mails to her and to the operators; each in the time zone of who reads it."""
    user = waiver.user
    hers = addresses(user, now=now)
    theirs = [*host.operators()]
    for operator in _operators(waiver):
        theirs += addresses(operator, now=now)
    others = tuple(dict.fromkeys(address for address in theirs if address not in hers))
    return [
        _warning(waiver, hers, zone_of(user), now=now),
        _warning(waiver, others, timezone.get_default_timezone(), now=now),
    ]


def _warning(waiver: PolicyWaiver, to: tuple[str, ...], zone: tzinfo, *, now: int) -> notify.Notice:
    role: RolePolicy = waiver.policy
    details = {
        "due": datetime.fromtimestamp(waiver.until, tz=zone),
        "roles": roles.label(role.role),
        "why": waiver.reason,
        "approved_by": waiver.approved_by,
    }
    return _in(zone, waiver.user, "exemption_ends", to, details, now=now)


def _operators(waiver: PolicyWaiver) -> list[Any]:
    """Return who asked for an exemption and who approved it, as far as they are still there."""
    model: Any = get_user_model()
    names = [name for name in (waiver.requested_by, waiver.approved_by) if name]
    users = model._base_manager.using(alias())  # noqa: SLF001 - everybody
    named = users.filter(**{f"{model.USERNAME_FIELD}__in": names}).order_by("pk")
    # A name is all that is kept, and may be somebody else's by now.
    return [one for one in named if may(one, ASK) or may(one, APPROVE)]


def _in(
    zone: tzinfo, user: Any, name: str, to: tuple[str, ...], details: dict[str, Any], *, now: int
) -> notify.Notice:
    return replace(notice(user, name, to, details, now=now), zone=zone)
