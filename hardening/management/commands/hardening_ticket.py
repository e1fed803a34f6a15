"""``hardening_ticket USER``: print an enrolment ticket for somebody whose mailbox cannot be proven.

Exit status 0; 1 if there is no such user.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from hardening.factors.ticket import TICKET_BYTES
from hardening.flows import recover
from hardening.management.people import find

if TYPE_CHECKING:
    from argparse import ArgumentParser


class Command(BaseCommand):
    """Issue a ticket and print it, once."""

    help = (
        "Print an enrolment ticket: single use, 24 hours. It takes the place of the mailbox proof "
        "when USER sets up a first second factor."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a user name or e-mail address."""
        parser.add_argument("user", help="User name, or e-mail address if it belongs to one user.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Issue it."""
        user = find(options["user"])
        ticket = recover.issue_ticket(user, os.urandom(TICKET_BYTES), now=int(time.time()))
        self.stdout.write(ticket)
        self.stderr.write(
            f"Ticket for {user.get_username()}: valid for 24 hours, works once. Earlier unused "
            "tickets are void. Hand it over in person or by telephone, not by mail."
        )
