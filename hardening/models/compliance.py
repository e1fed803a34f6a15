"""How many meet each policy, a row a day; and which reminders have been sent."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet
from hardening.models.inserting import insert_missing
from hardening.models.policy import RolePolicy

KEEP_DAYS = 400  # a year and some, for whoever compares
KEY_LENGTH = 160
ROLE_LENGTH = 150


class PolicySnapshot(Row):
    """One policy on one day (UTC); `policy` is its key by `hardening.policies.keyed`."""

    day = models.DateField()
    policy = models.CharField(max_length=KEY_LENGTH)
    role = models.CharField(max_length=ROLE_LENGTH)
    members = models.PositiveIntegerField()
    compliant = models.PositiveIntegerField()
    in_grace = models.PositiveIntegerField()
    overdue = models.PositiveIntegerField()
    exempt = models.PositiveIntegerField()

    objects = WrittenQuerySet.as_manager()

    class Meta:
        verbose_name = _("policy snapshot")
        verbose_name_plural = _("policy snapshots")
        ordering = ("day", "policy")
        permissions = [("view_compliance", _("Can see who meets which policy"))]
        constraints = [
            models.UniqueConstraint(fields=["day", "policy"], name="hardening_one_snapshot_a_day")
        ]

    def __str__(self) -> str:
        return f"{self.policy} on {self.day}"


class ReminderQuerySet(WrittenQuerySet["Reminder"]):
    """Queries that must be one statement to be right."""

    def claim(self, key: str, *, policy_pk: int, user_pk: Any, now: int) -> bool:
        """Note that a reminder is being sent; true for exactly one caller."""
        insert_missing(self, [self.model(key=key, policy_id=policy_pk, user_id=user_pk)])
        return self.filter(pk=key, claimed_at__isnull=True).update(claimed_at=now) == 1

    def give_back(self, key: str) -> None:
        """Take a claim back whose mail could not be sent: the next run tries again."""
        self.filter(pk=key, sent_at__isnull=True).update(claimed_at=None)

    def confirm(self, key: str, *, now: int) -> None:
        """Note that its mail has gone out."""
        self.filter(pk=key).update(sent_at=now)


class Reminder(Row):
    """One mail about one deadline: ``policy:user:deadline:days`` is its key."""

    key = models.CharField(max_length=160, primary_key=True)
    policy = models.ForeignKey(RolePolicy, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    claimed_at = models.BigIntegerField(null=True, blank=True)  # Unix seconds
    sent_at = models.BigIntegerField(null=True, blank=True)  # Unix seconds

    objects: ReminderQuerySet = ReminderQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")

    def __str__(self) -> str:
        return self.key
