"""What a status under a policy means, as conditions of a query over users.

`hardening.compliance` puts them together. Every condition is an ``EXISTS`` for a ``WHERE``, which
PostgreSQL joins by; what is held together by "or" is a list of keys, asked aside.

The trap: this repeats in SQL what `core.grace` says in Python, and the text of factors as
`factors.registry` writes it. Property tests hold them together. Times are Unix seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import (
    Case,
    CharField,
    DateTimeField,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    Value,
    When,
)

from hardening.core.grace import WaiverKind
from hardening.core.values import Strength
from hardening.models import Account, PolicyWaiver
from hardening.moments import moment
from hardening.policies import DAY_SECONDS

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from hardening.policies import Policy


def reaches(strength: Strength) -> Q:
    """Return "has a factor of this strength", usable or not: it stands in the way either way."""
    accounts = Account.objects.filter(user_id=OuterRef("pk")).exclude(factors="")
    if strength > Strength.ANY:
        accounts = accounts.filter(_names(strength))
    return Q(Exists(accounts))


def level(kind: IntegerField[Any, Any] | CharField[Any, Any]) -> Case:
    """Return the strength of an account's strongest factor, as a number or as a text."""
    word = str if isinstance(kind, CharField) else int
    stronger = [one for one in sorted(Strength, reverse=True) if one > Strength.ANY]
    return Case(
        When(factors="", then=Value(word(Strength.NONE.value))),
        *(When(_names(one), then=Value(word(one.value))) for one in stronger),
        default=Value(word(Strength.ANY.value)),
        output_field=kind,
    )


def _names(strength: Strength) -> Q:
    """Return "the text of `factors.registry` names a factor of at least this strength".

    That the digit stands anywhere between colons is asked first: a pattern takes ten times as long.
    """
    levels = [one.value for one in Strength if one >= strength]
    digits = Q(*(Q(factors__contains=f":{one}:") for one in levels), _connector=Q.OR)
    pattern = f"(^|,)[0-9]+:[^:,]*:[{''.join(map(str, levels))}]:"
    return digits & Q(factors__regex=pattern)


def waived(policy: Policy, kind: WaiverKind, now: int) -> Q:
    """Return who was granted this, for the policy at hand, and still has it."""
    if policy.pk is None:  # a floor, or a row that is not saved: nobody has been spared
        return ~_anybody()
    return Q(Exists(_waivers(policy, kind, now).filter(user_id=OuterRef("pk"))))


def _waivers(policy: Policy, kind: WaiverKind, now: int) -> QuerySet[PolicyWaiver]:
    rows = PolicyWaiver.objects.standing(now=now)
    return rows.filter(policy_id=policy.pk, kind=kind.value)


def in_grace(policy: Policy, model: Any, now: int) -> Q:
    """Return who still has time: everybody, or those with an extension or a new account."""
    if policy.due > now:
        return _anybody()
    return Q(~_anybody(), *more_time(policy, model, now), _connector=Q.OR)


def more_time(policy: Policy, model: Any, now: int) -> list[Q]:
    """Return in which ways one has time after the deadline: by an extension, as a new account."""
    ways = []
    if policy.pk is not None:
        # Asked aside, for an "or" cannot be joined by; each was granted by hand, so they are few.
        ways.append(Q(pk__in=_waivers(policy, WaiverKind.EXTENSION, now).values("user_id")))
    if policy.new_account_days and isinstance(field_of(model, "date_joined"), DateTimeField):
        # The decision cuts fractions of a second off: who joined in that second has time no more.
        latest = now - policy.new_account_days * DAY_SECONDS
        ways.append(Q(date_joined__gte=moment(latest + 1)))
    return ways


def _anybody() -> Q:
    """Return a condition that holds; an empty one holds even if it is negated."""
    return Q(pk__isnull=False)


def field_of(model: Any, name: str) -> Any:
    """Return a field of the site's own user model; `None` if it has none of that name."""
    try:
        return model._meta.get_field(name)  # noqa: SLF001 - Django's documented model API
    except FieldDoesNotExist:
        return None
