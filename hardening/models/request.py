"""What one operator asks for and another one approves: four eyes, once.

A request is open for `OPEN_SECONDS`. Approving, refusing and withdrawing are one conditional
UPDATE each, so of two operators who approve at once one succeeds, and the deed is done once.

Rules: policy.md "Operators' tools"; nobody approves what he asked for, nor what is about himself.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet
from hardening.models.policy import RolePolicy

OPEN_SECONDS = 24 * 60 * 60


class Deed(models.TextChoices):
    """What is asked for."""

    RECOVERY = "recovery", _("Reset of a lost factor")
    EXEMPTION = "exemption", _("Exemption from a policy")
    TICKET = "ticket", _("Enrolment ticket")


class State(models.TextChoices):
    """What became of it."""

    OPEN = "open", _("Open")
    APPROVED = "approved", _("Approved")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class OperatorRequestQuerySet(WrittenQuerySet["OperatorRequest"]):
    """Queries that must be one statement to be right."""

    def open(self, *, now: int) -> OperatorRequestQuerySet:
        """Return those that still wait for somebody."""
        return self.filter(state=State.OPEN, expires_at__gt=now)

    def close(
        self, pk: int, state: str, *, closed_by: Any, key: str, name: str, alone: bool, now: int
    ) -> bool:
        """Close a request; true for exactly one caller, and never for who may not.

        Args:
            pk: Which.
            state: What becomes of it.
            closed_by: Who does it, by primary key.
            key: The same as events write it (`audit.pk_of`), and `requester_pk` too.
            name: His name, as events write it.
            alone: Whether there is nobody else who could approve: then its requester may, not
                for himself.
            now: Unix seconds.
        """
        rows = self.open(now=now).filter(pk=pk)
        if state == State.WITHDRAWN:
            rows = rows.filter(requester_pk=key)
        elif not (alone and state == State.APPROVED):
            rows = rows.exclude(requester_pk=key)
        if state == State.APPROVED:
            rows = rows.exclude(target_id=closed_by)
        return rows.update(state=state, closed_at=now, closer_pk=key, closer_name=name) == 1


class OperatorRequest(Row):
    """What is asked for, for whom, by whom, why, and how it ended."""

    deed = models.CharField(_("what"), max_length=12, choices=Deed.choices)
    target = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name=_("for")
    )
    policy = models.ForeignKey(
        RolePolicy, on_delete=models.CASCADE, related_name="+", null=True, blank=True
    )
    until = models.BigIntegerField(null=True, blank=True)  # of an exemption, Unix seconds
    reason = models.TextField(_("reason"))
    evidence = models.TextField(_("evidence"), default="", blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State.choices, default=State.OPEN)
    # By key and name, as events write them: evidence outlives accounts.
    requester_pk = models.CharField(max_length=64)
    requester_name = models.CharField(_("requested by"), max_length=150)
    requested_at = models.BigIntegerField(_("requested"))  # Unix seconds
    expires_at = models.BigIntegerField(_("expires"))  # Unix seconds
    closer_pk = models.CharField(max_length=64, default="", blank=True)
    closer_name = models.CharField(_("closed by"), max_length=150, default="", blank=True)
    closed_at = models.BigIntegerField(_("closed"), null=True, blank=True)  # Unix seconds

    objects: OperatorRequestQuerySet = OperatorRequestQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("operators' request")
        verbose_name_plural = _("operators' requests")
        ordering = ("-pk",)
        permissions = [("approve_request", _("Can approve operators' requests"))]
        constraints = [
            models.CheckConstraint(condition=~Q(reason=""), name="hardening_request_has_a_reason"),
        ]

    def __str__(self) -> str:
        return f"request {self.pk}"

    def is_open(self, *, now: int) -> bool:
        """True while it waits for somebody."""
        return self.state == State.OPEN and self.expires_at > now
