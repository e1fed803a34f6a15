"""Limits hold across sessions and threads: nothing is judged that was not paid for first.

acceptance.md, row 2: at limit 5, 200 parallel wrong codes from 50 sessions, at most 5 judged.
`test_budgets.py` races for the counters themselves.
"""

from __future__ import annotations

from itertools import count

import pytest

from hardening import testing
from hardening.core.limits import CODE_RULES
from hardening.factors import totp
from hardening.flows import prove, record, stepup
from hardening.models import Factor, ParkedLogin
from hardening.models.parked import MAX_EVALUATED_FAILURES
from tests.actors import HERE, NOW, again, found, parked, signed_in
from tests.races.runner import ROUNDS, race_all
from tests.visitor import STEP

pytestmark = pytest.mark.django_db(transaction=True)

LIMIT = 5
SESSIONS = 50
TRIES = 200
ROOMY = {"THROTTLE": {"codes": ["1000/m"]}}  # leaves only the record's own count


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
    assert Factor.objects.get().failures_unknown == len(judged)


def test_in_each_round_as_many_are_judged_as_the_budget_holds_at_once(member, judged):
    burst = min(rule.burst for rule in CODE_RULES)
    next_code = wrong_codes(member)
    for turn in range(ROUNDS):
        sessions = [parked(member.user) for _ in range(4)]
        judged.clear()
        race_all(lambda one: guess(*one), [(one, next_code()) for one in sessions * 2])
        assert len(judged) == burst <= LIMIT, f"round {turn}"
        testing.no_throttle()
        Factor.objects.update(failures_unknown=0)


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


def test_one_record_judges_five_codes_however_many_tabs_ask(member, judged, settings):
    settings.HARDENING = ROOMY
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
        Factor.objects.update(failures_unknown=0)


def test_what_the_throttle_refused_does_not_wear_out_the_record(member, judged):
    session = parked(member.user)
    next_code = wrong_codes(member)
    race_all(lambda code: guess(session, code), [next_code() for _ in range(30)])
    assert ParkedLogin.objects.get().failures == len(judged) < MAX_EVALUATED_FAILURES


def test_stepping_up_and_signing_in_share_one_budget(member, judged):
    live = [signed_in(member.user, known_browser=False) for _ in range(10)]
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
