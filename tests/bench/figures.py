"""Medians, quartiles, and how sure a ratio is.

A *round* holds the times of both sides, measured within a fraction of a second of each other. The
ratio is that of the medians over everything; its range is a bootstrap over rounds, because times
within one round share the machine's mood and are not independent. Times are nanoseconds.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median, quantiles

RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Times:
    """Of some requests: by the clock, and by the processor; nanoseconds."""

    took: tuple[int, ...] = ()
    cpu: tuple[int, ...] = ()

    def __add__(self, more: Times) -> Times:
        return Times(self.took + more.took, self.cpu + more.cpu)


Taken = dict[str, list[dict[str, Times]]]  # scenario → its rounds → side


@dataclass(frozen=True, slots=True)
class Round:
    """The times of one round, in nanoseconds."""

    plain: tuple[int, ...]
    guarded: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and quartiles, in nanoseconds."""

    median: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True)
class Ratio:
    """Guarded over plain, and the range that holds it in 95 of 100 runs."""

    value: float
    low: float
    high: float


def spread(times: Sequence[int]) -> Spread:
    """Return median and quartiles of some times."""
    lower, middle, upper = quantiles(times, n=4) if len(times) > 1 else (times[0],) * 3
    return Spread(middle, lower, upper)


def micro(times: Sequence[int]) -> dict[str, float]:
    """Return median and quartiles in microseconds, for the JSON."""
    return {key: round(value / 1000, 1) for key, value in asdict(spread(times)).items()}


def ratio(rounds: Sequence[Round], *, seed: int = 0) -> Ratio:
    """Return the ratio of the medians with its range, by a percentile bootstrap over rounds."""
    chance = random.Random(seed)
    middles = [(median(one.guarded), median(one.plain)) for one in rounds]
    drawn = sorted(_of(chance.choices(middles, k=len(middles))) for _ in range(RESAMPLES))
    tail = int(RESAMPLES * (1 - CONFIDENCE) / 2)
    guarded = median(time for one in rounds for time in one.guarded)
    plain = median(time for one in rounds for time in one.plain)
    return Ratio(guarded / plain, drawn[tail], drawn[-tail - 1])


def _of(middles: Sequence[tuple[float, float]]) -> float:
    return median(one[0] for one in middles) / median(one[1] for one in middles)
