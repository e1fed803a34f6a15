"""``hardening_revoke``: end every session of users, of a role's members, or of everybody.

Passwords and factors stay as they are. Exit status 0 if it was done; 1 if somebody named does not
exist (nothing is changed then), if options make no sense together, or the operator said no.

The trap: of a list with a slip of the pen the others must not be revoked by surprise, nor kept: so
names that nobody has stop the whole command, unless it is told to skip them.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.core.cells import printable
from hardening.flows import revoking
from hardening.flows.revoking import Order, UnknownRoleError
from hardening.management.people import find_by_any, keys_of
from hardening.management.progress import Progress

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

STDIN = "-"
MAX_SHOWN = 20  # unknown names in a message


class Command(BaseCommand):
    """Find out who is meant, ask, end their sessions, say how many."""

    help = "End every session: of USERs, of a role's members, of a list, or of everybody."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take whom, why, and the usual flags."""
        parser.add_argument(
            "users", nargs="*", metavar="USER", help="User name, e-mail address or primary key."
        )
        parser.add_argument("--role", metavar="KEY", help="The members of a role.")
        parser.add_argument(
            "--list", metavar="FILE", help="A user name or primary key a line; - is standard input."
        )
        parser.add_argument("--everybody", action="store_true", help="Every session there is.")
        parser.add_argument("--reason", default="", help="Why; kept in the event.")
        parser.add_argument("--mail", action="store_true", help="Tell each of them by mail.")
        parser.add_argument(
            "--skip-unknown", action="store_true", help="Go on without names that nobody has."
        )
        parser.add_argument("--dry-run", action="store_true", help="Say how many would be hit.")
        parser.add_argument(
            *("--yes", "--noinput", "--no-input"),
            action="store_true",
            dest="noinput",
            help="Do not ask before more than one user is signed out.",
        )
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Revoke."""
        named = ("users", "role", "list", "everybody")
        if sum(bool(options[name]) for name in named) != 1:
            message = "give users, or one of --role, --list and --everybody"
            raise CommandError(message)
        if options["list"] == STDIN and not (options["noinput"] or options["dry_run"]):
            message = "with '--list -' nobody can be asked; add --yes or --dry-run"
            raise CommandError(message)
        revoke, unknown = self._meant(options)
        order = Order(
            int(time.time()),
            why=options["reason"],
            mail=True if options["mail"] else None,
            dry_run=True,
        )
        try:
            count = revoke(order)
        except UnknownRoleError:
            message = f"there is no role {options['role']!r}"
            raise CommandError(message) from None
        if not options["dry_run"]:
            self._ask(count, options)
            count = self._revoke(revoke, order, count)
        self._print(count, unknown, options)

    def _meant(self, options: dict[str, Any]) -> tuple[Callable[..., int], list[str]]:
        """Return what revokes, and the names that nobody has."""
        if options["everybody"]:
            return revoking.everybody, []
        if options["role"]:
            return partial(revoking.role, options["role"]), []
        keys, unknown = self._looked_up(options)
        if unknown and not options["skip_unknown"]:
            shown = ", ".join(printable(name) for name in unknown[:MAX_SHOWN])
            more = ", …" if len(unknown) > MAX_SHOWN else ""
            message = f"{len(unknown)} of those named do not exist: {shown}{more}; "
            raise CommandError(message + "nothing was changed (see --skip-unknown)")
        return partial(revoking.listed, keys), unknown

    def _looked_up(self, options: dict[str, Any]) -> tuple[list[Any], list[str]]:
        if options["list"]:
            lines = _lines(options["list"])
            with Progress(self.stderr, len(lines), "looked up") as bar:
                return keys_of(lines, bar.step)
        keys, unknown = [], []
        for text in options["users"]:
            try:
                keys.append(find_by_any(text).pk)
            except CommandError:
                unknown.append(text)
        return keys, unknown

    def _ask(self, count: int, options: dict[str, Any]) -> None:
        if count <= 1 or options["noinput"]:
            return
        if input(f"Sign {count} people out of every browser? [y/N] ") != "y":
            message = "nothing was changed"
            raise CommandError(message)

    def _revoke(self, revoke: Callable[..., int], order: Order, count: int) -> int:
        real = Order(order.now, why=order.why, mail=order.mail)
        if not order.mail:
            return revoke(real)
        with Progress(self.stderr, count, "told") as bar:
            return revoke(real, told=bar.step)

    def _print(self, count: int, unknown: list[str], options: dict[str, Any]) -> None:
        if options["format"] == "json":
            report = {"dry_run": options["dry_run"], "users": count, "unknown": unknown}
            self.stdout.write(json.dumps(report, indent=2))
            return
        for name in unknown:
            self.stdout.write(f"Nobody is called {printable(name)}.")
        if options["dry_run"]:
            self.stdout.write(f"{count} would be signed out. Nothing was changed (dry run).")
        else:
            self.stdout.write(f"{count} signed out: all their sessions have ended.")


def _lines(name: str) -> list[str]:
    """Return what stands in a file, a line each, without blanks and empty lines.

    Raises:
        CommandError: If it cannot be read.
    """
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        message = f"{name!r} cannot be read: {fault}"
        raise CommandError(message) from None
    return list(dict.fromkeys(filter(None, map(str.strip, text.splitlines()))))
