"""Builds a corpus file in one pass: aside, resumable after any stop, in place in one step.

Rows come from a `Rows` (`hardening.breach.reading`, `hardening.breach.fetching`), range by range,
and go to `PATH.part` (`hardening.breach.part`). `PATH.lock` keeps a second build away, and stays. A
build that was stopped, in whatever way, goes on at its last checkpoint, and ends in the same bytes
as one that was not.

The trap: POSIX only, by its lock. A corpus that was built elsewhere can be read anywhere.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hardening.breach.part import SAFELY, Part
from hardening.breach.rows import BuildError
from hardening.core.corpus import ORIGIN_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hardening.breach.rows import Rows
    from hardening.core.corpus import Header

CHECKPOINT_SECONDS = 10.0  # what a stop may cost


def build(
    path: str,
    rows: Rows,
    *,
    fresh: bool = False,
    step: Callable[[int], None] = lambda _: None,
    every: float = CHECKPOINT_SECONDS,
) -> Header:
    """Build the file at `path`, or go on building it.

    Args:
        path: Where it is to stand; what stands there is replaced once all is done.
        rows: The source.
        fresh: True: what an earlier build has left is thrown away.
        step: Told how many ranges were done since it was last called, of `BUCKETS`.
        every: Seconds between checkpoints.

    Raises:
        BuildError: If it cannot be done; the message says why, and what to do. What was read so far
            is kept, and so it is after `KeyboardInterrupt`.
    """
    if len(os.fsencode(rows.origin)) > ORIGIN_BYTES:
        raise BuildError(f"{rows.origin}: longer than the {ORIGIN_BYTES} bytes that a corpus keeps")
    try:
        with _locked(path), Part(path, rows, fresh=fresh) as part:
            step(len(part.offsets))
            part.take_all(step, every)
            return part.finish()
    except OSError as fault:
        raise BuildError(_said(fault, path)) from None


def left_over(path: str) -> int | None:
    """Return how many ranges an unfinished build of `path` has, `None` if there is no such."""
    try:
        with open(f"{path}.state", encoding="utf-8") as file:  # noqa: PTH123 - paths are text here
            return int(json.load(file)["reached"]["ranges"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _said(fault: OSError, path: str) -> str:
    reason = fault.strerror or type(fault).__name__
    if fault.errno in {errno.ENOSPC, errno.EDQUOT}:
        return (
            f"the disk of {path} is full. The corpus in place, if any, is as it was. Make room and "
            f"run the same again to go on, or remove {path}.part"
        )
    return f"{fault.filename or path}: {reason}"


def _lock(file: int, path: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BuildError(f"another build of {path} is under way") from None


@contextmanager
def _locked(path: str) -> Iterator[None]:
    """Keep other builds of the same file away.

    The file stays: whoever removed it could let two in, one with the old, one with a new.
    """
    file = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | SAFELY, 0o644)
    try:
        _lock(file, path)
        yield
    finally:
        os.close(file)
