"""``hardening_status``: is everything wired, what is in force, how many are covered.

With ``--calibrate`` it measures password hashes instead and says nothing of the rest.

Exit status 0 if no check of ours reports an error that the site has not silenced, 1 otherwise; so
CI can ask.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from django.core.checks import Tags, run_checks
from django.core.management.base import BaseCommand, CommandError

from hardening.flows import status
from hardening.management import calibration
from hardening.management.progress import Progress
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Print wiring and counts."""

    help = "Show the wiring, the policies in force and how many people they cover."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the format, and what to look at."""
        parser.add_argument("--format", choices=("table", "json"), default="table")
        parser.add_argument(
            "--calibrate",
            action="store_true",
            help="Measure instead how long a password hash takes on this machine (some seconds).",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Gather and print."""
        if options["calibrate"]:
            self._calibrate(options["format"])
            return
        messages = [
            {
                "id": message.id,
                "text": message.msg,
                "hint": message.hint or "",
                "silenced": message.is_silenced(),
            }
            for message in run_checks(tags=[Tags.security], include_deployment_checks=True)
            if (message.id or "").startswith("hardening.")
        ]
        errors = [
            message
            for message in messages
            if str(message["id"]).startswith("hardening.E") and not message["silenced"]
        ]
        report = status.report(now=int(time.time()))
        if options["format"] == "json":
            self.stdout.write(json.dumps({"checks": messages, **report}, indent=2))
        else:
            self._print(messages, report)
        if errors:
            message = f"{len(errors)} of the checks found an open door"
            raise CommandError(message)

    def _print(self, messages: list[dict[str, Any]], report: dict[str, Any]) -> None:
        self.stdout.write(self.style.MIGRATE_HEADING("Wiring"))
        if not messages:
            self.stdout.write("  Every check passes.")
        for message in messages:
            known = " (silenced)" if message["silenced"] else ""
            self.stdout.write(f"  {message['id']}{known}: {message['text']}\n    {message['hint']}")
        self.stdout.write(self.style.MIGRATE_HEADING("Policies"))
        heads = (
            *("role", "from", "mode", "strength", "due"),
            *("breached passwords", "members", "without factor"),
        )
        self.stdout.write(table(heads, [tuple(row.values()) for row in report["policies"]]))
        self.stdout.write(self.style.MIGRATE_HEADING("Counts"))
        self.stdout.write(table(("what", "how many"), list(report["counts"].items())))
        self.stdout.write(self.style.MIGRATE_HEADING("Breached passwords"))
        self.stdout.write(table(("what", "is"), _breached(report["breached_passwords"])))
        self.stdout.write(self.style.MIGRATE_HEADING("Attention"))
        for line in report["attention"] or ["Nothing."]:
            self.stdout.write(f"  {line}")
        self.stdout.write(self.style.MIGRATE_HEADING("Not covered"))
        for line in report["not_covered"]:
            self.stdout.write(f"  {line}")

    def _calibrate(self, form: str) -> None:
        with Progress(self.stderr, calibration.STEPS, "Hashing") as progress:
            found = calibration.calibrate(step=progress.step)
        if form == "json":
            self.stdout.write(json.dumps({"calibration": asdict(found)}, indent=2))
            return
        self.stdout.write(self.style.MIGRATE_HEADING("Password hashes on this machine"))
        heads = ("costs", "algorithm", "one takes", "all processors make", "memory for one")
        self.stdout.write(table(heads, [_line(one) for one in found.measured]))
        self.stdout.write(f"  Processors, and so hashes at once in a process: {found.processors}")
        self.stdout.write(f"  Recommended: {found.recommended}: {found.why}.")


def _breached(found: dict[str, Any]) -> list[tuple[str, str]]:
    lines = [
        ("done for everybody", found["for_everybody"]),
        ("who is asked, in order", ", ".join(found["sources"])),
    ]
    corpus = found["corpus"]
    if corpus:
        whole = "complete" if corpus["complete"] else "not the whole list"
        days = corpus["age_days"]
        lines += [
            ("corpus", f"{corpus['edition']}, {whole}"),
            ("age of the corpus", f"{days} day" if days == 1 else f"{days} days"),
        ]
    if found["corpus_refused"]:
        lines.append(("corpus that is refused", found["corpus_refused"]))
    return lines


def _line(one: calibration.Measured) -> tuple[str, ...]:
    unknown = "not measured: time ran out"
    return (
        one.name,
        one.algorithm,
        unknown if one.seconds is None else f"{one.seconds * 1000:.1f} ms",
        unknown if one.per_second is None else f"{one.per_second:.1f} a second",
        f"{one.memory_kib / 1024:.0f} MiB" if one.memory_kib else "next to none",
    )
