"""What spares one person one policy for a while: an extension, or an exemption.

The rows are the record; what the decision reads is the text on the account's row, written anew by
whoever changes one, inside the same transaction.

Rules: policy.md "Grace", "Exemptions".
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hardening.core.grace import Waiver as Value
from hardening.core.grace import WaiverKind
from hardening.models.database import Row, WrittenQuerySet
from hardening.models.policy import RolePolicy

MAX_EXEMPTION_DAYS = 90  # policy.md


class Kind(models.TextChoices):
    """What was granted."""

    EXTENSION = WaiverKind.EXTENSION.value, _("More time")
    EXEMPTION = WaiverKind.EXEMPTION.value, _("Exemption")


class WaiverQuerySet(WrittenQuerySet["PolicyWaiver"]):
    """Queries that must be one statement to be right."""

    def standing(self, *, now: int) -> WaiverQuerySet:
        """Return those that are neither over nor ended."""
        return self.filter(until__gt=now, ended_at__isnull=True)

    def values_of(self, user_pk: Any, *, now: int) -> list[Value]:
        """Return what stands for one person, for `core.grace.encode`."""
        rows = self.standing(now=now).filter(user_id=user_pk).order_by("pk")
        listed = rows.values_list("policy_id", "kind", "until")
        return [Value(policy, WaiverKind(kind), until) for policy, kind, until in listed]

    def end(self, pk: int, *, now: int) -> bool:
        """End one before its time; true for exactly one caller."""
        return self.standing(now=now).filter(pk=pk).update(ended_at=now) == 1


class PolicyWaiver(Row):
    """One person, one policy, until when, why, and who said so."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    policy = models.ForeignKey(RolePolicy, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(_("kind"), max_length=1, choices=Kind.choices)
    until = models.BigIntegerField(_("until"))  # Unix seconds
    reason = models.TextField(_("reason"))
    granted_at = models.BigIntegerField(_("granted"))  # Unix seconds
    # By name: evidence outlives accounts.
    requested_by = models.CharField(_("requested by"), max_length=150, default="", blank=True)
    approved_by = models.CharField(_("approved by"), max_length=150)
    ended_at = models.BigIntegerField(_("ended"), null=True, blank=True)  # Unix seconds
    told_at = models.BigIntegerField(null=True, blank=True)  # of its coming end, Unix seconds

    objects: WaiverQuerySet = WaiverQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("waiver")
        verbose_name_plural = _("waivers")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["policy", "until"], name="hardening_waiver_of_policy")]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="hardening_waiver_has_a_reason")
        ]

    def __str__(self) -> str:
        return f"waiver {self.pk}"
