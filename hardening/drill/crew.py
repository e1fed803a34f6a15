"""Plays many attacks, one after the other or several at a time, each in a process of its own.

A process is forked for each line of work: the throwaway site is prepared once, and what a process
keeps in memory (counts that are not written yet, caches) is no other's.

The trap: a connection must not be carried into a fork; the stage has closed all of them.
"""

from __future__ import annotations

import multiprocessing
import traceback
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from hardening.drill.attackers import BY_NAME
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hardening.drill.play import Result
    from hardening.drill.population import Population
    from hardening.drill.stage import Stage

TICKS = 100  # tries between two words about progress
# A guess, for dividing the work and for `estimate`.
TRIES_A_SECOND = {Variant.WITHOUT: 800, Variant.WITH: 250, Variant.BREACH: 250}

Task = tuple[str, Variant]


class CrewError(Exception):
    """A process of the crew failed; the message is its traceback."""


def tries_of(people: Population, task: Task) -> int:
    """Return about how many tries, good ones included, one attack takes."""
    attacker = BY_NAME[task[0]]
    good = people.good_count(attacker.good_seconds(people))
    return attacker.size(people) + good


def estimate(people: Population, tasks: Sequence[Task], jobs: int) -> float:
    """Return about how many seconds it will take; half as much or twice as much is possible."""
    return sum(tries_of(people, task) / TRIES_A_SECOND[task[1]] for task in tasks) / max(1, jobs)


def play_all(
    stage: Stage, tasks: Sequence[Task], *, jobs: int, tick: Callable[[int], None]
) -> Iterator[Result]:
    """Play every attack; yield results as they come. `jobs`: how many at a time."""
    places = {name: place for place, name in enumerate(BY_NAME)}
    if jobs <= 1 or not stage.grounds.side_by_side:
        for name, variant in tasks:
            yield stage.play(BY_NAME[name], variant=variant, place=places[name], tick=tick)
        return
    yield from _side_by_side(stage, _divided(stage.people, tasks, jobs), places, tick)


def _divided(people: Population, tasks: Sequence[Task], jobs: int) -> list[list[Task]]:
    """Divide the work into equal parts, the longest pieces first."""
    parts: list[tuple[float, list[Task]]] = [(0.0, []) for _ in range(jobs)]
    costs = {task: tries_of(people, task) / TRIES_A_SECOND[task[1]] for task in tasks}
    for task in sorted(tasks, key=lambda one: -costs[one]):
        spent, least = min(parts, key=lambda part: part[0])
        parts[parts.index((spent, least))] = (spent + costs[task], [*least, task])
    return [part for _, part in parts if part]


def _side_by_side(
    stage: Stage, parts: list[list[Task]], places: dict[str, int], tick: Callable[[int], None]
) -> Iterator[Result]:
    forks = multiprocessing.get_context("fork")
    workers, ends = [], []
    try:
        for part in parts:
            here, there = forks.Pipe(duplex=False)
            worker = forks.Process(target=_work, args=(stage, part, places, there), daemon=True)
            worker.start()
            there.close()
            workers.append(worker)
            ends.append(here)
        yield from _heard(ends, tick)
    finally:
        for worker in workers:
            if worker.is_alive():
                worker.terminate()
            worker.join()


def _heard(ends: list[Any], tick: Callable[[int], None]) -> Iterator[Result]:
    open_ends: list[Any] = list(ends)
    while open_ends:
        ready: list[Any] = wait(open_ends)
        for end in ready:
            try:
                kind, said = end.recv()
            except EOFError:
                open_ends.remove(end)
                continue
            if kind == "ticks":
                tick(said)
            elif kind == "fault":
                raise CrewError(said)
            else:
                yield said


def _work(stage: Stage, part: list[Task], places: dict[str, int], end: Any) -> None:
    """Play one part of the work, in a forked process."""
    pending = [0]

    def tick(count: int) -> None:
        pending[0] += count
        if pending[0] >= TICKS:
            end.send(("ticks", pending[0]))
            pending[0] = 0

    try:
        for name, variant in part:
            played = stage.play(BY_NAME[name], variant=variant, place=places[name], tick=tick)
            end.send(("result", played))
    except BaseException:  # noqa: BLE001 - it must be told in the other process
        end.send(("fault", traceback.format_exc()))
    end.send(("ticks", pending[0]))
    end.close()
