"""The attackers, each a stream of tries over simulated time that hears the answers.

An attack is a generator: it yields an act and is sent the answer to it. What is stuffed is a list
of recycled pairs, each tried once; a *whole* list has 300,000, and a smaller drill tries the first
part of it, at the same pace (`hardening.drill`).

The trap: an attacker is never told more than the answers tell.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

from hardening.drill.ground import WHOLE_LIST, Ground, bot, day_rate, in_48, pair_count
from hardening.drill.population import DAY, FIRST_TRY_FAILS, Population
from hardening.drill.tries import Act, Answer, Outage, Outcome, Try, Volley

HOUR = 3_600
MINUTE = 60
SHORT = 30 * MINUTE  # how long people come while a short attack goes on

Acts = Generator[Act, Answer, None]


@dataclass(frozen=True, slots=True)
class Attacker:
    """One attack.

    Attributes:
        name: For `--only` and JSON.
        title: For people.
        acts: The stream.
        size: About how many tries it makes.
        distributed: Whether its share of opened accounts is bounded.
        whole: Of how many tries this is the first part; 0: it is no part of a longer list.
        good_seconds: For how long good users come meanwhile.
    """

    name: str
    title: str
    acts: Callable[[Ground], Acts]
    size: Callable[[Population], int]
    distributed: bool = False
    whole: int = 0
    good_seconds: Callable[[Population], float] = lambda people: min(people.seconds, SHORT)


def stuffing(
    ground: Ground, count: int, *, rate: float, address: Callable[[int], str], forge: bool = False
) -> Acts:
    """Try each pair once, so many a second."""
    dice = ground.dice("times")
    for place, (number, right) in enumerate(ground.pairs(count)):
        at = ground.start + (place + dice.random()) / rate
        one = ground.aimed(at, address(place), number, right=right)
        yield replace(one, forwarded=bot(500_000 + place)) if forge else one


def spread_over(addresses: int) -> Callable[[Ground], Acts]:
    """Stuff for a day from so many addresses, by turns."""

    def acts(ground: Ground) -> Acts:
        count = pair_count(ground.people)
        return stuffing(
            ground, count, rate=day_rate(), address=lambda place: bot(place % addresses)
        )

    return acts


def one_address(ground: Ground) -> Acts:
    """Stuff from one address, a try a second."""
    return stuffing(ground, few(ground.people), rate=1, address=lambda _: bot(0))


def burst(ground: Ground) -> Acts:
    """Stuff the whole list in an hour, from 10,000 addresses."""
    rate = WHOLE_LIST / HOUR
    count = pair_count(ground.people)
    return stuffing(ground, count, rate=rate, address=lambda place: bot(place % 10_000))


def one_network(ground: Ground) -> Acts:
    """Stuff from all over one IPv6 /48."""
    dice = ground.dice("addresses")
    count = half(ground.people)
    return stuffing(ground, count, rate=day_rate(), address=lambda _: in_48(dice))


def forged_header(ground: Ground) -> Acts:
    """Stuff from one address that claims to be another one with every try."""
    return stuffing(ground, few(ground.people), rate=1, address=lambda _: bot(0), forge=True)


def own_login(ground: Ground) -> Acts:
    """Sign in to an account of one's own after every four tries, to be let on."""
    mine = ground.people.accounts - 1
    cookies = ""
    stream = stuffing(ground, few(ground.people), rate=1, address=lambda _: bot(0))
    for place, act in enumerate(stream):
        if not isinstance(act, Try):
            continue
        yield replace(act, cookies=cookies)
        if place % 4 == 3:  # noqa: PLR2004 - every fourth
            own = ground.aimed(act.at, bot(0), mine, right=True)
            answer = yield replace(own, own=True, cookies=cookies, known=bool(cookies))
            cookies = answer.cookies or cookies


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


def store_outage(ground: Ground) -> Acts:
    """Stuff from 100 addresses; for the middle third of the time the limits' store is down."""
    count = half(ground.people) // 2
    stream = stuffing(ground, count, rate=day_rate(), address=lambda place: bot(place % 100))
    for place, act in enumerate(stream):
        if place == count // 3:
            yield Outage(act.at, down=True)
        if place == 2 * count // 3:
            yield Outage(act.at, down=False)
        yield act


def nobody(ground: Ground) -> Acts:
    """Attack nothing."""
    del ground
    yield from ()


def few(people: Population) -> int:
    """Return how many tries a small attack makes: an eighth of a list."""
    return max(100, pair_count(people) // 8)


def half(people: Population) -> int:
    """Return half a list."""
    return pair_count(people) // 2


def _no_tries(people: Population) -> int:
    del people
    return 0


def _long(people: Population) -> float:
    return people.seconds


QUIET = "quiet"
LOCKOUT = "lockout"
PARALLEL = "parallel-64"

ATTACKERS = (
    Attacker(QUIET, "Quiet days", nobody, _no_tries, good_seconds=lambda p: 2 * p.seconds),
    Attacker("one-address", "One address", one_address, few),
    *(
        Attacker(
            f"addresses-{count}",
            f"{count:,} addresses",
            spread_over(count),
            pair_count,
            distributed=True,
            whole=WHOLE_LIST,
            good_seconds=_long,
        )
        for count in (1_000, 10_000, 100_000)
    ),
    Attacker("burst", "Burst of an hour", burst, pair_count, distributed=True, whole=WHOLE_LIST),
    Attacker(
        "one-account", "One account, guessed at", one_account, lambda _: IMPATIENT_TRIES + 200
    ),
    Attacker(LOCKOUT, "Lockout of owners", lockout, lambda p: victims(p) * wrong_passwords(p)),
    Attacker("ipv6-48", "One IPv6 /48", one_network, half, distributed=True, whole=WHOLE_LIST),
    Attacker("forged-header", "Forged X-Forwarded-For", forged_header, few),
    Attacker("name-variants", "Names spelled otherwise", name_variants, lambda p: few(p) // 2),
    Attacker(PARALLEL, "64 at the same time", parallel, lambda _: 2 * VOLLEY * VOLLEYS),
    Attacker("own-login", "Own login after every 4", own_login, few),
    Attacker("junk-names", "Flood of made-up names", junk_names, junk),
    Attacker("store-outage", "Store down in mid-attack", store_outage, lambda p: half(p) // 2),
)
BY_NAME = {attacker.name: attacker for attacker in ATTACKERS}
