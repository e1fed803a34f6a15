"""``hardening_reset USER``: remove a lost second factor.

The person's sessions end; the next sign-in must prove the mailbox (or a ticket) and enrol anew.
Exit status 0; 1 if there is no such user or the operator said no.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.flows import authenticators, recover
from hardening.management.people import find

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Reset somebody's factors after asking."""

    help = "Remove every authenticator and recovery code of USER, end all sessions, tell by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user, a reason, and the usual flags."""
        parser.add_argument("user", help="User name, or e-mail address if it belongs to one user.")
        parser.add_argument("--reason", required=True, help="Why; kept in the event.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be removed.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_true", help="Do not ask for confirmation."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Ask, then reset."""
        user = find(options["user"])
        security = authenticators.overview(user)
        names = ", ".join(factor.name for factor in security.factors) or "none"
        self.stdout.write(
            f"{user.get_username()}: authenticators: {names}; "
            f"recovery codes left: {security.account.codes_left}"
        )
        if options["dry_run"]:
            self.stdout.write("Nothing was changed (dry run).")
            return
        if not options["noinput"] and input("Remove them all and end all sessions? [y/N] ") != "y":
            message = "nothing was changed"
            raise CommandError(message)
        count = recover.reset_factors(user, reason=options["reason"], now=int(time.time()))
        self.stdout.write(
            f"Removed {count}. All sessions have ended. The next sign-in proves the mailbox, or a "
            "ticket (hardening_ticket), and sets up a new authenticator."
        )
