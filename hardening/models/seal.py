"""Seals of the audit log: each covers a batch of events and the seal before it.

`number` counts 1, 2, …; as the primary key it decides who of two processes seals a batch. `mac`
is an HMAC-SHA256 under a key of the ring over everything here and the `mac` before, so that a
changed, removed or invented event, and a seal missing in the middle, are seen.

The trap: whoever can delete rows can cut the tail off, seals and all. Only a `mac` kept elsewhere
(the log line each sealing writes, `hardening_audit verify --anchor`) shows that.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet


class AuditSeal(Row):
    """One seal."""

    number = models.BigIntegerField(primary_key=True)
    at = models.BigIntegerField()  # Unix seconds
    count = models.PositiveIntegerField()
    first_pk = models.BigIntegerField()
    last_pk = models.BigIntegerField()
    first_at = models.BigIntegerField()  # Unix seconds
    last_at = models.BigIntegerField()  # Unix seconds
    digest = models.CharField(max_length=64)  # SHA-256 over the events, in hex
    previous = models.CharField(max_length=64, default="", blank=True)  # `mac` of the one before
    key_id = models.CharField(max_length=16)
    mac = models.CharField(max_length=64)
    pruned = models.CharField(max_length=64, default="", blank=True)  # an HMAC, once rows are gone

    objects = WrittenQuerySet.as_manager()

    class Meta:
        verbose_name = _("audit seal")
        verbose_name_plural = _("audit seals")
        ordering = ("number",)

    def __str__(self) -> str:
        return f"seal {self.number}"
