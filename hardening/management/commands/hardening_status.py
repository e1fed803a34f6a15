"""``hardening_status``: is everything wired, what is in force, how many are covered.

Exit status 0 if no check of ours reports an error that the site has not silenced, 1 otherwise; so
CI can ask.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.core.checks import Tags, run_checks
from django.core.management.base import BaseCommand, CommandError

from hardening.flows import status
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Print wiring and counts."""

    help = "Show the wiring, the policies in force and how many people they cover."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the format."""
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Gather and print."""
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
        report = status.report()
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
        heads = ("role", "from", "mode", "strength", "due", "members", "without factor")
        self.stdout.write(table(heads, [tuple(row.values()) for row in report["policies"]]))
        self.stdout.write(self.style.MIGRATE_HEADING("Counts"))
        self.stdout.write(table(("what", "how many"), list(report["counts"].items())))
        self.stdout.write(self.style.MIGRATE_HEADING("Not covered"))
        for line in report["not_covered"]:
            self.stdout.write(f"  {line}")
