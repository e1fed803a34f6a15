"""``hardening_report``: who meets which policy, in numbers or by name.

Exit status 0 if it was printed; 1 if there is no such policy; 3 with ``--check`` if an enforced
policy of those printed has somebody overdue.

The trap: one is asked for a list of a million people. It is written as it is read, some thousands
at a time, so memory stays the same; the columns of the table are as wide as the first of them need.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening import census, compliance, policies
from hardening.compliance import Status
from hardening.core.cells import harmless, printable
from hardening.management.tables import wide, widths

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Iterator

    from hardening.compliance import Counts, Person
    from hardening.policies import Policy

OVERDUE_STATUS = 3
POLICY_HEADS = (
    *("policy", "role", "from", "mode", "strength", "due"),
    *("members", "compliant", "in_grace", "overdue", "exempt"),
)
PERSON_HEADS = ("key", "name", "status", "strength", "due")


class Command(BaseCommand):
    """Count, or list."""

    help = "Show who meets which policy: numbers of each policy, or the people of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the format, the policy, and what of it."""
        parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
        parser.add_argument(
            "--policy", metavar="ID", help="Only this one: its number, or as the table names it."
        )
        parser.add_argument(
            "--list", action="store_true", help="The people of --policy, one a line."
        )
        parser.add_argument(
            "--status",
            choices=[status.value for status in Status],
            help="With --list: only people of this status.",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help=f"Exit with {OVERDUE_STATUS} if an enforced policy has somebody overdue.",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Find the policies, print, and answer."""
        now = int(time.time())
        if (options["list"] and not options["policy"]) or (
            options["status"] and not options["list"]
        ):
            message = "--list needs --policy, and --status needs --list"
            raise CommandError(message)
        chosen = _chosen(options["policy"])
        # Counted even for a list, if it must answer with them.
        counted = [] if options["list"] and not options["check"] else _counted(chosen, now)
        if options["list"]:
            (policy,) = chosen.values()
            status = Status(options["status"]) if options["status"] else None
            people = map(_person, compliance.every(policy, now=now, status=status))
            self._write(PERSON_HEADS, people, options["format"])
        else:
            self._write(POLICY_HEADS, counted, options["format"])
        overdue = sum(row["overdue"] for row in counted if row["mode"] == "enforce")
        if options["check"] and overdue:
            message = f"enforced policies are not met: {overdue} overdue"
            raise CommandError(message, returncode=OVERDUE_STATUS)

    def _write(self, heads: tuple[str, ...], rows: Iterable[dict[str, Any]], form: str) -> None:
        formats = {"table": _table, "csv": _csv, "json": _json}
        for text in formats[form](heads, rows):
            self.stdout.write(text, ending="")


def _chosen(named: str | None) -> dict[str, Policy]:
    """Return the policies in force by key, or the one that is named.

    Raises:
        CommandError: If there is none of that name.
    """
    found = policies.keyed(policies.read().policies)
    if named is None:
        return found
    key = f"row:{named}" if named.isdecimal() else named
    if key not in found:
        message = f"no policy {named!r} acts or reports; there are: {', '.join(found) or 'none'}"
        raise CommandError(message)
    return {key: found[key]}


def _counted(chosen: dict[str, Policy], now: int) -> list[dict[str, Any]]:
    counted = census.overviews(chosen.values(), now=now)
    listed = zip(chosen.items(), counted, strict=True)
    return [_policy(key, policy, one.counts) for (key, policy), one in listed]


def _policy(key: str, policy: Policy, counts: Counts) -> dict[str, Any]:
    return {
        "policy": key,
        "role": policy.role,
        "from": "settings" if policy.pk is None else "admin",
        "mode": "enforce" if policy.enforced else "report",
        "strength": policy.strength.slug,
        "due": _date(policy.due),
        "members": counts.members,
        "compliant": counts.compliant,
        "in_grace": counts.in_grace,
        "overdue": counts.overdue,
        "exempt": counts.exempt,
    }


def _person(one: Person) -> dict[str, Any]:
    return {
        "key": str(one.user.pk),
        "name": str(one.user.get_username()),
        "status": one.status.value,
        "strength": one.strength.slug,
        "due": _date(one.due),
    }


def _date(at: int) -> str | None:
    """Return a moment in UTC; nothing for a policy that has always been due."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


# --- formats: each yields text as it goes ------------------------------------------------------


def _table(heads: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    lines = ([_cell(row[head]) for head in heads] for row in rows)
    first = [list(heads), *islice(lines, compliance.CHUNK)]
    columns = widths(first)
    return (wide(line, columns) + "\n" for line in chain(first, lines))


def _cell(value: object) -> str:
    return "at once" if value is None else printable(str(value))


def _csv(heads: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    write = csv.writer(_Echo(), lineterminator="\n").writerow
    yield write(heads)
    for row in rows:
        yield write([harmless("" if row[head] is None else str(row[head])) for head in heads])


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        """Return it."""
        return text


def _json(_heads: tuple[str, ...], rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield a list, an object a line."""
    before = "[\n"
    for row in rows:
        yield before + json.dumps(row)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
