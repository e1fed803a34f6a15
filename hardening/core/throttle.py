"""How often is too often: rates, by the generic cell rate algorithm (GCRA).

One stored integer per key and rule: from ITU-T I.371 and the ATM Forum's TM 4.0 ("virtual
scheduling"). The integer is the *theoretical arrival time* (TAT): the moment from which the key
owes nothing any more. A try is admitted while the TAT is at most `tolerance_us` ahead of the clock,
and moves it by one `emission_us`. Every time is an integer of microseconds (`_us`), since 1970
where it is a moment.

"L per P" is kept as a burst of ⌈L/2⌉ and one back every 2P/L, so that *any* window as long as P,
wherever it starts, admits at most L. The plain reading, burst L and one back every P/L, admits 2L.

A store that must be right under a race does it in one statement, with the numbers from here::

    UPDATE … SET tat = GREATEST(tat, :now) + :emission WHERE tat <= :latest_admissible_tat(now)
    UPDATE … SET tat = tat - :refundable(held)

Failures in a row are in `core.backoff`, the limits of a site in `core.limits`, the signs of an
attack in `core.seen`.

The traps: a refund is not the mirror of a reservation once time has passed (see
`Rule.refundable_us`), and a `now_us` in seconds opens nothing but closes everything.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
MAX_LIMIT = 1_000_000
MAX_PERIOD_US = 366 * DAY_US  # with MAX_NOW_US, no TAT leaves a signed 64-bit column
MAX_NOW_US = 2**62  # the year 148000


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `limit` in any window of `period_us`. The name tells rules of one key apart.

    Raises:
        ValueError: If a number is outside 1 to `MAX_LIMIT` or 1 to `MAX_PERIOD_US`.
    """

    name: str
    limit: int
    period_us: int

    def __post_init__(self) -> None:
        if not 1 <= self.limit <= MAX_LIMIT:
            raise ValueError(f"rule {self.name!r}: the limit is 1 to {MAX_LIMIT}")
        if not 1 <= self.period_us <= MAX_PERIOD_US:
            raise ValueError(f"rule {self.name!r}: the period is 1 to {MAX_PERIOD_US} microseconds")

    @property
    def burst(self) -> int:
        """How many go at once from rest: ⌈L/2⌉."""
        return -(-self.limit // 2)

    @property
    def emission_us(self) -> int:
        """After how long one comes back: 2P/L, rounded up."""
        return -(-2 * self.period_us // self.limit)

    @property
    def tolerance_us(self) -> int:
        """How far ahead of the clock a TAT may be and still be admitted."""
        return (self.burst - 1) * self.emission_us

    def latest_admissible_tat(self, now_us: int) -> int:
        """Return the greatest stored TAT that is admitted at `now_us`, for a store's WHERE."""
        return now_us + self.tolerance_us

    def refundable_us(self, held_us: int) -> int:
        """Return what a refund takes off the TAT after the reservation was held for `held_us`.

        While a token is held the clock pays it off. Taking the whole emission off all the same
        would pay it off twice, out of what *other* tries owe: somebody with slow right answers
        could buy more wrong ones. A held time below nought (the clock stepped back) counts as
        none.
        """
        return max(0, self.emission_us - max(0, held_us))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a try, and the TAT to store; on a refusal that is the old one.

    `retry_after_us` is 0 if admitted, else the time until the next one is, never longer than one
    emission: with a clock that only goes forward it cannot be, and nobody is told a year.
    """

    admitted: bool
    tat_us: int
    retry_after_us: int


def reserve(tat_us: int | None, rule: Rule, *, now_us: int) -> Outcome:
    """Take one token before the try is judged, or refuse.

    Args:
        tat_us: The stored TAT; `None` if there is none.
        rule: What is allowed.
        now_us: Microseconds since 1970. Going back in time is always the stricter side.

    Raises:
        ValueError: If `now_us` is not from 0 to `MAX_NOW_US`.
    """
    if not 0 <= now_us <= MAX_NOW_US:
        raise ValueError("now_us is not a time in microseconds since 1970")
    stored = now_us if tat_us is None else tat_us
    early = stored - rule.latest_admissible_tat(now_us)
    if early > 0:
        return Outcome(admitted=False, tat_us=stored, retry_after_us=min(early, rule.emission_us))
    return Outcome(admitted=True, tat_us=max(stored, now_us) + rule.emission_us, retry_after_us=0)


def refund(tat_us: int, rule: Rule, *, held_us: int = 0) -> int:
    """Return the TAT to store after one reservation is given back.

    Given back at once, every later answer is what it would have been without the reservation.
    Given back later, it never lets more through than the rule allows, whatever else was reserved
    and refunded in between; what it keeps of the charge is `held_us` at most.

    Args:
        tat_us: The TAT as stored now, not as it was when reserved.
        rule: The rule of the reservation.
        held_us: How long the reservation was held, by the clock that made it.
    """
    return tat_us - rule.refundable_us(held_us)
