"""The gate before the hash, with real threads: never more than its places, and nobody forgotten."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from hardening.throttle import hashgate
from hardening.throttle.hashgate import BusyError, HashGate

PATIENCE = 10  # seconds; nothing here takes as long, unless it hangs


@pytest.fixture(autouse=True)
def _own_gate():
    """Leave the process's gate as it was found."""
    yield
    hashgate.configure()


class Crowd:
    """Threads at one gate. Who passes holds her place until `release`, or until `free` is set."""

    def __init__(self, gate: HashGate) -> None:
        self.gate = gate
        self.free = threading.Event()
        self.order: list[str] = []  # as they passed
        self.busy: list[str] = []  # as they were turned away
        self.lock = threading.Lock()
        self.inside = self.most = 0
        self.threads: list[threading.Thread] = []

    def send(self, name: str, *, known: bool = False) -> None:
        """Start a thread and wait until it stands in the queue, has passed or was refused."""
        before = self._seen()
        thread = threading.Thread(target=self._pass, args=(name, known), daemon=True)
        self.threads.append(thread)
        thread.start()
        until(lambda: self._seen() > before)

    def _seen(self) -> int:
        with self.lock:
            waiting = len(self.gate._known) + len(self.gate._unknown)
            return waiting + len(self.order) + len(self.busy)

    def _pass(self, name: str, known: bool) -> None:
        try:
            with self.gate(known=known):
                with self.lock:
                    self.order.append(name)
                    self.inside += 1
                    self.most = max(self.most, self.inside)
                self.free.wait(PATIENCE)
                with self.lock:
                    self.inside -= 1
        except BusyError:
            with self.lock:
                self.busy.append(name)

    def go(self) -> None:
        """Let everybody through and wait until all are gone."""
        self.free.set()
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()


