"""Calls to the range API: who waits, who is told later, who shares, who is left alone, forks."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from queue import SimpleQueue

import pytest

from hardening.breach import pool
from hardening.breach.api import Call
from hardening.breach.sources import Answer
from hardening.core.breaker import IN_A_ROW, OPEN_US
from hardening.core.pwned import Candidate, Finding
from tests.pwned_server import Peer, PwnedServer

LEAKED = Candidate("sunflower seven")
PASSWORDS = {LEAKED.password: 17}
PATIENT = {"BREACH_TIMEOUT_SECONDS": 10.0}
OPEN_SECONDS = OPEN_US / 1_000_000
SOON = 5  # seconds: far more than it takes
NOT_YET = Answer(Finding.UNKNOWN, "api")


class Gate:
    """A server's behaviour: answers rightly, but only once it is let."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Semaphore(0), threading.Event()

    def __call__(self, peer: Peer) -> None:
        self.entered.release()
        assert self.opened.wait(SOON)
        peer.answer(peer.rows())


class Late:
    """Keeps what it is told, and in which thread."""

    def __init__(self) -> None:
        self.answers, self.threads = SimpleQueue(), []

    def __call__(self, answer: Answer) -> None:
        self.threads.append(threading.current_thread().name)
        self.answers.put(answer)


class Clock:
    """Moves when it is moved."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def candidates(count: int) -> list[Candidate]:
    """Return passwords whose ranges differ."""
    made = {one.prefix: one for one in (Candidate(f"password {n}") for n in range(2 * count))}
    return list(made.values())[:count]


def neighbours() -> tuple[Candidate, Candidate]:
    """Return two passwords of the same range."""
    seen: dict[str, Candidate] = {}
    for number in range(1_000_000):
        one = Candidate(f"neighbour {number}")
        if one.prefix in seen:
            return seen[one.prefix], one
        seen[one.prefix] = one
    raise AssertionError


# --- waiting ------------------------------------------------------------------------------------


def test_who_cannot_wait_is_told_later_once_and_from_another_thread(pwned) -> None:
    gate, late = Gate(), Late()
    api, _ = pwned(gate, PASSWORDS, **PATIENT)
    assert api.look(LEAKED, wait=0.01, late=late) == NOT_YET
    assert late.answers.empty()
    gate.opened.set()
    assert late.answers.get(timeout=SOON) == Answer(Finding.HIT, "api")
    assert late.threads[0].startswith("hardening-breach-")
    assert api.look(LEAKED, wait=0).finding is Finding.HIT  # it is here by now
    assert late.answers.empty()


def test_who_had_the_answer_is_not_told_again(pwned) -> None:
    late, last = Late(), Late()
    api, _ = pwned("right", PASSWORDS, **PATIENT)
    assert api.look(LEAKED, wait=10, late=late).finding is Finding.HIT
    api.look(Candidate("another"), wait=0, late=last)
    assert last.answers.get(timeout=SOON)
    assert late.answers.empty()


@pytest.mark.parametrize("behave, fault", [("503", "status"), ("hangs", "timeout")])
def test_a_fault_is_told_later_as_well(behave, fault, pwned) -> None:
    late = Late()
    api, _ = pwned(behave, BREACH_TIMEOUT_SECONDS=0.3)
    assert api.look(LEAKED, wait=0, late=late) == NOT_YET
    assert late.answers.get(timeout=SOON) == Answer(Finding.UNKNOWN, "api", fault=fault)


def test_nobody_needs_to_be_told(pwned) -> None:
    gate = Gate()
    api, server = pwned(gate, PASSWORDS, **PATIENT)
    assert api.look(LEAKED, wait=0) == NOT_YET
    gate.opened.set()
    assert api.look(LEAKED, wait=10).finding is Finding.HIT
    assert len(server.heads) == 1


def test_a_listener_that_raises_does_not_cost_the_next_one_its_answer(pwned, caplog) -> None:
    gate, late = Gate(), Late()

    def spoilt(answer):
        raise RuntimeError(LEAKED.password)

    api, _ = pwned(gate, PASSWORDS, **PATIENT)
    api.look(LEAKED, wait=0, late=spoilt)
    api.look(LEAKED, wait=0, late=late)
    gate.opened.set()
    assert late.answers.get(timeout=SOON).finding is Finding.HIT
    assert caplog.messages == ["hardening: a late answer raised RuntimeError"]


def test_who_asks_about_the_same_range_at_the_same_time_shares_the_call(pwned) -> None:
    one, other = neighbours()
    gate, told, later = Gate(), Late(), Late()
    api, server = pwned(gate, {other.password: 3}, **PATIENT)
    assert api.look(one, wait=0, late=told) == NOT_YET
    assert api.look(other, wait=0, late=later) == NOT_YET
    gate.opened.set()
    assert told.answers.get(timeout=SOON).finding is Finding.CLEAN
    assert later.answers.get(timeout=SOON).finding is Finding.HIT
    assert len(server.heads) == 1


# --- what is left alone -------------------------------------------------------------------------


def test_a_server_that_is_down_is_asked_five_times_then_once_after_a_while(pwned) -> None:
    clock = Clock()
    api, server = pwned("leaves without a word", monotonic=clock, **PATIENT)
    faults = [api.look(one, wait=10).fault for one in candidates(12)]
    assert faults == ["connection"] * IN_A_ROW + ["open"] * 7
    assert len(server.heads) == IN_A_ROW
    clock.seconds += OPEN_SECONDS
    assert [api.look(LEAKED, wait=10).fault for _ in range(3)] == ["connection", "open", "open"]
    assert len(server.heads) == IN_A_ROW + 1


def test_a_probe_that_is_answered_ends_it(pwned) -> None:
    clock = Clock()
    api, server = pwned("503", PASSWORDS, monotonic=clock, **PATIENT)
    for one in candidates(IN_A_ROW):
        api.look(one, wait=10)
    server.behave = "right"
    assert api.look(LEAKED, wait=10).fault == "open"
    clock.seconds += OPEN_SECONDS
    assert all(api.look(one, wait=10).finding is Finding.CLEAN for one in candidates(4))


def test_a_name_that_is_never_looked_up_opens_the_circuit_before_its_threads_return(
    pwned, monkeypatch
) -> None:
    api, server = pwned(BREACH_TIMEOUT_SECONDS=0.2)
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: server.ended.wait())
    # Four of them hold the threads of the pool, the others stand in line.
    faults = [api.look(one, wait=10).fault for one in candidates(8)]
    assert faults == ["timeout"] * IN_A_ROW + ["open"] * 3


def test_a_full_pool_refuses_at_once_and_is_no_fault_of_the_server(pwned, monkeypatch) -> None:
    api, server = pwned(**PATIENT)
    with monkeypatch.context() as full:
        full.setattr(pool, "submit", lambda _: False)
        faults = {api.look(one, wait=10).fault for one in candidates(20)}
    assert faults == {"busy"}
    assert not server.heads
    assert api.look(LEAKED, wait=10).finding is Finding.CLEAN


def test_a_mistake_of_ours_is_one_word_too(pwned, monkeypatch, caplog) -> None:
    api, _ = pwned(**PATIENT)

    def spoilt(*_, **__):
        raise LookupError(LEAKED.prefix)

    monkeypatch.setattr(api._session, "get", spoilt)
    assert api.look(LEAKED, wait=10).fault == "raised"
    assert caplog.messages == ["hardening: the breach API client raised LookupError"]


def test_what_a_cut_connection_makes_a_library_raise_is_a_timeout(pwned, monkeypatch) -> None:
    late = Late()
    api, server = pwned(BREACH_TIMEOUT_SECONDS=0.1)

    def cut(*_, **__):
        server.ended.wait(0.5)
        raise AttributeError

    monkeypatch.setattr(api._session, "get", cut)
    api.look(LEAKED, wait=0, late=late)
    assert late.answers.get(timeout=SOON).fault == "timeout"


# --- forks and ends -----------------------------------------------------------------------------

START = """
    import os, sys, warnings
    warnings.simplefilter("ignore")  # newer interpreters warn of forks beside threads
    import django
    from django.test import override_settings
    django.setup()
    from hardening.breach.api import RangeApi
    from hardening.core.pwned import Candidate
    chosen = {"BREACH_API_URL": sys.argv[1], "BREACH_TIMEOUT_SECONDS": 10.0}
    override_settings(HARDENING=chosen).enable()
    api = RangeApi()
