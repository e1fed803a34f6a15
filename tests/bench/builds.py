"""Measure how fast the real builder reads a list, and its memory: one child a list.

Two lists of the same entries: one text file ordered by hash, and range files. Both are the first
so many ranges of a list of full size (`ROWS` a range), since that is what a builder meets; the
others are empty. The builder writes and syncs a whole corpus.

Memory is how far this process's peak (``VmHWM``) lies above what it had before. Whether it is
constant, a list a fifth as long tells.

The trap: what is read was written just before, so it comes from the page cache; and a builder is
as fast as its disk at most.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench import lookups  # isort: skip - it sets Django up

from hardening.breach.building import build
from hardening.breach.reading import Directory, TextFile
from hardening.breach.rows import Piece, Place

ROWS = 2_000  # of two billion in 2^20 ranges
FORGET_PEAK = Path("/proc/self/clear_refs")  # proc(5): 5 resets VmHWM
KINDS = ("file", "directory")


class FirstRanges(Directory):
    """A directory with the first ranges only, which the real one refuses."""

    def _refuse_missing(self) -> None:
        """Read what there is."""

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Read them."""
        there = len(self._names) - self._names.count(0)
        return islice(super().pieces(place), there)


def suffixes(dice: random.Random) -> list[str]:
    """Return the rows of one range, sorted."""
    return sorted(f"{dice.getrandbits(140):035X}:{dice.randrange(1, 5000)}" for _ in range(ROWS))


def write_file(path: Path, ranges: int, dice: random.Random) -> None:
    """Write a list in one file."""
    with path.open("w", encoding="ascii") as file:
        for number in range(ranges):
            file.writelines(f"{number:05X}{row}\r\n" for row in suffixes(dice))


def write_directory(path: Path, ranges: int, dice: random.Random) -> None:
    """Write a list in one file a range."""
    path.mkdir()
    for number in range(ranges):
        text = "\r\n".join(suffixes(dice))
        (path / f"{number:05X}.txt").write_text(text, encoding="ascii", newline="")


def measure(folder: Path, kind: str, ranges: int, *, seed: int) -> dict[str, Any]:
    """Make the list, build a corpus of it, and return what that took."""
    source, target = folder / f"list-{kind}", folder / f"built-{kind}"
    (write_file if kind == "file" else write_directory)(source, ranges, random.Random(seed))
    rows = TextFile(str(source)) if kind == "file" else FirstRanges(str(source))
    gc.collect()
    FORGET_PEAK.write_text("5", encoding="ascii")
    before, began = lookups.memory(), perf_counter()
    header = build(str(target), rows)
    took, after = perf_counter() - began, lookups.memory()
    if header.count != ranges * ROWS:
        raise RuntimeError(f"{header.count} entries were built of {ranges * ROWS}")
    return {
        "kind": kind,
        "entries": header.count,
        "seconds": round(took, 2),
        "rate": round(header.count / took),
        "memory": {"before": before, "after": after, "more": after["peak"] - before["peak"]},
    }


def main() -> None:
    """Measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--ranges", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    json.dump(measure(given.folder, given.kind, given.ranges, seed=given.seed), sys.stdout)


if __name__ == "__main__":
    main()
