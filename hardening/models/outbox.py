"""Notices that could not be sent, kept sealed until they can be.

A row exists only after a failure. Whoever tries again claims it by one statement that puts the
next try off; a process that dies between claim and sending costs a delay, never the notice.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet


class OutgoingNoticeQuerySet(WrittenQuerySet["OutgoingNotice"]):
    """Queries that must be one statement to be right."""

    def due(self, *, now: int) -> OutgoingNoticeQuerySet:
        """Return those to be tried again, the longest waiting first."""
        return self.filter(due_at__lte=now).order_by("due_at", "pk")

    def claim(self, row: OutgoingNotice, *, due_at: int) -> bool:
        """Take one for this try and put the next off; true for exactly one caller."""
        mine = self.filter(pk=row.pk, tries=row.tries)
        return mine.update(tries=F("tries") + 1, due_at=due_at) == 1


class OutgoingNotice(Row):
    """One mail to one address that waits for a mail server."""

    name = models.CharField(max_length=48)  # the template
    user_pk = models.CharField(max_length=64, default="", blank=True)  # for the event of its loss
    user_name = models.CharField(max_length=150, default="", blank=True)
    sealed = models.TextField()  # all that it takes to make the mail anew
    created_at = models.BigIntegerField()  # Unix seconds
    due_at = models.BigIntegerField(db_index=True)  # Unix seconds
    tries = models.PositiveSmallIntegerField(default=0)

    objects = OutgoingNoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice that waits")
        verbose_name_plural = _("notices that wait")

    def __str__(self) -> str:
        return f"notice {self.pk}"