def until(said: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not said():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def passes(gate: HashGate) -> bool:
    """Return whether the gate has a free place now."""
    impatient = HashGate.__call__
    waited, gate.wait_seconds = gate.wait_seconds, 0
    try:
        with impatient(gate, known=False):
            return True
    except BusyError:
        return False
    finally:
        gate.wait_seconds = waited


@pytest.mark.parametrize("places", [1, 2, 5])
def test_never_more_than_its_places_are_inside(places):
    gate = HashGate(places, wait_seconds=PATIENCE)
    counted, lock, inside, most = [], threading.Lock(), [0], [0]

    def work(number: int) -> None:
        for _ in range(20):
            with gate(known=number % 3 == 0):
                with lock:
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                with lock:
                    inside[0] -= 1
                    counted.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert most[0] == places
    assert len(counted) == gate.admitted == 12 * 20
    assert gate._taken == 0
    assert not gate._known
    assert not gate._unknown


def test_known_browsers_go_first_and_equals_in_the_order_of_their_coming():
    crowd = Crowd(HashGate(1, wait_seconds=PATIENCE))
    crowd.send("first")
    for name, known in [("u1", False), ("k1", True), ("u2", False), ("k2", True), ("u3", False)]:
        crowd.send(name, known=known)
    crowd.go()
    assert crowd.order == ["first", "k1", "k2", "u1", "u2", "u3"]
    assert crowd.most == 1


def test_who_comes_while_others_wait_does_not_overtake_them():
    gate = HashGate(1, wait_seconds=PATIENCE)
    crowd = Crowd(gate)
    crowd.send("first")
    crowd.send("waiting")
    # The place is handed over: at no moment is it free for a third.
    gate._leave()
    assert not passes(gate)
    until(lambda: crowd.order == ["first", "waiting"])
    gate._taken += 1  # the first gives back a second time when it goes
    crowd.go()
    assert gate._taken == 0


def test_a_wait_ends_in_time_and_says_when_to_come_back():
    gate = HashGate(1, wait_seconds=0.05)
    crowd = Crowd(gate)
    crowd.send("slow")
    began = time.monotonic()
    with pytest.raises(BusyError) as busy, gate(known=True):
        pytest.fail("nobody has left")
    assert 0.05 <= time.monotonic() - began < PATIENCE / 2
    assert busy.value.retry_after >= 1
    assert not gate._known
    crowd.go()
    assert passes(gate)


def test_the_wait_of_a_site_is_two_seconds():
    assert hashgate.configure(places=1).wait_seconds == 2.0


def test_who_gave_up_gets_no_place_and_takes_none_along():
    gate = HashGate(1, wait_seconds=0.01)
    crowd = Crowd(gate)
    crowd.send("slow")
    for number in range(3):
        crowd.send(f"impatient {number}")
    until(lambda: len(crowd.busy) == 3)
    crowd.go()
    assert crowd.order == ["slow"]
    assert passes(gate)


def test_beyond_a_full_queue_the_answer_comes_at_once():
    crowd = Crowd(HashGate(1, wait_seconds=PATIENCE, max_waiting=3))
    for name in ("inside", "w1", "w2", "w3"):
        crowd.send(name)
    began = time.monotonic()
    crowd.send("too many")
    assert time.monotonic() - began < PATIENCE / 2
    assert crowd.busy == ["too many"]
    crowd.go()
    assert crowd.order == ["inside", "w1", "w2", "w3"]


def test_a_queue_full_of_strangers_makes_room_for_a_known_browser():
    crowd = Crowd(HashGate(1, wait_seconds=PATIENCE, max_waiting=2))
    for name in ("inside", "w1", "w2"):
        crowd.send(name)
    known = threading.Thread(target=crowd._pass, args=("owner", True), daemon=True)
    crowd.threads.append(known)
    known.start()
    until(lambda: crowd.busy == ["w2"])  # the last to come
    crowd.send("stranger")
    assert crowd.busy == ["w2", "stranger"]
    crowd.go()
    assert crowd.order == ["inside", "owner", "w1"]


def test_a_queue_full_of_known_browsers_is_full_for_them_too():
    crowd = Crowd(HashGate(1, wait_seconds=PATIENCE, max_waiting=1))
    crowd.send("inside")
    crowd.send("k1", known=True)
    crowd.send("k2", known=True)
    assert crowd.busy == ["k2"]
    crowd.go()


def test_a_place_is_given_back_by_whoever_fails_inside():
    gate = HashGate(1)
    for _ in range(3):
        with pytest.raises(RuntimeError, match="broke"), gate(known=False):
            raise RuntimeError("broke")
    assert gate.admitted == 3
    assert passes(gate)


class Interrupting(threading.Event):
    """Stands in for a waiter's event: the wait is broken off, as by a signal."""

    before = staticmethod(lambda: None)

    def wait(self, timeout: float | None = None) -> bool:
        self.before()
        raise KeyboardInterrupt


@pytest.mark.parametrize("handed_over", [False, True])
def test_an_interrupted_wait_takes_no_place_along(monkeypatch, handed_over):
    gate = HashGate(1)
    gate._enter(known=False)
    if handed_over:  # at the very moment
        monkeypatch.setattr(Interrupting, "before", gate._leave)
    monkeypatch.setattr(hashgate, "_Waiter", lambda: WAITER(told=Interrupting()))
    with pytest.raises(KeyboardInterrupt), gate(known=False):
        pytest.fail("interrupted")
    if not handed_over:
        gate._leave()
    assert gate._taken == 0
    assert not gate._unknown


def test_a_place_handed_over_as_the_wait_ends_is_used(monkeypatch):
    gate = HashGate(1)
    gate._enter(known=False)

    class TooLate(threading.Event):
        def wait(self, timeout=None):
            gate._leave()
            return False

    monkeypatch.setattr(hashgate, "_Waiter", lambda: WAITER(told=TooLate()))
    with gate(known=False):
        assert gate._taken == 1
    assert gate._taken == 0


WAITER = hashgate._Waiter


def test_a_gate_without_places_cannot_be_built():
    with pytest.raises(ValueError, match="a place or more"):
        HashGate(0)


def test_a_process_has_as_many_places_as_processors():
    assert hashgate.configure().places == hashgate.processors() >= 1
    assert hashgate.processors() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    "offered,count",
    [
        ({"process_cpu_count": lambda: 3}, 3),
        ({"sched_getaffinity": lambda pid: {0, 5}}, 2),
        ({"cpu_count": lambda: 7}, 7),
        ({"cpu_count": lambda: None}, 1),
    ],
)
def test_the_number_of_processors_is_what_the_system_offers(monkeypatch, offered, count):
    for name in ("process_cpu_count", "sched_getaffinity"):
        monkeypatch.delattr(os, name, raising=False)
    for name, function in offered.items():
        monkeypatch.setattr(os, name, function, raising=False)
    assert hashgate.processors() == count


def test_the_process_counts_what_it_lets_through():
    hashgate.configure(places=1)
    assert hashgate.hashes() == 0
    with hashgate.gate(known=False):
        assert hashgate.hashes() == 1
    with hashgate.gate(known=True):
        pass
    assert hashgate.hashes() == 2


def test_async_doors_pass_in_their_threads():
    hashgate.configure(places=1)

    @async_to_sync
    async def signs_in() -> int:
        @sync_to_async
        def hashed() -> int:
            with hashgate.gate(known=False):
                return threading.get_ident()

        return await hashed()

    assert signs_in()
    assert hashgate.hashes() == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_waits_for_nobody_of_its_parent(monkeypatch):
    """What the parent's threads hold, the child could wait for in vain."""
    hashgate.configure(places=1)
    held = hashgate._gate
    with hashgate.gate(known=False):
        child = os.fork()
        if child == 0:
            os._exit(0 if hashgate._gate is not held and hashgate._gate._taken == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert hashgate._gate is held
