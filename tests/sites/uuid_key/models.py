"""People with a UUID for a key."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models


class Person(AbstractUser):
    """Somebody whom no number counts."""

    uid = models.UUIDField(
        primary_key=True, default=uuid.uuid4, editable=False, db_column="person_uid"
    )
