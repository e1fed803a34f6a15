"""The challenge at our login page, for people and programs, and at other doors, which have none."""

from __future__ import annotations

import json
import re

import pytest
from django.core import mail
from django.test import Client

from hardening.models import ParkedLogin, ThrottleCell
from tests.doors.conftest import HTML, JSON, PASSWORD, name_shown, person, sign_in
from tests.host.challenges import word
from tests.plain_django import statements
from tests.puzzles import solve, wrong

pytestmark = pytest.mark.django_db

LOGIN = "/security/login/"
MAILBOX = "/security/mailbox/"
NEIGHBOUR = "127.0.0.200"
EASY = "tests.host.challenges.Easy"
DOORS = ("/form-login/", "/admin/login/")


@pytest.fixture(autouse=True)
def _one_failure_fills_a_net(settings, clock):
    settings.HARDENING = {"CHALLENGE": EASY, "THROTTLE": {"net": ["1/h"]}}


@pytest.fixture
def crowded():
    """Somebody else's failure has filled the net that all clients here belong to."""
    wrong_password(Client(headers=HTML), "somebody", REMOTE_ADDR=NEIGHBOUR)


@pytest.fixture
def browser():
    return Client(headers=HTML)


@pytest.fixture
def program():
    return Client(headers=JSON)


def wrong_password(client, name, **more):
    given = {"username": name, "password": "wrong"}
    answer = client.post(LOGIN, given, **more)
    assert answer.status_code == 400
    return answer


def shown(client, **more):
    """Return the puzzle on the login page, `None` where it shows none."""
    offer = client.get(LOGIN, **more).context["offer"]
    return offer and offer.data


def by_json(client, user, **fields):
    given = {"username": user.username, "password": PASSWORD, **fields}
    return client.post(LOGIN, json.dumps(given), "application/json")


def is_in(client, user):
    return name_shown(client) == user.username


# ---------------------------------------------------------------- people


def test_nothing_of_it_is_on_the_page_on_a_quiet_day(browser):
    page = browser.get(LOGIN)
    assert page.context["offer"] is None
    assert "puzzle" not in page.content.decode()


def test_the_page_brings_the_puzzle_where_the_net_is_over_its_limit(browser, crowded):
    page = browser.get(LOGIN).content.decode()
    assert 'data-hardening-puzzle="6"' in page
    assert 'name="solution" value=""' in page
    assert 'hardening/puzzle.js"' in page
    assert shown(browser, REMOTE_ADDR="198.51.100.7") is None


def test_who_brings_the_solution_is_in_at_once(browser, fan, crowded):
    answer = sign_in(browser, fan, LOGIN, **solve(shown(browser)))
    assert (answer.status_code, answer.headers["Location"]) == (302, "/reads-user/")
    assert is_in(browser, fan)
    assert not ParkedLogin.objects.exists()
    assert not mail.outbox


@pytest.mark.parametrize(
    "bring", [lambda given: {}, wrong, lambda given: {"puzzle": "", "solution": ""}]
)
def test_who_brings_none_is_asked_for_the_mailbox_and_never_refused(bring, browser, fan, crowded):
    answer = sign_in(browser, fan, LOGIN, **bring(shown(browser)))
    assert answer.headers["Location"] == MAILBOX
    assert ParkedLogin.objects.get().reason == "flagged_address"


def test_a_solution_of_another_address_is_none(browser, fan, crowded):
    answer = sign_in(browser, fan, LOGIN, **solve(shown(browser, REMOTE_ADDR=NEIGHBOUR)))
    assert answer.headers["Location"] == MAILBOX


def test_a_wrong_password_uses_the_solution_up_and_the_page_brings_another(browser, fan, crowded):
    used = solve(shown(browser))
    given = {"username": fan.username, "password": "wrong", **used}
    page = browser.post(LOGIN, given)
    fresh = page.context["offer"].data
    assert fresh["puzzle"] != used["puzzle"]
    assert sign_in(Client(headers=HTML), fan, LOGIN, **used).headers["Location"] == MAILBOX
    other = person("other")
    sign_in(browser, other, LOGIN, **solve(fresh))
    assert is_in(browser, other)


def test_a_password_that_was_right_without_one_needs_the_mailbox_with_one(browser, fan, crowded):
    sign_in(browser, fan, LOGIN)
    second = Client(headers=HTML)
    assert sign_in(second, fan, LOGIN, **solve(shown(second))).headers["Location"] == MAILBOX


