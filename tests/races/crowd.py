"""What must be true of a counter however many ask at once, on whichever database."""

from __future__ import annotations

import random
from threading import Lock

from hardening.core.backoff import Backoff
from hardening.core.throttle import MINUTE_US, SECOND_US, Rule
from hardening.models import ThrottleCell
from hardening.throttle import database
from hardening.throttle.budgets import Budget
from tests.races.runner import race_all
from tests.visitor import NOW

NOW_US = NOW * SECOND_US
THREADS = 64
BURST = Rule("five at once", 10, 5 * MINUTE_US)
FREE = Backoff(free=5)
KINDS = ("address", "account", "both")


def budgets(kind, turn):
    """Return what a try is charged to: five at once, of an address, an account or either."""
    place = Budget(f"place-{turn}", (BURST,))
    account = Budget(f"name-{turn}", backoff=FREE, target_pk="1")
    return {"address": [place], "account": [account], "both": [place, account]}[kind]


def exactly_five(kind, *, rounds, queue_may_be_too_long=False):
    """Sixty-four try at once; five are admitted, and the rows say so.

    Where the queue for a lock may be too long, whoever is sent away for that (for a second) is one
    who might have been admitted.
    """
    for turn in range(rounds):
        asked = budgets(kind, turn)
        answers = race_all(
            lambda _racer, asked=asked: database.take(asked, now_us=NOW_US), range(THREADS)
        )
        admitted = sum(one.admitted for one in answers)
        sent_away = sum(one.retry_after == 1 for one in answers) if queue_may_be_too_long else 0
        assert 5 - sent_away <= admitted <= 5, f"round {turn}"
        waits = {one.retry_after for one in answers if not one.admitted}
        assert waits <= ({1, 30, 60} if sent_away else {30, 60})
        assert_charged(asked, admitted)


def never_more_than_five(kind, *, rounds, threads=THREADS // 2):
    """Each of many takes and gives back several times: never more than five are out."""
    lock, out, most = Lock(), [0], [0]

    def take_some_and_give(seed):
        mind = random.Random(seed)
        kept = 0
        for _ in range(3):
            taken = database.take(asked, now_us=NOW_US)
            if not taken.admitted:
                continue
            with lock:
                out[0] += 1
                most[0] = max(most[0], out[0])
            if mind.random() < 0.1:
                kept += 1
                continue
            with lock:
                out[0] -= 1
            database.give_back(taken, now_us=NOW_US)
        return kept

    for turn in range(rounds):
        asked, out[0] = budgets(kind, turn), 0
        seeds = [f"{kind} {turn} {one}" for one in range(threads)]
        kept = sum(race_all(take_some_and_give, seeds))
        assert kept <= most[0] <= 5
        assert_charged(asked, kept)
    assert most[0] > 1


def assert_charged(asked, times):
    """Assert that the rows hold so many charges, and no trace of any other."""
    for budget in asked:
        cell = ThrottleCell.objects.get(key=budget.key)
        if budget.backoff is not None:
            assert (cell.run, cell.total) == (times, times)
        for tat, rule in zip(cell.tats(3), budget.rules, strict=False):
            assert tat == NOW_US + times * rule.emission_us
