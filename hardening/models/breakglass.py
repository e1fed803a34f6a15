"""Break-glass codes: made offline, hashed, single use; each opens one session for an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.core.values import BREAK_GLASS_SECONDS
from hardening.models.database import Row, WrittenQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterable

OPEN_SECONDS = BREAK_GLASS_SECONDS


class BreakGlassCodeQuerySet(WrittenQuerySet["BreakGlassCode"]):
    """Queries that must be one statement to be right."""

    def spend(self, digests: Iterable[str], *, used_by: str, now: int) -> bool:
        """Use a code up, given one digest per key of the ring; true for one caller."""
        unused = self.filter(digest__in=list(digests), used_at__isnull=True)
        return unused.update(used_at=now, used_by=used_by) == 1


class BreakGlassCode(Row):
    """A keyed digest."""

    key_id = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    made_at = models.BigIntegerField()  # Unix seconds
    used_at = models.BigIntegerField(null=True, blank=True)  # Unix seconds
    used_by = models.CharField(max_length=150, default="", blank=True)

    objects: BreakGlassCodeQuerySet = BreakGlassCodeQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("break-glass code")
        verbose_name_plural = _("break-glass codes")

    def __str__(self) -> str:
        return f"break-glass code {self.pk}"
