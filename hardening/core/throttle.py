"""How often is too often: rates, failures in a row, and the signs of an attack.

Rates are kept by the generic cell rate algorithm (GCRA), one stored integer per key and rule:
from ITU-T I.371 and the ATM Forum's TM 4.0 ("virtual scheduling"). The integer is the
*theoretical arrival time* (TAT): the moment from which the key owes nothing any more. A try is
admitted while the TAT is at most `tolerance_us` ahead of the clock, and moves it by one
`emission_us`. Every time is an integer of microseconds (`_us`), since 1970 where it is a moment.

"L per P" is kept as a burst of ⌈L/2⌉ and one back every 2P/L, so that *any* window as long as P,
wherever it starts, admits at most L. The plain reading, burst L and one back every P/L, admits 2L.

A store that must be right under a race does it in one statement, with the numbers from here::

    UPDATE … SET tat = GREATEST(tat, :now) + :emission WHERE tat <= :latest_admissible_tat(now)
    UPDATE … SET tat = tat - :refundable(held)

Failures in a row are a `Count` under a `Backoff`; `Limits` holds all limits of a site. `is_attack`
looks at the whole site, `Seen` at the accounts that failed at one address, in Unix seconds.

The traps: a refund is not the mirror of a reservation once time has passed (see
`Rule.refundable_us`), and a `now_us` in seconds opens nothing but closes everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

MAX_LIMIT = 1_000_000
MAX_PERIOD_US = 366 * DAY_US  # with MAX_NOW_US, no TAT leaves a signed 64-bit column
MAX_NOW_US = 2**62  # the year 148000
MAX_DOUBLINGS = 40  # beyond any longest wait
QUIET_US = DAY_US  # throttle.md: what is older than a day counts no more, but for the cap


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


CODE_RULES = (  # throttle.md: second-factor codes per account
    Rule("codes-5-minutes", 5, 5 * MINUTE_US),
    Rule("codes-hour", 20, HOUR_US),
    Rule("codes-day", 50, DAY_US),
)
MAIL_RULES = (  # throttle.md: mails, each purpose for itself
    Rule("mails-5-minutes", 4, 5 * MINUTE_US),  # that is a burst of 2, one back per 2.5 min
    Rule("mails-day", 6, DAY_US),
)


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


# --- the limits of a site, and whether it is under attack ---------------------------------------

ADDRESS_RULES = (  # throttle.md: failures from unknown browsers, per address
    Rule("address-5-minutes", 10, 5 * MINUTE_US),
    Rule("address-hour", 30, HOUR_US),
    Rule("address-day", 100, DAY_US),
)
NET_FACTOR = 5  # throttle.md: the wider net of an address has five times its limits
DEVICE_RULES = (Rule("device-hour", 10, HOUR_US),)  # throttle.md: a known browser and its account
DEVICE_CAP = 100  # throttle.md: then the browser counts as unknown
MAIL_ADDRESS_RULES = (Rule("mails-address-hour", 20, HOUR_US),)
MAX_RULES = 3  # of one key: a store has that many columns


def of_net(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the limits of a wider net whose addresses have these."""
    return tuple(
        Rule(f"net-{place}", min(MAX_LIMIT, rule.limit * NET_FACTOR), rule.period_us)
        for place, rule in enumerate(rules)
    )


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of a site, by key; the defaults are throttle.md's. At most 3 rules each."""

    address: tuple[Rule, ...] = ADDRESS_RULES
    net: tuple[Rule, ...] = of_net(ADDRESS_RULES)
    device: tuple[Rule, ...] = DEVICE_RULES
    codes: tuple[Rule, ...] = CODE_RULES
    mails: tuple[Rule, ...] = MAIL_RULES
    mails_address: tuple[Rule, ...] = MAIL_ADDRESS_RULES
    account: Backoff = Backoff()


ALARM_FAILURES = 100  # throttle.md: site-wide, from unknown browsers, in 10 minutes
ALARM_SHARE = 2  # more than one in two tries
ALARM_USUAL = 3  # or more than three times the usual
ALARM_WINDOW_US = 10 * MINUTE_US
ATTACK_MODE_US = 30 * MINUTE_US


def is_attack(failures: int, tries: int, usual: float | None) -> bool:
    """Return whether ten minutes of tries from unknown browsers look like an attack.

    Args:
        failures: How many failed.
        tries: How many there were, right or wrong.
        usual: Failures in ten usual minutes; `None` while nobody knows.
    """
    if failures < ALARM_FAILURES:
        return False
    many = failures * ALARM_SHARE > tries
    return many or (usual is not None and failures > ALARM_USUAL * usual)


# --- how many accounts fail at one address --------------------------------------------------------

SHORT_SECONDS, SHORT_ACCOUNTS = 10 * 60, 5  # throttle.md: distinct accounts failing per address
LONG_SECONDS, LONG_ACCOUNTS = 24 * 60 * 60, 20
FLAG_SECONDS = 60 * 60
BITS = 62  # a signed 64-bit column; two accounts in one bit are rarely counted as one


@dataclass(frozen=True, slots=True)
class Seen:
    """Which accounts failed at an address, as bits, in two windows; times are Unix seconds."""

    short_bits: int = 0
    short_since: int = 0
    long_bits: int = 0
    long_since: int = 0
    flagged_until: int = 0

    def is_flagged(self, *, now: int) -> bool:
        """True while the address is flagged, or has failed for too many accounts."""
        if self.flagged_until > now:
            return True
        short = _counted(self.short_bits) if self.short_since > now - SHORT_SECONDS else 0
        long = _counted(self.long_bits) if self.long_since > now - LONG_SECONDS else 0
        return short >= SHORT_ACCOUNTS or long >= LONG_ACCOUNTS

    def with_account(self, bit: int, *, now: int) -> Seen:
        """Return what is seen after one more account failed."""
        short = self.short_since > now - SHORT_SECONDS
        long = self.long_since > now - LONG_SECONDS
        return Seen(
            self.short_bits | bit if short else bit,
            self.short_since if short else now,
            self.long_bits | bit if long else bit,
            self.long_since if long else now,
            self.flagged_until,
        )


def account_bit(key: str) -> int:
    """Return the bit of an account by its key, 32 hexadecimal digits that chance has spread."""
    return 1 << (int(key, 16) % BITS)


def _counted(bits: int) -> int:
    """Estimate how many accounts have set so many bits (linear counting, Whang et al. 1990)."""
    unset = BITS - bits.bit_count()
    return BITS if unset <= 0 else round(BITS * math.log(BITS / unset))
