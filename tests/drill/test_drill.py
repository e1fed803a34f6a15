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
    *("parallel-64", "own-login", "store-outage", "factor-pairs"),
)
STUFFED = ("one-address", "addresses-100000", "ipv6-48", "own-login", "store-outage")


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


@pytest.fixture(scope="module")
def checked(files) -> dict[str, dict]:
    """Everybody who has stolen pairs, with the breach check; and the quiet days."""
    names = ("quiet", "factor-pairs", *STUFFED)
    only = [word for name in names for word in ("--only", name)]
    done = drill(files / "site.sqlite3", *only, *("--app", "breach", "--format", "json"))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["broken"] == []
    return {result["name"]: result for result in json.loads(done.stdout)["results"]}


def test_with_the_breach_check_no_right_password_opens_an_account(checked):
    assert {result["variant"] for result in checked.values()} == {"breach"}
    assert all(checked[name]["valid"] for name in STUFFED)
    assert all(checked[name]["enrolled_valid"] == 0 for name in STUFFED)
    assert [name for name, result in checked.items() if result["opened"]] == []


def test_right_passwords_are_stopped_by_the_check_and_not_by_the_limits(checked):
    spread = checked["addresses-100000"]
    assert spread["parked"] == spread["valid"]


@pytest.mark.parametrize("variant", ["results", "checked"])
def test_a_factor_stands_in_the_way_of_every_right_password(variant, request):
    found = request.getfixturevalue(variant)["factor-pairs"]
    assert found["tries"] == found["valid"] == found["enrolled_valid"] == found["parked"] == 40
    assert found["alarm_minutes"] is None  # nothing but the factor did it


def test_owners_of_stolen_passwords_come_to_a_new_one_and_nobody_else_is_asked(checked):
    assert sum(result["good_changed"] for result in checked.values()) > 0
    assert checked["quiet"]["good_challenged"] == checked["quiet"]["good_changed"] == 0
    assert all(result["good_refused"] == 0 for result in checked.values())
    own = checked["own-login"]  # no alarm is raised there
    assert own["good_challenged"] == own["good_changed"]


def test_an_attack_without_stolen_pairs_has_nothing_to_check_for(files):
    refused = drill(files / "site.sqlite3", "--only", "lockout", "--app", "breach")
    assert refused.returncode == 1
    assert "no breach to check for" in refused.stderr


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
from hardening.core import decision
from hardening.drill import promises
from hardening.drill.attackers import BY_NAME
from hardening.drill.stage import staged
from hardening.drill.variants import Variant
from hardening.flows import attack, breached, charges

def broken(name, module, function, instead, variant=Variant.WITH):
    right = getattr(module, function)
    setattr(module, function, instead)
    with staged(200, 1, database=None, tick=lambda count: None) as stage:
        result = stage.play(BY_NAME[name], variant=variant, place=0, tick=lambda count: None)
    setattr(module, function, right)
    print(*promises.broken([result]))

broken("one-address", charges, "place_of", lambda *_: None)
broken("lockout", charges, "device_of", lambda *_: None)
broken("addresses-100000", attack, "note", lambda **_: None)
broken("addresses-100000", breached, "at_sign_in", lambda *_, **__: None, Variant.BREACH)
without_factors = tuple(row for row in decision._ROWS if row is not decision._factor)
broken("factor-pairs", decision, "_ROWS", without_factors)
"""


def python(script: str, site: Path) -> list[str]:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    environment["HARDENING_TESTS_DATABASE"] = str(site)
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_app_without_one_of_its_guards_does_not_hold(files):
    address, device, alarm, check, factor = python(BREAK, files / "site.sqlite3")
    assert re.fullmatch(r"one-address: \d+ tries were judged beyond the limits", address)
    assert re.fullmatch(r"lockout: \d+ owners were refused on known browsers", device)
    assert alarm == "addresses-100000: 100.0% of the right passwords opened an account"
    assert re.fullmatch(
        r"addresses-100000: \d of \d right passwords opened .+ of the breach check", check
    )
    assert factor.endswith("factor-pairs: 40 accounts were opened without their factor")


SOURCES = """
import socket
from django.conf import settings

reached = []
def connect(self, address):
    reached.append("network")
    raise OSError("nothing is reached from here")
socket.socket.connect = connect

settings.HARDENING = {
    "BREACHED_PASSWORDS": "enforce",
    "BREACH_SOURCES": ["tests.drill.loud.Loud", "api"],
    "BREACH_API_URL": "https://127.0.0.1:9",
}
settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "tests.drill.loud.Validator"}]
import django
django.setup()
from django.core.management import call_command
from hardening.breach.search import search
from hardening.core.pwned import Candidate
from tests.drill import loud

only = ["one-address", "own-login"]
call_command("hardening_drill", accounts=200, only=only, app="all", jobs=1, format="json")
print(*reached, *loud.asked, "are all in the drill")
search(Candidate("orbit-kelp-71"), wait=5)
print(*reached, *loud.asked)
"""


def test_no_source_of_the_site_is_asked_whatever_its_settings_say(files):
    *said, during, after = python(SOURCES, files / "site.sqlite3")
    results = json.loads("\n".join(said))["results"]
    assert sum(result["good_changed"] for result in results) > 0  # passwords were set, too
    assert during == "are all in the drill"
    assert after == "network a source"  # the same site asks them outside of it


def test_without_the_app_every_right_password_opens_an_account(files):
    plain = drill(
        files / "site.sqlite3",
        *("--only", "addresses-1000", "--app", "without", "--plot", str(files / "plot.svg")),
    )
    assert plain.returncode == 0, plain.stderr
    assert "6 of 6  100.0%" in plain.stdout
    assert "without a factor                     6 of 6" in plain.stdout
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
