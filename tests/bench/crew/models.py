"""A table that a role of the site's own is looked up in."""

from __future__ import annotations

from django.conf import settings
from django.db import models

MANAGER, HELPER = "manager", "helper"


class Membership(models.Model):
    """One person, one artist; somebody may work for several."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="artist_memberships"
    )
    artist = models.PositiveIntegerField()
    role = models.CharField(max_length=8, db_index=True)

    def __str__(self) -> str:
        return f"{self.role} of {self.artist}"
