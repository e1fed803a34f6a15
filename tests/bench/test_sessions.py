"""The benchmark of sessions runs on a small site, and its exact numbers are the promised ones."""

from __future__ import annotations

import copy

import pytest

from tests.bench import session_tables
from tests.bench.running import measured

PEOPLE = 600


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> tuple[str, dict]:
    wanted = ("--sessions", "--quick", "--people", str(PEOPLE))
    return measured(tmp_path_factory.mktemp("bench"), "sqlite", *wanted)


@pytest.fixture
def found(run) -> dict:
    return copy.deepcopy(run[1]["sessions"])


def test_ending_the_sessions_of_all_takes_a_few_statements_whatever_their_number(found) -> None:
    of_query, everybody = found["ending"]["revocations"]
    assert of_query["rows"] >= PEOPLE > 50 > of_query["statements"]
    assert everybody["rows"] <= 2


def test_a_session_that_is_open_elsewhere_is_out_with_its_next_request(found) -> None:
    assert found["ending"]["before"] == "200"
    assert found["ending"]["after"].startswith("302 ")


def test_whatever_was_appended_is_verified_and_nothing_is_found(found) -> None:
    assert [one["events"] for one in found["audit"]["verifying"]] == [1_000, 3_000]
    assert {one["findings"] for one in found["audit"]["verifying"]} == {0}


def test_all_of_it_is_said(run) -> None:
    for label in ("rows alone", "each with its HMAC", "one row", "Another process answered"):
        assert label in run[0]


BROKEN = {
    "dear appends": lambda one: one["audit"]["appending"]["ratios"].update(signed=0.5),
    "appends that wait": lambda one: one["audit"]["appending"].update(looks=100, waits=2),
    "a finding": lambda one: one["audit"]["verifying"][0].update(findings=1),
    "memory that grows": lambda one: one["audit"]["verifying"][1].update(more=10**6),
    "a slow revocation": lambda one: one["ending"]["revocations"][0].update(most=6),
    "a statement for each": lambda one: one["ending"]["revocations"][0].update(statements=600),
    "a session that lives on": lambda one: one["ending"].update(after="200"),
    "a dear page": lambda one: one["ending"]["inside"][2].update(share=0.5),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=[*BROKEN])
def test_what_breaks_a_limit_is_over(found, breaks) -> None:
    found["audit"]["appending"]["ratios"] = {"signed": 1.0, "sealed": 1.0}
    for one in found["ending"]["revocations"]:
        one["most"] = 0.1
    for one in found["audit"]["verifying"]:
        one["more"] = 0
    for one in found["ending"]["inside"]:
        one["share"] = 0.0
    assert not session_tables.any_over(found)
    breaks(found)
    assert session_tables.any_over(found)
