"""Failures in a row: some are free, then one waits, at the cap it is over.

What is stored of a key is a `Count`, and a `Backoff` says what it means. `begin` charges a try
before it is judged, `take_back` gives back one that was right. `wait_us` is the wait under
everything that limits a key, rates and failures in a row. Times are integers of microseconds
(`_us`), since 1970 where they are moments.

Source: throttle.md; NIST SP 800-63B-4 §3.2.2 for the cap.

The trap: waits begin anew after a quiet day, the way to the cap does not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardening.core.throttle import DAY_US, HOUR_US, MAX_LIMIT, SECOND_US, Rule, reserve

MAX_DOUBLINGS = 40  # beyond any longest wait
QUIET_US = DAY_US  # throttle.md: what is older than a day counts no more, but for the cap


@dataclass(frozen=True, slots=True)
class Backoff:
    """Consecutive failures: some are free, then each one doubles the wait; at `cap` it is over.

    `run` counts towards the waits and starts anew after a quiet day; `total` counts towards the
    cap and is forgotten by a success only (NIST SP 800-63B-4 §3.2.2: no more than 100 in a row).

    Raises:
        ValueError: If a number is out of range, or the longest wait is shorter than the first.
    """

    free: int = 5
    first_us: int = 30 * SECOND_US
    longest_us: int = HOUR_US
    cap: int = 100

    def __post_init__(self) -> None:
        if not 1 <= self.free <= self.cap <= MAX_LIMIT:
            raise ValueError(f"a backoff has 1 free try or more, and a cap up to {MAX_LIMIT}")
        if not 1 <= self.first_us <= self.longest_us <= DAY_US:
            raise ValueError("a wait is a microsecond or more, and the longest is a day at most")

    def wait_us(self, run: int) -> int:
        """Return how long the next try must wait after `run` consecutive failures."""
        if run < self.free:
            return 0
        doublings = min(run - self.free, MAX_DOUBLINGS)
        return min(self.longest_us, self.first_us << doublings)

    def waits(self) -> tuple[int, ...]:
        """Return the waits from the first on, up to and with the longest, for a store's CASE."""
        steps: list[int] = []
        while not steps or steps[-1] < self.longest_us:
            steps.append(self.wait_us(self.free + len(steps)))
        return tuple(steps)


@dataclass(frozen=True, slots=True)
class Count:
    """What is stored of one key's consecutive failures; nothing stored is the default."""

    run: int = 0
    total: int = 0
    next_us: int = 0  # the moment from which a try is admitted
    tried_us: int = 0  # when one was charged last


def begin(count: Count, backoff: Backoff, *, now_us: int) -> Count | None:
    """Charge one try before it is judged; `None` if it must wait or the cap is reached."""
    if count.next_us > now_us or count.total >= backoff.cap:
        return None
    run = 1 if is_quiet(count, now_us=now_us) else count.run + 1
    wait = backoff.wait_us(run)
    return Count(run, count.total + 1, now_us + wait, now_us)


def is_quiet(count: Count, *, now_us: int) -> bool:
    """True if nothing was tried for a day: waits begin anew, the way to the cap does not.

    Compared in whole seconds: a store keeps no more of `tried_us`, and must answer alike.
    """
    return count.tried_us // SECOND_US < (now_us - QUIET_US) // SECOND_US


def take_back(count: Count, *, now_us: int) -> Count:
    """Give one try back that was right: it counts no more, and nobody waits for it.

    That it was tried stays: a quiet day begins anew, which is the stricter side.

    Args:
        count: As it is stored now.
        now_us: When the try was charged; of tries that waited only one goes at a time.
    """
    return replace(
        count,
        run=max(0, count.run - 1),
        total=max(0, count.total - 1),
        next_us=min(count.next_us, now_us),
    )


def count_wait_us(count: Count, backoff: Backoff, *, now_us: int) -> int:
    """Return how long a try has to wait, 0 if it is admitted; at the cap the longest wait.

    The cap ends by other means than waiting, but saying so would tell which names exist.
    """
    if count.total >= backoff.cap:
        return backoff.longest_us
    return min(backoff.longest_us, max(0, count.next_us - now_us))


def wait_us(
    tats: tuple[int, ...],
    rules: tuple[Rule, ...],
    count: Count,
    backoff: Backoff | None,
    *,
    now_us: int,
) -> int:
    """Return how long a key has to wait under all that limits it; 0 if a try is admitted."""
    pairs = zip(tats, rules, strict=True)
    waits = [reserve(tat, rule, now_us=now_us).retry_after_us for tat, rule in pairs]
    if backoff is not None:
        waits.append(count_wait_us(count, backoff, now_us=now_us))
    return max(waits, default=0)
