"""Measure look-ups in a corpus of a given size, cold and warm, and its memory: one child a size.

*Cold*: before each look-up the file's pages are given back and dropped from the page cache
(`MADV_DONTNEED`, then ``POSIX_FADV_DONTNEED``, after an `fsync`), so that every page comes from
the disk; how many did is counted, as major faults. *Warm*: the same passwords again, in another
order. Half of the warm ones are in the corpus, none of the cold ones.

Memory is what this process has for itself (``RssAnon``); pages of the file, which all processes
share and the system takes back, are told beside it (``RssFile``). Times are nanoseconds inside,
microseconds in the JSON.

The trap: a disk may have a cache of its own, and a virtual one its host's, which nothing here can
empty. And two clock readings, some 0.1 µs, are in every time.
"""

from __future__ import annotations

import argparse
import json
import math
import mmap
import os
import random
import resource
import sys
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, median
from time import perf_counter, perf_counter_ns
from typing import Any

import django
from django.test.utils import override_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.bench.settings")
django.setup()

from hardening.breach import corpus  # noqa: E402 - Django first
from hardening.breach.corpus import Corpus, CorpusSource  # noqa: E402
from hardening.core.pwned import Candidate, Finding  # noqa: E402
from tests.bench.corpora import digests_in, entries_in, repeating, synthetic  # noqa: E402

COLD = 2_000
WARM = 50_000
MANY = 100_000_000  # from so many on, ranges repeat: the file is made in a minute
KINDS = ("cold", "warm", "source")


def memory() -> dict[str, int]:
    """Return what this process holds, in KiB: for itself, of files, and its peak of both."""
    wanted = {"RssAnon": "own", "RssFile": "file", "VmHWM": "peak"}
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    pairs = (line.split(":", 1) for line in lines)
    return {wanted[key]: int(value.split()[0]) for key, value in pairs if key in wanted}


def faults() -> int:
    """Return how many pages this process has had to wait for."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_majflt


def drop(path: str) -> None:
    """Drop a file from the page cache, as far as nobody has it mapped."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(file)


def drop_mapped(opened: Corpus, path: str) -> None:
    """Do so for one that is mapped here."""
    opened._map.madvise(mmap.MADV_DONTNEED)
    drop(path)


def settle(path: str) -> None:
    """Bring what was written to the disk: a dirty page cannot be dropped."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def summed(times: Sequence[int]) -> dict[str, float]:
    """Return what the JSON says of some times, in microseconds."""
    ordered = sorted(times)
    last = ordered[min(len(ordered) - 1, math.ceil(0.99 * len(ordered)) - 1)]
    found = {"median": median(ordered), "mean": fmean(ordered), "p99": last, "most": ordered[-1]}
    return {name: round(value / 1000, 2) for name, value in found.items()}


def measure(path: str, *, cold: int, warm: int, seed: int) -> dict[str, Any]:
    """Return the times of look-ups in the corpus at `path`, and the memory they took."""
    dice = random.Random(seed)
    strange = [dice.randbytes(20) for _ in range(max(cold, warm // 2))]
    known = digests_in(path, warm // 2, seed=seed + 1)
    both = strange[: warm // 2] + known
    asked = [Candidate(f"a lantern and {number}") for number in range(warm)]
    times = {"cold": array("q", bytes(8 * cold))}
    times |= {kind: array("q", bytes(8 * len(both))) for kind in ("warm", "source")}
    settle(path)
    drop(path)
    before, began = memory(), perf_counter()
    opened = Corpus(path)
    took = perf_counter() - began
    mapped, waited = memory(), faults()
    timed(opened, strange[:cold], times["cold"], lambda: drop_mapped(opened, path))
    waited = faults() - waited
    for digest in both:
        opened.search(digest)
    dice.shuffle(both)
    hits = timed(opened, both, times["warm"])
    after = memory()
    opened.close()
    through_source(path, asked, times["source"])
    return {
        **{kind: summed(times[kind]) for kind in KINDS if times[kind]},
        "opened_ms": round(1000 * took, 1),
        "pages": round(waited / max(1, cold), 2),
        "lookups": {"cold": cold, "warm": len(both)},
        "found": [hits, len(known)],
        "memory": {"before": before, "opened": mapped, "after": after},
    }


def timed(
    opened: Corpus, digests: Sequence[bytes], into: Any, first: Callable[[], None] | None = None
) -> int:
    """Look each up and note how long it took; return how many were found."""
    hits = 0
    for place, digest in enumerate(digests):
        if first is not None:
            first()
        began = perf_counter_ns()
        found = opened.search(digest)
        into[place] = perf_counter_ns() - began
        hits += found
    return hits


def through_source(path: str, asked: Sequence[Candidate], into: Any) -> None:
    """Do so as a sign-in does: the settings read, the file looked at, the answer made."""
    with override_settings(HARDENING={"BREACH_CORPUS": str(Path(path).absolute())}):
        corpus.forget()
        source = CorpusSource()
        for candidate in asked:
            answer = source.look(candidate, wait=0.0)
            if answer.finding is Finding.UNKNOWN:
                raise RuntimeError(f"the corpus does not answer: {answer.fault}")
        for place, candidate in enumerate(asked[: len(into)]):
            began = perf_counter_ns()
            source.look(candidate, wait=0.0)
            into[place] = perf_counter_ns() - began
    corpus.forget()


def main() -> None:
    """Make the corpus if it is not there, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("path")
    parser.add_argument("--entries", type=int, required=True)
    parser.add_argument("--cold", type=int, default=COLD)
    parser.add_argument("--warm", type=int, default=WARM)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    began = perf_counter()
    if not Path(given.path).exists():
        make = repeating if given.entries >= MANY else synthetic
        make(given.path, given.entries, given.seed)
    made = perf_counter() - began
    found = measure(given.path, cold=given.cold, warm=given.warm, seed=given.seed)
    about = {"entries": entries_in(given.path), "bytes": Path(given.path).stat().st_size}
    json.dump({**about, "made_seconds": round(made, 1), **found}, sys.stdout)


if __name__ == "__main__":
    main()
