"""What is compared beside plain Django: known with unknown names, refused tries with hashed ones.

A name that nobody has must take as long as one that somebody has, at each stage: else the time
tells which names exist. A refused try must cost next to nothing, or refusing would be no defence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from statistics import median
from typing import Any

from tests.bench import figures
from tests.bench.figures import Round, Taken, Times
from tests.bench.scenarios import ALIKE, ALIKE_WITHIN, BOTH_NAMES, CHEAPER

KNOWN, UNKNOWN = BOTH_NAMES
HASHED = f"{ALIKE[0]}_{KNOWN}"


def names(times: Taken) -> list[dict[str, Any]]:
    """Return, for each stage and side, how long a known name takes against an unknown one."""
    return [
        {
            "stage": stage,
            "side": side,
            "known": figures.micro(_all(times, f"{stage}_{KNOWN}", side).took),
            "unknown": figures.micro(_all(times, f"{stage}_{UNKNOWN}", side).took),
            "ratio": asdict(figures.ratio(list(_rounds(times, stage, side)))),
            "limit": ALIKE_WITHIN,
        }
        for stage in ALIKE
        for side in ("plain", "guarded")
        if side in times[f"{stage}_{KNOWN}"][0]
    ]


def cpu(times: Taken) -> list[dict[str, Any]]:
    """Return what each kind of refused try takes of the processor, and a hashed one."""
    hashed = median(_all(times, HASHED, "guarded").cpu)
    listed = [HASHED, *(f"{stage}_{name}" for stage in ALIKE[1:] for name in BOTH_NAMES)]
    found = []
    for name in listed:
        spent = _all(times, name, "guarded").cpu
        refused = name != HASHED
        found.append(
            {
                "name": name,
                **figures.micro(spent),
                "cheaper": hashed / median(spent) if refused else None,
                "limit": CHEAPER if refused else None,
            }
        )
    return found


def _rounds(times: Taken, stage: str, side: str) -> Iterator[Round]:
    pairs = zip(times[f"{stage}_{KNOWN}"], times[f"{stage}_{UNKNOWN}"], strict=True)
    for known, unknown in pairs:
        yield Round(plain=unknown[side].took, guarded=known[side].took)


def _all(times: Taken, name: str, side: str) -> Times:
    return sum((one[side] for one in times[name]), start=Times())
