"""``hardening_breakglass``: codes for the safe, and the end of what one of them opened.

``list`` (if nothing is said) counts, ``make`` prints new codes once, ``revoke`` voids all unused
ones, ``close`` ends open accounts before their hour is over. Exit status 0; 1 if there is no such
user, no such number of codes can be made, or the operator said no.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass
from hardening.management.people import find

if TYPE_CHECKING:
    from argparse import ArgumentParser

USUAL_CODES = 3


class Command(BaseCommand):
    """Make, count, void, close."""

    help = (
        "Break-glass codes: each opens the account of a superuser with a right password for an "
        "hour without its second factor, once. Print them, and put them into a safe."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what is to be done, to whom, and the usual flags."""
        parser.add_argument(
            "action", nargs="?", choices=("list", "make", "revoke", "close"), default="list"
        )
        parser.add_argument(
            "--count", type=int, default=USUAL_CODES, help="How many codes to make."
        )
        parser.add_argument("--user", help="Whose account to close; everybody's if not given.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be done.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_true", help="Do not ask for confirmation."
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do one of them."""
        acts = {
            "list": self._list,
            "make": self._make,
            "revoke": self._revoke,
            "close": self._close,
        }
        acts[options["action"]](options, int(time.time()))

    def _list(self, _options: dict[str, Any], now: int) -> None:
        self.stdout.write(f"Unused break-glass codes: {breakglass.unused()}")
        for user in breakglass.opened(now=now):
            left = -(-(breakglass.open_until(user, now=now) - now) // 60)
            self.stdout.write(f"Open: {user.get_username()}, for {left} minutes more")

    def _make(self, options: dict[str, Any], now: int) -> None:
        count = options["count"]
        if not 1 <= count <= breakglass.MAX_CODES:
            message = f"--count must be from 1 to {breakglass.MAX_CODES}"
            raise CommandError(message)
        if options["dry_run"]:
            self.stdout.write(f"{count} codes would be made (dry run).")
            return
        for code in breakglass.make(count, os.urandom(count * CODE_BYTES), now=now):
            self.stdout.write(code)
        self.stderr.write(
            f"{count} new codes, shown this once; {breakglass.unused()} are unused now. Print them "
            "and put them into a safe, away from any computer. Each works once, for any superuser "
            "with a right password."
        )

    def _revoke(self, options: dict[str, Any], now: int) -> None:
        count = breakglass.unused()
        if options["dry_run"]:
            self.stdout.write(f"{count} codes would be void (dry run).")
            return
        question = f"Void {count} unused codes? Nobody can use them afterwards. [y/N] "
        if not options["noinput"] and input(question) != "y":
            message = "nothing was changed"
            raise CommandError(message)
        self.stdout.write(f"Void: {breakglass.revoke(now=now)}")

    def _close(self, options: dict[str, Any], now: int) -> None:
        named = options["user"]
        users = [find(named)] if named else breakglass.opened(now=now)
        for user in users:
            name = user.get_username()
            if options["dry_run"]:
                opened = bool(breakglass.open_until(user, now=now))
                closed, verb = opened, "would be closed (dry run)"
            else:
                closed, verb = breakglass.close(user, now=now), "closed"
            self.stdout.write(f"{name}: {verb if closed else 'was not open'}")
        if not users:
            self.stdout.write("No account is open.")
