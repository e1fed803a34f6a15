"""How long a password hash takes on this machine: ``hardening_status --calibrate``.

The site's own first hasher beside the costs that sources recommend. Each is timed alone, then on
as many threads as the gate (`hardening.throttle.hashgate`) lets pass at once: that is what a
process makes per second when many sign in together. Memory is what the algorithm says it takes,
not measured. Seconds and KiB.

The trap: this is one idle process. A server with W of them may hash W times as many at once, in W
times the memory, on the same processors.
"""

from __future__ import annotations

import os
import statistics
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import (
    Argon2PasswordHasher,
    BasePasswordHasher,
    ScryptPasswordHasher,
    get_hasher,
)

from hardening.hashers import OWASP_MINIMUM, RFC_9106_SECOND, Argon2idHasher
from hardening.throttle.hashgate import processors

if TYPE_CHECKING:
    from collections.abc import Callable

ALONE_SECONDS = 1.0  # for timing one hash after the other
TOGETHER_SECONDS = 1.5  # for all threads
MOST_SECONDS = 12.0  # nothing is begun after that; a hash under way is finished
BEARABLE_SECONDS = 0.5  # what RFC 9106 §4 gives authentication at a server in its examples
MEMORY_SHARE = 4  # all hashes at once may take a quarter of the machine's memory
PASSWORD = "measured, never used"  # noqa: S105 - nobody's


@dataclass(frozen=True, slots=True)
class Measured:
    """One hasher on this machine. Where time ran out, what was not measured is `None`."""

    name: str
    algorithm: str
    memory_kib: int
    seconds: float | None
    per_second: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """All that was measured. `recommended`: the name of a source's costs."""

    processors: int
    memory_kib: int | None
    measured: tuple[Measured, ...]
    recommended: str
    why: str


class _Rfc(Argon2idHasher):
    time_cost, memory_cost, parallelism = RFC_9106_SECOND


class _Owasp(Argon2idHasher):
    time_cost, memory_cost, parallelism = OWASP_MINIMUM


RFC = "RFC_9106_SECOND"
OWASP = "OWASP_MINIMUM"
SITE = "this site"
SOURCES: dict[str, type[Argon2idHasher]] = {RFC: _Rfc, OWASP: _Owasp}
STEPS = 2 * (1 + len(SOURCES))


def calibrate(*, step: Callable[[], None], most_seconds: float = MOST_SECONDS) -> Calibration:
    """Measure for about `most_seconds` at most; calls `step` `STEPS` times."""
    ends, threads = perf_counter() + most_seconds, processors()
    # The sources first: if the site's own is so slow that time runs out, they are what is wanted.
    hashers = {**{name: made() for name, made in SOURCES.items()}, SITE: get_hasher()}
    measured = []
    for name, hasher in hashers.items():
        seconds = _alone(hasher, ends)
        step()
        per_second = _together(hasher, threads, ends)
        step()
        measured.append(
            Measured(name, hasher.algorithm or "", memory_kib(hasher), seconds, per_second)
        )
    recommended, why = recommend(measured, threads=threads, memory=_machine_kib())
    return Calibration(threads, _machine_kib(), tuple(measured), recommended, why)


def recommend(measured: list[Measured], *, threads: int, memory: int | None) -> tuple[str, str]:
    """Return the strongest costs that this machine bears, and why. `memory`: KiB, if known."""
    rfc = next(one for one in measured if one.name == RFC)
    wanted = rfc.memory_kib * threads
    if rfc.seconds is None or rfc.seconds > BEARABLE_SECONDS:
        return OWASP, f"{RFC} takes longer than {BEARABLE_SECONDS} s here"
    if memory is not None and wanted * MEMORY_SHARE > memory:
        return OWASP, (
            f"{threads} hashes of {RFC} at once take {wanted // 1024} MiB, "
            f"more than a quarter of the {memory // 1024} MiB there are"
        )
    return RFC, (
        f"it takes less than {BEARABLE_SECONDS} s, and {threads} at once take {wanted // 1024} MiB"
    )


def memory_kib(hasher: BasePasswordHasher) -> int:
    """Return how much memory one hash takes, 0 where it is next to nothing."""
    if isinstance(hasher, Argon2PasswordHasher):
        return hasher.memory_cost
    if isinstance(hasher, ScryptPasswordHasher):
        return 128 * hasher.work_factor * hasher.block_size // 1024  # RFC 7914 §2
    return 0


def _alone(hasher: BasePasswordHasher, ends: float) -> float | None:
    """Return the median time of a hash; three or more of them, if there is time."""
    times: list[float] = []
    stop = min(ends, perf_counter() + ALONE_SECONDS)
    while perf_counter() < stop:
        began = perf_counter()
        hasher.encode(PASSWORD, hasher.salt())
        times.append(perf_counter() - began)
    return statistics.median(times) if times else None


def _together(hasher: BasePasswordHasher, threads: int, ends: float) -> float | None:
    """Return how many hashes a second so many threads make."""
    began = perf_counter()
    stop = min(ends, began + TOGETHER_SECONDS)

    def work(_: int) -> int:
        done = 0
        while perf_counter() < stop:
            hasher.encode(PASSWORD, hasher.salt())
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(pool.map(work, range(threads)))
        return done / (perf_counter() - began) if done else None


def _machine_kib() -> int | None:
    """Return the machine's memory, `None` where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024
    except (AttributeError, OSError, ValueError):
        return None
