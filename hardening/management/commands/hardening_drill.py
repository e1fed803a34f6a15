"""``hardening_drill``: attack the site's own login in a throwaway database, and count.

Exit status 0 if everything held that must hold (`hardening.drill.promises`), 1 otherwise. The
site's own database, caches, sessions, mails and logs are not touched.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.drill import crew, plot, promises, report
from hardening.drill.attackers import BY_NAME
from hardening.drill.play import Result
from hardening.drill.population import FULL_ACCOUNTS, LEAST_CAST
from hardening.drill.stage import CannotStageError, staged
from hardening.drill.variants import Variant
from hardening.management.progress import Progress
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from hardening.drill.crew import Task
    from hardening.drill.population import Population

DEFAULT_ACCOUNTS = 6_000
MINUTE = 60
SIDES = {
    **{variant.value: (variant,) for variant in Variant},
    "both": (Variant.WITHOUT, Variant.WITH),
    "all": tuple(Variant),
}


class Command(BaseCommand):
    """Run the drill and report."""

    help = "Attack the site's own login in a throwaway database; print what got through."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take how much, of what, and where to."""
        size = parser.add_mutually_exclusive_group()
        size.add_argument(
            "--accounts",
            type=int,
            default=DEFAULT_ACCOUNTS,
            help=f"how many people exist: the part of {FULL_ACCOUNTS:,} is the part of the day",
        )
        size.add_argument("--full", action="store_true", help=f"{FULL_ACCOUNTS:,} people: hours")
        parser.add_argument("--seed", type=int, default=1, help="from which everything follows")
        parser.add_argument(
            "--only", action="append", choices=tuple(BY_NAME), metavar="NAME", help="this attack"
        )
        parser.add_argument(
            "--app",
            choices=tuple(SIDES),
            default="all",
            help="the site without it, with it, with the breach check as well, the first two, all",
        )
        parser.add_argument("--format", choices=("table", "json"), default="table")
        parser.add_argument("--plot", metavar="FILE", help="draw it there, as SVG")
        parser.add_argument(
            "--output", metavar="FILE", help="keep results there, and go on from those in it"
        )
        parser.add_argument("--jobs", type=int, help="attacks at a time; as many as processors")
        parser.add_argument(
            "--database", metavar="ALIAS", help="a test database on that server, not SQLite"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Stage, play, report."""
        accounts = FULL_ACCOUNTS if options["full"] else options["accounts"]
        if accounts < LEAST_CAST:
            raise CommandError(f"--accounts must be {LEAST_CAST} or more")
        kept = _kept(options["output"], accounts, options["seed"])
        wanted = [
            (name, variant)
            for name in options["only"] or BY_NAME
            for variant in SIDES[options["app"]]
            if BY_NAME[name].meets(variant)
        ]
        if not wanted:
            raise CommandError("no pair is stolen there, so there is no breach to check for")
        self.quiet = options["format"] == "json"
        try:
            people, results = self._played(wanted, kept, accounts, options)
        except CannotStageError as fault:
            message = f"no throwaway site could be made, and nothing was touched: {fault}"
            raise CommandError(message) from fault
        except crew.CrewError as fault:
            raise CommandError(f"an attack could not be played:\n{fault}") from fault
        order = {task: place for place, task in enumerate(wanted)}
        results = sorted(results, key=lambda one: order[one.name, one.variant])
        self._report(people, results, options)

    def _played(
        self,
        wanted: list[Task],
        kept: dict[Task, Result],
        accounts: int,
        options: dict[str, Any],
    ) -> tuple[Population, list[Result]]:
        results = [kept[task] for task in wanted if task in kept]
        tasks = [task for task in wanted if task not in kept]
        jobs = _jobs(options["jobs"])
        with ExitStack() as stack:
            with Progress(self.stderr, accounts, "People ") as bar:
                made = staged(
                    accounts, options["seed"], database=options["database"], tick=bar.step
                )
                stage = stack.enter_context(made)
            self._announce(stage.people, tasks, jobs)
            total = sum(crew.tries_of(stage.people, task) for task in tasks)
            with Progress(self.stderr, total, "Tries  ") as bar:
                for result in crew.play_all(stage, tasks, jobs=jobs, tick=bar.step):
                    results.append(result)
                    _keep(options["output"], stage.people, result)
        return stage.people, results

    def _announce(self, people: Population, tasks: list[Task], jobs: int) -> None:
        if self.quiet:
            return
        length = max(1, round(crew.estimate(people, tasks, jobs) / MINUTE))
        self.stdout.write(
            f"{people.accounts:,} people, seed {people.seed}: {people.seconds / MINUTE:.0f} min"
            f" of a day, at the pace of {FULL_ACCOUNTS:,} accounts. Takes about {length} min."
        )

    def _report(self, people: Population, results: list[Result], options: dict[str, Any]) -> None:
        broken = promises.broken(results)
        if options["plot"]:
            about = f"{people.accounts:,} people, seed {people.seed}"
            Path(options["plot"]).write_text(plot.svg(results, about=about), encoding="utf-8")
        if self.quiet:
            self.stdout.write(json.dumps(report.as_json(people, results, broken), indent=1))
        else:
            lines = [table(report.HEADS, report.rows(results)), "", *report.NOTES]
            opened = report.right_passwords(results)
            lines += ["", table(opened[0], opened[1:]), ""] if opened else []
            lines.append(report.refusal_costs(results))
            self.stdout.write("\n".join(["", *lines]))
        if broken:
            raise CommandError("\n".join(["this must hold and does not:", *broken]))


def _jobs(given: int | None) -> int:
    if not hasattr(os, "fork"):
        return 1
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return given or available


def _keep(path: str | None, people: Population, result: Result) -> None:
    """Append one result to the file; a drill that was stopped goes on from there."""
    if path:
        line = {
            "schema": report.SCHEMA,
            "accounts": people.accounts,
            "seed": people.seed,
            **result.as_dict(),
        }
        with Path(path).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")


def _kept(path: str | None, accounts: int, seed: int) -> dict[Task, Result]:
    """Return the results that the file holds of this very drill."""
    if not path or not Path(path).exists():
        return {}
    found = {}
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        given = json.loads(line)
        told = (given.get("schema"), given["accounts"], given["seed"])
        if told == (report.SCHEMA, accounts, seed):
            result = Result.from_dict(given)
            found[result.name, result.variant] = result
    return found