def test_an_empty_form_still_brings_the_puzzle(browser, crowded):
    page = browser.post(LOGIN, {"username": "", "password": ""})
    assert page.status_code == 400
    assert page.context["offer"].data["bits"] == 6


def test_a_solution_is_not_looked_at_where_none_is_due(browser, fan, settings):
    settings.HARDENING = {"CHALLENGE": "tests.host.challenges.word"}
    word.told.clear()
    sign_in(browser, fan, LOGIN, word="tuna")
    assert is_in(browser, fan)
    assert word.told == []


def test_a_factor_is_asked_for_with_and_without(browser, armed, crowded):
    for bring in ({}, solve(shown(browser))):
        answer = sign_in(Client(headers=HTML), armed, LOGIN, **bring)
        assert answer.headers["Location"] == "/security/verify/"


def test_a_known_browser_passes_without(browser, fan, crowded):
    sign_in(browser, fan, LOGIN)
    browser.post(MAILBOX, {"action": "send"})
    code = re.search(r"\b\d{8}\b", mail.outbox[-1].body).group()
    browser.post(MAILBOX, {"code": code})
    assert is_in(browser, fan)
    del browser.cookies["sessionid"]
    sign_in(browser, fan, LOGIN)
    assert is_in(browser, fan)


# ---------------------------------------------------------------- programs


def test_a_program_is_handed_the_puzzle_and_brings_the_solution(program, fan, crowded):
    handed = program.get(LOGIN).json()
    assert handed["code"] == "ok"
    assert set(handed["challenge"]) == {"puzzle", "bits", "seconds"}
    answer = by_json(program, fan, **solve(handed["challenge"]))
    assert answer.json() == {"code": "ok", "next": "/reads-user/"}


def test_a_program_that_brings_none_is_told_what_is_missing(program, fan, crowded):
    answer = by_json(program, fan)
    assert (answer.status_code, answer.json()["code"]) == (401, "mailbox_required")


def test_a_program_is_handed_another_with_a_wrong_password(program, crowded):
    answer = by_json(program, person("fan"), password="wrong")
    assert answer.json()["code"] == "invalid"
    assert answer.json()["challenge"]["bits"] == 6


@pytest.mark.parametrize("junk", [[], {}, [[]], 1, None, "x" * 10_000, {"a": 1}, "\x00"])
def test_junk_is_no_solution_and_no_fault(junk, program, fan, crowded, caplog):
    answer = by_json(program, fan, puzzle=junk, solution=junk)
    assert answer.json()["code"] in {"mailbox_required", "invalid"}
    assert not [record for record in caplog.records if record.exc_info]


def test_nothing_is_handed_out_on_a_quiet_day(program):
    assert program.get(LOGIN).json() == {"code": "ok"}


# ---------------------------------------------------------------- other doors, other challenges


@pytest.mark.parametrize("door", DOORS)
def test_other_login_pages_lead_to_the_mailbox(door, browser, crowded):
    boss = person("boss", is_staff=door == "/admin/login/")
    solved = solve(shown(browser))
    assert sign_in(browser, boss, door, **solved).headers["Location"] == MAILBOX


def test_a_challenge_of_the_sites_own_is_shown_and_told_everything_but_the_password(
    browser, fan, crowded, settings
):
    settings.HARDENING = {**settings.HARDENING, "CHALLENGE": "tests.host.challenges.word"}
    word.told.clear()
    page = browser.get(LOGIN).content.decode()
    assert "the word of 127.0.0.1" in page
    sign_in(browser, fan, LOGIN, word="swordfish", next="/public/")
    assert is_in(browser, fan)
    assert word.told == [{"word": "swordfish"}]


@pytest.mark.parametrize("path", [None, "tests.host.challenges.Broken", "no.such.thing"])
def test_without_a_challenge_the_mailbox_is_the_only_way(path, browser, fan, crowded, settings):
    settings.HARDENING = {**settings.HARDENING, "CHALLENGE": path}
    assert shown(browser) is None
    assert sign_in(browser, fan, LOGIN).headers["Location"] == MAILBOX


# ---------------------------------------------------------------- what it costs


def test_the_login_page_costs_one_statement_and_none_without_a_challenge(browser, settings):
    assert len(statements(browser, LOGIN)) == 1
    settings.HARDENING = {**settings.HARDENING, "CHALLENGE": None}
    assert statements(browser, LOGIN) == []


def test_a_right_password_on_a_quiet_day_leaves_no_row_of_a_net(browser, fan):
    sign_in(browser, fan, LOGIN)
    assert is_in(browser, fan)
    assert ThrottleCell.objects.count() == 2  # the address, the account
