"""Nothing of a password stays behind when the API was asked: no log, no repr, no report has it."""

from __future__ import annotations

import logging
import sys
import threading
import time

import pytest
from django.views.debug import ExceptionReporter

from hardening.breach import wire
from hardening.breach.api import RangeApi
from hardening.breach.kept import Recent
from hardening.core.pwned import Candidate
from tests import secrecy
from tests.pwned_server import BEHAVIOURS
from tests.rooms.test_range_api import LEAKED, PASSWORDS, SLOW

FINE = 1  # below DEBUG: whatever anybody logs


def told(text: str, candidate: Candidate = LEAKED) -> list[str]:
    """Return what of a password a text tells."""
    secrets = {
        "password": candidate.password,
        "digest": candidate.digest.hex(),
        "prefix": candidate.prefix,
        "suffix": candidate.suffix.decode(),
    }
    lower = text.lower()
    return [name for name, secret in secrets.items() if secret.lower() in lower]


class Listener(logging.Handler):
    """Keeps every record whole: its text, its traceback and what it was made of."""

    def __init__(self) -> None:
        super().__init__(FINE)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r} {record.threadName}")


@pytest.fixture
def heard():
    """Return the lines of all logs at their finest, urllib3's own loggers included."""
    listener, root = Listener(), logging.getLogger()
    loggers = [root, *(logging.getLogger(name) for name in ("urllib3", *wire.LOGGERS))]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(FINE)
    root.addHandler(listener)
    yield listener.lines
    root.removeHandler(listener)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def test_what_is_searched_for_is_found_where_it_is() -> None:
    spelt = [LEAKED.password, LEAKED.digest.hex().upper(), LEAKED.prefix.lower()]
    assert told(" ".join(spelt)) == ["password", "digest", "prefix", "suffix"]
    assert told("nothing of it") == []


@pytest.mark.parametrize("behave", BEHAVIOURS)
def test_no_log_at_any_level_tells_anything(behave, pwned, heard) -> None:
    api, _ = pwned(behave, PASSWORDS, BREACH_TIMEOUT_SECONDS=0.3 if behave in SLOW else 10.0)
    answer = api.look(LEAKED, wait=10)
    logging.getLogger("urllib3.connectionpool").debug("somebody else's request")
    assert told(" ".join(heard)) == []
    assert told(f"{answer!r} {api!r}") == []
    assert any("somebody else's request" in line for line in heard)


def test_urllib3_would_have_told_the_path(pwned, heard, monkeypatch) -> None:
    """The filter is what keeps it quiet: without it the same question is in the log."""
    monkeypatch.setattr(wire._Hush, "filter", lambda self, record: True)
    api, _ = pwned("right", PASSWORDS, BREACH_TIMEOUT_SECONDS=10.0)
    api.look(LEAKED, wait=10)
    assert told(" ".join(heard)) == ["prefix"]
    assert secrecy.seen
    secrecy.seen.clear()  # which every other test would fail for


def test_no_thread_is_named_after_what_it_asks(pwned) -> None:
    api, _ = pwned("hangs", PASSWORDS, BREACH_TIMEOUT_SECONDS=0.5)
    api.look(LEAKED, wait=0)
    assert told(" ".join(map(repr, threading.enumerate()))) == []


def test_a_call_and_its_line_say_nothing_of_themselves(pwned) -> None:
    api, _ = pwned("hangs", PASSWORDS, BREACH_TIMEOUT_SECONDS=0.5)
    api.look(LEAKED, wait=0)
    [call] = api._running.values()
    assert told(f"{call!r} {call} {call.line!r} {api!r}") == []


@pytest.mark.parametrize("behave", ["503", "bomb", "garbage", "leaves without a word", "hangs"])
def test_an_error_of_the_wire_comes_without_the_errors_behind_it(behave, pwned) -> None:
    _, server = pwned(behave)
    url = f"{server.url}/range/{LEAKED.prefix}"
    with pytest.raises(wire.WireError) as refused:
        wire.fetch(wire.session(), url, line=wire.Line(), deadline=time.monotonic() + 0.3)
    error = refused.value
    assert told(f"{error!r} {error}") == []
    assert error.__cause__ is None
    assert error.__suppress_context__


def test_a_report_of_a_crash_has_blanks_where_the_range_was(pwned, monkeypatch) -> None:
    api, _ = pwned()
    hidden = []

    def crash(self, prefix, *, now_us):
        hidden.append(prefix)
        raise RuntimeError("spoilt")

    monkeypatch.setattr(Recent, "get", crash)
    try:
        RangeApi.look(api, LEAKED, wait=1)
    except RuntimeError:
        kind, error, traceback = sys.exc_info()
    # Its last frame is the one above, which is not ours to keep quiet.
    frame = traceback
    while frame.tb_next.tb_next:
        frame = frame.tb_next
    frame.tb_next = None
    report = ExceptionReporter(None, kind, error, traceback).get_traceback_text()
    assert hidden == [LEAKED.prefix]
    assert "look" in report
    assert told(report) == []
