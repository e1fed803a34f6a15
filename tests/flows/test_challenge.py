"""Nets over their limit: what fills them, that they refuse nobody, what a challenge is worth."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext

from hardening import devices, facts, host
from hardening.core.throttle import SECOND_US
from hardening.core.values import Reason, Verdict
from hardening.flows import attempts, challenge, login
from hardening.flows.judging import Came
from hardening.flows.login import Arrival
from hardening.models import ParkedLogin, SiteState, ThrottleCell
from hardening.throttle import database
from tests.actors import HERE, NOW, new_session, reread
from tests.puzzles import solve

pytestmark = pytest.mark.django_db

NOW_US = NOW * SECOND_US
PLACE, NEIGHBOUR, STRANGER = "192.0.2.7", "192.0.2.200", "198.51.100.7"
HOUR = 3600
EASY = "tests.host.challenges.Easy"
ONE_FAILURE = {"CHALLENGE": EASY, "THROTTLE": {"net": ["1/h"]}}


@pytest.fixture
def _one_failure(settings):
    """One failure fills a net, for two hours."""
    settings.HARDENING = ONE_FAILURE


def start(name, *, address=PLACE, after=0, cookie=None):
    return attempts.start(name, address=address, cookie=cookie, now_us=NOW_US + after * SECOND_US)


def fail(name="junk", **how):
    trial = start(name, **how)
    assert trial.admitted
    attempts.fail(trial)


def is_over(address=PLACE, **how):
    """Return what a try is told of its net; the try is given back."""
    trial = start("fan", address=address, **how)
    attempts.abandon(trial)
    assert trial.admitted
    return trial.net_over


def offered(address=PLACE, due=None, now=NOW):
    return challenge.offer(address, due=due, now=now)


# ---------------------------------------------------------------- what fills a net


def test_failures_of_many_addresses_fill_their_net_and_nobody_elses():
    for number in range(25):  # the burst of "50/5m"
        assert not is_over(f"192.0.2.{number}")
        fail(f"junk-{number}", address=f"192.0.2.{number}")
    assert is_over(NEIGHBOUR)
    assert not is_over("192.0.3.7")
    assert not is_over(NEIGHBOUR, after=12)  # one is back


def test_a_net_of_ipv6_is_a_48():
    for number in range(25):
        fail(f"junk-{number}", address=f"2001:db8:1:{number:x}::1")
    assert is_over("2001:db8:1:ffff::1")
    assert not is_over("2001:db8:2::1")


@pytest.mark.usefixtures("_one_failure")
def test_it_refuses_nobody_however_many_fail():
    for number in range(60):
        trial = start(f"junk-{number}", address=f"192.0.2.{number}")
        assert trial.admitted
        attempts.fail(trial)
    assert start("fan", address=NEIGHBOUR).admitted


@pytest.mark.usefixtures("_one_failure")
def test_it_owes_no_more_than_its_limit_however_many_fail():
    for number in range(60):
        fail(f"junk-{number}", address=f"192.0.2.{number}")
    assert is_over(after=2 * HOUR - 1)
    assert not is_over(after=2 * HOUR)


@pytest.mark.usefixtures("_one_failure")
def test_tries_that_were_judged_at_once_are_not_charged_beyond_the_limit():
    trials = [start(f"junk-{number}", address=f"192.0.2.{number}") for number in range(20)]
    for trial in trials:
        attempts.fail(trial)
    assert not is_over(after=2 * HOUR)


@pytest.mark.usefixtures("_one_failure")
def test_right_passwords_charge_nothing_and_clear_nothing(fan):
    for end in (attempts.succeed, attempts.abandon):
        end(start("fan"))
        assert not is_over()
    fail()
    attempts.succeed(start("fan"))
    assert is_over()


@pytest.mark.usefixtures("_one_failure")
def test_a_known_device_has_nothing_to_do_with_its_net(fan):
    who = facts.fresh(fan).who()
    bound = {
        "password": fan.password,
        "account_epoch": who.account_epoch,
        "site_epoch": who.site_epoch,
    }
    nonce = bytes(devices.NONCE_BYTES)
    cookie = devices.issue(None, fan.pk, **bound, proven=True, random=nonce, now=NOW)
    known = start("fan", cookie=cookie)
    assert known.known
    attempts.fail(known)
    assert not is_over()
    fail()
    assert not is_over(cookie=cookie)


@pytest.mark.usefixtures("_one_failure")
def test_nobodys_net_is_looked_at_where_no_address_is_known():
    for number in range(3):
        fail(f"junk-{number}", address=None)
        assert not is_over(None)
    assert offered(None) is None


def test_a_net_is_read_with_its_address_and_charged_by_one_statement_a_failure():
    fail()
    with CaptureQueriesContext(connection) as asked:
        trial = start("junk")
    reads = [query["sql"] for query in asked if "throttlecell" in query["sql"]]
    assert [sql.split()[0] for sql in reads] == ["SELECT", "UPDATE", "UPDATE"]
    with CaptureQueriesContext(connection) as asked:
        attempts.fail(trial)
    writes = [query["sql"] for query in asked if query["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(writes) == 2  # which account failed there; the net


@pytest.mark.usefixtures("_one_failure")
def test_a_net_that_is_over_costs_a_failure_no_statement():
    fail()
    trial = start("junk")
    with CaptureQueriesContext(connection) as asked:
        attempts.fail(trial)
    assert len([query for query in asked if query["sql"].startswith("UPDATE")]) == 1


def test_with_rates_in_redis_the_net_lies_in_the_database(on_redis, settings):
    settings.HARDENING = {**settings.HARDENING, **ONE_FAILURE}
    fail()
    assert is_over(NEIGHBOUR)
    assert not is_over(STRANGER)


# ---------------------------------------------------------------- what is offered


@pytest.mark.usefixtures("_one_failure")
def test_a_challenge_is_offered_where_the_net_is_over_and_nowhere_else():
    assert offered() is None
    fail()
    for address in (PLACE, NEIGHBOUR):
        assert offered(address).data["bits"] == 6
    assert offered(STRANGER) is None
    assert offered(now=NOW + 2 * HOUR) is None


def test_who_knows_whether_it_is_due_is_not_made_to_look(django_assert_num_queries, settings):
    settings.HARDENING = ONE_FAILURE
    with django_assert_num_queries(0):
        assert offered(due=False) is None
        assert offered(due=True).template_name == "hardening/parts/puzzle.html"
    with django_assert_num_queries(1):
        assert offered() is None


def test_a_site_that_wants_none_offers_none_and_asks_nothing(settings, django_assert_num_queries):
    settings.HARDENING = {**ONE_FAILURE, "CHALLENGE": None}
    fail()
    with django_assert_num_queries(0):
        assert offered() is None
        assert offered(due=True) is None
    assert not challenge.is_met({"word": "swordfish"}, PLACE, now=NOW)
    assert is_over()  # and the mailbox is asked for


@pytest.mark.parametrize(
    "path", ["tests.host.challenges.Broken", "tests.host.challenges.Missing", "no.such.module"]
)
def test_a_broken_challenge_is_not_offered_and_not_met_and_is_no_error(path, settings, caplog):
    settings.HARDENING = {"CHALLENGE": path}
    assert offered(due=True) is None
    assert not challenge.is_met({}, PLACE, now=NOW)
    assert len(caplog.records) == 2
    assert {record.levelname for record in caplog.records} == {"ERROR"}


def test_only_a_plain_yes_meets_a_challenge(settings):
    settings.HARDENING = {"CHALLENGE": "tests.host.challenges.Vague"}
    assert not challenge.is_met({}, PLACE, now=NOW)


def test_a_site_may_ask_something_of_its_own(settings):
    settings.HARDENING = {"CHALLENGE": "tests.host.challenges.Word"}
    assert offered(due=True).data == {"hint": f"the word of {PLACE}"}
    assert not challenge.is_met({"word": "tuna"}, PLACE, now=NOW)
    assert challenge.is_met({"word": "swordfish"}, PLACE, now=NOW)


def test_without_counters_nothing_is_offered_and_nothing_fails(monkeypatch, caplog):
    def down(*_args, **_kwargs):
        raise DatabaseError

    monkeypatch.setattr(database, "is_over", down)
    assert offered() is None
    assert "could not be read" in caplog.text


# ---------------------------------------------------------------- what it is worth


def begin(user, came, *, now=NOW):
    said = {"backend": host.OUR_BACKEND, "next_url": "", "now": now, "where": HERE}
    return login.begin(new_session(), reread(user), **said, came=came)


def test_who_met_it_signs_in_as_from_anywhere(fan):
    assert begin(fan, Came(solved=True)) == begin(fan, Came())
    assert begin(fan, Came(solved=True))[0] is Arrival.COMPLETED


def test_who_did_not_is_asked_for_the_mailbox(fan):
    arrival, decision = begin(fan, Came(flagged=True))
    assert (arrival, decision.verdict, decision.reason) == (
        Arrival.PARKED,
        Verdict.MAILBOX,
        Reason.FLAGGED_ADDRESS,
    )


def test_a_password_that_was_right_without_is_not_opened_with_it_for_a_day(fan, person):
    begin(fan, Came(flagged=True))
    ParkedLogin.objects.update(finished_at=NOW)  # cancelled by whoever guessed it
    day = 24 * HOUR
    assert begin(fan, Came(solved=True), now=NOW + day - 1)[0] is Arrival.PARKED
    ParkedLogin.objects.exclude(started_at=NOW).delete()
    assert begin(fan, Came(solved=True), now=NOW + day)[0] is Arrival.COMPLETED
    other = person("other").user
    assert begin(other, Came(solved=True))[0] is Arrival.COMPLETED


def test_it_does_not_stand_for_the_mailbox_in_attack_mode(fan):
    SiteState.objects.begin_attack(until=NOW + HOUR, now=NOW)
    arrival, decision = begin(fan, Came(solved=True))
    assert (arrival, decision.reason) == (Arrival.PARKED, Reason.ATTACK_MODE)


def test_it_never_stands_for_a_second_factor(member):
    assert begin(member, Came(solved=True))[1].verdict is Verdict.CHALLENGE


def test_a_solved_puzzle_is_a_row_that_names_nobody(settings):
    settings.HARDENING = ONE_FAILURE
    assert challenge.is_met(solve(offered(due=True).data), PLACE, now=NOW)
    row = ThrottleCell.objects.get()
    assert (row.target_pk, row.total, row.next_us) == ("", 0, 0)
