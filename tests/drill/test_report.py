"""What the drill says: promises, table, JSON and plot."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from hardening.drill import plot, promises, report
from hardening.drill.play import Result
from hardening.drill.population import Population
from hardening.drill.variants import Variant

SVG = "{http://www.w3.org/2000/svg}"
HELD = Result("addresses-1000", Variant.WITH, tries=1000, valid=300, hashes=500, refused=500)

CHECKED = replace(HELD, variant=Variant.BREACH)


@pytest.mark.parametrize(
    "result, said",
    [
        (HELD, []),
        (replace(HELD, opened=3), []),
        (replace(HELD, opened=4), ["addresses-1000: 1.3% of the right passwords opened"]),
        (replace(HELD, name="one-address", opened=4), []),  # its share is not bounded
        (replace(HELD, over=1), ["addresses-1000: 1 tries were judged beyond"]),
        (replace(HELD, refused_hashes=2), ["addresses-1000: 2 passwords were hashed for tries"]),
        (replace(HELD, faults=1, fault="500"), ["addresses-1000: 1 tries were answered by a"]),
        (replace(HELD, name="lockout", known_refused=1), ["lockout: 1 owners were refused"]),
        (replace(HELD, known_refused=1), []),
        (replace(HELD, name="quiet", good=1000, good_refused=1, good_challenged=1), []),
        (
            replace(HELD, name="quiet", good=1000, good_refused=2, good_challenged=2),
            ["quiet: 2 of 1000 good sign-ins were ref", "quiet: 2 of 1000 good sign-ins were ch"],
        ),
        (CHECKED, []),
        (replace(CHECKED, opened=1), ["addresses-1000: 1 of 300 right passwords opened an acc"]),
        (replace(CHECKED, name="own-login", opened=1), ["own-login: 1 of 300 right passwords op"]),
        (
            replace(HELD, name="factor-pairs", opened=1, enrolled_opened=1),
            ["factor-pairs: 1 accounts were opened without"],
        ),
        (
            replace(HELD, variant=Variant.WITHOUT, opened=300, over=900),
            [],
        ),  # without the app nothing must
    ],
)
def test_a_broken_promise_is_said_with_its_numbers(result, said):
    broken = promises.broken([result])
    assert len(broken) == len(said)
    assert all(line.startswith(start) for line, start in zip(broken, said, strict=True))


def test_the_minutes_before_the_alarm_do_not_count_for_the_whole_attack():
    tenth = replace(HELD, whole=10_000, opened=30, late_valid=150, late_opened=0)
    assert tenth.opened_share == pytest.approx(0.01)
    leaking = replace(tenth, late_opened=15)
    assert leaking.opened_share == pytest.approx(0.01 + 0.9 * 0.1)
    assert replace(HELD, opened=30).opened_share == pytest.approx(0.1)  # the whole of its list


def test_results_come_back_from_their_json():
    result = replace(HELD, alarm_minutes=0.5)
    assert Result.from_dict(json.loads(json.dumps(result.as_dict()))) == result


def test_json_names_the_variant_and_counts_what_owners_did():
    said = json.loads(json.dumps(replace(CHECKED, good_changed=2).as_dict()))
    assert (said["variant"], said["good_changed"]) == ("breach", 2)
    assert "guarded" not in said


def test_what_right_passwords_opened_is_told_by_whether_the_account_has_a_factor():
    without = replace(HELD, variant=Variant.WITHOUT, opened=300)
    factor = replace(HELD, name="factor-pairs", valid=40, enrolled_valid=40)
    assert report.right_passwords([without, HELD, CHECKED, factor]) == [
        ("right passwords opened, of accounts", "without", "with", "with breach check"),
        ("without a factor", "300 of 300", "0 of 300", "0 of 300"),
        ("with a factor", "-", "0 of 40", "-"),
    ]
    assert report.right_passwords([Result("quiet", Variant.WITH)]) == []


def test_json_holds_what_a_program_needs():
    said = report.as_json(Population(3_500, 7), [HELD], ["x"])
    assert said["schema"] == 2
    assert (said["accounts"], said["seed"], said["share"], said["broken"]) == (
        3_500,
        7,
        0.01,
        ["x"],
    )
    assert said["results"][0]["opened_share"] == 0


def test_each_row_of_the_table_is_as_wide_as_its_head():
    rows = report.rows([HELD, Result("quiet", Variant.WITHOUT)])
    assert {len(row) for row in rows} == {len(report.HEADS)}


def test_the_plot_is_described_in_words_and_its_bars_in_numbers():
    without = replace(HELD, variant=Variant.WITHOUT, opened=300, hashes=1000)
    checked = replace(CHECKED, hashes=501)
    drawn = plot.svg([checked, without, HELD], about="A <small> drill")
    picture = ET.fromstring(drawn)  # noqa: S314 - what we drew ourselves
    assert picture.get("role") == "img"
    names = [picture.find(f"{SVG}{tag}").get("id") for tag in ("title", "desc")]
    assert picture.get("aria-labelledby").split() == names
    said = picture.find(f"{SVG}desc").text
    assert "A <small> drill" in said
    told = "1,000 addresses: without it 100.0%, with the app 0.0%, with breach check 0.0%."
    assert told in said
    shown = [text.text for text in picture.iter(f"{SVG}text")]
    assert {"100.0%", "0.0%", "1,000", "500", "501", "with breach check"} <= set(shown)
    bars = [one.get("class") for one in picture.iter(f"{SVG}rect") if one.get("x") == "210"]
    assert bars == ["without", "with", "breach"] * 2
    assert "prefers-color-scheme: dark" in picture.find(f"{SVG}style").text
