"""Enrolment tickets: what an operator hands to somebody whose mailbox cannot be proven."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

TICKET_SECONDS = 24 * 60 * 60  # policy.md, "Operators' tools"


class EnrolmentTicketQuerySet(WrittenQuerySet["EnrolmentTicket"]):
    """Queries that must be one statement to be right."""

    def spend(self, user_pk: Any, digests: Iterable[str], *, now: int) -> bool:
        """Use a ticket up, given one digest per key of the ring; true for one caller."""
        valid = self.filter(
            user_id=user_pk,
            digest__in=list(digests),
            used_at__isnull=True,
            expires_at__gt=moment(now),
        )
        return valid.update(used_at=moment(now)) == 1


class EnrolmentTicket(Row):
    """A keyed digest; single use, 24 hours."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key_id = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = EnrolmentTicketQuerySet.as_manager()

    class Meta:
        verbose_name = _("enrolment ticket")
        verbose_name_plural = _("enrolment tickets")

    def __str__(self) -> str:
        return f"enrolment ticket {self.pk}"
