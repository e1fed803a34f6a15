"""``hardening_thaw USER``: let a frozen account sign in again.

Exit status 0, also where it was not frozen; 1 if there is no such user.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from hardening.core.cells import printable
from hardening.flows import freezing
from hardening.management.people import find

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Thaw one account."""

    help = "Let the frozen account of USER sign in again, and tell by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user and a reason."""
        parser.add_argument("user", help="User name, or e-mail address if it belongs to one user.")
        parser.add_argument("--reason", required=True, help="Why; kept in the event.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Thaw, and say what came of it."""
        user = find(options["user"])
        thawed = freezing.thaw(user, reason=options["reason"], now=int(time.time()))
        said = "can sign in again" if thawed else "was not frozen"
        self.stdout.write(f"The account of {printable(user.get_username())} {said}.")
