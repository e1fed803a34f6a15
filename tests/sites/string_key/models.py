"""People with a text for a key."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Somebody whose key another register gave out."""

    key = models.CharField(primary_key=True, max_length=200)
