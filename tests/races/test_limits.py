"""Limits hold across sessions and threads: nothing is judged that was not paid for first.

acceptance.md, row 2: at limit 5, 200 parallel wrong codes from 50 sessions, at most 5 judged.
"""

from __future__ import annotations

from itertools import count

import pytest

from hardening import testing
from hardening.core.throttle import CODE_RULES, MAIL_RULES, SECOND_US, Rule
from hardening.factors import totp
from hardening.flows import prove, record, stepup
from hardening.models import Factor, ParkedLogin, ThrottleCell
from hardening.models.parked import MAX_EVALUATED_FAILURES
from hardening.throttle.database import cell_key, reserve
from tests.actors import HERE, NOW, again, found, parked, signed_in
from tests.races.runner import ROUNDS, race_all
from tests.visitor import STEP

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 5
SESSIONS = 50
TRIES = 200
NOW_US = NOW * SECOND_US
ROOMY = (Rule("roomy", 1000, 60 * SECOND_US),)  # leaves only the record's own count


@pytest.fixture
def judged(monkeypatch):
    """Return a list that grows with each code that is compared with a secret."""
    calls = []
    verify = totp.verify

    def spy(row, code, *, now):
        calls.append(code)
        return verify(row, code, now=now)

    monkeypatch.setattr(totp, "verify", spy)
    return calls


