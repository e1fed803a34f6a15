"""People who stay in the table after they were deleted."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models


class PresentManager(UserManager["Person"]):
    """Hides whoever was deleted."""

    def get_queryset(self) -> models.QuerySet[Person]:
        """Return those who are still there."""
        return super().get_queryset().filter(deleted_at__isnull=True)


class Person(AbstractUser):
    """Somebody who may have been deleted."""

    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = PresentManager()
