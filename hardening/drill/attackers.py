"""The attackers, each a stream of tries over simulated time that hears the answers.

An attack is a generator: it yields an act and is sent the answer to it. What is stuffed is a list
of recycled pairs, each tried once; a *whole* list has 300,000, and a smaller drill tries the first
part of it, at the same pace (`hardening.drill`).

The trap: an attacker is never told more than the answers tell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hardening.drill import stuffers
from hardening.drill.ground import WHOLE_LIST, Ground, Pairs, bot, few, half, pair_count, quarter
from hardening.drill.population import DAY, FIRST_TRY_FAILS, HOUR, Population
from hardening.drill.tries import Outcome, Volley
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.drill.stuffers import Acts

MINUTE = 60
SHORT = 30 * MINUTE  # how long people come while a short attack goes on


@dataclass(frozen=True, slots=True)
class Attacker:
    """One attack.

    An attacker meets the breach check who has stolen pairs to meet it with; the quiet days do,
    too, since a check must not be in the way of those whose passwords are in no list.

    Attributes:
        name: For `--only` and JSON.
        title: For people.
        acts: The stream.
        size: About how many tries it makes.
        distributed: Whether its share of opened accounts is bounded.
        whole: Of how many tries this is the first part; 0: it is no part of a longer list.
        pairs: The stolen pairs he has; `None`: he has none.
        good_seconds: For how long good users come meanwhile.
    """

    name: str
    title: str
    acts: Callable[[Ground], Acts]
    size: Callable[[Population], int]
    distributed: bool = False
    whole: int = 0
    pairs: Callable[[Ground], Pairs] | None = None
    good_seconds: Callable[[Population], float] = lambda people: min(people.seconds, SHORT)

    def meets(self, variant: Variant) -> bool:
        """Whether that variant is another attack than without it."""
        return variant is not Variant.BREACH or self.pairs is not None

    def stolen(self, ground: Ground) -> frozenset[int]:
        """Return whose passwords he has."""
        pairs = self.pairs(ground) if self.pairs else ()
        return frozenset(number for number, right in pairs if right)


GUESSES = 300  # how long a list the attacker has; the right one is its last
IMPATIENT_TRIES = 300
PATIENT_DAYS = 7


def one_account(ground: Ground) -> Acts:
    """Guess one account's password, first as fast as it goes, then as patiently as it takes.

    Its owner signs in once a day. A guess that is refused is tried again.
    """
    owner = next(person for person in ground.people.cast if person.known)
    at, guess, owner_at = ground.start, 1, ground.start + DAY
    place = 0
    while guess <= GUESSES and at < ground.start + PATIENT_DAYS * DAY:
        right = guess == GUESSES
        one = ground.aimed(at, bot(place), owner.number, right=right, guess=f"guess-{guess}")
        answer = yield one
        if answer.outcome is Outcome.OPEN:
            return
        refused = answer.outcome is Outcome.REFUSED
        guess += not refused
        place += 1
        at += max(2, answer.retry_after if refused and place > IMPATIENT_TRIES else 0)
        if at > owner_at:
            cookies = ground.browsers.get(owner.number, "")
            yield from ground.people.sign_in(owner, owner_at, cookies, fails=False)
            owner_at += DAY


VICTIMS = 2_000
WRONG_PASSWORDS = 1_000
FEWEST_VICTIMS, FEWEST_WRONG_PASSWORDS = 12, 60


def victims(people: Population) -> int:
    """Return how many owners are to be locked out."""
    return min(len(people.cast), max(FEWEST_VICTIMS, int(VICTIMS * people.share)))


def wrong_passwords(people: Population) -> int:
    """Return how many wrong passwords each victim's account gets."""
    return max(FEWEST_WRONG_PASSWORDS, int(WRONG_PASSWORDS * people.share))


def lockout(ground: Ground) -> Acts:
    """Type wrong passwords for an hour, at many accounts by turns; then their owners sign in."""
    people = ground.people
    chosen = people.cast[: victims(people)]
    rounds = wrong_passwords(people)
    pause = HOUR / (rounds * len(chosen))
    at, place = ground.start, 0
    for turn in range(rounds):
        for victim in chosen:
            yield ground.aimed(at, bot(place % 100_000), victim.number, guess=f"wrong-{turn}")
            at, place = at + pause, place + 1
    dice = ground.dice("owners")
    for victim in chosen:
        cookies = ground.browsers.get(victim.number, "")
        for one in people.sign_in(victim, at, cookies, fails=dice.random() < FIRST_TRY_FAILS):
            yield one
            at = one.at
        at += 1


