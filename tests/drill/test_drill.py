"""A small drill, as an operator runs it: what must hold does, and the site is not touched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.auth.signals import user_logged_in, user_login_failed

from hardening.drill import stage

ROOT = Path(__file__).resolve().parents[2]
ATTACKS = (
    *("quiet", "one-address", "addresses-100000", "lockout", "forged-header", "name-variants"),
    *("parallel-64", "own-login", "store-outage"),
)


def drill(site: Path, *options: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "HARDENING_TESTS_DATABASE": str(site),
    }
    command = [sys.executable, "-m", "django", "hardening_drill", "--accounts", "200", *options]
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("drill")


@pytest.fixture(scope="module")
def done(files) -> subprocess.CompletedProcess:
    """Every kind of attack, with the app."""
    only = [word for name in ATTACKS for word in ("--only", name)]
    options = ["--app", "with", "--format", "json", "--output", str(files / "lines")]
    return drill(files / "site.sqlite3", *only, *options)


@pytest.fixture(scope="module")
def results(done) -> dict[str, dict]:
    assert done.returncode == 0, done.stderr
    return {result["name"]: result for result in json.loads(done.stdout)["results"]}


def test_everything_that_must_hold_holds(done, results):
    assert json.loads(done.stdout)["broken"] == []
    assert set(results) == set(ATTACKS)


def test_nothing_is_written_to_the_database_of_the_site(done, files):
    assert not (files / "site.sqlite3").exists()


def test_attackers_and_good_users_came_and_good_users_got_in(results):
    assert all(result["tries"] for name, result in results.items() if name != "quiet")
    assert all(result["good"] for result in results.values())
    assert results["quiet"]["good_refused"] == results["quiet"]["good_challenged"] == 0


def test_one_address_is_refused_whatever_it_claims_to_be_or_signs_in_to(results):
    judged = {
        name: results[name]["hashes"] for name in ("one-address", "forged-header", "own-login")
    }
    assert set(judged.values()) == {judged["one-address"]}
    assert judged["one-address"] < 10


def test_of_64_tries_at_the_same_time_as_many_are_judged_as_the_limit_says(results):
    assert results["parallel-64"]["hashes"] == 5 * (5 + 5)  # five volleys at accounts, at addresses


def test_owners_on_known_browsers_are_never_refused(results):
    assert results["lockout"]["known"] > 0
    assert [name for name, result in results.items() if result["known_refused"]] == []


def test_an_attack_from_everywhere_raises_the_alarm_and_opens_nothing_after_it(results):
    spread = results["addresses-100000"]
    assert spread["alarm_minutes"] < 1
    assert spread["late_valid"] > 0
    assert spread["late_opened"] == 0


def test_a_drill_that_was_stopped_goes_on_where_it_was(done, results, files):
    again = drill(
        files / "site.sqlite3",
        *("--only", "one-address", "--app", "with", "--output", str(files / "lines")),
        *("--format", "json"),
    )
    assert json.loads(again.stdout)["results"] == [results["one-address"]]


BREAK = """
import django
django.setup()
from hardening.drill import promises
from hardening.drill.attackers import BY_NAME
from hardening.drill.stage import staged
from hardening.flows import attack, charges

def broken(name, module, function, instead):
    right = getattr(module, function)
    setattr(module, function, instead)
    with staged(200, 1, database=None, tick=lambda count: None) as stage:
        result = stage.play(BY_NAME[name], guarded=True, place=0, tick=lambda count: None)
    setattr(module, function, right)
    print(*promises.broken([result]))

broken("one-address", charges, "place_of", lambda *_: None)
broken("lockout", charges, "device_of", lambda *_: None)
broken("addresses-100000", attack, "note", lambda **_: None)
"""


def test_an_app_without_one_of_its_guards_does_not_hold(files):
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment["HARDENING_TESTS_DATABASE"] = str(files / "site.sqlite3")
    done = subprocess.run(
        [sys.executable, "-c", BREAK],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    address, device, alarm = done.stdout.splitlines()
    assert re.fullmatch(r"one-address: \d+ tries were judged beyond the limits", address)
    assert re.fullmatch(r"lockout: \d+ owners were refused on known browsers", device)
    assert alarm == "addresses-100000: 100.0% of the right passwords opened an account"


def test_without_the_app_every_right_password_opens_an_account(files):
    plain = drill(
        files / "site.sqlite3",
        *("--only", "addresses-1000", "--app", "without", "--plot", str(files / "plot.svg")),
    )
    assert plain.returncode == 0, plain.stderr
    assert "6 of 6  100.0%" in plain.stdout
    assert (files / "plot.svg").read_text().startswith("<svg")


def test_it_refuses_where_no_throwaway_database_can_be_made(files):
    refused = drill(files / "site.sqlite3", "--database", "default")
    assert refused.returncode == 1
    assert "nothing was touched" in refused.stderr
    assert not (files / "site.sqlite3").exists()


def test_the_site_without_the_app_gets_its_receivers_back():
    before = [list(signal.receivers) for signal in (user_logged_in, user_login_failed)]
    with stage.no_receivers_of_ours():
        left = [len(signal.receivers) for signal in (user_logged_in, user_login_failed)]
    assert [list(signal.receivers) for signal in (user_logged_in, user_login_failed)] == before
    assert left[0] < len(before[0])
