"""``hardening_audit``: seal the audit log, verify it, export it, delete what is old.

Exit status 0 if it was done, or is whole; 1 if the log is broken; 2 if the call makes no sense;
3 if nobody can tell, because a seal was made with a key that is not on the ring.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError

from hardening.flows import exporting, minutely, sealing, verifying
from hardening.management.progress import Progress
from hardening.models import SecurityEvent

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterable, Iterator

    from hardening.flows.verifying import Finding, Kind

BROKEN, MISUSED, UNTELLABLE = 1, 2, 3
ANCHOR = re.compile(r"(\d{1,18}):([0-9a-f]{64})")


class Command(BaseCommand):
    """One subcommand each."""

    help = "Seal the audit log, verify it, export it as JSON lines, delete what is old."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do."""
        deeds = parser.add_subparsers(dest="deed", required=True, metavar="DEED")
        _verify_arguments(deeds.add_parser("verify", help="Look whether the log is whole."))
        _format(deeds.add_parser("seal", help="Seal what is not sealed yet; for cron."))
        _export_arguments(deeds.add_parser("export", help="Print the log as JSON lines."))
        prune = deeds.add_parser("prune", help="Delete sealed events older than the settings say.")
        prune.add_argument("--dry-run", action="store_true", help="Only say how many.")
        _format(prune)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it."""
        deeds = {
            "verify": self._verify,
            "seal": self._seal,
            "export": self._export,
            "prune": self._prune,
        }
        deeds[options["deed"]](int(time.time()), options)

    # --- verifying -------------------------------------------------------------------------------

    def _verify(self, now: int, options: dict[str, Any]) -> None:
        path = options["file"]
        if path is None:
            self._walk(None, now, SecurityEvent.objects.count(), options)
            return
        with _opened(path) as lines:
            self._walk(exporting.File(lines), now, 0, options)

    def _walk(
        self, source: exporting.File | None, now: int, total: int, options: dict[str, Any]
    ) -> None:
        anchors = _anchors(options["anchor"], options["anchor_file"])
        kinds: Counter[Kind] = Counter()
        first: int | None = None
        with Progress(self.stderr, total, "events") as progress:
            walk = verifying.Verification(source, now=now, step=progress.step)
            try:
                for one in walk.findings(anchors):
                    kinds[one.kind] += 1
                    first = one.number if first is None and one.is_breach else first
                    self._tell(one, options["format"])
            except exporting.UnreadableError as fault:
                raise CommandError(str(fault), returncode=MISUSED) from fault
        breaches = {kind: kinds[kind] for kind in kinds if verifying.Finding(kind).is_breach}
        if breaches and source is None:
            verifying.record_breach(breaches, first=first, now=now)
        self._sum_up(walk, kinds, breaches, options["format"])

    def _tell(self, one: Finding, form: str) -> None:
        if form == "json":
            said = {"kind": one.kind, "seal": one.number, "events": list(one.pks)}
            self.stdout.write(json.dumps({**said, "count": one.count, "breach": one.is_breach}))
            return
        place = "not sealed" if one.number is None else f"seal {one.number}"
        which = f" (events {', '.join(map(str, one.pks))})" if one.pks else ""
        self.stdout.write(f"{place}: {one.kind}: {verifying.WORDS[one.kind]}{which}")

    def _sum_up(
        self,
        walk: verifying.Verification,
        kinds: Counter[Kind],
        breaches: dict[Kind, int],
        form: str,
    ) -> None:
        numbers = {
            "seals": walk.seals,
            "events": walk.events,
            "unsealed": walk.unsealed,
            "pruned": walk.pruned,
            "head": walk.head,
        }
        untellable = any(kind in verifying.UNTELLABLE for kind in kinds)
        if form == "json":
            self.stdout.write(json.dumps({"whole": not breaches and not untellable, **numbers}))
        else:
            self.stdout.write(", ".join(f"{name}: {value}" for name, value in numbers.items()))
        if breaches:
            message = f"the audit log is broken: {', '.join(sorted(breaches))}"
            raise CommandError(message, returncode=BROKEN)
        if untellable:
            message = "nobody can tell whether the audit log is whole: a key is not on the ring"
            raise CommandError(message, returncode=UNTELLABLE)

    # --- the others ------------------------------------------------------------------------------

    def _seal(self, now: int, options: dict[str, Any]) -> None:
        waiting = SecurityEvent.objects.filter(seal__isnull=True).count()
        with Progress(self.stderr, waiting, "events") as progress:
            self._count("sealed", minutely.run(now=now, step=progress.step), options)

    def _export(self, _now: int, options: dict[str, Any]) -> None:
        wanted = exporting.Wanted(
            since=_moment(options["since"]),
            until=_moment(options["until"]),
            event=options["event"],
            user=options["user"],
        )
        for line in exporting.lines(wanted):
            self.stdout.write(line)

    def _prune(self, now: int, options: dict[str, Any]) -> None:
        gone = sealing.prune(now=now, dry_run=options["dry_run"])
        self._count("would be deleted" if options["dry_run"] else "deleted", gone, options)

    def _count(self, word: str, count: int, options: dict[str, Any]) -> None:
        said = json.dumps({word: count}) if options["format"] == "json" else f"{word}: {count}"
        self.stdout.write(said)


def _format(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="json: an object a line."
    )


def _verify_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--anchor",
        action="append",
        default=[],
        metavar="N:MAC",
        help="A seal and its mac, as they were logged; may be given more than once.",
    )
    parser.add_argument(
        "--anchor-file", metavar="FILE", help="Logged lines; every anchor in them is compared."
    )
    parser.add_argument("--file", metavar="FILE", help="An export, in place of the database.")
    _format(parser)


def _export_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--since", metavar="MOMENT", help="From then on, as ISO 8601; UTC.")
    parser.add_argument("--until", metavar="MOMENT", help="Before then.")
    parser.add_argument("--event", default="", help="One, or all of a subject such as `login`.")
    parser.add_argument("--user", default="", help="The key or the name of an account.")


def _moment(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as fault:
        message = f"{text!r} is no moment, such as 2026-11-22 or 2026-11-22T13:00:00+00:00"
        raise CommandError(message, returncode=MISUSED) from fault
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


def _anchors(given: list[str], path: str | None) -> Iterator[tuple[int, str]]:
    """Return the anchors; what is no anchor ends the command at once, not after the walk."""
    listed = []
    for text in given:
        match = ANCHOR.fullmatch(text)
        if match is None:
            message = f"{text!r} is no anchor: the number of a seal, a colon, and its mac"
            raise CommandError(message, returncode=MISUSED)
        listed.append((int(match[1]), match[2]))
    if path is not None:
        with _opened(path) as lines:
            if next(_logged(lines), None) is None:
                message = f"{path!r} holds no anchor"
                raise CommandError(message, returncode=MISUSED)
    return _all_anchors(listed, path)


def _all_anchors(listed: list[tuple[int, str]], path: str | None) -> Iterator[tuple[int, str]]:
    yield from listed
    if path is not None:
        with _opened(path) as lines:
            yield from _logged(lines)


def _logged(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield the anchors of log lines, whatever a formatter has put around them."""
    for line in lines:
        said = re.search(r'"event": ?"audit:seal:done".*', line)
        number = said and re.search(r'"number": ?(\d{1,18})\b', said[0])
        mac = said and re.search(r'"mac": ?"([0-9a-f]{64})"', said[0])
        if number and mac:
            yield int(number[1]), mac[1]


def _opened(path: str) -> Any:
    try:
        return Path(path).open(encoding="utf-8", errors="replace")
    except OSError as fault:
        raise CommandError(str(fault), returncode=MISUSED) from fault
