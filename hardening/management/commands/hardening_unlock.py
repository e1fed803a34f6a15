"""``hardening_unlock``: end the wait of accounts, of addresses, of everybody, or end attack mode.

Exit status 0 if all that was named is open now, whether it was locked or not; 1 if somebody or
something named does not exist (nothing is changed then), or the operator said no.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.core.addresses import budget_prefix
from hardening.core.throttle import SECOND_US
from hardening.flows import attack, unlock
from hardening.management.people import find_by_any
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser

HEADS = ("what", "which", "failures", "wait", "lifted")


class Command(BaseCommand):
    """Find everything first, then lift it."""

    help = "End waits and locks of sign-ins by password. Each is recorded, and owners are told."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take people, addresses, all of it, attack mode."""
        parser.add_argument(
            "users", nargs="*", metavar="USER", help="User name, e-mail address or primary key."
        )
        parser.add_argument(
            "--address", action="append", default=[], help="A network address; of IPv6 its /64."
        )
        parser.add_argument("--all", action="store_true", help="Whatever has to wait right now.")
        parser.add_argument("--attack-mode", action="store_true", help="End attack mode.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would be lifted.")
        parser.add_argument(
            "--noinput", "--no-input", action="store_true", help="Do not ask before --all."
        )
        parser.add_argument("--format", choices=("table", "json"), default="table")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look everything up, ask, lift, print."""
        named = (options["users"], options["address"], options["all"], options["attack_mode"])
        if not any(named):
            message = "name a user, or give --address, --all or --attack-mode"
            raise CommandError(message)
        people = [find_by_any(text) for text in options["users"]]
        prefixes = [_prefix(address) for address in options["address"]]
        dry, now = options["dry_run"], int(time.time())
        ask = options["all"] and not (dry or options["noinput"])
        if ask and input("End every wait there is and tell the owners? [y/N] ") != "y":
            message = "nothing was changed"
            raise CommandError(message)
        rows = [_person(user, dry=dry, now=now) for user in people]
        rows += [_address(prefix, dry=dry, now=now) for prefix in prefixes]
        rows += _everything(dry=dry, now=now) if options["all"] else []
        rows += [_attack_mode(dry=dry, now=now)] if options["attack_mode"] else []
        self._print(rows, options)

    def _print(self, rows: list[dict[str, Any]], options: dict[str, Any]) -> None:
        if options["format"] == "json":
            report = {"dry_run": options["dry_run"], "results": rows}
            self.stdout.write(json.dumps(report, indent=2))
            return
        self.stdout.write(table(HEADS, [[_cell(row[head]) for head in HEADS] for row in rows]))
        if options["dry_run"]:
            self.stdout.write("Nothing was changed (dry run).")


def _person(user: Any, *, dry: bool, now: int) -> dict[str, Any]:
    cell = unlock.counter(user)
    failures = cell.total if cell else 0
    wait = max(0, cell.next_us // SECOND_US - now) if cell else 0
    lifted = False if dry else unlock.by_operator(user, now=now)
    return _row("account", user.get_username(), failures=failures, wait=wait, lifted=lifted)


def _address(prefix: str, *, dry: bool, now: int) -> dict[str, Any]:
    address = prefix.partition("/")[0]
    return _row("address", prefix, lifted=not dry and unlock.lift_address(address, now=now))


def _everything(*, dry: bool, now: int) -> list[dict[str, Any]]:
    found = unlock.waiting(now=now) if dry else unlock.lift_all(now=now)
    counts = {
        "accounts": found.accounts,
        "names that nobody has": found.names,
        "addresses": found.addresses,
    }
    return [_row(what, count, lifted=not dry and count > 0) for what, count in counts.items()]


def _attack_mode(*, dry: bool, now: int) -> dict[str, Any]:
    until = attack.until(now=now)
    lifted = not dry and attack.end(now=now)
    return _row("attack mode", "on" if until else "off", wait=max(0, until - now), lifted=lifted)


def _row(
    what: str, which: object, *, lifted: bool, failures: int | None = None, wait: int | None = None
) -> dict[str, Any]:
    return {"what": what, "which": which, "failures": failures, "wait": wait, "lifted": lifted}


def _cell(value: object) -> str:
    words = {True: "yes", False: "no", None: ""}
    return words[value] if value is None or isinstance(value, bool) else str(value)


def _prefix(address: str) -> str:
    try:
        return budget_prefix(address)
    except ValueError:
        message = f"{address!r} is no network address"
        raise CommandError(message) from None
