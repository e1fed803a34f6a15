"""Guesses, and what is counted when one comes: the state that a measured try is to meet.

Each kind of try has people, made-up names and addresses of its own, so that scenarios which are
shuffled do not fill each other's counters. A name that nobody has is as long as one that somebody
has.

The trap: a failed try leaves a charge. `rested` pays it off before the next one; the rows stay,
as they do between two tries of a real guesser, and `unheard_of` is for the first of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.contrib.auth.models import User

from hardening.conf import conf
from hardening.core.addresses import budget_prefix, net_prefix
from hardening.core.names import canonical
from hardening.core.throttle import SECOND_US
from hardening.models import SiteState, Tally, ThrottleCell
from hardening.throttle import store, subjects, tally, tidying
from hardening.throttle.budgets import Budget
from tests.bench import data
from tests.bench.sides import Request

WRONG = "a bond of orange lanterns"
EMPTY = dict.fromkeys(("tat_1_us", "tat_2_us", "tat_3_us", "run", "total", "next_us"), 0)


@dataclass(frozen=True, slots=True)
class Guess:
    """Who guesses at whom: a name, whether somebody bears it, and from which address."""

    name: str
    exists: bool
    address: str

    def request(self) -> Request:
        """Return the try: a wrong password at Django's own login page."""
        form = {"username": self.name, "password": WRONG}
        return Request(data.LOGIN, form=form, address=self.address)

    @property
    def keys(self) -> tuple[str, ...]:
        """Under which keys a try is counted."""
        net = subjects.net(net_prefix(self.address))
        return self.place.key, net, self.account.key

    @property
    def place(self) -> Budget:
        """What is charged for the address."""
        return Budget(subjects.address(budget_prefix(self.address)), conf().THROTTLE.address)

    @property
    def account(self) -> Budget:
        """What is charged for the name."""
        limit = conf().THROTTLE.account
        if not self.exists:
            return Budget(subjects.nobody(canonical(self.name)), backoff=limit)
        pk, password = User.objects.values_list("pk", "password").get(username=self.name)
        return Budget(subjects.password(pk, password), backoff=limit, target_pk=str(pk))


def pair(kind: str, number: int) -> tuple[Guess, Guess]:
    """Return a guess at somebody and one at nobody, `number` telling their networks apart."""
    known = Guess(f"{kind}-known", True, f"198.51.100.{number}")
    return known, Guess(f"{kind}-other", False, f"203.0.113.{number}")


WRONG_PAIR = pair("wrong", 1)  # beside the hash
FIRST_PAIR = pair("first", 2)
HASHED_PAIR = pair("hashed", 3)  # with Argon2
LOCKED_PAIR = pair("locked", 4)
CROWDED_PAIR = pair("crowded", 5)
ATOMIC_PAIR = pair("atomic", 6)
CHEAP = (WRONG_PAIR, FIRST_PAIR, ATOMIC_PAIR)
HASHED = (HASHED_PAIR, LOCKED_PAIR, CROWDED_PAIR)


def populate() -> None:
    """Make those of the names that somebody bears, and counters of as many others."""
    for known, _ in CHEAP:
        User.objects.create_user(known.name, f"{known.name}@example.com", data.PASSWORD)
    with data.real_hash():
        for known, _ in HASHED:
            User.objects.create_user(known.name, f"{known.name}@example.com", data.PASSWORD)
    now = int(time.time())
    ThrottleCell.objects.bulk_create(
        ThrottleCell(key=subjects.nobody(f"crowd{n}"), tried_at=now) for n in range(data.CROWD)
    )


def rested(guess: Guess) -> None:
    """Let a guesser have waited long enough: nothing is owed, but the rows are there."""
    _calm()
    ThrottleCell.objects.filter(key__in=guess.keys).update(**EMPTY)
    store.clear()


def unheard_of(guess: Guess) -> None:
    """Let nothing be counted yet for a name and an address: their rows are to be made."""
    _calm()
    ThrottleCell.objects.filter(key__in=guess.keys).delete()
    store.clear()


def locked(guess: Guess) -> None:
    """Let a name have failed too often, tried from elsewhere."""
    _calm()
    _fill(guess.account)


def crowded(guess: Guess) -> None:
    """Let an address have failed too often, at other names."""
    _calm()
    _fill(guess.place)


def lot_begins() -> None:
    """Begin a lot of tries anew: statements are counted where none is written, and no tidying."""
    tally.clear()
    tidying.tidy(now=int(time.time()))


def _fill(budget: Budget) -> None:
    kept = store.current()
    while kept.take([budget], now_us=int(time.time() * SECOND_US)).admitted:
        pass


def _calm() -> None:
    """Let the site's counts not raise the alarm, which would change what sign-ins meet."""
    Tally.objects.all().delete()
    SiteState.objects.filter(attack_until__gt=0).update(attack_until=0)
