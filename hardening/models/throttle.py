"""Throttle cells: one row a key, with a number per rate and a run of consecutive failures.

Rates are the GCRA's theoretical arrival times in microseconds, one column a rule, by place; a key
never has more rules than there are columns. Consecutive failures are `run`, `total` and `next_us`.

The trap: what admits a try and what charges it is one statement. Whoever reads first and writes
then admits as many as read at once. Reading first is fine for refusing, never for admitting.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, models, transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Greatest, Least
from django.utils.translation import gettext_lazy as _

from hardening.core.backoff import QUIET_US, Count
from hardening.core.seen import FLAG_SECONDS, LONG_SECONDS, SHORT_SECONDS, Seen
from hardening.core.throttle import DAY_US, SECOND_US
from hardening.models.database import Row, WrittenQuerySet
from hardening.models.inserting import insert_missing
from hardening.models.kept import KeptUpdate, keep

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hardening.core.backoff import Backoff
    from hardening.core.throttle import Rule
    from hardening.models.kept import Written

TATS = ("tat_1_us", "tat_2_us", "tat_3_us")
BIG = models.BigIntegerField()
SMALL = models.IntegerField()
MAX_NAMELESS = 1_000_000  # throttle.md "Keys": rows of names that nobody has
PRUNE_BATCH = 500  # an old SQLite takes no more than 999 parameters
QUIET_SECONDS = (QUIET_US + DAY_US) // SECOND_US  # the longest wait, and a day
KEEP_SECONDS = 180 * DAY_US // SECOND_US  # an account's way to the cap, after its last try
MANY_FAILURES = 10  # in a row: a run so long is kept as long as an account's, whose ever it is
KEPT = 64  # sets of rules whose statements are kept: a site has half a dozen
SHARDS = 16
TARGET_LENGTH = 64  # a longer key is cut: its counter works, and is listed under no name
KEEP_TALLY_MINUTES = 8 * 24 * 60  # "usual" is judged by the week before


class ThrottleCellQuerySet(WrittenQuerySet["ThrottleCell"]):
    """Queries that must be one statement to be right."""

    def open(self, cells: Iterable[ThrottleCell]) -> None:
        """Make unspent cells where there are none; losing that race is fine."""
        insert_missing(self, list(cells))

    def take(
        self, key: str, rules: Sequence[Rule], backoff: Backoff | None = None, *, now_us: int
    ) -> bool:
        """Charge one try to all limits of a cell, or to none; the row count is the answer."""
        return _kept_take(self.db, tuple(rules), backoff).run(key, now_us) == 1

    def give_back(
        self,
        key: str,
        rules: Sequence[Rule],
        backoff: Backoff | None = None,
        *,
        taken_us: int,
        held_us: int = 0,
    ) -> None:
        """Undo one `take` that was made at `taken_us` and held for `held_us`."""
        amounts = tuple(rule.refundable_us(held_us) for rule in rules)
        _kept_give_back(self.db, amounts, counts=backoff is not None).run(key, taken_us)

    def note_account(self, key: str, bit: int, *, flag: bool, now: int) -> None:
        """Note that an account failed at an address, in both windows; flag the address or not."""
        values: dict[str, Any] = {}
        for name, seconds in (("short", SHORT_SECONDS), ("long", LONG_SECONDS)):
            since = f"{name}_since"
            over = Q(**{f"{since}__lte": now - seconds})
            # The bits first: MariaDB assigns from left to right.
            values[f"{name}_bits"] = Case(
                When(over, then=Value(bit)), default=F(f"{name}_bits").bitor(bit), output_field=BIG
            )
            values[since] = Case(When(over, then=Value(now)), default=F(since), output_field=BIG)
        if flag:
            values["flagged_until"] = now + FLAG_SECONDS
        self.filter(key=key).update(**values)

    def forgive(self, key: str) -> bool:
        """Forget a run of failures; true if there was one."""
        return _kept_forgive(self.db).run(key) == 1

    def prune(self, *, now: int, most: int = PRUNE_BATCH) -> int:
        """Delete what belongs to no account and counts no more; return how many rows went.

        A day after the longest wait is over, or, where there are more than `MAX_NAMELESS`, the
        oldest first. Rows of accounts stay, and so do long runs: a browser at its cap would
        be known again, and a name would tell by its fresh start that nobody has it.
        `prune_accounts` is for those.

        Args:
            now: Unix seconds.
            most: How many rows go at most.
        """
        nameless = self.filter(target_pk="")
        quiet = nameless.filter(tried_at__lt=now - QUIET_SECONDS, total__lt=MANY_FAILURES)
        for tat in TATS:  # a site may have rates that look back further than a day
            quiet = quiet.filter(**{f"{tat}__lte": now * SECOND_US})
        gone = self._delete_oldest(quiet, most)
        if gone < most:
            too_many = nameless.count() - MAX_NAMELESS
            gone += self._delete_oldest(nameless, min(too_many, most - gone))
        return gone

    def prune_accounts(self, *, now: int, most: int = PRUNE_BATCH) -> int:
        """Delete rows of accounts that nobody has tried for half a year; return how many went.

        Each change of a password leaves one behind. No index helps here: meant for cron.
        """
        return self._delete_oldest(self.filter(tried_at__lt=now - KEEP_SECONDS), most)

    def _delete_oldest(self, rows: ThrottleCellQuerySet, most: int) -> int:
        gone, wanted = 0, min(most, PRUNE_BATCH)
        while wanted > 0:
            oldest = list(rows.order_by("tried_at").values_list("key", "tried_at")[:wanted])
            if not oldest:
                break
            keys = [key for key, _tried_at in oldest]
            # One statement that asks again: a row that was charged meanwhile must stay.
            still = self.filter(key__in=keys, tried_at__lte=oldest[-1][1])
            gone += still._raw_delete(self.db)  # noqa: SLF001 - no receiver may make it two
            wanted = min(most - gone, PRUNE_BATCH) if len(oldest) == wanted else 0
        return gone


class ThrottleCell(Row):
    """One counter; the key is a keyed digest, so the table names nobody.

    Times are in microseconds where they say so, else in Unix seconds.
    """

    key = models.CharField(max_length=32, primary_key=True)
    tat_1_us = models.BigIntegerField(default=0)
    tat_2_us = models.BigIntegerField(default=0)
    tat_3_us = models.BigIntegerField(default=0)
    run = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(_("failures in a row"), default=0)
    next_us = models.BigIntegerField(default=0)
    tried_at = models.BigIntegerField(_("last try"), default=0)
    # Of an address: which accounts failed there lately, as bits, and since when that is counted.
    short_bits = models.BigIntegerField(default=0)
    short_since = models.BigIntegerField(default=0)
    long_bits = models.BigIntegerField(default=0)
    long_since = models.BigIntegerField(default=0)
    flagged_until = models.BigIntegerField(default=0)
    target_pk = models.CharField(_("account"), max_length=TARGET_LENGTH, default="", blank=True)

    objects = ThrottleCellQuerySet.as_manager()

    class Meta:
        verbose_name = _("throttled sign-in")
        verbose_name_plural = _("throttled sign-ins")
        default_permissions = ("view",)
        permissions = (("lift_throttle", _("Can lift waits and end attack mode")),)
        indexes = [models.Index(fields=["target_pk", "tried_at"], name="hardening_cell_age")]

    def __str__(self) -> str:
        return "throttle counter"

    def tats(self, count: int) -> tuple[int, ...]:
        """Return the first so many arrival times."""
        return tuple(getattr(self, tat) for tat in TATS[:count])

    def seen(self) -> Seen:
        """Return which accounts failed here lately."""
        short, long = (self.short_bits, self.short_since), (self.long_bits, self.long_since)
        return Seen(*short, *long, self.flagged_until)

    def count(self) -> Count:
        """Return the run of consecutive failures."""
        return Count(self.run, self.total, self.next_us, self.tried_at * SECOND_US)


class TallyQuerySet(WrittenQuerySet["Tally"]):
    """Queries that must be one statement to be right."""

    def add(
        self, bucket: int, shard: int, *, tries: int, failures: int, known_failures: int = 0
    ) -> None:
        """Add what a process has seen; each writes a row that few others write."""
        pk = bucket * SHARDS + shard
        counted = {"tries": tries, "failures": failures, "known_failures": known_failures}
        more = {name: F(name) + count for name, count in counted.items() if count}
        if not self.filter(pk=pk).update(**more):
            insert_missing(self, [self.model(pk=pk, bucket=bucket)])
            self.filter(pk=pk).update(**more)

    def claim(self, bucket: int) -> bool:
        """Claim a minute; true for exactly one caller. The claim is a row that counts nothing.

        Its key is negative, which no shard's is, and it goes when the minute's rows go.
        """
        try:
            with transaction.atomic(using=self.db):
                self.model(pk=-bucket, bucket=bucket).save(using=self.db, force_insert=True)
        except IntegrityError:
            return False
        return True

    def prune(self, *, now: int) -> int:
        """Delete minutes that nobody looks back at; return how many rows went."""
        over = self.filter(bucket__lt=now // 60 - KEEP_TALLY_MINUTES)
        return over._raw_delete(self.db)  # noqa: SLF001 - as above


class Tally(Row):
    """Password tries of unknown browsers on the whole site, by minute; in shards, as many write."""

    id = models.BigIntegerField(primary_key=True)
    bucket = models.BigIntegerField(db_index=True)  # Unix minutes
    tries = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    known_failures = models.PositiveIntegerField(default=0)  # of known browsers; in neither above

    objects = TallyQuerySet.as_manager()

    class Meta:
        verbose_name = _("count of tries")
        verbose_name_plural = _("counts of tries")

    def __str__(self) -> str:
        return f"tries in minute {self.bucket}"


# --- what is one statement, written once a process and set of rules ------------------------


@lru_cache(maxsize=KEPT)
def _kept_take(alias: str, rules: tuple[Rule, ...], backoff: Backoff | None) -> KeptUpdate:
    def write(key: str, now_us: int) -> Written:
        open_cell = ThrottleCell.objects.filter(key=key)
        values: dict[str, Any] = {}
        for tat, rule in zip(TATS, rules, strict=False):
            open_cell = open_cell.filter(**{f"{tat}__lte": rule.latest_admissible_tat(now_us)})
            advanced = Greatest(F(tat), Value(now_us), output_field=BIG)
            values[tat] = advanced + rule.emission_us
        if backoff is not None:
            open_cell = open_cell.filter(next_us__lte=now_us, total__lt=backoff.cap)
            # MariaDB assigns from left to right, and what comes later sees what came before: so
            # whatever looks at `run` and `tried_at` stands before they are written.
            values["next_us"] = _next(backoff, now_us)
            values["run"] = _run(now_us)
            values["total"] = F("total") + 1
        values["tried_at"] = now_us // SECOND_US
        return open_cell, values

    return keep(alias, write)


@lru_cache(maxsize=KEPT)
def _kept_give_back(alias: str, amounts: tuple[int, ...], *, counts: bool) -> KeptUpdate:
    def write(key: str, taken_us: int) -> Written:
        values: dict[str, Any] = {}
        for tat, amount in zip(TATS, amounts, strict=False):
            values[tat] = F(tat) - amount
        if counts:
            values["next_us"] = Least(F("next_us"), Value(taken_us), output_field=BIG)
            values["run"] = _less("run")
            values["total"] = _less("total")
        return ThrottleCell.objects.filter(key=key), values

    return keep(alias, write)


@lru_cache(maxsize=KEPT)
def _kept_forgive(alias: str) -> KeptUpdate:
    def write(key: str, _now_us: int) -> Written:
        values = dict.fromkeys(("run", "total", "next_us"), 0)
        return ThrottleCell.objects.filter(key=key, total__gt=0), values

    return keep(alias, write)


def _next(backoff: Backoff, now_us: int) -> Any:
    """When the next try is admitted, as SQL: the waits as a table, by the run before this try."""
    waits = backoff.waits()
    steps = [
        When(run=backoff.free - 1 + step, then=Value(now_us + wait))
        for step, wait in enumerate(waits)
    ]
    return Case(
        When(_quiet(now_us), then=Value(now_us + backoff.wait_us(1))),
        When(run__lt=backoff.free - 1, then=Value(now_us)),
        *steps,
        default=Value(now_us + waits[-1]),
        output_field=BIG,
    )


def _run(now_us: int) -> Any:
    return Case(When(_quiet(now_us), then=Value(1)), default=F("run") + 1, output_field=SMALL)


def _quiet(now_us: int) -> Q:
    return Q(tried_at__lt=(now_us - QUIET_US) // SECOND_US)


def _less(column: str) -> Any:
    # Never nought less one: MariaDB keeps the column unsigned and breaks off.
    return Case(When(**{f"{column}__gt": 0}, then=F(column) - 1), default=0, output_field=SMALL)
