"""``hardening_corpus``: build, update and look into the file of breached passwords.

Exit status 0 if it was done; 1 if it could not be, and why is said; 130 if it was stopped by
Ctrl-C, and the same command goes on. `check` has two more: 3 for a hit, 4 for unknown.
"""

from __future__ import annotations

import getpass
import json
import sys
import time
from argparse import ArgumentTypeError
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError
from django.views.decorators.debug import sensitive_variables

from hardening.breach import building, fetching, reading, search
from hardening.breach.corpus import Corpus
from hardening.breach.rows import BuildError
from hardening.breach.words import words_of
from hardening.conf import conf
from hardening.core import corpus as layout
from hardening.core.corpus import BUCKETS, CorpusError
from hardening.core.pwned import Candidate, Finding
from hardening.management.progress import Progress
from hardening.management.tables import table

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator

    from hardening.breach.rows import Rows
    from hardening.core.corpus import Header

STOPPED = 130
STATUSES = {Finding.HIT: 3, Finding.UNKNOWN: 4}
SAID = {
    Finding.HIT: "this password is known from a breach.",
    Finding.CLEAN: "this password is in no list of leaked ones.",
    Finding.UNKNOWN: "no source that was asked knows it, and none can rule it out.",
}
FILES: dict[str, Callable[..., Rows]] = {
    "file": reading.TextFile,
    "directory": reading.Directory,
    "words": reading.WordList,
}


