"""Measure every scenario on one database and print the numbers as JSON: a process of its own.

Each round of a scenario is plain, guarded, guarded, plain (or the other way round, by chance), a
small batch each, so that whatever slows the machine down for a while slows both sides. Scenarios
are shuffled within a round. The garbage collector stays on, since a request pays for what it
leaves; what was made before a batch is collected before it.

Statements and hashes are counted apart from the times, exactly (`counted`). Times are of the clock
and, for what is compared by it, of the processor.

The trap: times of two processes, or of two moments, are not comparable; only ratios of one round
are. And a page that answers something else is fast: every answer is looked at.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

import django
from django.core.management import call_command
from django.core.signals import request_finished
from django.db import connection

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.settings"
django.setup()
# What a process does once a minute, behind an answer, is no part of that request.
request_finished.disconnect(dispatch_uid="hardening.tidy_up")

from hardening.throttle import store  # noqa: E402 - Django first
from tests.bench import comparing, counted, data, figures, guessing  # noqa: E402
from tests.bench.counted import Counted  # noqa: E402
from tests.bench.figures import Round, Taken, Times  # noqa: E402
from tests.bench.scenarios import SCENARIOS, Scenario  # noqa: E402
from tests.bench.sides import Answer, Side  # noqa: E402

WARM = 3
CONTROL = SCENARIOS[0].name  # on which plain Django is measured against itself


class WrongAnswerError(Exception):
    """A request was answered with something else than what was to be measured."""


@dataclass(slots=True)
class Bench:
    """The two sides, and what each scenario keeps on them."""

    plain: Side
    guarded: Side
    cookies: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def sides(self, scenario: Scenario) -> tuple[Side, ...]:
        """Return the sides that a scenario runs on."""
        return (self.guarded,) if scenario.alone else (self.plain, self.guarded)

    def prepare(self, scenario: Scenario) -> None:
        """Sign in whom the scenario needs, and let every cache fill."""
        for side in self.sides(scenario):
            side.enter()
            self.cookies[scenario.name, side.name] = scenario.start(side)
            for _ in range(WARM):
                self.once(scenario, side)

    def once(self, scenario: Scenario, side: Side) -> Answer:
        """Send one request of a scenario and look at its answer.

        Raises:
            WrongAnswerError: If it is not the one that is meant.
        """
        answer = side.send(scenario.ask(side, self.cookies[scenario.name, side.name]))
        if not scenario.proof(answer):
            message = f"{scenario.name}, {side.name}: {answer.status} {answer.location}"
            raise WrongAnswerError(message)
        return answer

    def batch(self, scenario: Scenario, side: Side) -> Times:
        """Return the times of one batch; the request after the switch is not among them."""
        side.enter()
        self.once(scenario, side)
        gc.collect()
        answers = [self.once(scenario, side) for _ in range(scenario.batch)]
        return Times(tuple(one.took for one in answers), tuple(one.cpu for one in answers))

    def round(self, scenario: Scenario, chance: random.Random) -> dict[str, Times]:
        """Return the times of one round by side, measured there and back."""
        order = list(self.sides(scenario))
        chance.shuffle(order)
        times: dict[str, Times] = defaultdict(Times)
        for side in (*order, *reversed(order)):
            times[side.name] += self.batch(scenario, side)
        return times

    def control(self, scenario: Scenario) -> Round:
        """Return a round of plain Django against itself: what is not 1.00 there is noise."""
        first, second, third, fourth = (self.batch(scenario, self.plain).took for _ in range(4))
        return Round(plain=(*first, *fourth), guarded=(*second, *third))


def count(bench: Bench, scenario: Scenario, side: Side) -> Counted:
    """Return what one request counts for, with nothing of what prepares it.

    Raises:
        WrongAnswerError: If the answer is not the one that is meant.
    """
    side.enter()
    bench.once(scenario, side)
    request = scenario.ask(side, bench.cookies[scenario.name, side.name])
    guessing.lot_begins()
    with counted.counting() as found:
        answer = side.send(request)
    if not scenario.proof(answer):
        raise WrongAnswerError(scenario.name)
    return found


def measure(bench: Bench, rounds: int, *, seed: int, show: Callable[[str], None]) -> dict[str, Any]:
    """Measure everything; return the control's ratio and one entry a scenario, in their order."""
    chance = random.Random(seed)
    entries, controls, everything = [], [], {}
    for phase, listed in groupby(SCENARIOS, key=lambda one: one.phase):
        scenarios = tuple(listed)
        with phase():
            for scenario in scenarios:
                bench.prepare(scenario)
            said = {
                (scenario.name, side.name): count(bench, scenario, side)
                for scenario in scenarios
                for side in bench.sides(scenario)
            }
            gc.freeze()
            times, noise = take(bench, scenarios, rounds, chance, show)
            gc.unfreeze()
        controls += noise
        everything |= times
        entries += [entry(scenario, times, said) for scenario in scenarios]
    return {
        "control": asdict(figures.ratio(controls)),
        "scenarios": entries,
        "names": comparing.names(everything),
        "cpu": comparing.cpu(everything),
    }


