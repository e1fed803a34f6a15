"""What a policy would do, before it is saved: whom it covers, whom it stops, what they meet.

The counts ask the database what the compliance page asks of policies in force. What each person of
the list will meet is what the decision says of her, given the policies as they would be. So the
preview is the enforced set of afterwards, and a property test holds it to that.

A policy that only reports, or is off, is previewed as if it were enforced: that is the question.
Times are Unix seconds. The number of queries depends on nothing but the number of policies.

Rules: policy.md "RolePolicy rows".

The trap: *stopped* are those who are not stopped today. Who is already asked for a factor by
another policy is overdue under this one as well, and no news.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q

from hardening import census, compliance, facts, policies
from hardening.compliance import Counts, Status
from hardening.core.decision import decide
from hardening.core.values import Need, Proof, ProofKind, Session, Strength, Verdict
from hardening.flows import policy as branch
from hardening.flows.policy import Objection
from hardening.models import Account, RolePolicy
from hardening.models.database import alias, over_many
from hardening.policies import PolicySet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import QuerySet

    from hardening.core.values import Decision, Who
    from hardening.policies import Policy

LISTED = 20  # people shown by name
NEAREST = 400  # of the overdue by name, among whom those are looked for
IMAGINED = -1  # no revision that a site has


class Meets(StrEnum):
    """What somebody meets at the next sign-in, after the password."""

    NOTHING = "nothing"
    MAILBOX = "mailbox"  # a code by mail, or a ticket, then she sets up her first factor
    TICKET = "ticket"  # only a ticket: the policy wants one, or there is no mailbox
    FACTOR = "factor"  # the factor she has, then she sets up a stronger one
    OPERATOR = "operator"  # the factor that she has cannot be used
    REFUSED = "refused"  # the account is frozen or inactive


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody who would be stopped and is not today; `strength` is that of her best factor."""

    user: Any
    strength: Strength
    meets: Meets


@dataclass(frozen=True, slots=True)
class Preview:
    """What a policy would do.

    Attributes:
        policy: As it would be, enforced.
        mode: What was wanted; only "enforce" does any of this.
        after: Its members by status.
        before: Those of the row that it replaces; `None` if it is new.
        stopped: The first of those who would be stopped and are not today, by name.
        stopped_count: How many they are altogether.
        editor: Where the editor stands; `None`: not covered.
        objection: Why it may not be saved.
    """

    policy: Policy
    mode: str
    after: Counts
    before: Counts | None
    stopped: tuple[Stopped, ...]
    stopped_count: int
    editor: Status | None
    objection: Objection | None

    @property
    def editor_lacks(self) -> bool:
        """True if it covers its editor and he does not comply, whatever its mode."""
        return self.editor not in (None, Status.COMPLIANT)

    @property
    def would_leave_nobody(self) -> bool:
        """True if it may not be saved because no superuser could go on without help."""
        return self.objection is Objection.LEAVES_NOBODY


def preview(wanted: RolePolicy, *, now: int, editor: Any = None, at_most: int = LISTED) -> Preview:
    """Preview a policy.

    Args:
        wanted: The row as it would be saved, with its primary key if it replaces one.
        now: Unix seconds.
        editor: Who would save it; `None`: nobody, and nothing is objected.
        at_most: How many people to list by name.

    Raises:
        FactsError: If the facts about the people listed cannot be read.
    """
    policy = replace(policies.from_row(wanted), enforced=True)
    saved = RolePolicy.objects.filter(pk=wanted.pk).first() if wanted.pk else None
    asked = [policy, *([policies.from_row(saved)] if saved else [])]
    with over_many():
        after, *before = census.overviews(asked, now=now)
        count = max(after.counts.overdue - _stopped_already(policy, now=now), 0)
        users = _first(wanted, policy, min(count, at_most), now=now)
    return Preview(
        policy=policy,
        mode=wanted.mode,
        after=after.counts,
        before=before[0].counts if before else None,
        stopped=_named(wanted, policy, users, now=now),
        stopped_count=count,
        editor=None if editor is None else _status(editor, policy, now=now),
        objection=None if editor is None else branch.objection(wanted, editor, now=now),
    )