@pytest.fixture
def member(clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    return visitor


def wrong_codes(member):
    """Return a function: a code that is wrong now, another one each time."""
    right = {member.code(NOW + shift) for shift in (-STEP, 0, STEP)}
    made = (f"{number:06}" for number in count() if f"{number:06}" not in right)
    return lambda: next(made)


def guess(session, code):
    """Try a code as a request of its own does."""
    waiting = record.waiting(again(session), now=NOW)
    if waiting is None:
        return None
    return prove.second_factor(waiting, None, code, now=NOW, where=HERE)


def test_two_hundred_wrong_codes_from_fifty_sessions_are_judged_five_times_at_most(member, judged):
    sessions = [parked(member.user) for _ in range(SESSIONS)]
    next_code = wrong_codes(member)
    tries = [(sessions[turn % SESSIONS], next_code()) for turn in range(TRIES)]
    for start in range(0, TRIES, SESSIONS):  # fifty connections at a time
        batch = tries[start : start + SESSIONS]
        results = race_all(lambda one: guess(*one), batch)
        assert not any(result.accepted for result in results if result)
    assert 1 <= len(judged) <= LIMIT
    assert Factor.objects.get().failures_known == len(judged)


def test_in_each_round_as_many_are_judged_as_the_budget_holds_at_once(member, judged):
    burst = min(rule.burst for rule in CODE_RULES)
    next_code = wrong_codes(member)
    for turn in range(ROUNDS):
        sessions = [parked(member.user) for _ in range(4)]
        judged.clear()
        race_all(lambda one: guess(*one), [(one, next_code()) for one in sessions * 2])
        assert len(judged) == burst <= LIMIT, f"round {turn}"
        testing.no_throttle()
        Factor.objects.update(failures_known=0)


def test_pages_judge_no_more_than_the_flow_does(member, judged):
    browsers = [member.again() for _ in range(20)]
    for browser in browsers:
        browser.sign_in()
    next_code = wrong_codes(member)
    tries = [(browser, next_code()) for browser in browsers]
    answers = race_all(lambda one: one[0].verify(one[1]).status_code, tries)
    assert 1 <= len(judged) <= LIMIT
    assert set(answers) == {400, 429}
    assert answers.count(400) == len(judged)


def test_one_record_judges_five_codes_however_many_tabs_ask(member, judged, monkeypatch):
    monkeypatch.setattr(prove, "CODE_RULES", ROOMY)
    next_code = wrong_codes(member)
    for turn in range(ROUNDS):
        session = parked(member.user)
        judged.clear()
        race_all(
            lambda code, session=session: guess(session, code),
            [next_code() for _ in range(MAX_EVALUATED_FAILURES + 2)],
        )
        assert len(judged) == MAX_EVALUATED_FAILURES, f"round {turn}"
        assert ParkedLogin.objects.latest("pk").failures == MAX_EVALUATED_FAILURES
        assert found(session) is None
        testing.no_throttle()
        Factor.objects.update(failures_known=0)


def test_what_the_throttle_refused_does_not_wear_out_the_record(member, judged):
    session = parked(member.user)
    next_code = wrong_codes(member)
    race_all(lambda code: guess(session, code), [next_code() for _ in range(30)])
    assert ParkedLogin.objects.get().failures == len(judged) < MAX_EVALUATED_FAILURES


def test_stepping_up_and_signing_in_share_one_budget(member, judged):
    live = [signed_in(member.user) for _ in range(10)]
    sign_ins = [parked(member.user) for _ in range(10)]
    next_code = wrong_codes(member)

    def attempt(one):
        session, code, stepping_up = one
        if stepping_up:
            return stepup.prove(again(session), member.user, None, code, now=NOW, where=HERE)
        return guess(session, code)

    tries = [(session, next_code(), True) for session in live]
    tries += [(session, next_code(), False) for session in sign_ins]
    race_all(attempt, tries)
    assert 1 <= len(judged) <= LIMIT


# --- the store -------------------------------------------------------------------------------


@pytest.mark.parametrize("racers, rounds", [(64, 5), (16, ROUNDS)])
@pytest.mark.parametrize("rules", [CODE_RULES, MAIL_RULES], ids=["codes", "mails"])
def test_however_many_at_once_get_no_more_than_the_burst(rules, racers, rounds):
    burst = min(rule.burst for rule in rules)
    for turn in range(rounds):
        reservations = race_all(
            lambda _racer, turn=turn: reserve(f"key-{turn}", rules, now_us=NOW_US), range(racers)
        )
        assert sum(one.admitted for one in reservations) == burst
        assert all(one.retry_after > 0 for one in reservations if not one.admitted)


def test_a_refusal_by_one_rule_takes_no_token_of_another():
    rules = (Rule("wide", 40, 60 * SECOND_US), Rule("narrow", 4, 60 * SECOND_US))
    for turn in range(ROUNDS):
        key = f"key-{turn}"
        tries = race_all(lambda _racer, key=key: reserve(key, rules, now_us=NOW_US), range(12))
        admitted = sum(one.admitted for one in tries)
        wide = ThrottleCell.objects.get(key=cell_key(key, rules[0]))
        assert admitted == 2
        assert wide.tat_us == NOW_US + admitted * rules[0].emission_us


def test_refunds_give_back_exactly_what_was_taken():
    def take_and_give(_racer):
        reservation = reserve("key", CODE_RULES, now_us=NOW_US)
        if reservation.admitted:
            reservation.refund()
        return reservation.admitted

    for _ in range(ROUNDS):
        assert any(race_all(take_and_give, range(8)))
    levels = set(ThrottleCell.objects.values_list("tat_us", flat=True))
    assert levels == {NOW_US}
    burst = min(rule.burst for rule in CODE_RULES)
    again_at_rest = race_all(lambda _racer: reserve("key", CODE_RULES, now_us=NOW_US), range(16))
    assert sum(one.admitted for one in again_at_rest) == burst


def test_over_an_hour_of_pressing_the_limits_of_every_window_hold():
    admitted_at = []
    for minute in range(60):
        now_us = NOW_US + minute * 60 * SECOND_US
        racers = race_all(lambda _racer, at=now_us: reserve("key", CODE_RULES, now_us=at), range(8))
        admitted_at += [now_us] * sum(one.admitted for one in racers)
    for rule in CODE_RULES:
        for start in admitted_at:
            window = [at for at in admitted_at if start <= at < start + rule.period_us]
            assert len(window) <= rule.limit, rule.name
