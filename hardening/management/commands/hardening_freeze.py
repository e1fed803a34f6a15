"""``hardening_freeze USER``: nobody can sign in to the account, and whoever is signed in is out.

Exit status 0, also where it was frozen before; 1 if there is no such user, or it is the account of
the last superuser.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.core.cells import printable
from hardening.flows import freezing
from hardening.flows.freezing import Came
from hardening.management.people import find

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Freeze one account."""

    help = "Freeze the account of USER: all sessions end, nobody can sign in, tell by mail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the user and a reason."""
        parser.add_argument("user", help="User name, or e-mail address if it belongs to one user.")
        parser.add_argument("--reason", required=True, help="Why; kept in the event.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Freeze, and say what came of it."""
        user = find(options["user"])
        came = freezing.freeze(user, reason=options["reason"], now=int(time.time()))
        if came is Came.LAST:
            message = "this is the account of the last superuser; nothing was changed"
            raise CommandError(message)
        said = {
            Came.FROZEN: "is frozen, and all its sessions have ended",
            Came.ALREADY: "was frozen already",
        }
        self.stdout.write(f"The account of {printable(user.get_username())} {said[came]}.")
