"""A corpus file that is not finished: written aside, brought to the disk once in a while.

Beside the file `PATH` stand, while it is built: `PATH.part`, what is written, and `PATH.state`, how
far it had got when it last reached the disk. What is in the part counts only as far as the state
says. What is kept in memory is the table of offsets, 8 MiB, whatever the size of the list.

The trap: the state must never be newer than what it speaks of. So the part is synced before each
state is written, and a build that starts afresh removes the state first.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from hardening.breach.rows import BuildError, Place
from hardening.core import corpus
from hardening.core.corpus import BUCKETS, OFFSETS_AT, REMAINDERS_AT, Header

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.breach.rows import Piece, Rows

BUFFER_BYTES = 1 << 20
STATE_VERSION = 1
# In a folder where others may write too, a name may lead to what is none of ours.
SAFELY = os.O_CLOEXEC | os.O_NOFOLLOW


class Reached(NamedTuple):
    """How far a build has got, after a whole range."""

    ranges: int = 0
    entries: int = 0
    crc: int = 0
    empty: int = 0
    place: Place = Place()


class Part:
    """The file that is being written.

    Attributes:
        offsets: Of all ranges that are done, how many entries stood before each.
    """

    def __init__(self, path: str, rows: Rows, *, fresh: bool) -> None:
        self.path, self.rows = path, rows
        self.part, self.state = f"{path}.part", f"{path}.state"
        self.offsets = array("Q")
        self.count, self.crc, self.empty = 0, 0, 0
        self._saved = 0  # offsets that are in the file
        self._reached = self._kept = Reached()
        earlier = None if fresh else self._earlier()
        if earlier is None:
            self._forget_state()
        mode = os.O_RDWR | os.O_CREAT | SAFELY | (0 if earlier else os.O_TRUNC)
        self.file = open(os.open(self.part, mode, 0o666), "r+b", BUFFER_BYTES)  # noqa: PTH123, SIM115
        try:
            self._go_on(earlier or {})
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # After a full disk there is something in the buffer that cannot be written: it is not
        # missed, for no checkpoint speaks of it.
        with suppress(OSError):
            self.file.close()

    def _earlier(self) -> dict[str, Any] | None:
        """Return the state of an unfinished build of the same; `None`: there is none."""
        try:
            with open(self.state, encoding="utf-8") as file:  # noqa: PTH123
                state = json.load(file)
            size = os.stat(self.part).st_size  # noqa: PTH116
        except FileNotFoundError:
            return None
        except ValueError:
            state, size = {}, 0
        if not isinstance(state, dict) or state.get("key") != self._key():
            raise BuildError(
                f"{self.part} is left from another build: of another source, other options, or a "
                "source that has changed since. Give --fresh to begin anew"
            )
        if size < REMAINDERS_AT + 4 * state["reached"]["entries"]:
            raise BuildError(f"{self.part} is shorter than it was. Give --fresh to begin anew")
        return state

    def _forget_state(self) -> None:
        for name in (self.state, f"{self.state}.new"):
            with suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108 - paths are text here

    def _key(self) -> dict[str, Any]:
        layout = {"state": STATE_VERSION, "format": corpus.VERSION}
        same = {**layout, "min_count": self.rows.min_count, **self.rows.key()}
        found: dict[str, Any] = json.loads(json.dumps(same))
        return found

    def _go_on(self, state: dict[str, Any]) -> None:
        if state:
            reached = Reached(**{**state["reached"], "place": Place(*state["reached"]["place"])})
            self._reached = self._kept = reached
            self.count, self.crc, self.empty = reached.entries, reached.crc, reached.empty
            self.rows.date = state["date"]
            self.file.seek(OFFSETS_AT)
            self.offsets.frombytes(self.file.read(8 * reached.ranges))
            self._saved = len(self.offsets)
        end = REMAINDERS_AT + 4 * self.count
        self.file.truncate(end)
        self.file.seek(end)

    def take_all(self, step: Callable[[int], None], every: float) -> None:
        """Write all that the source has left, with a checkpoint once in a while and at a stop."""
        due = time.monotonic() + every
        try:
            for piece in self.rows.pieces(self._reached.place):
                before = len(self.offsets)
                self._take(piece)
                step(len(self.offsets) - before)
                if piece.place is not None:
                    # At once: a Ctrl-C may come between any two lines.
                    self._reached = Reached(
                        len(self.offsets), self.count, self.crc, self.empty, piece.place
                    )
                    if time.monotonic() >= due:
                        self._checkpoint()
                        due = time.monotonic() + every
        except BaseException:
            with suppress(OSError):
                self._checkpoint()
            raise
        step(BUCKETS - len(self.offsets))

    def _take(self, piece: Piece) -> None:
        self._begin(piece.prefix)
        self.offsets.append(self.count)
        self.file.write(piece.remainders)
        self.crc = zlib.crc32(piece.remainders, self.crc)
        self.count += len(piece.remainders) // 4
        self.empty += not piece.remainders

    def _begin(self, prefix: int) -> None:
        """Leave the ranges before `prefix` that nothing came of empty."""
        missing = prefix - len(self.offsets)
        self.offsets.extend(array("Q", [self.count]) * missing)
        self.empty += missing

    def _checkpoint(self) -> None:
        """Bring to the disk what was written, then a state that says so."""
        reached = self._reached
        if reached == self._kept:
            return
        self._write_offsets(reached.ranges)
        os.fsync(self.file.fileno())
        state = {"key": self._key(), "date": self.rows.date, "reached": reached._asdict()}
        aside = f"{self.state}.new"
        mode = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | SAFELY
        with open(os.open(aside, mode, 0o666), "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, self.state)  # noqa: PTH105
        self._kept = reached

    def _write_offsets(self, ranges: int) -> None:
        self.file.flush()
        new = self.offsets[self._saved : ranges].tobytes()
        _write_all(self.file.fileno(), new, OFFSETS_AT + 8 * self._saved)
        self._saved = ranges

    def finish(self) -> Header:
        """Write what stands before the entries, and put the file in its place."""
        self._begin(BUCKETS)
        self.offsets.append(self.count)
        complete = self.rows.whole and self.rows.min_count <= 1 and not self.empty
        header = Header(
            count=self.count,
            min_count=self.rows.min_count,
            source_date=self.rows.date,
            complete=complete,
            origin=self.rows.origin,
            offsets_crc=zlib.crc32(self.offsets),
            remainders_crc=self.crc,
        )
        self._write_offsets(BUCKETS + 1)
        packed = corpus.pack_header(header)
        _write_all(self.file.fileno(), packed, 0)
        mode = self._mode()
        os.fchmod(self.file.fileno(), mode | 0o200)
        os.fsync(self.file.fileno())
        os.replace(self.part, self.path)  # noqa: PTH105
        os.fchmod(self.file.fileno(), mode)  # not before: a stopped build would be shut out too
        self._forget_state()
        _sync_folder(self.path)
        return header

    def _mode(self) -> int:
        """Return who may read it, as of the file before; nobody may write: it is mapped."""
        try:
            mode = os.stat(self.path).st_mode  # noqa: PTH116
        except FileNotFoundError:
            mode = os.fstat(self.file.fileno()).st_mode
        return mode & 0o444


def _write_all(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written


def _sync_folder(path: str) -> None:
    folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)  # noqa: PTH120
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
