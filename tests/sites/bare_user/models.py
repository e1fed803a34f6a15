"""People with a handle and a password."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models


class MemberManager(BaseUserManager["Member"]):
    """Makes people from a handle and a password."""

    def create_user(self, handle: str, password: str | None = None, **fields: Any) -> Member:
        """Return somebody new."""
        member = self.model(handle=handle, **fields)
        member.set_password(password)
        member.save(using=self._db)
        return member


class Member(AbstractBaseUser):
    """Somebody of the crew, or of the audience."""

    handle = models.CharField(max_length=40, unique=True)
    in_crew = models.BooleanField(default=False)

    objects = MemberManager()

    USERNAME_FIELD = "handle"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.handle
