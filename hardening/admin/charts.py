"""Charts as values: what the templates draw as SVG, without any arithmetic of theirs.

Everything that becomes an attribute of an SVG is text here, in plain digits: a template would
write a number in the reader's language, and ``12,5`` is two numbers to a browser.

The trap: a share that is nearly nothing must still be seen. Every status that somebody has gets
at least `LEAST` of the width, which the others give.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from hardening.compliance import Status

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from hardening.compliance import Counts
    from hardening.models import PolicySnapshot

WIDTH = 1000  # units of a bar
LEAST = 12
TREND_WIDTH, TREND_HEIGHT = 600, 120
FULL = 100  # per cent

WORDS: dict[Status, Any] = {
    Status.COMPLIANT: gettext_lazy("Compliant"),
    Status.IN_GRACE: gettext_lazy("In grace"),
    Status.OVERDUE: gettext_lazy("Overdue"),
    Status.EXEMPT: gettext_lazy("Exempt"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """One status of a bar: `start` and `width` in units of `WIDTH`."""

    status: str
    label: str
    count: int
    share: int  # per cent, rounded
    start: str
    width: str

    @property
    def left(self) -> str:
        """Where it begins, in per cent of the bar, which so stretches without its patterns."""
        return _percent(self.start)

    @property
    def across(self) -> str:
        """How wide it is, likewise."""
        return _percent(self.width)


def _percent(units: str) -> str:
    return f"{FULL * int(units) / WIDTH:g}%"


def bar(counts: Counts) -> list[Segment]:
    """Return every status with its count, and where it lies on the bar."""
    numbers = {status: getattr(counts, status.value) for status in Status}
    total = sum(numbers.values())
    widths = _widths(list(numbers.values()))
    start, segments = 0, []
    for (status, number), width in zip(numbers.items(), widths, strict=True):
        segments.append(
            Segment(
                status=status.value,
                label=str(WORDS[status]),
                count=number,
                share=share(number, total),
                start=str(start),
                width=str(width),
            )
        )
        start += width
    return segments


def share(number: int, total: int) -> int:
    """Return per cent; only nobody is 0 and only everybody is 100."""
    if not number or not total:
        return 0
    return FULL if number == total else min(max(round(FULL * number / total), 1), FULL - 1)


def _widths(numbers: Sequence[int]) -> list[int]:
    total = sum(numbers)
    if not total:
        return [0] * len(numbers)
    widths = [max(LEAST, WIDTH * one // total) if one else 0 for one in numbers]
    widths[widths.index(max(widths))] += WIDTH - sum(widths)
    return widths


@dataclass(frozen=True, slots=True)
class Point:
    """One day of a trend."""

    day: date
    compliant: int
    members: int
    share: int
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The line of one policy over time; `path` is a polyline's ``points``."""

    points: list[Point]
    path: str
    since: date  # the day at the left end, which may have no point

    @property
    def words(self) -> str:
        """What the line says, for whoever does not see it."""
        first, last = self.points[0], self.points[-1]
        if first is last:
            return _("%(share)s %% compliant. The line begins with the second day.") % {
                "share": last.share
            }
        return _("From %(first)s %% to %(last)s %% compliant within %(days)s days.") % {
            "first": first.share,
            "last": last.share,
            "days": (last.day - first.day).days,
        }


def trend(rows: Sequence[PolicySnapshot], *, days: int) -> Trend | None:
    """Return the line of a policy's snapshots, oldest first; `None` where there are none.

    It ends at the newest; `days` is how much time the whole width stands for.
    """
    if not rows:
        return None
    since, span = rows[-1].day - timedelta(days=days - 1), max(days - 1, 1)
    points = []
    for row in rows:
        percent = share(row.compliant, row.members) if row.members else FULL
        x = TREND_WIDTH * (row.day - since).days // span
        y = TREND_HEIGHT - TREND_HEIGHT * percent // FULL
        points.append(Point(row.day, row.compliant, row.members, percent, str(x), str(y)))
    return Trend(points, " ".join(f"{one.x},{one.y}" for one in points), since)
