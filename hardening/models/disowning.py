"""Links "this wasn't me" that were used: each works once.

The link itself is signed and kept nowhere; using it inserts the digest here, and the unique key
decides who was first. A row is forgotten when the link would have expired anyway.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet


class DisowningQuerySet(WrittenQuerySet["Disowning"]):
    """Queries that must be one statement to be right."""

    def spend(self, digest: str, *, user_pk: Any, notice: str, expires_at: int, now: int) -> bool:
        """Use a link up; true for exactly one caller."""
        row, made = self.get_or_create(
            digest=digest,
            defaults={"user_id": user_pk, "notice": notice, "at": now, "expires_at": expires_at},
        )
        del row
        return made

    def prune(self, *, now: int) -> int:
        """Delete those whose link has expired; return how many."""
        return self.filter(expires_at__lt=now).delete()[0]


class Disowning(Row):
    """One link that was used."""

    digest = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    notice = models.CharField(max_length=48)  # which mail it came in
    at = models.BigIntegerField()  # Unix seconds
    expires_at = models.BigIntegerField(db_index=True)  # Unix seconds

    objects = DisowningQuerySet.as_manager()

    class Meta:
        verbose_name = _("disowning")
        verbose_name_plural = _("disownings")

    def __str__(self) -> str:
        return f"disowning {self.pk}"