def take(
    bench: Bench,
    scenarios: Sequence[Scenario],
    rounds: int,
    chance: random.Random,
    show: Callable[[str], None],
) -> tuple[Taken, list[Round]]:
    """Return the times of every round of these scenarios, and the rounds of the control."""
    times: Taken = defaultdict(list)
    noise: list[Round] = []
    for index in range(rounds):
        show(f"{scenarios[0].phase.__name__}: round {index + 1} of {rounds}")
        order = [one for one in scenarios if index < max(2, rounds * one.share)]
        for scenario in chance.sample(order, k=len(order)):
            times[scenario.name].append(bench.round(scenario, chance))
            if scenario.name == CONTROL:
                noise.append(bench.control(scenario))
    return times, noise


def entry(scenario: Scenario, times: Taken, said: dict[tuple[str, str], Counted]) -> dict[str, Any]:
    """Return what the JSON says of one scenario."""
    taken = times[scenario.name]
    found: dict[str, Any] = {
        "name": scenario.name,
        "label": scenario.label,
        "rounds": len(taken),
        "guarded": side_of(taken, "guarded", said[scenario.name, "guarded"]),
        "plain": None,
    }
    if not scenario.alone:
        found["plain"] = side_of(taken, "plain", said[scenario.name, "plain"])
    compared = taken if not scenario.alone else times[scenario.yardstick]
    pairs = [
        Round(plain=one["plain"].took, guarded=other["guarded"].took)
        for one, other in zip(compared, taken, strict=True)
    ]
    found["compared_with"] = scenario.yardstick or scenario.name
    found["ratio"] = asdict(figures.ratio(pairs))
    found["limits"] = limits_of(scenario)
    return found


def side_of(taken: Sequence[dict[str, Times]], name: str, said: Counted) -> dict[str, Any]:
    """Return times in microseconds, and what one request counts for."""
    times = sum((one[name] for one in taken), start=Times())
    cpu = figures.micro(times.cpu)["median"]
    return {**figures.micro(times.took), "cpu": cpu, **said.asdict()}


def limits_of(scenario: Scenario) -> dict[str, Any]:
    """Return the limits that hold on this database."""
    return {
        "ratio": scenario.limits.get(connection.vendor),
        "queries": scenario.queries.get(kept_in()),
        "extra_queries": scenario.extra,
    }


def kept_in() -> str:
    """Return where the rates are kept, as the table's title and the limits say it."""
    return "redis" if getattr(store.current(), "remote", False) else "database"


def main() -> None:
    """Make the tables, fill them, measure, print JSON on standard output."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    show = progress if sys.stderr.isatty() else lambda _text: None
    show("making tables")
    call_command("migrate", verbosity=0)
    data.populate()
    guessing.populate()
    bench = Bench(Side("plain"), Side("guarded"))
    found = measure(bench, given.rounds, seed=given.seed, show=show)
    show("")
    version = list(connection.get_database_version())
    database = {"vendor": connection.vendor, "version": version, "store": kept_in()}
    json.dump({"database": database, **found}, sys.stdout)


def progress(text: str) -> None:
    """Say on a terminal how far it is."""
    sys.stderr.write(f"\r\033[K{connection.display_name} {text}" if text else "\r\033[K")
    sys.stderr.flush()


if __name__ == "__main__":
    main()
