"""Measure what the check of breached passwords costs: the children, one after the other.

`measured` returns what the JSON has under "breaches":

    {"lookups": [{"entries", "bytes",
                  "made_seconds": of the synthetic file, which no builder made,
                  "cold", "warm": `Corpus.search`, "source": `CorpusSource.look`, warm,
                      each {"median", "mean", "p99", "most": microseconds},
                  "opened_ms", "pages": read from the disk by one cold look-up, mean,
                  "lookups": {"cold", "warm": counts}, "found": [hits, of so many],
                  "memory": {"before", "opened", "after": {"own", "file", "peak": KiB}}}],
     "builds": [{"kind": "file" or "directory", "entries", "seconds", "rate": entries a second,
                 "memory": {…, "more": KiB above what there was}, "fifth": of a list a fifth as
                 long}],
     "sign_ins": {"database",
                  "hashes": [{"name", "checks": [{"name", "label", "rounds",
                      "median", "lower", "upper", "inside": microseconds, whole and in the check,
                      "more": microseconds, "ratio", "share": in the check, of one without it,
                      "limits": {"share", "more_ms"},
                      "queries", …, "lookups", "asked": counts}]}],
                  "wrong": [{"name", "queries", …, "lookups", "asked"}]},
     "short": null, or why the largest corpus is not there}

The trap: where temporary files lie in memory (tmpfs), no look-up is cold. "pages" is 0 there.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SIZES = (10_000_000, 200_000_000)
LARGE = 2_000_000_000
RANGES, QUICK_RANGES = 2_500, 50  # of `builds.ROWS` entries
SPARE_BYTES = 2 << 30  # that a corpus must leave on the disk
KINDS = ("file", "directory")


def sizes_of(*, quick: bool, large: bool, free: int) -> tuple[tuple[int, ...], str | None]:
    """Return how large the corpora are to be, and why the largest is left out if it is.

    Args:
        quick: The smallest only.
        large: One of full size as well.
        free: Bytes on the disk.
    """
    listed = SIZES[:1] if quick else SIZES
    if not large:
        return listed, None
    if free < 4 * LARGE + SPARE_BYTES:
        return listed, f"no room for {LARGE:,} entries: {free / 1e9:.0f} GB are free"
    return (*listed, LARGE), None


def measured(
    sizes: Sequence[int], *, rounds: int, ranges: int, database: str, store: str
) -> dict[str, Any]:
    """Return everything; the sign-ins are those of a site with the smallest corpus.

    Args:
        sizes: Entries of each corpus.
        rounds: Of sign-ins.
        ranges: Of the lists that are built.
        database: As in ``HARDENING_TESTS_DATABASE``.
        store: The address of a Redis for the rates, or an empty text.
    """
    environ = {"HARDENING_TESTS_DATABASE": database, "HARDENING_BENCH_STORE": store}
    with tempfile.TemporaryDirectory(prefix="hardening-corpora-") as name:
        folder = Path(name)
        found: dict[str, Any] = {"builds": [built(folder, kind, ranges) for kind in KINDS]}
        found["lookups"] = []
        for place, entries in enumerate(sizes):
            path = folder / f"corpus-{place}"
            found["lookups"].append(child("lookups", path, "--entries", entries))
            if place:
                path.unlink()
        found["sign_ins"] = child("breaches", folder / "corpus-0", "--rounds", rounds, **environ)
    return found


def built(folder: Path, kind: str, ranges: int) -> dict[str, Any]:
    """Return the figures of a build, and the memory of one a fifth as long."""
    found = []
    for number in (max(1, ranges // 5), ranges):
        place = folder / "build"
        place.mkdir()
        found.append(child("builds", place, "--kind", kind, "--ranges", number))
        shutil.rmtree(place)
    return {**found[1], "fifth": found[0]["memory"]["more"]}


def child(module: str, *arguments: object, **environ: str) -> dict[str, Any]:
    """Run one child and return what it printed.

    Raises:
        SystemExit: If it failed; it has said why.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{module}", *map(str, arguments)],
        env={**os.environ, **environ},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"measuring {module} failed")
    return dict(json.loads(done.stdout))
