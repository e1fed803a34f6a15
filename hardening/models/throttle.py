"""Throttle cells: one number per key and rule, the GCRA's theoretical arrival time in µs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import F, Value
from django.db.models.functions import Greatest
from django.utils.translation import gettext_lazy as _

from hardening.models.database import Row, WrittenQuerySet
from hardening.models.inserting import insert_missing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hardening.core.throttle import Rule


class ThrottleCellQuerySet(WrittenQuerySet["ThrottleCell"]):
    """Queries that must be one statement to be right."""

    def open(self, keys: Iterable[str]) -> None:
        """Make unspent cells where there are none; losing that race is fine."""
        insert_missing(self, [self.model(key=key, tat_us=0) for key in keys])

    def take(self, key: str, rule: Rule, *, now_us: int) -> bool:
        """Take one token of a cell, or none; the row count is the answer, however many race."""
        open_cell = self.filter(key=key, tat_us__lte=rule.latest_admissible_tat(now_us))
        advanced = Greatest(F("tat_us"), Value(now_us), output_field=models.BigIntegerField())
        return open_cell.update(tat_us=advanced + rule.emission_us) == 1

    def give_back(self, key: str, rule: Rule, *, held_us: int = 0) -> None:
        """Undo one `take` that was held for `held_us`."""
        self.filter(key=key).update(tat_us=F("tat_us") - rule.refundable_us(held_us))


class ThrottleCell(Row):
    """One counter; the key is a keyed digest, so the table names nobody."""

    key = models.CharField(max_length=64, primary_key=True)
    tat_us = models.BigIntegerField()

    objects = ThrottleCellQuerySet.as_manager()

    class Meta:
        verbose_name = _("throttle counter")
        verbose_name_plural = _("throttle counters")

    def __str__(self) -> str:
        return "throttle counter"
