"""The list of Django's tests that differ, and the matrix, are documented as they are."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

from tests.django_suite.differences import DIFFERENCES, expected

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "tested-on.md").read_text(encoding="utf-8")


def documented():
    """Return {heading: (reason, version, tests)} of the page's list."""
    _, _, listed = PAGE.partition("\n## Which tests differ\n")
    found = {}
    for part in listed.split("\n### ")[1:]:
        heading, _, text = part.partition("\n")
        reason, *rest = text.strip().split("\n\n")
        version = re.search(r"^Since Django (\d+)\.(\d+):$", "\n".join(rest), re.MULTILINE)
        since = tuple(int(number) for number in version.groups()) if version else (5, 2)
        tests = re.findall(r"^- `(.+)`$", text, re.MULTILINE)
        found[heading] = (" ".join(reason.split()), since, tests)
    return found


def constants(script):
    """Return the constants that a script of ours begins with."""
    tree = ast.parse((ROOT / ".ci" / script).read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            try:
                found[ast.unparse(node.targets[0])] = ast.literal_eval(node.value)
            except ValueError:
                continue  # computed
    return found


def test_every_difference_is_documented_with_its_reason_and_no_other():
    assert documented() == {one.what: (one.why, one.since, list(one.tests)) for one in DIFFERENCES}


def test_no_test_differs_for_two_reasons():
    tests = [test for one in DIFFERENCES for test in one.tests]
    assert len(tests) == len(set(tests))


def test_a_django_is_expected_to_differ_in_the_tests_that_it_has():
    newer = {test for one in DIFFERENCES if one.since > (5, 2) for test in one.tests}
    assert newer
    assert expected((6, 1)).keys() - expected((5, 2)).keys() == newer


def test_the_labels_documented_are_those_that_run():
    labels = {label for half in constants("django-suite")["HALVES"] for label in half}
    section = PAGE.partition("\n## Django's own tests\n")[2].partition("```")[0]
    assert set(re.findall(r"`(\w+_\w+)`", section)) - {"INSTALLED_APPS"} == labels


def test_the_matrix_documented_is_the_one_that_runs():
    matrix = constants("matrix")
    runs = {matrix["ALWAYS"], *matrix["WHERE_PRESENT"]}
    assert set(re.findall(r"^\| (3\.\d+) \| (\d\.\d) \|", PAGE, re.MULTILINE)) == runs


def test_what_the_matrix_runs_on_is_what_the_package_says_it_runs_on():
    matrix = constants("matrix")
    legs = {matrix["ALWAYS"], *matrix["WHERE_PRESENT"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = set(re.findall(r"(Python|Django) :: (\d+\.\d+)", "\n".join(project["classifiers"])))
    runs = {("Python", python) for python, _ in legs} | {("Django", django) for _, django in legs}
    assert claimed == runs