def name_variants(ground: Ground) -> Acts:
    """Guess one account under every spelling that might be counted apart."""
    people = ground.people
    owner = people.cast[0].number
    name = people.name(owner)
    wide = "".join(chr(ord(sign) + 0xFEE0) if sign.isalnum() else sign for sign in name)
    spellings = [name, f"  {name}", f"{name}\t ", name.upper(), name.title(), wide, f"{name}\x00"]
    spellings += [people.email(owner), people.email(owner).upper(), f"\u00a0{name}\u2003"]
    rounds = max(3, few(people) // len(spellings) // 2)
    for place in range(rounds * len(spellings)):
        one = ground.aimed(ground.start + 2 * place, bot(place), owner, guess=f"guess-{place}")
        yield replace(one, name=spellings[place % len(spellings)])


VOLLEY = 64
VOLLEYS = 5


def parallel(ground: Ground) -> Acts:
    """Post 64 tries at once: at one account from 64 addresses, then at 64 accounts from one."""
    cast = ground.people.cast
    for turn in range(VOLLEYS):
        at = ground.start + turn * HOUR
        target = cast[turn].number
        tries = (ground.aimed(at, bot(turn * VOLLEY + n), target) for n in range(VOLLEY))
        yield Volley(at, tuple(tries))
        # Each account has already had its own tries: these are limited by the address alone.
        others = (
            cast[VOLLEYS + (turn * VOLLEY + n) % (len(cast) - VOLLEYS)] for n in range(VOLLEY)
        )
        spread = (ground.aimed(at + 1, bot(9_000 + turn), other.number) for other in others)
        yield Volley(at + 1, tuple(spread))


JUNK_A_SECOND = 10
JUNK_WHOLE = 350_000


def junk(people: Population) -> int:
    """Return how many names are made up."""
    return JUNK_WHOLE if people.share >= 1 else few(people) * 2


def junk_names(ground: Ground) -> Acts:
    """Flood the counters with made-up names, so that one account's count is forgotten."""
    dice = ground.dice("names")
    victim = ground.people.cast[0].number
    for place in range(junk(ground.people)):
        at = ground.start + place / JUNK_A_SECOND
        yield ground.unknown(at, bot(place % 10_000), f"nobody-{dice.getrandbits(64):x}")
        if place % 50 == 0:
            yield ground.aimed(at, bot(20_000 + place), victim, guess=f"guess-{place}")


def nobody(ground: Ground) -> Acts:
    """Attack nothing."""
    del ground
    yield from ()


def _no_tries(people: Population) -> int:
    del people
    return 0


def _long(people: Population) -> float:
    return people.seconds


QUIET = "quiet"
LOCKOUT = "lockout"
PARALLEL = "parallel-64"

ATTACKERS = (
    Attacker(
        QUIET,
        "Quiet days",
        nobody,
        _no_tries,
        pairs=stuffers.no_list,
        good_seconds=lambda p: 2 * p.seconds,
    ),
    Attacker("one-address", "One address", stuffers.one_address, few, pairs=stuffers.short_list),
    *(
        Attacker(
            f"addresses-{count}",
            f"{count:,} addresses",
            stuffers.spread_over(count),
            pair_count,
            distributed=True,
            whole=WHOLE_LIST,
            pairs=stuffers.whole_list,
            good_seconds=_long,
        )
        for count in (1_000, 10_000, 100_000)
    ),
    Attacker(
        "burst",
        "Burst of an hour",
        stuffers.burst,
        pair_count,
        distributed=True,
        whole=WHOLE_LIST,
        pairs=stuffers.whole_list,
    ),
    Attacker(
        "factor-pairs",
        "Accounts with a factor",
        stuffers.factor_pairs,
        lambda p: len(p.enrolled),
        distributed=True,
        pairs=stuffers.enrolled_list,
        good_seconds=lambda p: min(p.seconds, MINUTE),
    ),
    Attacker(
        "one-account", "One account, guessed at", one_account, lambda _: IMPATIENT_TRIES + 200
    ),
    Attacker(LOCKOUT, "Lockout of owners", lockout, lambda p: victims(p) * wrong_passwords(p)),
    Attacker(
        "ipv6-48",
        "One IPv6 /48",
        stuffers.one_network,
        half,
        distributed=True,
        whole=WHOLE_LIST,
        pairs=stuffers.half_list,
    ),
    Attacker(
        "forged-header",
        "Forged X-Forwarded-For",
        stuffers.forged_header,
        few,
        pairs=stuffers.short_list,
    ),
    Attacker("name-variants", "Names spelled otherwise", name_variants, lambda p: few(p) // 2),
    Attacker(PARALLEL, "64 at the same time", parallel, lambda _: 2 * VOLLEY * VOLLEYS),
    Attacker(
        "own-login", "Own login after every 4", stuffers.own_login, few, pairs=stuffers.short_list
    ),
    Attacker("junk-names", "Flood of made-up names", junk_names, junk),
    Attacker(
        "store-outage",
        "Store down meanwhile",
        stuffers.store_outage,
        quarter,
        pairs=stuffers.quarter_list,
    ),
)
BY_NAME = {attacker.name: attacker for attacker in ATTACKERS}
