"""Measure a sign-in with the check of breached passwords, and print the numbers as JSON: a child.

The same site with the check off is what everything is compared with, in one process and in rounds:
all checks one after the other and back again, in an order by chance. Two hashes: one that costs
next to nothing, so that the check shows, and Argon2id as the demo uses it, which is what the
limits are for. `CHECKS` says what is compared.

*In the check* is the time between the call of `flows.breached.at_sign_in` and its return, taken
within the very sign-ins that are measured: beside Argon2, whose own time varies by more than the
check takes, it is what tells. Its share of a sign-in without the check is held against the limit.

Counted apart from the times: statements, look-ups, and ranges that the server was asked for; of a
right password and of a wrong one.

The trap: what a check has left behind (a clean verdict, a range in the cache, an open breaker, a
question still in the air) is what makes the next sign-in cheap or dear. Each batch makes its own
state, and looks at the verdict that is there in the end.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter_ns
from typing import Any
from unittest import mock

from tests.bench import measure  # isort: skip - it sets Django up

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings

from hardening.breach import corpus, search
from hardening.breach.search import Found
from hardening.flows import breached
from hardening.models import Account
from tests.bench import checks, counted, data, figures, guessing, ranges
from tests.bench.checks import CHECKS, DEAD, FIRST, HASHES, USUAL, Check, Hash
from tests.bench.figures import Round
from tests.bench.guessing import Guess
from tests.bench.scenarios import asks_again, leads_to
from tests.bench.sides import Answer, Request, Side

WARM = 2  # the first is no news to its owner, the second is told
WRONG_GUESS = Guess("leaked-known", True, "198.51.100.9")


@dataclass(frozen=True, slots=True)
class Lot:
    """Times of some sign-ins, whole and within the check; nanoseconds."""

    took: tuple[int, ...] = ()
    inside: tuple[int, ...] = ()

    def __add__(self, more: Lot) -> Lot:
        return Lot(self.took + more.took, self.inside + more.inside)


@dataclass(slots=True)
class Bench:
    """The guarded site, switched from one check to the next."""

    side: Side
    path: str
    address: str  # of the server
    nobody: str  # an address at which nobody listens
    spent: list[int] = field(default_factory=list)
    _entered: ExitStack = field(default_factory=ExitStack)

    def enter(self, check: Check, hashed: Hash) -> None:
        """Make the site one that checks so, with its caches filled."""
        self._entered.close()
        self._entered.enter_context(override_settings(HARDENING=self.settings_of(check)))
        corpus.forget()
        if check.manner == DEAD:
            checks.ask_until(checks.is_open)
        elif check.sources is not None and check.manner == ranges.AT_ONCE:
            checks.ask_until(checks.is_clean)
        if check.state == USUAL:
            self.forget(hashed)
        for _ in range(WARM):
            self.once(check, hashed)

    def leave(self, check: Check) -> None:
        """Let no question be in the air, and be as the settings say again."""
        if check.manner == ranges.SLOW:
            checks.unasked()
        self._entered.close()

    def settings_of(self, check: Check) -> dict[str, Any]:
        """Return the settings of a site that checks so."""
        if check.sources is None:
            return settings.HARDENING
        url = self.nobody if check.manner == DEAD else f"{self.address}/{check.manner}"
        return {
            **settings.HARDENING,
            "BREACHED_PASSWORDS": "enforce",
            "BREACH_SOURCES": check.sources,
            "BREACH_CORPUS": self.path,
            "BREACH_API_URL": url,
        }

    def forget(self, hashed: Hash) -> None:
        """Let nothing be known of the password."""
        Account.objects.forget_verdict(User.objects.get(username=hashed.user).pk)

    def prepare(self, check: Check, hashed: Hash) -> Request:
        """Make the state that a sign-in is to meet, and return it."""
        if check.state == FIRST:
            self.forget(hashed)
        check.prepare()
        return data.password_of(hashed.user)

    def once(self, check: Check, hashed: Hash) -> Answer:
        """Sign in once.

        Raises:
            WrongAnswerError: If that is not what came of it.
        """
        answer = self.side.send(self.prepare(check, hashed))
        if not leads_to("/")(answer):
            raise measure.WrongAnswerError(f"{check.name}: {answer.status} {answer.location}")
        return answer

    def batch(self, check: Check, hashed: Hash) -> Lot:
        """Return the times of one batch.

        Raises:
            WrongAnswerError: If the verdict in the end is not the one that is meant.
        """
        self.enter(check, hashed)
        gc.collect()
        self.spent.clear()
        answers = [self.once(check, hashed) for _ in range(check.batch or hashed.batch)]
        if check.sources is not None:
            self.see(check, hashed)
        lot = Lot(tuple(one.took for one in answers), tuple(self.spent))
        self.leave(check)
        return lot

    @staticmethod
    def see(check: Check, hashed: Hash) -> None:
        """Look at the verdict, which may come late on a busy machine.

        Raises:
            WrongAnswerError: If it is not the one that is meant.
        """
        account, until = Account.objects.filter(user__username=hashed.user), time.monotonic()
        until += checks.PATIENCE_SECONDS
        while (found := account.get().password_verdict) != check.verdict:
            if time.monotonic() > until:
                raise measure.WrongAnswerError(f"{check.name}: the verdict is {found!r}")
            time.sleep(checks.HANG_UP_SECONDS)

    def count(self, check: Check, hashed: Hash, *, wrong: bool = False) -> dict[str, Any]:
        """Return what one sign-in, or one wrong password, counts for.

        Raises:
            WrongAnswerError: If the answer is not the one that is meant.
        """
        self.enter(check, hashed)
        request = self.prepare(check, hashed)
        if wrong:
            self.side.send(WRONG_GUESS.request())  # its rows are there from then on
            guessing.rested(WRONG_GUESS)
            request = WRONG_GUESS.request()
        guessing.lot_begins()
        asked = ranges.asked(self.address)
        # Counts must not hang on how busy the machine is: a late answer is another thread's.
        slow = check.manner == ranges.SLOW
        wait = breached.LOGIN_WAIT_SECONDS if slow else checks.PATIENCE_SECONDS
        with (
            counted.counting() as found,
            looking() as looked,
            mock.patch.object(breached, "LOGIN_WAIT_SECONDS", wait),
        ):
            answer = self.side.send(request)
        if not (asks_again if wrong else leads_to("/"))(answer):
            raise measure.WrongAnswerError(f"{check.name}: {answer.status} {answer.location}")
        self.leave(check)
        asked = ranges.asked(self.address) - asked
        return {**found.asdict(), "lookups": len(looked), "asked": asked}


@contextmanager
def looking() -> Iterator[list[Found]]:
    """Count the look-ups of sign-ins."""
    looked: list[Found] = []

    def search_and_tell(*args: Any, **kwargs: Any) -> Found:
        looked.append(search.search(*args, **kwargs))
        return looked[-1]

    with mock.patch.object(breached, "search", search_and_tell):
        yield looked


@contextmanager
def watched(spent: list[int]) -> Iterator[None]:
    """Take the time of each check, from its call to its return."""
    checked = breached.at_sign_in

    def timed(*args: Any, **kwargs: Any) -> Any:
        began = perf_counter_ns()
        try:
            return checked(*args, **kwargs)
        finally:
            spent.append(perf_counter_ns() - began)

    with mock.patch.object(breached, "at_sign_in", timed):
        yield


def compare(
    bench: Bench, hashed: Hash, rounds: int, chance: random.Random, show: Callable[[str], None]
) -> dict[str, Any]:
    """Return what the JSON says of all checks beside one hash."""
    with hashed.phase():
        said = {one.name: bench.count(one, hashed) for one in CHECKS}
        gc.freeze()
        taken: list[dict[str, Lot]] = []
        for index in range(max(1, round(rounds * hashed.rounds))):
            show(f"{hashed.name}: round {index + 1}")
            listed = [one for one in CHECKS if index < max(1, rounds * hashed.rounds * one.rounds)]
            taken.append(one_round(bench, hashed, chance.sample(listed, k=len(listed))))
        gc.unfreeze()
    return {
        "name": hashed.name,
        "checks": [entry(check, hashed, taken, said[check.name]) for check in CHECKS],
    }


def one_round(bench: Bench, hashed: Hash, order: Sequence[Check]) -> dict[str, Lot]:
    """Return the times of one round by check, measured there and back."""
    times: dict[str, Lot] = defaultdict(Lot)
    for check in (*order, *reversed(order)):
        times[check.name] += bench.batch(check, hashed)
    return times


def entry(
    check: Check, hashed: Hash, taken: Sequence[dict[str, Lot]], said: dict[str, Any]
) -> dict[str, Any]:
    """Return what the JSON says of one check beside one hash."""
    there = [one for one in taken if check.name in one]
    pairs = [Round(plain=one["off"].took, guarded=one[check.name].took) for one in there]
    lot = sum((one[check.name] for one in there), start=Lot())
    off = median(time for one in there for time in one["off"].took)
    return {
        "name": check.name,
        "label": check.label,
        "rounds": len(there),
        **figures.micro(lot.took),
        "inside": figures.micro(lot.inside),
        "more": round((median(lot.took) - off) / 1000, 1),
        "share": median(lot.inside) / off,
        "ratio": asdict(figures.ratio(pairs)),
        "limits": {
            "share": check.share if hashed.limits else None,
            "more_ms": check.more_ms if hashed.limits else None,
        },
        **said,
    }


def populate() -> None:
    """Fill the tables, with somebody more whose password is hashed as the demo does."""
    data.populate()
    User.objects.create_user(WRONG_GUESS.name, f"{WRONG_GUESS.name}@example.com", data.PASSWORD)
    with checks.demo_hash():
        User.objects.create_user("weighed", "weighed@example.com", data.PASSWORD)


def main() -> None:
    """Make the tables, fill them, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("corpus", help="a complete one, without the password of this bench")
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    show = measure.progress if sys.stderr.isatty() else lambda _text: None
    show("making tables")
    call_command("migrate", verbosity=0)
    populate()
    chance = random.Random(given.seed)
    with ranges.running() as address, ranges.nobody_there() as nobody:
        bench = Bench(Side("guarded"), str(Path(given.corpus).absolute()), address, nobody)
        bench.side.enter()
        with watched(bench.spent):
            found = [compare(bench, one, given.rounds, chance, show) for one in HASHES]
        cheap = HASHES[0]
        with cheap.phase():
            wrong = [{"name": one.name, **bench.count(one, cheap, wrong=True)} for one in CHECKS]
    show("")
    version = list(connection.get_database_version())
    database = {"vendor": connection.vendor, "version": version, "store": measure.kept_in()}
    json.dump({"database": database, "hashes": found, "wrong": wrong}, sys.stdout)


if __name__ == "__main__":
    main()
