"""Security events: one row a transition, no foreign key, so that evidence outlives accounts."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet


class SecurityEvent(Row):
    """What happened, to whom, by whom, from where."""

    at = models.DateTimeField(_("at"), db_index=True)
    event = models.CharField(_("event"), max_length=48)
    target_pk = models.CharField(_("account"), max_length=64, default="", blank=True, db_index=True)
    target_name = models.CharField(_("account name"), max_length=150, default="", blank=True)
    actor_pk = models.CharField(_("actor"), max_length=64, default="", blank=True)
    actor_name = models.CharField(_("actor name"), max_length=150, default="", blank=True)
    address = models.CharField(_("address"), max_length=45, default="", blank=True)
    device = models.CharField(_("device"), max_length=100, default="", blank=True)
    session = models.CharField(_("session"), max_length=32, default="", blank=True)  # a digest
    request_id = models.CharField(_("request"), max_length=64, default="", blank=True)
    reason = models.CharField(_("reason"), max_length=48, default="", blank=True)
    data = models.JSONField(_("data"), default=dict, blank=True)
    mac = models.CharField(max_length=64, default="", blank=True)  # of all above; "": older rows
    seal = models.BigIntegerField(null=True, blank=True, db_index=True)  # which `AuditSeal`

    objects = WrittenQuerySet.as_manager()

    class Meta:
        verbose_name = _("security event")
        verbose_name_plural = _("security events")
        ordering = ("-pk",)
        indexes = [models.Index(fields=["event", "at"], name="hardening_event_by_time")]

    def __str__(self) -> str:
        return f"{self.event} {self.pk}"
