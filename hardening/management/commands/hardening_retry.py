"""``hardening_retry``: send the notices that could not be sent, for cron, each minute.

Exit status 0, also where nothing waits or nothing went: each has a day. 1 if any was lost for good.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.flows import outbox
from hardening.management.progress import Progress
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Try again, and say what came of it."""

    help = "Send notices again that could not be sent; each is tried for a day."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the usual flags."""
        parser.add_argument("--dry-run", action="store_true", help="Count and send nothing.")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Send what is due."""
        now = int(time.time())
        due = outbox.due(now=now)
        run = outbox.Run()
        if not options["dry_run"]:
            with Progress(self.stderr, due, "Sending") as progress:
                run = outbox.retry(step=progress.step, now=now)
        counted = {
            "due": due,
            "sent": run.sent,
            "not sent": run.failed,
            "lost": run.lost,
            "waiting": outbox.waiting(),
        }
        if options["format"] == "json":
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **counted}, indent=2))
        elif due or options["dry_run"]:
            self.stdout.write(table(("notices", "how many"), list(counted.items())))
        if run.lost:
            message = f"{run.lost} notices were given up"
            raise CommandError(message)
