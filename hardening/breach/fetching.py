"""The list from a range API, range by range, at a polite rate.

Some threads ask, one after the other hands on what came, in order. A refusal (429, 503) makes all
of them wait, for as long as `Retry-After` says; whatever else is wrong with an answer is asked
again a few times. An edition that is there already need not be fetched again: the API is told its
date, and a range that has not changed since (304) is copied.

Source: the range API of Pwned Passwords; RFC 9110 §10.2.3 (Retry-After), §13.1.3
(If-Modified-Since), §5.6.7 (dates); RFC 9111 §5.1 (Age).

The trap: an answer may have lain in somebody's cache. The date of a list that is fetched is the
oldest moment at which an answer of it was fresh, or what changed between would never be asked for
again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import requests

from hardening import __version__
from hardening.breach.reading import LineError, entries_of
from hardening.breach.rows import BuildError, Piece, Place
from hardening.core.corpus import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hardening.breach.corpus import Corpus

RATE = 50.0  # ranges a second, if nothing is said: some six hours for all
WORKERS = 8
MAX_RATE = 1000.0
MAX_WORKERS = 64
AHEAD = 4  # answers that wait for their turn, for each worker
TRIES = 8
CONNECT_SECONDS, READ_SECONDS = 5.0, 30.0
FIRST_WAIT_SECONDS = 1.0  # doubled with each try
LONGEST_WAIT_SECONDS = 60.0
LONGEST_RETRY_SECONDS = 900.0  # whoever asks for more patience is asked again all the same
MAX_RANGE_BYTES = 8 << 20
AGENT = f"django-hardening/{__version__} (builds a corpus)"

Fetched = tuple[bytes, int]  # entries, and the moment at which they were fresh


class _AskAgainError(Exception):
    """An answer is of no use. `wait`: for how many seconds the server wants to be left alone."""

    def __init__(self, said: str, wait: float | None = None) -> None:
        super().__init__(said)
        self.wait = wait


class _Pace:
    """Lets so many requests a second through, whichever thread sends them."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._lock = threading.Lock()
        self._next = 0.0
        self.stopped = threading.Event()

    def wait(self) -> None:
        """Wait for a turn.

        Raises:
            BuildError: If the build is stopped meanwhile.
        """
        with self._lock:
            now = time.monotonic()
            at = max(self._next, now)
            self._next = at + self._gap
        if self.stopped.wait(at - now):
            raise BuildError("the build was stopped")

    def pause(self, seconds: float) -> None:
        """Give nobody a turn for so long, but those who have theirs."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)


class RangeFetch:
    """All ranges of an API.

    Attributes:
        date: The oldest moment at which an answer was fresh, Unix seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        now: int,
        min_count: int = 1,
        rate: float = RATE,
        workers: int = WORKERS,
        known: Corpus | None = None,
        ranges: int = BUCKETS,
    ) -> None:
        """Ask nothing yet.

        Args:
            url: Without ``/range/``.
            now: Unix seconds; the date of answers that have none.
            min_count: What was seen less often is left out.
            rate: Requests a second.
            workers: How many are under way at once.
            known: The edition in place, which must be of this API and this `min_count`.
            ranges: How many, from the first; fewer than all make no complete list.
        """
        self.origin, self.whole = f"api {url}", ranges == BUCKETS
        self.min_count, self.date, self._now = min_count, now, now
        self._url, self._known, self._ranges = url, known, ranges
        self._workers, self._pace = workers, _Pace(rate)
        self._own, self._sessions = threading.local(), ExitStack()
        self.copied = 0

    def key(self) -> dict[str, Any]:
        """Return which API it is, and what need not be fetched."""
        known = self._known
        same = None if known is None else [known.edition, known.header.remainders_crc]
        return {"origin": self.origin, "ranges": self._ranges, "known": same}

    def pieces(self, place: Place) -> Iterator[Piece]:
        """Fetch from there on; places are ranges."""
        numbers = iter(range(place.at, self._ranges))
        under_way: deque[tuple[int, Future[Fetched]]] = deque()
        with (
            self._sessions,
            ThreadPoolExecutor(self._workers, "hardening-corpus") as pool,
        ):
            try:
                for number in numbers:
                    under_way.append((number, pool.submit(self._fetched, number)))
                    if len(under_way) > AHEAD * self._workers:
                        yield self._next(under_way)
                while under_way:
                    yield self._next(under_way)
            finally:
                self._pace.stopped.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _next(self, under_way: deque[tuple[int, Future[Fetched]]]) -> Piece:
        number, coming = under_way.popleft()
        entries, fresh = coming.result()
        self.date = min(self.date, fresh)
        return Piece(number, entries, Place(number + 1))

    def _fetched(self, number: int) -> Fetched:
        wait, said = FIRST_WAIT_SECONDS, ""
        for _ in range(TRIES):
            self._pace.wait()
            try:
                return self._asked(number)
            except _AskAgainError as fault:
                said = str(fault)
                self._pace.pause(wait if fault.wait is None else max(wait, fault.wait))
            except requests.RequestException as fault:
                said = type(fault).__name__
                self._pace.pause(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
        raise BuildError(
            f"{self._url} gave no answer for the range {number:05X} in {TRIES} tries; the last: "
            f"{said}. Run the same again to go on"
        )

    def _asked(self, number: int) -> Fetched:
        headers = {}
        if self._known is not None:
            date = self._known.header.source_date
            headers["If-Modified-Since"] = formatdate(date, usegmt=True)
        with self._session().get(
            f"{self._url}/range/{number:05X}",
            headers=headers,
            timeout=(CONNECT_SECONDS, READ_SECONDS),
            allow_redirects=False,
            stream=True,
        ) as answer:
            if answer.status_code == requests.codes.not_modified and self._known is not None:
                self.copied += 1
                return self._copied(number), self._fresh(answer)
            _refuse_wrong(answer)
            return self._read(answer), self._fresh(answer)

    def _session(self) -> requests.Session:
        """Return the session of this thread; one is not for several."""
        if not hasattr(self._own, "session"):
            self._own.session = self._sessions.enter_context(requests.Session())
            self._own.session.headers.update({"User-Agent": AGENT, "Accept": "text/plain"})
        session: requests.Session = self._own.session
        return session

    def _copied(self, number: int) -> bytes:
        assert self._known is not None  # noqa: S101 - nothing else leads here
        low, high = self._known.offsets[number], self._known.offsets[number + 1]
        return self._known.remainders[low:high].tobytes()

    def _read(self, answer: requests.Response) -> bytes:
        body = bytearray()
        for chunk in answer.iter_content(1 << 16):
            body += chunk
            if len(body) > MAX_RANGE_BYTES:
                raise _AskAgainError("too long an answer")
        try:
            entries = entries_of(bytes(body), min_count=self.min_count)
        except LineError:
            raise _AskAgainError("rows that are none") from None
        if not (entries or (body and self.min_count > 1)):
            raise _AskAgainError("an empty answer")
        return entries

    def _fresh(self, answer: requests.Response) -> int:
        try:
            date = int(parsedate_to_datetime(answer.headers["Date"]).timestamp())
            return date - max(0, int(answer.headers.get("Age", "0")))
        except (KeyError, ValueError):
            return self._now


def _refuse_wrong(answer: requests.Response) -> None:
    status, kind = answer.status_code, answer.headers.get("Content-Type", "")
    if status in {requests.codes.too_many_requests, requests.codes.service_unavailable}:
        raise _AskAgainError(f"status {status}", _retry_after(answer))
    if status != requests.codes.ok:
        raise _AskAgainError(f"status {status}")
    if kind.partition(";")[0].strip().lower() != "text/plain":
        raise _AskAgainError("an answer that is no plain text")


def _retry_after(answer: requests.Response) -> float | None:
    """Return for how many seconds a server wants to be left alone: a number, or a date of its."""
    value = answer.headers.get("Retry-After", "")
    try:
        if value.isascii() and value.isdigit():
            seconds = float(value)
        else:
            until, date = (parsedate_to_datetime(one) for one in (value, answer.headers["Date"]))
            seconds = (until - date).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
    return min(max(0.0, seconds), LONGEST_RETRY_SECONDS)
