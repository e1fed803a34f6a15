"""The corpus as a source: one file, mapped into memory, looked up in microseconds.

Layout: `hardening.core.corpus`. The file is looked at with `os.stat` at each look-up, not once in a
while: two microseconds find one that was replaced at once, and one that somebody cuts short
before a page of it is touched that is no longer there. Pages are read as they are needed, and are
shared by all processes; none of them keeps any entry.

A file that takes the place of another and cannot be read leaves the other one in use. It is said
once, as critical, by name and reason.

The trap: a corpus is replaced (`os.replace`, `mv`), never written over or truncated. Whoever
touches a mapped page that the file no longer has gets SIGBUS, which no ``except`` catches. Files
that `hardening.breach.building` makes are therefore not writable.
"""

from __future__ import annotations

import logging
import mmap
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from hardening.breach.sources import Answer
from hardening.conf import conf
from hardening.core import corpus as layout
from hardening.core.corpus import CorpusError
from hardening.core.pwned import Finding

if TYPE_CHECKING:
    from hardening.breach.sources import Late
    from hardening.core.corpus import Header
    from hardening.core.pwned import Candidate

log = logging.getLogger("hardening")


class Corpus:
    """One file, open and mapped.

    Attributes:
        header: What it says of itself.
        place: Device and inode: which file it is, whatever stands under its name by now.
        edition: Which list it is, for people and for the account row: a date and a count.
    """

    def __init__(self, path: str) -> None:
        """Open and check it; about ten milliseconds.

        Raises:
            CorpusError: If it cannot be read, or is no corpus; `fault` may also be `missing` or
                `unreadable`.
        """
        self._views: list[memoryview] = []
        self._map: mmap.mmap | None = None
        try:
            self._open(path)
        except FileNotFoundError:
            raise CorpusError("missing", "there is no such file") from None
        except OSError as fault:
            said = fault.strerror or type(fault).__name__
            raise CorpusError("unreadable", f"it cannot be read: {said}") from None

    def _open(self, path: str) -> None:
        file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            found = os.fstat(file)
            self.place = (found.st_dev, found.st_ino)
            self.header = layout.read_header(os.read(file, layout.HEADER_BYTES), found.st_size)
            self._map = mmap.mmap(file, self.header.size, access=mmap.ACCESS_READ)
        finally:
            os.close(file)
        self.edition = _edition(self.header)
        view = self._kept(memoryview(self._map))
        self.offsets = self._kept(layout.offsets_of(view, self.header))
        self.remainders = self._kept(layout.remainders_of(view, self.header))
        if hasattr(mmap, "MADV_RANDOM"):
            # After the offsets were read in one go: what is looked up has no neighbours.
            self._map.madvise(mmap.MADV_RANDOM)

    def _kept(self, view: memoryview) -> memoryview:
        self._views.append(view)
        return view

    @sensitive_variables("digest")
    def search(self, digest: bytes) -> bool:
        """Return whether a SHA-1 is in it.

        Raises:
            CorpusError: If the file is damaged.
        """
        return layout.search(self.offsets, self.remainders, digest)

    def close(self) -> None:
        """Give the memory back; only where no other thread may be searching.

        Without it the memory goes with the last reference, which is what `current` relies on.
        """
        while self._views:
            self._views.pop().release()
        if self._map is not None:
            self._map.close()


def _edition(header: Header) -> str:
    date = datetime.fromtimestamp(min(max(0, header.source_date), _LAST), UTC).date()
    return f"{date.isoformat()}+{header.count}"


_LAST = 253_402_300_799  # the end of the year 9999, the last that a date can name

Stamp = tuple[int, int, int, int]  # device, inode, nanoseconds of the last change, bytes


@dataclass(frozen=True, slots=True)
class _Held:
    """What a process knows of its corpus; replaced as a whole, never changed."""

    path: str | None = None
    stamp: Stamp | None = None
    corpus: Corpus | None = None
    refused: CorpusError | None = None


_NOTHING = _Held()


class _Keeper:
    """Holds the corpus of a process, and looks whether it is still the one under its name."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Hold nothing; after a fork no lock of another process's thread either."""
        self._lock = threading.Lock()
        self._held = _NOTHING

    def renew_lock(self) -> None:
        """Leave a lock behind that a thread held which the fork did not bring along."""
        self._lock = threading.Lock()

    def held(self) -> _Held:
        """Return what there is to look up in, mapped anew where the file is another."""
        path = conf().BREACH_CORPUS
        if path is None:
            return _NOTHING
        held, stamp = self._held, _stamp(path)
        if held.path == path and held.stamp == stamp and (held.corpus or held.refused):
            return held
        # One thread maps; the others go on with what there was, if that can be trusted.
        usable = held.path == path and _still_usable(held, stamp)
        if not self._lock.acquire(blocking=not usable):
            return held
        try:
            if self._held is held or not _is_current(self._held, path, stamp):
                self._held = _renewed(self._held, path)
            return self._held
        finally:
            self._lock.release()


def _is_current(held: _Held, path: str, stamp: Stamp | None) -> bool:
    return held.path == path and held.stamp == stamp


def _still_usable(held: _Held, stamp: Stamp | None) -> bool:
    """False for a file that was changed in place: what is mapped of it may be gone."""
    return held.corpus is not None and (stamp is None or stamp[:2] != held.corpus.place)


def _renewed(held: _Held, path: str) -> _Held:
    stamp = _stamp(path)
    kept = held.corpus if held.path == path and _still_usable(held, stamp) else None
    try:
        return _Held(path, stamp, Corpus(path))
    except CorpusError as fault:
        # Without its traceback, which would keep what was mapped; in the log too.
        refused = CorpusError(fault.fault, str(fault))
    if held.path != path or str(held.refused) != str(refused):
        tail = "; the one before it stays in use" if kept else ""
        log.critical("hardening: the corpus %s is refused: %s%s", path, refused, tail)
    return _Held(path, stamp, kept, refused)


def _stamp(path: str) -> Stamp | None:
    """Return what tells one file from the next under its name; `None`: there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - at each look-up: half the time of Path's
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


_keeper = _Keeper()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_keeper.renew_lock)


def current() -> Corpus | None:
    """Return the corpus of `HARDENING["BREACH_CORPUS"]`; `None` where it cannot be read.

    It is mapped anew when the file is replaced. Any thread may call this. The one it returned
    before stays readable for as long as somebody holds it.
    """
    return _keeper.held().corpus


def refused() -> str | None:
    """Return which file is refused, and why; for a look at start-up and for the system check."""
    held = _keeper.held()
    return None if held.refused is None else f"{held.path}: {held.refused}"


def forget() -> None:
    """Begin anew, as a process does."""
    _keeper.forget()


class CorpusSource:
    """Knows what the corpus holds; calls a password clean only where that is complete."""

    name = "corpus"

    @sensitive_variables("candidate")
    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Look it up at once; there is nothing to wait for."""
        del wait, late
        held = _keeper.held()
        if held.corpus is None:
            return Answer(
                Finding.UNKNOWN, self.name, fault=held.refused.fault if held.refused else ""
            )
        edition = held.corpus.edition
        try:
            found = held.corpus.search(candidate.digest)
        except CorpusError as fault:
            return Answer(Finding.UNKNOWN, self.name, edition, fault.fault)
        if found:
            return Answer(Finding.HIT, self.name, edition)
        clean = Finding.CLEAN if held.corpus.header.complete else Finding.UNKNOWN
        return Answer(clean, self.name, edition)
