"""Pwned Passwords' range API as a source: five hexadecimal digits leave, a range comes back.

A question is a `Call`. It runs in the pool (`breach.pool`) and is settled once: by its answer, or
by its deadline, `BREACH_TIMEOUT_SECONDS` after it was put. Who waits less than that is told later.
Those who ask about the same range at the same time share a call. A range is kept for some minutes;
an API that fails too often is left alone (`core.breaker`). Each process has its own of all these,
anew after a fork.

The traps: nothing here raises; whatever goes wrong is `UNKNOWN` and one word of `wire.Fault`. And a
call that cannot be interrupted is settled all the same: its thread comes back when it can, and only
then are those told who did not wait.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING

from django.views.decorators.debug import sensitive_variables

from hardening.breach import pool, wire
from hardening.breach.kept import Recent, Shared
from hardening.breach.sources import Answer
from hardening.breach.wire import Fault, Line, WireError
from hardening.conf import conf
from hardening.core.breaker import Breaker
from hardening.core.pwned import Finding, RangeError, find_suffix, read_range

if TYPE_CHECKING:
    from collections.abc import Callable

    from hardening.breach.sources import Late
    from hardening.core.pwned import Candidate

NAME = "api"

log = logging.getLogger("hardening")


class Call:
    """One question about one range, and who wants to know.

    `rows`, `fault` and `late` are written under the source's lock.

    Attributes:
        deadline: When it must be over, in seconds of `time.monotonic`.
        settled: Set when `rows` and `fault` stand.
        line: Its connections.
        was_put: Whether the API was asked, or nobody has come to it yet; not if only the shared
            cache was.
        rows: What came, from `read_range`; `None`: see `fault`.
        late: Suffixes and who is told of them when it is over.
    """

    def __init__(self, api: RangeApi, prefix: str, deadline: float) -> None:
        self.deadline = deadline
        self.settled = threading.Event()
        self.line = Line()
        self.was_put = True
        self.began = False
        self.answered_before = api.answered
        self.rows: bytes | None = None
        self.fault = ""
        self.late: list[tuple[bytes, Late]] = []
        self._api = api
        self.prefix = prefix

    @sensitive_variables()
    def answer(self, suffix: bytes) -> Answer:
        """Return what a settled call says of one password."""
        if self.rows is None:
            return Answer(Finding.UNKNOWN, NAME, fault=self.fault)
        return Answer(find_suffix(self.rows, suffix), NAME)

    @sensitive_variables()
    def run(self) -> None:
        """Ask, unless its time is up already; then tell those who did not wait."""
        body = None
        if not self.settled.is_set():
            self.began = True
            body = self._api.ask(self)
        late, self.late = self.late, []
        for suffix, tell in late:
            try:
                tell(self.answer(suffix))
            except Exception as fault:  # noqa: BLE001 - its text may quote the password
                log.error("hardening: a late answer raised %s", type(fault).__name__)  # noqa: TRY400
        if body is not None:
            self._api.share(self, body)

    def expire(self) -> None:
        """Settle it without an answer and wake its thread."""
        self._api.settle(self, fault=Fault.TIMEOUT)
        self.line.cut()


class RangeApi:
    """The source `api`. Reads its settings once, when it is made."""

    name = NAME

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Make it; `monotonic` is the clock of the breaker and of what is kept, for tests."""
        chosen = conf()
        self._url = chosen.BREACH_API_URL
        self._seconds = chosen.BREACH_TIMEOUT_SECONDS
        self._shared = Shared(chosen.BREACH_CACHE, self._url) if chosen.BREACH_CACHE else None
        self._monotonic = monotonic
        self.begin()
        _made.add(self)

    def begin(self) -> None:
        """Start as a new process does."""
        self._lock = threading.Lock()
        self._session = wire.session()
        self._breaker = Breaker()
        self._recent = Recent()
        self._running: dict[str, Call] = {}
        self.answered = 0  # calls, since this process began

    @sensitive_variables()
    def look(self, candidate: Candidate, *, wait: float, late: Late | None = None) -> Answer:
        """Look a password up; see `sources.Source.look`."""
        suffix = candidate.suffix
        call = self._call(candidate.prefix)
        left = call.deadline - time.monotonic()
        if not call.settled.wait(max(0.0, min(wait, left))):
            if left <= wait:
                call.expire()
            elif self._tell_later(call, suffix, late):
                return Answer(Finding.UNKNOWN, NAME)
        return call.answer(suffix)

    @sensitive_variables()
    def _call(self, prefix: str) -> Call:
        """Return the call about a range: a running one, or a new one, which may be over already."""
        with self._lock:
            rows = self._recent.get(prefix, now_us=self._now_us())
            if rows is None and prefix in self._running:
                return self._running[prefix]
            call = Call(self, prefix, time.monotonic() + self._seconds)
            if rows is not None:
                call.rows = rows
            elif self._shared is None and self._breaker.is_open(now_us=self._now_us()):
                call.fault = Fault.OPEN
            elif pool.submit(call):
                self._running[prefix] = call
                return call
            else:
                call.fault = Fault.BUSY
            call.settled.set()
            return call

    @sensitive_variables()
    def _tell_later(self, call: Call, suffix: bytes, late: Late | None) -> bool:
        """Have `late` told; false if the call is over."""
        with self._lock:
            if call.settled.is_set():
                return False
            if late is not None:
                call.late.append((suffix, late))
            return True

    @sensitive_variables()
    def ask(self, call: Call) -> bytes | None:
        """Get the range and settle the call; return its body where the shared cache lacks it."""
        try:
            rows, body = self._from_shared(call), None
            if rows is None:
                body = self._from_api(call)
                rows = read_range(body)
        except WireError as error:
            self.settle(call, fault=error.fault)
        except RangeError:
            self.settle(call, fault=Fault.SHAPE)
        except Exception as error:  # noqa: BLE001 - its text and its traceback may quote the path
            log.error("hardening: the breach API client raised %s", type(error).__name__)  # noqa: TRY400
            self.settle(call, fault=Fault.RAISED)
        else:
            self.settle(call, rows=rows)
            return body
        return None

    @sensitive_variables()
    def _from_shared(self, call: Call) -> bytes | None:
        if self._shared is None:
            return None
        call.was_put = False
        body = self._shared.get(call.prefix)
        with suppress(RangeError):  # what an older edition of ours took for one
            return None if body is None else read_range(body)
        return None

    @sensitive_variables()
    def _from_api(self, call: Call) -> bytes:
        with self._lock:
            call.was_put = self._breaker.ask(now_us=self._now_us())
        if not call.was_put:
            raise WireError(Fault.OPEN)
        url = f"{self._url}/range/{call.prefix}"
        return wire.fetch(self._session, url, line=call.line, deadline=call.deadline)

    @sensitive_variables()
    def settle(self, call: Call, *, rows: bytes | None = None, fault: str = "") -> None:
        """Note the outcome of a call, the first one only, and let go those who wait for it."""
        with self._lock:
            if call.settled.is_set():
                return
            now_us = self._now_us()
            call.rows, call.fault = rows, fault
            if self._running.get(call.prefix) is call:
                del self._running[call.prefix]
            if rows is not None:
                self._recent.put(call.prefix, rows, now_us=now_us)
            self.answered += not fault
            # A call that came to nothing in line, while others were answered, met a crowd.
            crowded = not call.began and self.answered > call.answered_before
            if call.was_put and not crowded:
                note = self._breaker.failed if fault else self._breaker.succeeded
                note(now_us=now_us)
            call.settled.set()

    def share(self, call: Call, body: bytes) -> None:
        """Keep the body of a range for the other processes."""
        if self._shared is not None:
            self._shared.put(call.prefix, body)

    def _now_us(self) -> int:
        return int(self._monotonic() * 1_000_000)


_made: weakref.WeakSet[RangeApi] = weakref.WeakSet()


def _begin_anew() -> None:
    """Leave what a fork carried over: sockets that two processes would read from, taken locks."""
    for api in list(_made):
        api.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)
