"""Policies: the floor of the settings, the rows of the admin, merged; the strictest wins.

A process holds the policies of one *revision*. The query that loads a user brings the site's
current revision along, so a process notices a change with its next request and reads the rows
anew; nothing else is ever cached here.

Grace is arithmetic: a policy has one deadline, ``starts_at + grace_days``, in Unix seconds UTC.
Nothing is kept per user, so neither signing in again, nor leaving and joining the role, nor
deleting a factor starts it anew.

The trap: the revision is read *before* the rows. The other way round, a change committed in
between would be missed until the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hardening.conf import conf
from hardening.core.values import (
    RECHECK_DAYS,
    RECHECK_DAYS_PRIVILEGED,
    Demand,
    PasswordMode,
    Requirement,
    Strength,
)
from hardening.models import RolePolicy, SiteState
from hardening.models.account import SITE_PK
from hardening.models.policy import FirstEnrolment, Mode
from hardening.moments import unix

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from hardening.conf import Conf

DAY_SECONDS = 24 * 60 * 60
ALWAYS = 0  # a floor without a date is due since the epoch
MAX_MERGED = 1000  # combinations of roles that people really are in; each is a few hundred bytes


@dataclass(frozen=True, slots=True)
class Policy:
    """One policy, from the floor or from a row. `due` in Unix seconds."""

    role: str
    strength: Strength
    due: int
    enforced: bool = True
    first_by_ticket: bool = False
    step_up_seconds: int | None = None
    password_mode: PasswordMode = PasswordMode.OFF
    recheck_days: int | None = None
    pk: int | None = None
    new_account_days: int = 0
    idle_seconds: int | None = None
    absolute_seconds: int | None = None
    parallel_sessions: int | None = None
    remembered_days: int = 0


@dataclass(frozen=True, slots=True)
class PolicySet:
    """All policies of one revision.

    `roles` are those that a policy names, in a fixed order: whose membership must be known. What
    policies amount to is worked out once for each combination of roles.
    """

    revision: int
    policies: tuple[Policy, ...]
    roles: tuple[str, ...] = field(init=False, compare=False)
    _merged: dict[frozenset[str], Requirement] = field(
        init=False, compare=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        """Name the roles."""
        named = tuple(dict.fromkeys(policy.role for policy in self.policies))
        object.__setattr__(self, "roles", named)

    def requirement(self, member_of: Collection[str]) -> Requirement:
        """Merge the policies that cover a member of these roles."""
        key = frozenset(member_of)
        merged = self._merged.get(key)
        if merged is None:
            if len(self._merged) >= MAX_MERGED:
                self._merged.clear()
            merged = merge(policy for policy in self.policies if policy.role in key)
            self._merged[key] = merged
        return merged


_held: PolicySet | None = None
_held_conf: Conf | None = None


def floor() -> tuple[Policy, ...]:
    """Return the policies of the settings; no row can lower them."""
    return tuple(
        Policy(
            role=entry.role,
            strength=Strength.from_slug(entry.strength),
            due=ALWAYS if entry.due is None else entry.due,
            password_mode=PasswordMode.from_slug(entry.breached_passwords),
        )
        for entry in conf().POLICIES
    )


def current() -> PolicySet:
    """Return the policies this process holds; read them if it holds none or settings changed."""
    if _held is None or _held_conf is not conf():
        return read()
    return _held


def read() -> PolicySet:
    """Read the policies from the database and hold them."""
    global _held, _held_conf  # noqa: PLW0603 - one value per process, replaced whole
    _held_conf = conf()
    revision = SiteState.objects.filter(pk=SITE_PK).values_list("policy_revision", flat=True)
    known = revision.first() or 0
    rows = RolePolicy.objects.exclude(mode=Mode.OFF)
    _held = PolicySet(known, (*floor(), *(from_row(row) for row in rows)))
    return _held


def forget() -> None:
    """Drop what this process holds; the next request reads anew."""
    global _held  # noqa: PLW0603 - one value per process, replaced whole
    _held = None


def keyed(listed: Iterable[Policy]) -> dict[str, Policy]:
    """Return policies by what they are called in reports, addresses and snapshots.

    That is ``row:<pk>``, or ``floor:<role>``; a further one of the settings on the same role has a
    plus sign at the end.
    """
    found: dict[str, Policy] = {}
    for policy in listed:
        key = f"floor:{policy.role}" if policy.pk is None else f"row:{policy.pk}"
        while key in found:
            key += "+"
        found[key] = policy
    return found


def from_row(row: RolePolicy) -> Policy:
    """Return the value of a row, saved or not (the admin asks before saving)."""
    return Policy(
        role=row.role,
        strength=Strength.from_slug(row.strength),
        due=unix(row.starts_at) + row.grace_days * DAY_SECONDS,
        enforced=row.mode == Mode.ENFORCE,
        first_by_ticket=row.first_enrolment == FirstEnrolment.TICKET,
        step_up_seconds=row.step_up_seconds,
        password_mode=PasswordMode.from_slug(row.breached_passwords),
        recheck_days=row.recheck_days,
        pk=row.pk,
        new_account_days=row.new_account_days,
        idle_seconds=row.idle_seconds,
        absolute_seconds=row.absolute_seconds,
        parallel_sessions=row.parallel_sessions,
        remembered_days=row.remembered_days,
    )


def merge(policies: Iterable[Policy]) -> Requirement:
    """Merge policies; the strictest wins in every field, demands stay apart."""
    listed = tuple(policies)
    enforced = [policy for policy in listed if policy.enforced]
    return Requirement(
        demands=tuple(_demand(policy) for policy in enforced),
        reported=tuple(_demand(policy) for policy in listed if not policy.enforced),
        first_by_ticket=any(policy.first_by_ticket for policy in enforced),
        step_up_seconds=_least(one.step_up_seconds for one in enforced),
        password_mode=_password_mode(listed),
        recheck_days=_recheck_days(enforced),
        **_session_limits(enforced),
        # Where no policy covers somebody no factor is asked for, and none need be remembered.
        remembered_days=min((one.remembered_days for one in enforced), default=0),
    )


def _session_limits(enforced: Sequence[Policy]) -> dict[str, int | None]:
    """Return the limits on a session; those of the settings hold for everybody."""
    site = conf()
    of_site = {
        "idle_seconds": site.SESSION_IDLE_SECONDS,
        "absolute_seconds": site.SESSION_ABSOLUTE_SECONDS,
        "parallel_sessions": site.SESSION_PARALLEL,
    }
    return {
        name: _least((mine, *(getattr(one, name) for one in enforced)))
        for name, mine in of_site.items()
    }


def _least(given: Iterable[int | None]) -> int | None:
    return min((one for one in given if one is not None), default=None)


def _password_mode(policies: Sequence[Policy]) -> PasswordMode:
    """Return the strictest, the site's own included; a policy that only reports adds no more."""
    reported = min(PasswordMode.REPORT, max((one.password_mode for one in policies), default=0))
    return PasswordMode(
        max(
            conf().BREACHED_PASSWORDS,
            reported,
            *(one.password_mode for one in policies if one.enforced),
        )
    )


def _recheck_days(enforced: Sequence[Policy]) -> int:
    usual = RECHECK_DAYS_PRIVILEGED if enforced else RECHECK_DAYS
    return min((one.recheck_days for one in enforced if one.recheck_days), default=usual)


def _demand(policy: Policy) -> Demand:
    return Demand(
        strength=policy.strength,
        due=policy.due,
        role=policy.role,
        policy=policy.pk,
        new_account_seconds=policy.new_account_days * DAY_SECONDS,
    )
