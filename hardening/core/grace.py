"""Deadlines of one person: those of her policies, and what an operator or a new account adds.

A policy has one deadline for everybody. Three things move it, and nothing else: an *extension*
that an operator granted, an *exemption* that two operators agreed on, and, where the policy says
so, the days of a new account, counted from its creation. Never a request, a sign-in, a role that
is taken and given back, or a factor that is removed: all of that is arithmetic on the same numbers.

Waivers ride along with the account as one text, ``policy:kind:until`` joined by commas; `until` in
Unix seconds.

Rules: policy.md "Grace", "Exemptions".

The trap: what is waived is one policy, by its number, not a role. Another policy on the same role
goes on, and so does the floor of the settings, which has no number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.core.values import Demand, Requirement


class WaiverKind(StrEnum):
    """What is granted: more time, or none of it."""

    EXTENSION = "g"
    EXEMPTION = "x"


@dataclass(frozen=True, slots=True)
class Waiver:
    """Until when a policy, by its primary key, does not bite one person."""

    policy: int
    kind: WaiverKind
    until: int


def encode(waivers: Iterable[Waiver]) -> str:
    """Return the text that the account's row carries."""
    return ",".join(f"{one.policy}:{one.kind.value}:{one.until}" for one in waivers)


def decode(text: str) -> tuple[Waiver, ...]:
    """Return what such a text says.

    Raises:
        ValueError: If it is none; callers answer as to any fact that cannot be read.
    """
    if not text:
        return ()
    return tuple(_waiver(entry) for entry in text.split(","))


def _waiver(entry: str) -> Waiver:
    policy, kind, until = entry.split(":")
    return Waiver(int(policy), WaiverKind(kind), int(until))


def personal(
    requirement: Requirement, waivers: tuple[Waiver, ...], created: int | None
) -> Requirement:
    """Return what policies ask of one person, with her own deadlines.

    Args:
        requirement: What they ask of everybody in her roles.
        waivers: Hers.
        created: When her account was made, in Unix seconds; `None`: nobody knows.
    """
    if not waivers and (created is None or not _spares_new_accounts(requirement)):
        return requirement
    return replace(
        requirement,
        demands=tuple(_moved(one, waivers, created) for one in requirement.demands),
        reported=tuple(_moved(one, waivers, created) for one in requirement.reported),
    )


def _spares_new_accounts(requirement: Requirement) -> bool:
    return any(one.new_account_seconds for one in (*requirement.demands, *requirement.reported))


def _moved(demand: Demand, waivers: tuple[Waiver, ...], created: int | None) -> Demand:
    hers = [one for one in waivers if demand.policy is not None and one.policy == demand.policy]
    due = demand.due
    if created is not None and demand.new_account_seconds:
        due = max(due, created + demand.new_account_seconds)
    granted, exempt = (_until(hers, kind) for kind in WaiverKind)
    return replace(
        demand,
        due=max(due, granted, exempt),
        exempt_until=exempt,
        extended=granted > max(due, exempt),
    )


def _until(waivers: list[Waiver], kind: WaiverKind) -> int:
    return max((one.until for one in waivers if one.kind is kind), default=0)
