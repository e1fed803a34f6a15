"""Live sessions, for their owners to see and end. A list, not a lock: the decision never reads it.

What ends a session is the account's row (epoch, `Account.ended_sessions`), which comes with the
facts, so it works for every session engine. Times are Unix seconds. `seen_at` is coarse.

The trap: a row whose epochs are not the account's and the site's any more, or whose `password`
mark is of another password, names a session that is over, and nobody wrote that down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterable

SID_LENGTH = 32
DEVICE_LENGTH = 100
PRUNE_AFTER_SECONDS = 24 * 60 * 60


class UserSessionQuerySet(WrittenQuerySet["UserSession"]):
    """Queries that must be one statement."""

    def touch(self, sid: str, *, now: int, before: int, **values: Any) -> bool:
        """Note that a session was seen; false if another request did so since `before`."""
        rows = self.filter(sid=sid, ended_at__isnull=True, seen_at__lt=before)
        return rows.update(seen_at=now, **values) == 1

    def follow(self, sid: str, **values: Any) -> bool:
        """Take over what changed of a session that goes on: epoch, key, password mark.

        Returns:
            False if there is no such session.
        """
        return bool(sid) and self.filter(sid=sid).update(**values) == 1

    def end(self, sids: Iterable[str], *, why: str, now: int) -> int:
        """Note that these are over; return how many were not yet."""
        rows = self.filter(sid__in=list(sids), ended_at__isnull=True)
        return rows.update(ended_at=now, ended_why=why)

    def of(self, user_pk: Any) -> UserSessionQuerySet:
        """Return those of a user that nobody has ended."""
        return self.filter(user_id=user_pk, ended_at__isnull=True)

    def alive(
        self, user_pk: Any, *, account_epoch: int, site_epoch: int, marks: list[str], now: int
    ) -> UserSessionQuerySet:
        """Return those of a user that can still be used, the latest seen first."""
        return (
            self.of(user_pk)
            .filter(
                account_epoch=account_epoch,
                site_epoch=site_epoch,
                password_mark__in=marks,
                expires_at__gt=now,
            )
            .order_by("-seen_at", "-pk")
        )

    def prune(self, *, now: int, most: int | None = None) -> int:
        """Delete rows of sessions that are over by a day; return how many.

        With `most`, beside somebody's request: only what has expired, which an index finds.
        """
        past = now - PRUNE_AFTER_SECONDS
        expired = self.filter(expires_at__lt=past)
        if most is None:
            return (expired | self.filter(ended_at__lt=past)).delete()[0]
        keys = list(expired.order_by("expires_at").values_list("pk", flat=True)[:most])
        return self.filter(pk__in=keys).delete()[0] if keys else 0


class UserSession(Row):
    """One session of one user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    sid = models.CharField(max_length=SID_LENGTH, unique=True)  # the stamp's id; opens nothing
    key_digest = models.CharField(max_length=32, default="", blank=True)
    account_epoch = models.BigIntegerField()
    site_epoch = models.BigIntegerField()
    password_mark = models.CharField(max_length=32, default="", blank=True)
    device = models.CharField(max_length=DEVICE_LENGTH, default="", blank=True)
    address = models.CharField(max_length=45, default="", blank=True)
    known_browser = models.BooleanField(default=False)
    started_at = models.BigIntegerField()
    seen_at = models.BigIntegerField()
    expires_at = models.BigIntegerField(db_index=True)
    ended_at = models.BigIntegerField(null=True, blank=True)
    ended_why = models.CharField(max_length=48, default="", blank=True)

    objects = UserSessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [models.Index(fields=["user", "-seen_at"], name="hardening_session_of_user")]

    def __str__(self) -> str:
        return f"session {self.pk}"
