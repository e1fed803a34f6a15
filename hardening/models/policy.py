"""Role policies: what an admin demands of the members of a role.

Every write moves the site's policy revision on, in the same transaction, so that each process
reads the policies anew with its next request.

The trap: `QuerySet.update` and bulk writes call no `save()`; they go through the queryset below.
Historical models and ``loaddata`` know neither: `hardening.receivers` tells of those.
The site's row is written first: it is the lock that keeps two editors from waiting for each other.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, router, transaction
from django.utils.translation import gettext_lazy as _

from hardening.conf import (
    MAX_PARALLEL_SESSIONS,
    MAX_SESSION_SECONDS,
    MAX_STEP_UP_SECONDS,
    MIN_SESSION_SECONDS,
)
from hardening.core.values import PasswordMode, Strength
from hardening.models.account import SiteState
from hardening.models.database import Row, WrittenQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_GRACE_DAYS = 365
MAX_RECHECK_DAYS = 365
MAX_REMEMBERED_DAYS = 90


class Mode(models.TextChoices):
    """How a policy acts."""

    OFF = "off", _("Off")
    REPORT = "report", _("Report only")
    ENFORCE = "enforce", _("Enforce")


class StrengthChoice(models.TextChoices):
    """What a policy may ask for."""

    ANY = Strength.ANY.slug, _("Any second factor")
    PHISHING_RESISTANT = Strength.PHISHING_RESISTANT.slug, _("Phishing-resistant (passkey)")
    DEVICE_BOUND = Strength.DEVICE_BOUND.slug, _("Device-bound (passkey that is not synced)")


class BreachedPasswords(models.TextChoices):
    """What is done about a password known from a breach; the site's setting may do more."""

    OFF = PasswordMode.OFF.slug, _("Nothing beyond what the site does for everybody")
    REPORT = PasswordMode.REPORT.slug, _("Count only")
    WARN = PasswordMode.WARN.slug, _("Warn, and ask unknown browsers for the mailbox")
    ENFORCE = PasswordMode.ENFORCE.slug, _("Demand a new password")


class FirstEnrolment(models.TextChoices):
    """What must be proven, beside the password, before a first factor."""

    MAILBOX = "mailbox", _("A code sent to the mailbox")
    TICKET = "ticket", _("An enrolment ticket from an operator")


class RolePolicyQuerySet(WrittenQuerySet["RolePolicy"]):
    """Bulk writes that tell every process."""

    def update(self, **values: Any) -> int:
        """Update rows and move the revision on."""
        with _told(self.db):
            return super().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete rows and move the revision on."""
        with _told(self.db):
            return super().delete()

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> list[RolePolicy]:
        """Insert rows and move the revision on."""
        with _told(self.db):
            return super().bulk_create(objs, *args, **kwargs)


def _is_seconds(name: str) -> models.Q:
    between = (MIN_SESSION_SECONDS, MAX_SESSION_SECONDS)
    return models.Q(**{f"{name}__isnull": True}) | models.Q(**{f"{name}__range": between})


def _seconds(label: Any) -> Any:
    return models.PositiveIntegerField(
        label,
        null=True,
        blank=True,
        validators=[MinValueValidator(MIN_SESSION_SECONDS), MaxValueValidator(MAX_SESSION_SECONDS)],
    )


class RolePolicy(Row):
    """What members of one role owe."""

    role = models.CharField(_("role"), max_length=150)
    mode = models.CharField(_("mode"), max_length=8, choices=Mode.choices, default=Mode.REPORT)
    strength = models.CharField(
        _("strength"), max_length=24, choices=StrengthChoice.choices, default=StrengthChoice.ANY
    )
    grace_days = models.PositiveSmallIntegerField(_("days of grace"), default=0)
    starts_at = models.DateTimeField(_("starts"))
    new_account_days = models.PositiveSmallIntegerField(
        _("days of grace for new accounts"),
        default=0,
        validators=[MaxValueValidator(MAX_GRACE_DAYS)],
    )
    first_enrolment = models.CharField(
        _("first factor needs"),
        max_length=8,
        choices=FirstEnrolment.choices,
        default=FirstEnrolment.MAILBOX,
    )
    step_up_seconds = models.PositiveIntegerField(
        _("fresh proof lasts (seconds)"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_STEP_UP_SECONDS)],
    )
    breached_passwords = models.CharField(
        _("breached passwords"),
        max_length=8,
        choices=BreachedPasswords.choices,
        default=BreachedPasswords.ENFORCE,
    )
    recheck_days = models.PositiveSmallIntegerField(
        _("days until a password is looked up again"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_RECHECK_DAYS)],
    )
    idle_seconds = _seconds(_("sessions end when idle for (seconds)"))
    absolute_seconds = _seconds(_("sessions end after (seconds)"))
    parallel_sessions = models.PositiveSmallIntegerField(
        _("sessions at the same time"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_PARALLEL_SESSIONS)],
    )
    remembered_days = models.PositiveSmallIntegerField(
        _("days that a browser may be remembered"),
        default=0,
        validators=[MaxValueValidator(MAX_REMEMBERED_DAYS)],
    )
    note = models.TextField(_("note"), default="", blank=True)

    objects = RolePolicyQuerySet.as_manager()

    class Meta:
        verbose_name = _("role policy")
        verbose_name_plural = _("role policies")
        ordering = ("role", "strength")
        constraints = [
            models.UniqueConstraint(
                fields=["role", "strength"], name="hardening_one_policy_per_role_and_strength"
            ),
            models.CheckConstraint(
                condition=models.Q(grace_days__lte=MAX_GRACE_DAYS),
                name="hardening_grace_is_bounded",
            ),
            models.CheckConstraint(
                condition=models.Q(new_account_days__lte=MAX_GRACE_DAYS)
                & models.Q(remembered_days__lte=MAX_REMEMBERED_DAYS),
                name="hardening_policy_days_are_bounded",
            ),
            models.CheckConstraint(
                condition=_is_seconds("idle_seconds") & _is_seconds("absolute_seconds"),
                name="hardening_session_limits_are_bounded",
            ),
            models.CheckConstraint(
                condition=models.Q(parallel_sessions__isnull=True)
                | models.Q(parallel_sessions__range=(1, MAX_PARALLEL_SESSIONS)),
                name="hardening_parallel_is_bounded",
            ),
            models.CheckConstraint(
                condition=models.Q(step_up_seconds__isnull=True)
                | models.Q(step_up_seconds__range=(1, MAX_STEP_UP_SECONDS)),
                name="hardening_step_up_is_bounded",
            ),
            models.CheckConstraint(
                condition=models.Q(recheck_days__isnull=True)
                | models.Q(recheck_days__range=(1, MAX_RECHECK_DAYS)),
                name="hardening_recheck_is_bounded",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role}: {self.strength}"

    def save(self, *args: Any, using: str | None = None, **kwargs: Any) -> None:
        """Save and tell every process; effective on the next request everywhere."""
        using = using or router.db_for_write(type(self), instance=self)
        with _told(using):
            super().save(*args, using=using, **kwargs)

    def delete(self, using: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Delete and tell every process."""
        using = using or router.db_for_write(type(self), instance=self)
        with _told(using):
            return super().delete(using, *args, **kwargs)


@contextmanager
def _told(using: str) -> Iterator[None]:
    """Move the revision on and write the row, both or neither, in one database."""
    with transaction.atomic(using=using):
        SiteState.objects.using(using).touch_policies()
        yield
