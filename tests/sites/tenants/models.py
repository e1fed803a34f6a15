"""People who belong to a tenant."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models

from tests.sites.tenants.current import current


class TenantManager(UserManager["Person"]):
    """Shows the people of the current tenant; without one, nobody."""

    def get_queryset(self) -> models.QuerySet[Person]:
        """Return one tenant's people."""
        return super().get_queryset().filter(tenant=current.get())


class Person(AbstractUser):
    """Somebody of one tenant; another one may have the same name elsewhere."""

    tenant = models.CharField(max_length=20)
    username = models.CharField(max_length=150)

    objects = TenantManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "username"], name="tenants_name_once")
        ]