"""


def run(server: PwnedServer, script: str) -> str:
    """Run a script in a process of its own; return what it printed."""
    source = textwrap.dedent(START) + textwrap.dedent(script)
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", source, server.url],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_after_a_fork_each_process_asks_over_a_connection_of_its_own() -> None:
    script = """
        words = [api.look(Candidate("one"), wait=9).finding]
        child = os.fork()
        words += [api.look(Candidate(word), wait=9).finding for word in ("one", "two")]
        if child:
            assert os.waitpid(child, 0)[1] == 0
        print(*words, flush=True)
        os._exit(0)
    """
    with PwnedServer({"two": 3}) as server:
        printed = run(server, script)
    assert printed == "clean clean hit\n" * 2
    assert server.connections == 2
    # The parent still knew the first range, the child has begun anew.
    assert len(server.heads) == 4


def test_a_fork_in_the_middle_of_a_call_carries_neither_the_call_nor_its_locks_over() -> None:
    script = """
        api.look(Candidate("one"), wait=0)
        api._lock.acquire()
        child = os.fork()
        if not child:
            os._exit(0 if api.look(Candidate("one"), wait=9).fault == "status" else 1)
        print(os.waitpid(child, 0)[1])
    """
    with PwnedServer(behave=lambda peer: peer.answer(b"", "503 No")) as server:
        assert run(server, script) == "0\n"


def test_a_process_ends_though_a_call_hangs() -> None:
    script = """
        import time
        api.look(Candidate("one"), wait=0)
        print(time.monotonic())
    """
    with PwnedServer(behave="hangs") as server:
        last_word = float(run(server, script))
    assert time.monotonic() - last_word < SOON  # not the 10 s of the call


@pytest.mark.parametrize("answered", [True, False])
def test_what_came_to_nothing_in_line_counts_only_where_nobody_was_answered(
    pwned, answered
) -> None:
    """A crowd is no outage; names that nobody looks up are."""
    api, _ = pwned("right", PASSWORDS, BREACH_TIMEOUT_SECONDS=10.0)
    in_line = [Call(api, f"{number:05X}", time.monotonic() + 10) for number in range(6)]
    if answered:
        api.look(LEAKED, wait=10)
    for call in in_line:
        call.expire()
    assert api.look(Candidate("nobody ever leaked this"), wait=10).fault == (
        "" if answered else "open"
    )
