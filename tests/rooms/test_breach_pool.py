"""The pool in which other machines are asked: bounded, lazy, on time, in nobody's way."""

from __future__ import annotations

import threading
import time

import pytest

from hardening.breach import pool
from hardening.breach.pool import PLACES, THREADS, Pool

SOON = 5  # seconds: far more than it takes


class Task:
    """Runs until it is let go; notes what befell it."""

    def __init__(self, seconds: float = SOON, *, opened: threading.Event | None = None) -> None:
        self.deadline = time.monotonic() + seconds
        self.settled, self.begun, self.expired = (threading.Event() for _ in range(3))
        self.opened = opened or threading.Event()
        self.ran_in = ""

    def run(self) -> None:
        self.ran_in = threading.current_thread().name
        self.begun.set()
        self.opened.wait(SOON)
        self.settled.set()

    def expire(self) -> None:
        self.settled.set()
        self.expired.set()


class Spoilt(Task):
    def run(self) -> None:
        raise RuntimeError("what was asked")

    def expire(self) -> None:
        super().expire()
        raise RuntimeError("what was asked")


@pytest.fixture
def small():
    """Return a pool with one thread and two places, and what holds its tasks up."""
    opened = threading.Event()
    yield Pool(1, 2), opened
    opened.set()


def test_a_full_line_refuses_at_once() -> None:
    opened = threading.Event()
    full = Pool()
    running = [Task(opened=opened) for _ in range(THREADS)]
    assert all(full.submit(task) for task in running)
    assert all(task.begun.wait(SOON) for task in running)
    assert all(full.submit(Task(opened=opened)) for _ in range(PLACES))
    last = Task(opened=opened)
    assert not full.submit(last)
    opened.set()
    assert not last.begun.is_set()


def test_what_stands_in_line_runs_when_a_thread_is_free(small) -> None:
    one_by_one, opened = small
    tasks = [Task(opened=opened) for _ in range(3)]
    assert one_by_one.submit(tasks[0])
    assert tasks[0].begun.wait(SOON)
    assert all(one_by_one.submit(task) for task in tasks[1:])
    assert not tasks[1].begun.is_set()
    opened.set()
    assert all(task.settled.wait(SOON) for task in tasks)
    assert {task.ran_in for task in tasks} == {"hardening-breach-0"}


def test_a_task_is_told_its_time_is_up_whether_it_runs_or_stands_in_line(small) -> None:
    one_by_one, opened = small
    tasks = [Task(0.05, opened=opened) for _ in range(3)]
    for task in tasks:
        one_by_one.submit(task)
        assert tasks[0].begun.wait(SOON)
    assert all(task.expired.wait(SOON) for task in tasks)
    assert not opened.is_set()


def test_a_task_that_is_done_is_not_told(small) -> None:
    one_by_one, opened = small
    opened.set()
    first, second = Task(0.2, opened=opened), Task(0.2, opened=threading.Event())
    one_by_one.submit(first)
    one_by_one.submit(second)
    assert second.expired.wait(SOON)
    assert not first.expired.is_set()


def test_a_task_that_raises_costs_no_thread_and_is_not_quoted(small, caplog) -> None:
    one_by_one, opened = small
    opened.set()
    spoilt, right = Spoilt(0.05), Task(opened=opened)
    one_by_one.submit(spoilt)
    assert spoilt.expired.wait(SOON)
    late = Task(0.05)
    one_by_one.submit(right)
    assert right.settled.wait(SOON)
    one_by_one.submit(late)
    assert late.expired.wait(SOON)
    assert set(caplog.messages) == {
        "hardening: a look-up among breached passwords raised RuntimeError"
    }


def test_threads_are_made_for_the_first_task_and_are_nobody_to_wait_for(monkeypatch) -> None:
    monkeypatch.setattr(pool, "_shared", pool._Shared())
    before = set(threading.enumerate())
    assert pool._shared.pool is None
    opened = threading.Event()
    opened.set()
    assert all(pool.submit(Task(opened=opened)) for _ in range(3))
    made = set(threading.enumerate()) - before
    assert len(made) == THREADS + 1
    assert all(thread.daemon for thread in made)
    assert all(thread.name.startswith("hardening-breach-") for thread in made)


def test_where_no_thread_can_be_started_a_task_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(pool, "_shared", pool._Shared())

    def refuse(_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert not pool.submit(Task())
