"""People in two tables: everybody in one, those who sign in here in the other as well."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Somebody, with a name and a password."""


class Staffer(Person):
    """Somebody who signs in here; the key is the person's."""

    desk = models.CharField(max_length=20, blank=True)