class Command(BaseCommand):
    """One subcommand each; the file is `HARDENING["BREACH_CORPUS"]` unless another is named."""

    requires_system_checks = ()  # a corpus that cannot be read is what is mended here
    help = "Build, update and look into the file of passwords that are known from breaches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take a subcommand and its options."""
        commands = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
        build = commands.add_parser("build", help="Make the file, or go on making it.")
        source = build.add_mutually_exclusive_group(required=True)
        source.add_argument("--file", help="Read a text file, ordered by hash, packed or not.")
        source.add_argument("--directory", help="Read a directory with one file a range.")
        source.add_argument("--api", action="store_true", help="Fetch it from BREACH_API_URL.")
        source.add_argument("--words", help="Read plain passwords, one a line.")
        build.add_argument(
            "--min-count",
            type=_number(1, 10**9),
            default=1,
            help="Leave out what was seen less often. The file then calls nothing clean.",
        )
        update = commands.add_parser("update", help="Make it anew from where it came, if newer.")
        for making in (build, update):
            _takes_path(making)
            making.add_argument(
                "--rate",
                type=_number(1, int(fetching.MAX_RATE)),
                default=int(fetching.RATE),
                help="Requests a second to the API; %(default)s.",
            )
            making.add_argument(
                "--workers",
                type=_number(1, fetching.MAX_WORKERS),
                default=fetching.WORKERS,
                help="Requests under way at once; %(default)s.",
            )
            making.add_argument(
                "--fresh", action="store_true", help="Throw away what a stopped build has left."
            )
            making.add_argument("--dry-run", action="store_true", help="Say what would be done.")
        info = commands.add_parser("info", help="Say what the file is.")
        _takes_path(info)
        info.add_argument("--verify", action="store_true", help="Read all of it, and look.")
        info.add_argument("--format", choices=("table", "json"), default="table")
        commands.add_parser("check", help="Ask for a password and look it up.")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do what was named."""
        with _said():
            getattr(self, f"_{options['what']}")(options)

    # --- build, update ---------------------------------------------------------------------

    def _build(self, options: dict[str, Any]) -> None:
        path = _path(options)
        self._make(path, _named(options), options)

    def _update(self, options: dict[str, Any]) -> None:
        path = _path(options)
        known = _opened(path)
        rows = _again(known, options)
        if rows.date <= known.header.source_date and not isinstance(rows, fetching.RangeFetch):
            self.stdout.write(f"{rows.origin} is not newer than the corpus. Nothing to do.")
            return
        self._make(path, rows, options)

    def _make(self, path: str, rows: Rows, options: dict[str, Any]) -> None:
        done = None if options["fresh"] else building.left_over(path)
        if done is not None:
            self.stderr.write(f"Going on after {done} of {BUCKETS} ranges.")
        if options["dry_run"]:
            self.stdout.write(f"Would build {path} from {rows.origin}. Nothing was changed.")
            return
        if isinstance(rows, reading.WordList):
            self.stderr.write("A list of words is sorted in memory.")
        with Progress(self.stderr, BUCKETS, "Ranges") as progress:
            header = building.build(path, rows, fresh=options["fresh"], step=progress.step)
        self.stdout.write(f"Built {path}: {header.count} entries from {rows.origin}.")
        if isinstance(rows, fetching.RangeFetch) and rows.copied:
            self.stdout.write(f"Ranges that had not changed: {rows.copied}.")
        if not header.complete:
            self.stdout.write(
                "It is not the whole list: it says of a password that it is breached, "
                "never that it is not."
            )

    # --- info, check -----------------------------------------------------------------------

    def _info(self, options: dict[str, Any]) -> None:
        path = _path(options)
        opened = _opened(path)
        if options["verify"]:
            self._verify(path, opened)
        said = _described(path, opened, verified=options["verify"])
        left = building.left_over(path)
        if left is not None:
            said["unfinished_build_ranges"] = left
        if options["format"] == "json":
            self.stdout.write(json.dumps(said, indent=2))
            return
        rows = [(key.replace("_", " "), _cell(value)) for key, value in said.items()]
        self.stdout.write(table(("what", "value"), rows))

    def _verify(self, path: str, opened: Corpus) -> None:
        offsets, remainders, header = opened.offsets, opened.remainders, opened.header
        with _named_in(path), Progress(self.stderr, BUCKETS, "Ranges") as progress:
            layout.check_remainders(offsets, remainders, header, step=progress.step)

    @sensitive_variables("password")
    def _check(self, options: dict[str, Any]) -> None:
        password = _typed()
        found = search.search(
            Candidate(password, words=words_of()), wait=conf().BREACH_TIMEOUT_SECONDS
        )
        answer = found.answer
        by = " ".join(filter(None, (answer.source, answer.version)))
        name = f"{found.finding.name} ({by})" if by else found.finding.name
        self.stdout.write(f"{name}: {SAID[found.finding]}")
        for fault in found.faults:
            self.stderr.write(f"could not be asked: {fault}")
        if found.finding in STATUSES:
            # Not a CommandError: its red line reads like a crash, and this is an answer.
            sys.exit(STATUSES[found.finding])


def _typed() -> str:
    with suppress(EOFError):  # Ctrl-D, or nobody is there
        return getpass.getpass("Password: ")
    message = "no password was typed"
    raise CommandError(message)


def _takes_path(parser: ArgumentParser) -> None:
    parser.add_argument("--path", help="Another file than HARDENING['BREACH_CORPUS'].")


def _number(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() else 0
        if not least <= number <= most:
            raise ArgumentTypeError(f"must be a whole number from {least} to {most}")
        return number

    return read


@contextmanager
def _said() -> Iterator[None]:
    """Turn what can go wrong into what the operator reads."""
    try:
        yield
    except BuildError as fault:
        raise CommandError(str(fault)) from None
    except KeyboardInterrupt:
        said = "stopped. Run the same again to go on"
        raise CommandError(said, returncode=STOPPED) from None


@contextmanager
def _named_in(path: str) -> Iterator[None]:
    try:
        yield
    except CorpusError as fault:
        message = f"{path}: {fault}"
        raise CommandError(message) from None


def _opened(path: str) -> Corpus:
    with _named_in(path):
        try:
            return Corpus(path)
        except CorpusError as fault:
            if fault.fault != "missing":
                raise
            said = f"{fault}. Make it with: hardening_corpus build"
            raise CorpusError(fault.fault, said) from None


def _path(options: dict[str, Any]) -> str:
    path = options["path"] or conf().BREACH_CORPUS
    if path is None:
        message = "name a file: --path, or HARDENING['BREACH_CORPUS']"
        raise CommandError(message)
    return str(path)


def _named(options: dict[str, Any]) -> Rows:
    """Return the source that the options name."""
    least = options["min_count"]
    if options["api"]:
        return _api(conf().BREACH_API_URL, least, options)
    kind = next(kind for kind in FILES if options[kind] is not None)
    if kind == "words" and least > 1:
        message = "a list of words has no counts: leave --min-count out"
        raise CommandError(message)
    return FILES[kind](options[kind], min_count=least)


def _again(known: Corpus, options: dict[str, Any]) -> Rows:
    """Return the source that a corpus came from, with the options it was made with."""
    kind, _, place = known.header.origin.partition(" ")
    least = max(1, known.header.min_count)
    if kind == "api":
        return _api(place, least, options, known)
    if kind in FILES:
        return FILES[kind](place, min_count=least)
    message = f"the corpus does not say where it can be had anew: {known.header.origin}"
    raise CommandError(message)


def _api(url: str, least: int, options: dict[str, Any], known: Corpus | None = None) -> Rows:
    return fetching.RangeFetch(
        url,
        now=int(time.time()),
        min_count=least,
        rate=options["rate"],
        workers=options["workers"],
        known=known,
    )


def _described(path: str, opened: Corpus, *, verified: bool) -> dict[str, Any]:
    header: Header = opened.header
    date = str(header.source_date)
    with suppress(OverflowError, ValueError, OSError):
        date = datetime.fromtimestamp(header.source_date, UTC).isoformat()
    return {
        "path": path,
        "edition": opened.edition,
        "entries": header.count,
        "bytes": header.size,
        "source_date": date,
        "origin": header.origin,
        "min_count": header.min_count,
        "complete": header.complete,
        "verified": verified,
    }


def _cell(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
