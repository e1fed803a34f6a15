"""What happened over time, as bars: one query, and the numbers that stand beside the drawing.

Counted by hour or by day, in UTC, which every database groups by in the same way.

The trap: `login:fail:counted` stands for all failed tries of a minute, so its rows are not counted
but what they say is added up.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Case, Count, IntegerField, Q, Sum, Value, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, TruncDay, TruncHour
from django.utils.translation import gettext as _

from hardening.admin.charts import FULL
from hardening.admin.event_filters import SERIES, STOPPED, TITLES
from hardening.audit import Event
from hardening.models import SecurityEvent
from hardening.models.database import over_many
from hardening.moments import moment, unix
from hardening.policies import DAY_SECONDS

HOUR_SECONDS = 60 * 60
# Days shown → seconds a bar stands for: some thirty bars, as many as a small screen can tell apart.
BARS = {1: HOUR_SECONDS, 7: 6 * HOUR_SECONDS, 30: DAY_SECONDS, 90: 3 * DAY_SECONDS}
HEIGHT = 96  # pixels
LEAST = 2  # of something that is not nothing
GAP = 0.15  # of a bar's place


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: where it stands, in per cent across and pixels down; and what it says."""

    at: datetime
    count: int
    left: str
    across: str
    top: str
    height: str


@dataclass(frozen=True, slots=True)
class Plot:
    """One series over time."""

    name: str
    title: str
    bars: list[Bar]

    @property
    def total(self) -> int:
        """How many altogether."""
        return sum(bar.count for bar in self.bars)

    @property
    def most(self) -> int:
        """The highest bar."""
        return max(bar.count for bar in self.bars)

    @property
    def words(self) -> str:
        """What the drawing says, for whoever does not see it."""
        if not self.total:
            return _("None in this period.")
        return _("%(total)s altogether, at most %(most)s in one bar.") % {
            "total": self.total,
            "most": self.most,
        }


def plots(days: int, *, now: int) -> list[Plot]:
    """Return every series for so many days up to now (Unix seconds); see `BARS`."""
    width = BARS[days]
    end = now // width * width + width
    starts = list(range(end - days * DAY_SECONDS, end, width))
    counted = _counted(starts[0], width)
    return [_plot(name, starts, width, counted) for name in SERIES]


def table(listed: list[Plot]) -> list[tuple[datetime, list[int]]]:
    """Return the numbers of the plots, a row a bar, newest first."""
    rows = zip(*(plot.bars for plot in listed), strict=True)
    return [(bars[0].at, [bar.count for bar in bars]) for bars in rows][::-1]


def _plot(name: str, starts: list[int], width: int, counted: Counter[tuple[str, int]]) -> Plot:
    most = max(1, *(counted[name, start] for start in starts))
    place = FULL / len(starts)
    bars = []
    for index, start in enumerate(starts):
        count = counted[name, start]
        height = max(LEAST, HEIGHT * count // most) if count else 0
        bars.append(
            Bar(
                at=datetime.fromtimestamp(start, tz=UTC),
                count=count,
                left=f"{place * (index + GAP / 2):.3f}%",
                across=f"{place * (1 - GAP):.3f}%",
                top=str(HEIGHT - height),
                height=str(height),
            )
        )
    return Plot(name, str(TITLES[name]), bars)


def _counted(since: int, width: int) -> Counter[tuple[str, int]]:
    """Count by series and by the beginning of a bar."""
    counted: Counter[tuple[str, int]] = Counter()
    with over_many():
        found = list(_grouped(since, width))
    for at, event, rows, told, stopped in found:
        start = unix(at) // width * width
        for name, events in SERIES.items():
            if name == STOPPED:
                counted[name, start] += stopped if event in events else 0
            elif event in events:
                counted[name, start] += (told or 0) if event == Event.LOGIN_FAILURES else rows
    return counted


def _grouped(since: int, width: int) -> Any:
    names = sorted({event.value for events in SERIES.values() for event in events})
    by = TruncHour if width < DAY_SECONDS else TruncDay
    told = [
        Cast(KeyTextTransform(key, "data"), IntegerField())
        for key in ("failures", "known_browsers")
    ]
    rows = SecurityEvent.objects.order_by().filter(event__in=names, at__gte=moment(since))
    when = Q(event=Event.LOGIN_FAILURES.value)
    grouped = rows.annotate(start=by("at", tzinfo=UTC)).values_list("start", "event")
    return grouped.annotate(
        number=Count("pk"),
        told=Sum(Case(When(when, then=told[0] + told[1]), default=Value(0))),
        stopped=Count("pk", filter=Q(event=Event.LOGIN_COMPLETED.value, data__has_key=STOPPED)),
    )
