"""Parked logins: sign-ins that still owe something, and enrolments beside a live session.

The session holds a random handle; this row, found by the handle's digest, holds everything else:
who waits, what was proven, what the login view had written. Never a credential, never a body.

The trap: two tabs share a record. Every count, every proof and the completion itself is one
conditional ``UPDATE``; nothing is read, changed in Python and written back without a guard.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet

MAX_EVALUATED_FAILURES = 5  # login.md, "The parked record is a database row"
KEEP_SECONDS = 24 * 60 * 60  # a finished record is kept a day for support, then pruned


class Purpose(models.TextChoices):
    """Why a record exists."""

    LOGIN = "login", _("sign-in")
    LIVE = "live", _("live session that owes something")
    ENROL = "enrol", _("enrolment beside a live session")


class ParkedLoginQuerySet(WrittenQuerySet["ParkedLogin"]):
    """Queries that must be one statement to be right."""

    def waiting(self, *, now: int) -> ParkedLoginQuerySet:
        """Records that are neither finished, expired nor dead from wrong proofs."""
        return self.filter(
            finished_at__isnull=True, expires_at__gt=now, failures__lt=MAX_EVALUATED_FAILURES
        )

    def reserve_try(self, pk: int, *, now: int) -> bool:
        """Charge one try before it is judged; false when the record has none left."""
        return self.waiting(now=now).filter(pk=pk).update(failures=F("failures") + 1) == 1

    def refund_try(self, pk: int) -> None:
        """Give a try back: it was right, or it was never judged."""
        self.filter(pk=pk, failures__gt=0).update(failures=F("failures") - 1)

    def swap_proofs(self, pk: int, *, seen: int, values: dict[str, Any]) -> bool:
        """Write new proofs if nobody wrote since version `seen`; false means: read again."""
        unchanged = self.filter(pk=pk, version=seen, finished_at__isnull=True)
        return unchanged.update(version=F("version") + 1, **values) == 1

    def claim(self, pk: int, *, now: int) -> bool:
        """Finish a record; true for exactly one caller. What it carried is erased."""
        finished = self.waiting(now=now).filter(pk=pk)
        return finished.update(finished_at=now, data="", mail_digest="") == 1

    def spend_mail_code(self, pk: int, digest: str, *, now: int) -> bool:
        """Use the mailed code up; true for exactly one caller."""
        outstanding = self.waiting(now=now).filter(
            pk=pk, mail_digest=digest, mail_expires_at__gt=now
        )
        return bool(digest) and outstanding.update(mail_digest="") == 1

    def end(self, pk: int, *, now: int) -> None:
        """Close a record without completing it (cancel, somebody else, revoked)."""
        self.filter(pk=pk, finished_at__isnull=True).update(
            finished_at=now, data="", mail_digest=""
        )

    def was_stopped(self, user_pk: Any, reason: str, *, now: int) -> bool:
        """Whether a sign-in of this user was parked for this reason in the last day."""
        lately = self.filter(user_id=user_pk, started_at__gt=now - KEEP_SECONDS)
        return lately.filter(reason=reason).exists()

    def prune(self, *, now: int) -> int:
        """Delete records whose time is long over; return how many rows went."""
        over = self.filter(expires_at__lt=now - KEEP_SECONDS)
        return over.delete()[0] if over.exists() else 0  # one statement where there is nothing


class ParkedLogin(Row):
    """One sign-in, or one enrolment, on its way."""

    handle = models.CharField(max_length=64, unique=True)  # digest of the session's handle
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=8, choices=Purpose.choices)
    backend = models.CharField(max_length=255)
    auth_hash = models.CharField(max_length=128)
    proofs = models.TextField(default="[]")
    circumstances = models.TextField(default="{}")  # browser, risk, start and id of the session
    account_epoch = models.BigIntegerField()
    site_epoch = models.BigIntegerField()
    reason = models.CharField(max_length=48)
    next = models.TextField(default="", blank=True)
    data = models.TextField(default="", blank=True)  # sealed session keys
    announced = models.BooleanField(default=False)  # user_logged_in has been sent
    codes_shown = models.BooleanField(default=False)  # recovery codes wait for "I have stored"
    started_at = models.BigIntegerField()  # Unix seconds, as are the next ones
    expires_at = models.BigIntegerField(db_index=True)
    finished_at = models.BigIntegerField(null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    version = models.PositiveIntegerField(default=0)
    mail_digest = models.CharField(max_length=64, default="", blank=True)
    mail_sent_at = models.BigIntegerField(null=True, blank=True)
    mail_expires_at = models.BigIntegerField(null=True, blank=True)

    objects = ParkedLoginQuerySet.as_manager()

    class Meta:
        verbose_name = _("parked sign-in")
        verbose_name_plural = _("parked sign-ins")

    def __str__(self) -> str:
        return f"parked {self.purpose} {self.pk}"
