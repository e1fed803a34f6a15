"""``hardening_remind``: mail people whose deadline is near, and operators whose exemption ends.

For cron, once a day or once an hour; what was sent is not sent again. Exit status 0; 1 if a mail
could not be sent: run it again.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.flows import reminders
from hardening.management.progress import Progress
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Remind, and say how many."""

    help = "Mail people 7, 3 and 1 days before their deadline, and before an exemption ends."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the usual flags."""
        parser.add_argument("--dry-run", action="store_true", help="Count and send nothing.")
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Send what is due."""
        now = int(time.time())
        with Progress(self.stderr, reminders.total(now=now), "Reminding") as progress:
            run = reminders.remind_all(step=progress.step, dry_run=options["dry_run"], now=now)
        counted = {
            **{_days(days): count for days, count in sorted(run.by_days.items(), reverse=True)},
            "exemptions that end": run.exemptions,
            "without an e-mail address": run.without_address,
            "not sent": run.failed,
        }
        if options["format"] == "json":
            self.stdout.write(json.dumps({"dry_run": options["dry_run"], **counted}, indent=2))
        else:
            self.stdout.write(table(("reminders", "how many"), list(counted.items())))
            if options["dry_run"]:
                self.stdout.write("Nothing was sent (dry run).")
        if run.failed:
            stopped = ", and the run ended there: is the mail server down?" if run.gave_up else ""
            message = f"{run.failed} mails could not be sent{stopped}; run it again"
            raise CommandError(message)


def _days(days: int) -> str:
    return "1 day before" if days == 1 else f"{days} days before"
