"""The benchmark of policies runs on a small site, and its exact numbers are the promised ones."""

from __future__ import annotations

import copy

import pytest

from tests.bench import policy_run, policy_tables
from tests.bench.running import measured

PEOPLE = 1200


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[str, dict]:
    wanted = ("--policies", "--people", str(PEOPLE))
    return measured(tmp_path_factory.mktemp("bench"), "sqlite", *wanted)


@pytest.fixture
def found(run) -> list[dict]:
    return copy.deepcopy(run[1]["policies"])


def scenario(site: dict, name: str) -> dict:
    (one,) = (entry for entry in site["scenarios"] if entry["name"] == name)
    return one


def test_what_is_asked_does_not_grow_with_the_people(found) -> None:
    few, many = found
    assert [few["people"], many["people"]] == [PEOPLE // 2, PEOPLE]
    for one, other in zip(few["scenarios"], many["scenarios"], strict=True):
        if not other["grows"]:
            assert other["queries"] <= one["queries"], other["name"]


def test_an_edit_writes_a_few_rows_and_no_user(found) -> None:
    for site in found:
        assert 1 <= scenario(site, "edit")["written"] <= 8


def test_looking_writes_nothing(found) -> None:
    looked = [one for one in found[1]["scenarios"] if one["name"].startswith(LOOKS)]
    assert len(looked) > 12
    assert {one["written"] for one in looked} == {0}


LOOKS = ("preview", "compliance", "report", "remind", "users")


def test_an_edit_is_seen_by_another_process_with_its_next_request(found) -> None:
    for site in found:
        assert site["elsewhere"]["before"] == "200"
        assert site["elsewhere"]["after"].startswith("302 /security/")


def test_the_list_of_everybody_names_everybody(found) -> None:
    for site in found:
        assert site["people"] * 0.9 < site["list"]["people"] <= site["people"] + 3


def test_every_scenario_is_printed(run) -> None:
    printed, numbers = run
    labels = [one["label"] for one in numbers["policies"][0]["scenarios"]]
    assert all(f"\n{label} " in printed for label in labels)
    assert numbers["results"] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda site: scenario(site, "compliance").update(most=2.1),
        lambda site: scenario(site, "compliance").update(queries=10**6),
        lambda site: scenario(site, "edit").update(written=9),
        lambda site: site["list"]["memory"].update(most=10**9),
        lambda site: site["elsewhere"].update(after="200"),
    ],
)
def test_each_limit_is_held(found, spoil) -> None:
    for site in found:
        for one in site["scenarios"]:
            one["most"] = 2.0
    assert not policy_tables.any_over(found)
    spoil(found[1])
    assert policy_tables.any_over(found)


@pytest.mark.parametrize(
    "people, quick, sizes",
    [
        (None, False, (10_000, 1_000_000)),
        (None, True, (10_000, 20_000)),
        (100_000, False, (10_000, 100_000)),
        (1_000, False, (500, 1_000)),
    ],
)
def test_a_small_site_stands_beside_the_large_one(people, quick, sizes) -> None:
    assert policy_run.sizes_of(people, quick=quick) == sizes
