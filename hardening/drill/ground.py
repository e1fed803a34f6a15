"""What an attacker stands on: the population, a beginning, and where tries come from.

Times are Unix seconds of the simulated clock.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, TypeAlias

from hardening.drill.population import DAY
from hardening.drill.tries import NOBODY, Try

if TYPE_CHECKING:
    from hardening.drill.population import Population

WHOLE_LIST = 300_000  # throttle.md "Drill": recycled pairs, tried in a day
VALID_SHARE = 0.001
LEAST_PAIRS = 300
LEAST_VALID = 300  # so that a share of a hundredth can be told; of a short list, MOST_VALID_SHARE
MOST_VALID_SHARE = 0.02

BOTS = int(IPv4Address("20.0.0.0"))
BOT_STRIDE = 257  # neighbours in the list are no neighbours in the network
NETWORK_48 = int(IPv6Address("2001:db8:77::"))

Pairs: TypeAlias = list[tuple[int, bool]]  # whose account, and whether the password is still right


@dataclass(frozen=True, slots=True)
class Ground:
    """One attack's surroundings.

    Attributes:
        people: Who exists.
        start: When it begins.
        browsers: By number, the cookies of those whose browser is known.
        label: What tells this attack's dice from others with the same seed.
    """

    people: Population
    start: float
    browsers: dict[int, str]
    label: str

    def dice(self, what: str) -> random.Random:
        """Return dice of their own for one purpose."""
        return random.Random(f"{self.label} {what} {self.people.seed}")

    def pairs(self, count: int) -> Pairs:
        """Return recycled pairs of accounts without a factor, none of them an attacker's own.

        One try a pair. Those that are right are spread evenly, each somewhere in its part of the
        list, so that chance does not decide what a short drill says.
        """
        dice = self.dice("pairs")
        valid = valid_pairs(count)
        part = count / valid
        right = {int(place * part + dice.random() * part) for place in range(valid)}
        everybody = range(self.people.an_attackers)
        numbers: list[int] = []
        while len(numbers) < count:
            numbers += dice.sample(everybody, min(len(everybody), count - len(numbers)))
        return [(number, place in right) for place, number in enumerate(numbers)]

    def aimed(
        self, at: float, address: str, number: int, *, right: bool = False, guess: str = ""
    ) -> Try:
        """Return an attacker's try at somebody's account."""
        people = self.people
        password = people.password(number) if right else guess or f"recycled-{number}"
        return Try(at, address, people.name(number), password, number, right=right)

    def unknown(self, at: float, address: str, name: str) -> Try:
        """Return a try at a name that nobody has."""
        return Try(at, address, name, "recycled", NOBODY)


def valid_pairs(count: int) -> int:
    """Return how many of so many pairs are still right."""
    least = min(LEAST_VALID, int(count * MOST_VALID_SHARE))
    return max(1, least, int(count * VALID_SHARE))


def pair_count(people: Population) -> int:
    """Return how many pairs a day's list has in a drill of this length."""
    return max(LEAST_PAIRS, int(WHOLE_LIST * people.share))


def few(people: Population) -> int:
    """Return how many tries a small attack makes: an eighth of a list."""
    return max(100, pair_count(people) // 8)


def half(people: Population) -> int:
    """Return half a list."""
    return pair_count(people) // 2


def quarter(people: Population) -> int:
    """Return a quarter of a list."""
    return pair_count(people) // 4


def day_rate() -> float:
    """Return how many tries a second come, where a whole list is tried in a day."""
    return WHOLE_LIST / DAY


def bot(number: int) -> str:
    """Return the address of one of an attacker's machines."""
    return str(IPv4Address(BOTS + number * BOT_STRIDE))


def in_48(dice: random.Random) -> str:
    """Return an address somewhere in one IPv6 /48: 65,536 networks of one owner."""
    return str(IPv6Address(NETWORK_48 + (dice.getrandbits(16) << 64) + dice.getrandbits(64)))
