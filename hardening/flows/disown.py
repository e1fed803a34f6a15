"""The owner freezes her account by the link of a notice, "this wasn't me", without signing in.

Looking at a link changes nothing, for programs look through mails too; using it works once, and
both the mark that it was used and the frozen account are written, or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError
from django.views.decorators.debug import sensitive_variables

from hardening.flows import freezing, links, named
from hardening.models import Account, Disowning
from hardening.models.database import atomic

if TYPE_CHECKING:
    from hardening.audit import Where
    from hardening.flows.freezing import Came
    from hardening.flows.links import Claim


@dataclass(frozen=True, slots=True)
class Found:
    """A link that works, and whose account it is about."""

    claim: Claim
    user: Any


@dataclass(frozen=True, slots=True)
class Disowned:
    """What came of a link that was used."""

    found: Found
    came: Came


@sensitive_variables()
def find(token: str, *, now: int) -> Found | None:
    """Return what a link says; `None` if it does not work (any more). Uses nothing up.

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    claim = links.read(token, now=now)
    if claim is None or Disowning.objects.filter(digest=claim.digest).exists():
        return None
    user = named.load(claim.pk)
    if user is None or Account.objects.filter(user_id=user.pk, thawed_at__gt=claim.at).exists():
        return None
    return Found(claim, user)


@sensitive_variables()
def spend(token: str, *, now: int, where: Where) -> Disowned | None:
    """Use a link up and freeze the account; `None` if it does not work (any more).

    Raises:
        FactsError: If nobody can tell.
        NotMigratedError: If our tables are missing.
    """
    found = find(token, now=now)
    if found is None:
        return None
    try:
        with atomic():
            return _spent(found, now=now, where=where)
    except IntegrityError:  # somebody else's, or the other tab's, was first
        return None


def _spent(found: Found, *, now: int, where: Where) -> Disowned | None:
    claim = found.claim
    mine = Disowning.objects.spend(
        claim.digest,
        user_pk=found.user.pk,
        notice=claim.notice,
        expires_at=claim.expires_at,
        now=now,
    )
    if not mine:
        return None
    came = freezing.freeze_disowned(found.user, notice=claim.notice, now=now, where=where)
    return Disowned(found, came)
