"""People whose company is always fetched along."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser, UserManager
from django.db import models


class Company(models.Model):
    """Whom somebody works for."""

    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class PersonManager(UserManager["Person"]):
    """Fetches the company in the same query."""

    def get_queryset(self) -> models.QuerySet[Person]:
        """Return people with their companies."""
        return super().get_queryset().select_related("company")


class Person(AbstractUser):
    """Somebody with a company, or without."""

    company = models.ForeignKey(Company, null=True, blank=True, on_delete=models.SET_NULL)

    objects = PersonManager()
