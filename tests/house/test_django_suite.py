"""The list of Django's tests that differ, and the matrix, are documented as they are."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest

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


# --- what the scripts make of what happened --------------------------------------------------


def loaded(script, monkeypatch):
    """Return a script of ours as a module."""
    monkeypatch.syspath_prepend(str(ROOT / ".ci"))
    loader = SourceFileLoader(script.replace("-", "_"), str(ROOT / ".ci" / script))
    module = module_from_spec(spec_from_loader(loader.name, loader))
    monkeypatch.setitem(sys.modules, loader.name, module)  # dataclasses look themselves up
    loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "failed,anyway,broken,status,last",
    [
        ({"a", "b"}, set(), 0, 0, "7 passed, 2 differ as listed, 1 skipped by Django, 0 failed"),
        ({"a"}, set(), 0, 1, "8 passed, 1 differ as listed, 1 skipped by Django, 1 failed"),
        (
            {"a", "b", "c"},
            set(),
            0,
            1,
            "6 passed, 2 differ as listed, 1 skipped by Django, 1 failed",
        ),
        (
            {"a", "b", "c"},
            {"c"},
            0,
            0,
            "6 passed, 2 differ as listed, 1 skipped by Django, 0 failed",
        ),
        ({"a", "b"}, set(), 1, 1, "7 passed, 2 differ as listed, 1 skipped by Django, 1 failed"),
    ],
    ids=["as listed", "listed and passed", "not listed", "the machine's affair", "did not run"],
)
def test_djangos_tests_pass_if_they_differ_exactly_as_listed(
    failed, anyway, broken, status, last, monkeypatch, capsys
):
    script = loaded("django-suite", monkeypatch)
    result = script.Result(frozenset(failed), ran=10, skipped=1, log="", broken=broken)
    assert script.say(result, anyway, dict.fromkeys(("a", "b"))) == status
    assert capsys.readouterr().out.splitlines()[-1] == last


@pytest.mark.parametrize(
    "output,failed,status,last",
    [
        ("3 passed in 1 s", False, 0, "1 steps; 3 passed, 0 failed"),
        ("1 failed, 2 passed, 1 error in 1 s", True, 1, "1 steps; 2 passed, 2 failed"),
        ("ImportError", True, 1, "1 steps; 0 passed, 1 failed"),
    ],
)
def test_a_step_of_the_matrix_that_fails_fails_it(
    output, failed, status, last, monkeypatch, capsys
):
    script = loaded("matrix", monkeypatch)
    outcome = script.Outcome(script.Step("a step", ()), failed, 1.0, output)
    assert script.say([outcome], ["Python 3.99: no such Python here"]) == status
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == f"make matrix: {last}"
    assert "make matrix: NOT RUN, Python 3.99: no such Python here" in said


def test_a_python_that_is_not_here_is_not_found(monkeypatch):
    assert loaded("matrix", monkeypatch).interpreter("3.99") is None


def test_a_kind_of_site_may_name_djangos_that_it_cannot_stand_on(monkeypatch, tmp_path):
    module = tmp_path / "__init__.py"
    module.write_text('"""A site."""\n\nNOT_ON = {"6.1": "its package stops at 6.0"}\n')
    script = loaded("matrix", monkeypatch)
    assert script.refusals(module) == {"6.1": "its package stops at 6.0"}
    module.write_text('"""A site."""\n')
    assert script.refusals(module) == {}
