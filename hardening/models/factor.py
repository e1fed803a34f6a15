"""Second factors and recovery codes.

A factor row is pending (bound to the record that started it, `confirmed_at` null), confirmed, or
removed (kept without its secret: NIST SP 800-63B-4 §4.1 wants a record of every authenticator).

The trap: `last_step` only ever grows, in one conditional ``UPDATE``. Comparing with the last
*code* instead would let an older code of the same window through (RFC 6238 §5.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet
from hardening.moments import moment

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_LENGTH = 64
NEVER_SPENT = -1  # older than any time step
MAX_CONSECUTIVE_FAILURES = 100  # NIST SP 800-63B-4 §3.2.2


class FactorQuerySet(WrittenQuerySet["Factor"]):
    """Queries that must be one statement to be right."""

    def confirmed(self) -> FactorQuerySet:
        """Only factors that count."""
        return self.filter(confirmed_at__isnull=False, removed_at__isnull=True)

    def owned(self, user_pk: Any) -> FactorQuerySet:
        """Only this user's; every id that came from a client goes through here."""
        return self.filter(user_id=user_pk)

    def claim_step(self, pk: int, step: int, *, now: int) -> bool:
        """Spend `step`; true for exactly one caller, however many race for it."""
        claimed = self.confirmed().filter(pk=pk, last_step__lt=step)
        return claimed.update(last_step=step, last_used_at=moment(now)) == 1

    def claim_pending(self, pk: int, record_pk: int, step: int, *, name: str, now: int) -> bool:
        """Confirm a pending factor for the record that started it; its code is spent by that."""
        pending = self.filter(
            pk=pk, record_id=record_pk, confirmed_at__isnull=True, removed_at__isnull=True
        )
        at = moment(now)
        return (
            pending.update(confirmed_at=at, last_used_at=at, last_step=step, name=name, record=None)
            == 1
        )

    def count_failure(self, pk: int, *, known_browser: bool) -> bool:
        """Count one wrong code; true if this very one disabled the factor."""
        column = "failures_known" if known_browser else "failures_unknown"
        below = self.filter(pk=pk, **{f"{column}__lt": MAX_CONSECUTIVE_FAILURES})
        if below.update(**{column: F(column) + 1}) != 1:
            return False
        return self.filter(pk=pk, **{column: MAX_CONSECUTIVE_FAILURES}).exists()

    def forgive(self, pk: int, *, known_browser: bool) -> None:
        """A right code ends the run of wrong ones from this kind of browser.

        Not a run that has disabled the factor, even if the code was judged at the same moment.
        """
        column = "failures_known" if known_browser else "failures_unknown"
        run = {f"{column}__gt": 0, f"{column}__lt": MAX_CONSECUTIVE_FAILURES}
        self.filter(pk=pk, **run).update(**{column: 0})

    def retire(self, pk: int, *, now: int) -> bool:
        """Remove a confirmed factor and forget its secret; true for exactly one caller."""
        return self.confirmed().filter(pk=pk).update(removed_at=moment(now), secret="") == 1


class Factor(Row):
    """One authenticator of one user."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    record = models.ForeignKey(
        "hardening.ParkedLogin", on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    kind = models.CharField(max_length=16)
    name = models.CharField(max_length=NAME_LENGTH)
    secret = models.TextField(default="", blank=True)  # sealed
    last_step = models.BigIntegerField(default=NEVER_SPENT)
    failures_known = models.PositiveSmallIntegerField(default=0)
    failures_unknown = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    removed_at = models.DateTimeField(null=True, blank=True)

    objects = FactorQuerySet.as_manager()

    class Meta:
        verbose_name = _("factor")
        verbose_name_plural = _("factors")
        constraints = [
            models.CheckConstraint(
                condition=Q(removed_at__isnull=True) | Q(secret=""),
                name="hardening_removed_factor_holds_no_secret",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at__isnull=True) | Q(record__isnull=True),
                name="hardening_confirmed_factor_has_no_record",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class RecoveryCodeQuerySet(WrittenQuerySet["RecoveryCode"]):
    """Queries that must be one statement to be right."""

    def unused(self, user_pk: Any) -> RecoveryCodeQuerySet:
        """The codes that still open something."""
        return self.filter(user_id=user_pk, used_at__isnull=True)

    def spend(self, user_pk: Any, digests: Iterable[str], *, now: int) -> bool:
        """Use one code up, given one digest per key of the ring; true for one caller."""
        return (
            self.unused(user_pk).filter(digest__in=list(digests)).update(used_at=moment(now)) == 1
        )

    def replace(self, user_pk: Any, digests: Iterable[tuple[str, str]], *, now: int) -> None:
        """Delete the old set and store the new one, as (key id, digest); caller's transaction."""
        self.filter(user_id=user_pk).delete()
        self.bulk_create(
            self.model(user_id=user_pk, key_id=key_id, digest=digest, created_at=moment(now))
            for key_id, digest in digests
        )


class RecoveryCode(Row):
    """A keyed digest of 120 random bits; a dump of this table opens nothing."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    key_id = models.CharField(max_length=16)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    objects = RecoveryCodeQuerySet.as_manager()

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints = [
            models.UniqueConstraint(fields=["user", "digest"], name="hardening_recovery_code_once")
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"