def newly_stopped(wanted: RolePolicy, *, now: int) -> QuerySet[Any]:
    """Return those whom a policy would stop if it were enforced, and whom nothing stops today."""
    policy = policies.from_row(wanted)
    if policy.due > now:
        return compliance.members(policy.role).none()
    overdue = compliance.of_status(policy, Status.OVERDUE, now=now)
    enrolling = Account.objects.filter(user_id=OuterRef("pk"), must_enrol=True, factors="")
    news = overdue.exclude(Exists(branch.frozen())).exclude(Exists(enrolling))
    return branch.not_stopped(news, branch.enforced(), now=now)


def _stopped_already(policy: Policy, *, now: int) -> int:
    """Count the overdue members whom something stops today, so whom `newly_stopped` leaves out.

    They are few beside those whom a policy for everybody stops: asking for them is cheap.
    """
    if policy.due > now:
        return 0
    overdue = compliance.of_status(policy, Status.OVERDUE, now=now)
    return overdue.filter(pk__in=_stopped_today(now=now)).count()


def _stopped_today(among: Sequence[Any] | None = None, *, now: int) -> QuerySet[Any]:
    """Return the keys of those whom something stops today, perhaps twice.

    Args:
        among: Keys of users; none given: everybody.
        now: Unix seconds.
    """
    own = Q(frozen=True) | Q(must_enrol=True, factors="")
    accounts = Account.objects.using(alias()).filter(own)
    others = (one for one in branch.enforced() if one.due <= now)
    overdue = (compliance.of_status(one, Status.OVERDUE, now=now) for one in others)
    if among is not None:
        accounts = accounts.filter(user_id__in=among)
        overdue = (users.filter(pk__in=among) for users in overdue)
    return accounts.values("user_id").union(*(users.values("pk") for users in overdue), all=True)


def _first(wanted: RolePolicy, policy: Policy, number: int, *, now: int) -> list[Any]:
    """Return so many of the newly stopped, the first by name.

    Nearly always they are among the first who are overdue; only otherwise all are sorted.
    """
    if not number:
        return []
    order = (get_user_model().USERNAME_FIELD, "pk")
    overdue = compliance.of_status(policy, Status.OVERDUE, now=now).order_by(*order)
    nearest = list(overdue.values_list("pk", flat=True)[:NEAREST])
    old = {key for (key,) in _stopped_today(nearest, now=now).values_list("user_id")}
    news = [key for key in nearest if key not in old][:number]
    if len(news) == number:
        return list(overdue.filter(pk__in=news))
    return list(newly_stopped(wanted, now=now).order_by(*order)[:number])


def meets(who: Who, *, now: int) -> Meets:
    """Return what somebody meets who types the right password at a browser that is known."""
    password = Proof(ProofKind.PASSWORD, now, who.account_epoch)
    session = Session(
        proofs=(password,),
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        signing_in=True,
    )
    return _meeting(decide(Need(), who, session, now=now))


def _meeting(decision: Decision) -> Meets:
    ways = {choice.kind for choice in decision.choices}
    match decision.verdict:
        case Verdict.ALLOW:
            return Meets.NOTHING
        case Verdict.MAILBOX:
            return Meets.MAILBOX if "mailbox" in ways else Meets.TICKET
        case Verdict.CHALLENGE:
            return Meets.OPERATOR if ways == {"operator"} else Meets.FACTOR
        case _:
            return Meets.REFUSED


def _named(
    wanted: RolePolicy, policy: Policy, users: list[Any], *, now: int
) -> tuple[Stopped, ...]:
    """Return these people with what the decision would say of each."""
    if not users:
        return ()
    others = branch.beside(policies.current().policies, wanted)
    known = facts.imagined(users, PolicySet(IMAGINED, (*others, policy)))
    return tuple(
        _stopped(user, known[user.pk].who(), now=now) for user in users if user.pk in known
    )


def _stopped(user: Any, who: Who, *, now: int) -> Stopped:
    strongest = max((factor.strength for factor in who.factors), default=Strength.NONE)
    return Stopped(user, strongest, meets(who, now=now))


def _status(editor: Any, policy: Policy, *, now: int) -> Status | None:
    him = compliance.with_status(policy, now=now).filter(pk=editor.pk)
    found = him.values_list(compliance.STATUS, flat=True).first()
    return Status(found) if found else None


__all__ = [
    "LISTED",
    "Meets",
    "Preview",
    "Stopped",
    "meets",
    "newly_stopped",
    "preview",
]
