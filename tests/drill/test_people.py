"""Who signs in, and what is stuffed, follows from the seed and the numbers of the model."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from hardening.drill.attackers import ATTACKERS, BY_NAME
from hardening.drill.ground import Ground, pair_count, valid_pairs
from hardening.drill.population import DAY, FULL_ACCOUNTS, Population
from hardening.drill.tries import NO_ANSWER, Try

START = 1_000_000
A_DAY = Population(FULL_ACCOUNTS, 1).good_day(START, DAY, {}, "a day")


def acts_of(attacker, ground):
    """Yield what it does while it is told nothing."""
    acts = attacker.acts(ground)
    act = next(acts, None)
    while act is not None:
        yield act
        try:
            act = acts.send(NO_ANSWER)
        except StopIteration:
            return


def test_the_same_seed_draws_the_same_day():
    days = [Population(500, seed).good_day(START, 3600, {}, "x") for seed in (1, 1, 2)]
    assert days[0] == days[1] != days[2]


def test_a_day_has_the_sign_ins_of_the_model():
    final = [one for one in A_DAY if one.final]
    assert len(final) == FULL_ACCOUNTS * 0.05
    assert sum(one.known for one in final) / len(final) == pytest.approx(0.85, abs=0.01)
    assert (len(A_DAY) - len(final)) / len(final) == pytest.approx(0.09, abs=0.01)


def test_people_share_addresses_as_in_the_model():
    behind = {"11": 0, "12": 0, "13": 0}
    for one in A_DAY:
        behind[one.address.partition(".")[0]] += 1
    assert behind["12"] / len(A_DAY) == pytest.approx(0.20, abs=0.01)
    assert behind["13"] / len(A_DAY) == pytest.approx(0.10, abs=0.01)
    assert len({one.address for one in A_DAY if one.address.startswith("13.")}) == 70


def test_a_smaller_drill_is_shorter_at_the_same_pace():
    small = Population(3_500, 1)
    assert small.seconds == DAY / 100
    assert pair_count(small) / small.seconds == pytest.approx(300_000 / DAY)
    assert small.good_count(small.seconds) / small.seconds == pytest.approx(17_500 / DAY, rel=0.01)


@pytest.mark.parametrize("count, valid", [(300_000, 300), (15_000, 300), (1_000, 20), (10, 1)])
def test_enough_pairs_are_right_to_tell_a_share(count, valid):
    assert valid_pairs(count) == valid


def test_pairs_are_each_somebody_elses_and_the_right_ones_spread_evenly():
    pairs = Ground(Population(2_000, 1), START, {}, "x").pairs(1_000)
    assert len({number for number, _ in pairs}) == 1_000
    right = [place for place, (_, is_right) in enumerate(pairs) if is_right]
    assert [place // 50 for place in right] == list(range(20))


def test_no_stolen_pair_is_an_attackers_own_account_or_has_a_factor_by_chance():
    people = Population(200, 1)
    numbers = {number for number, _ in Ground(people, START, {}, "x").pairs(1_000)}
    assert numbers == set(range(199))
    assert list(people.enrolled) == list(range(200, 240))


@pytest.mark.parametrize(
    "attacker", [one for one in ATTACKERS if one.pairs], ids=lambda one: one.name
)
def test_whose_passwords_are_right_is_known_before_the_attack(attacker):
    people = Population(1_000, 1)
    ground = Ground(people, START, {}, attacker.name)
    tried = [act for act in acts_of(attacker, ground) if isinstance(act, Try)]
    right = {one.person for one in tried if one.right and not one.own}
    assert attacker.stolen(ground) == right
    assert bool(right) == (attacker.name != "quiet")


@pytest.mark.parametrize("attacker", ATTACKERS, ids=lambda one: one.name)
def test_an_attacker_never_goes_back_in_time_and_is_about_as_large_as_it_says(attacker):
    people = Population(200, 1)
    acts = list(acts_of(attacker, Ground(people, START, {}, attacker.name)))
    moments = [act.at for act in acts]
    tries = sum(len(act.tries) if hasattr(act, "tries") else isinstance(act, Try) for act in acts)
    assert all(earlier <= later for earlier, later in itertools.pairwise(moments))
    if attacker.name != "one-account":  # it goes on for as long as it is refused
        size = attacker.size(people)
        assert size * 0.8 <= tries <= size * 1.3 + 50


def test_attackers_have_names_of_their_own():
    assert len(BY_NAME) == len(ATTACKERS)


def test_the_how_to_describes_every_attack_and_no_other():
    page = (Path(__file__).resolve().parents[2] / "docs/howto/drill.md").read_text("utf-8")
    table = page.partition("## The attacks")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE) == [one.name for one in ATTACKERS]
