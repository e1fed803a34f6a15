"""Who exists, who signs in when, from where, and on which browsers.

The numbers are those of the site that the drill is modelled on, with `FULL_ACCOUNTS` accounts. Of
a smaller population as many sign in per minute, for a smaller part of a day. Everything follows
from the seed.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from hardening.drill.tries import Try

if TYPE_CHECKING:
    from collections.abc import Iterator

FULL_ACCOUNTS = 350_000
DAY = 86_400
HOUR = 3_600
SIGN_INS_A_DAY = 0.05  # of all accounts
KNOWN_BROWSERS = 0.85  # of sign-ins
FIRST_TRY_FAILS = 0.09
SECONDS_TO_RETYPE = 20
BEHIND_NATS, NAT_SIZE = 0.20, 50
BEHIND_CGNATS, CGNAT_SIZE = 0.10, 500
LEAST_CAST = 60
ENROLLED = 40  # people with a second factor, beside the accounts that a drill is asked for

HOMES = int(IPv4Address("11.0.0.0"))
NATS = int(IPv4Address("12.0.0.0"))
CGNATS = int(IPv4Address("13.0.0.0"))


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signs in during the drill. `number` is her place among all accounts."""

    number: int
    address: str
    known: bool


class Population:
    """All accounts of the throwaway site.

    Attributes:
        accounts: How many have no second factor; the first `cast_size` of them sign in, and the
            last is an attacker's own.
        enrolled: The numbers of those who have one. They come on top, and do not sign in.
    """

    def __init__(self, accounts: int, seed: int, *, mail_names: bool = False) -> None:
        """Draw the cast; `mail_names`: people sign in with an e-mail address."""
        self.accounts = accounts
        self.seed = seed
        self.mail_names = mail_names
        self.enrolled = range(accounts, accounts + ENROLLED)
        self.cast_size = min(accounts, max(LEAST_CAST, int(accounts * SIGN_INS_A_DAY)))
        draw = random.Random(f"cast {seed}")
        self.cast = tuple(self._person(number, draw) for number in range(self.cast_size))

    @property
    def everybody(self) -> range:
        """Everybody's number."""
        return range(self.enrolled.stop)

    @property
    def an_attackers(self) -> int:
        """The number of the account that is an attacker's own; those below it are not."""
        return self.accounts - 1

    @property
    def share(self) -> float:
        """Which part of the full drill this is, 0 to 1."""
        return self.accounts / FULL_ACCOUNTS

    @property
    def seconds(self) -> float:
        """How long a day's attack lasts in this drill: the part of a day."""
        return DAY * self.share

    def _person(self, number: int, draw: random.Random) -> Person:
        lives = draw.random()
        if lives < BEHIND_NATS:
            where = NATS + draw.randrange(int(FULL_ACCOUNTS * BEHIND_NATS) // NAT_SIZE)
        elif lives < BEHIND_NATS + BEHIND_CGNATS:
            where = CGNATS + draw.randrange(int(FULL_ACCOUNTS * BEHIND_CGNATS) // CGNAT_SIZE)
        else:
            where = HOMES + number
        return Person(number, str(IPv4Address(where)), known=draw.random() < KNOWN_BROWSERS)

    def name(self, number: int) -> str:
        """Return what somebody types as her user name."""
        return self.email(number) if self.mail_names else f"drill{number:06}"

    def email(self, number: int) -> str:
        """Return somebody's e-mail address."""
        return f"drill{number:06}@example.com"

    def password(self, number: int) -> str:
        """Return somebody's password; in no list of breached ones, unless the drill says so."""
        return f"drill-{self.seed}-{number}-kelp-orbit"

    def new_password(self, number: int) -> str:
        """Return what somebody chooses who has to choose another one."""
        return f"{self.password(number)}-new"

    def sign_in(self, person: Person, at: float, cookies: str, *, fails: bool) -> Iterator[Try]:
        """Yield the tries of one good sign-in."""
        known = person.known
        name, right = self.name(person.number), self.password(person.number)
        if fails:
            yield Try(
                at,
                person.address,
                name,
                "mistyped",
                person.number,
                good=True,
                known=known,
                cookies=cookies,
                final=False,
            )
            at += SECONDS_TO_RETYPE
        yield Try(
            at,
            person.address,
            name,
            right,
            person.number,
            right=True,
            good=True,
            known=known,
            cookies=cookies,
        )

    def good_count(self, seconds: float) -> int:
        """Return how many good sign-ins there are in so many seconds."""
        return round(FULL_ACCOUNTS * SIGN_INS_A_DAY * seconds / DAY)

    def good_day(
        self, start: float, seconds: float, browsers: dict[int, str], label: str
    ) -> list[Try]:
        """Return the tries of good users in so many seconds, in the order of time.

        Args:
            start: From when on.
            seconds: How long people come.
            browsers: By number, the cookies of those whose browser is known.
            label: What tells this day from others with the same seed.
        """
        draw = random.Random(f"day {label} {self.seed}")
        count = self.good_count(seconds)
        tries: list[Try] = []
        first = draw.randrange(len(self.cast))
        for place in range(count):
            person = self.cast[(first + place) % len(self.cast)]
            at = start + draw.random() * seconds
            fails = draw.random() < FIRST_TRY_FAILS
            tries += self.sign_in(person, at, browsers.get(person.number, ""), fails=fails)
        return sorted(tries, key=lambda one: one.at)
