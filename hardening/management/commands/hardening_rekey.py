"""``hardening_rekey``: seal everything with the newest vault key, so that old keys can go.

Resumable: what is sealed with the newest key already is left alone. Exit status 0; 1 if anything
did not open.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.flows import rekey
from hardening.management.progress import Progress

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Re-seal secrets and addresses."""

    help = (
        "Seal authenticator secrets and e-mail addresses with the newest key of "
        "HARDENING['VAULT_KEYS'], and say what still needs an old one."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the dry run."""
        parser.add_argument("--dry-run", action="store_true", help="Count, change nothing.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Walk through all rows."""
        dry_run = options["dry_run"]
        with Progress(self.stderr, rekey.total(), "Sealing") as progress:
            done = rekey.reseal_all(step=progress.step, dry_run=dry_run, now=int(time.time()))
        self.stdout.write(f"{'To seal anew' if dry_run else 'Sealed anew'}: {done.changed}")
        if done.pinned:
            self.stdout.write(
                f"Unused recovery codes and tickets that still need an old key: {done.pinned}. "
                "Keep that key until they are used or made anew."
            )
        if done.seals:
            self.stdout.write(
                f"Seals of the audit log that only an old key can verify: {done.seals}. Keep that "
                "key until their events are deleted (AUDIT_RETENTION_DAYS)."
            )
        if done.unopened:
            message = f"{done.unopened} values open with no key of the ring; they were left alone"
            raise CommandError(message)
