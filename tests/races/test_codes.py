"""TOTP once and forwards only, however many ask at once (acceptance.md, row 1)."""

from __future__ import annotations

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from hardening import testing
from hardening.core import otp
from hardening.factors import totp
from hardening.factors.totp import Finding
from hardening.models import Factor
from hardening.moments import moment
from tests.actors import NOW, STEP
from tests.races.runner import ROUNDS, race, race_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def factor(clock, person):
    return testing.enrol(person("member", is_staff=True).user)


@pytest.fixture
def code_at(factor):
    secret = testing.secret_of(factor)
    return lambda now: otp.code_at(secret, now=now)


def loaded(factor):
    return Factor.objects.get(pk=factor.pk)


def forget_steps():
    Factor.objects.update(last_step=-1)


def test_the_same_code_from_two_connections_is_right_for_exactly_one(factor, code_at):
    for turn in range(ROUNDS):
        now = NOW + turn * STEP
        code = code_at(now)

        def judge(row, code=code, now=now):
            return totp.verify(row, code, now=now)

        findings = race_all(judge, [loaded(factor), loaded(factor)])
        assert sorted(found.value for found in findings) == ["replayed", "right"]


def test_one_step_is_claimed_by_one_of_sixteen(factor):
    for step in range(ROUNDS):

        def claim(_racer, step=step):
            return Factor.objects.claim_step(factor.pk, step, now=NOW)

        assert race_all(claim, range(16)).count(True) == 1


def test_an_older_step_never_wins_once_a_newer_one_is_spent(factor, code_at):
    older, newer = code_at(NOW - STEP), code_at(NOW)
    seen_before = [loaded(factor) for _ in range(8)]
    assert totp.verify(loaded(factor), newer, now=NOW) is Finding.RIGHT
    findings = race_all(lambda row: totp.verify(row, older, now=NOW), seen_before)
    assert set(findings) == {Finding.REPLAYED}
    assert loaded(factor).last_step == NOW // STEP


def test_two_steps_racing_leave_the_newer_one_spent(factor, code_at):
    older, newer = code_at(NOW - STEP), code_at(NOW)
    for _ in range(ROUNDS):
        forget_steps()
        rows = [loaded(factor), loaded(factor)]
        findings = race(
            lambda rows=rows: totp.verify(rows[0], older, now=NOW),
            lambda rows=rows: totp.verify(rows[1], newer, now=NOW),
        )
        assert findings[1] is Finding.RIGHT
        assert loaded(factor).last_step == NOW // STEP


def test_two_authenticators_of_one_user_do_not_block_each_other(factor, code_at):
    other = testing.enrol(factor.user)
    other_secret = testing.secret_of(other)
    for turn in range(ROUNDS):
        now = NOW + turn * STEP
        rows = loaded(factor), loaded(other)
        findings = race(
            lambda rows=rows, now=now: totp.verify(rows[0], code_at(now), now=now),
            lambda rows=rows, now=now: totp.verify(
                rows[1], otp.code_at(other_secret, now=now), now=now
            ),
        )
        assert findings == [Finding.RIGHT, Finding.RIGHT]


def test_the_page_lets_one_of_two_browsers_in_with_one_code(clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    for turn in range(ROUNDS):
        browsers = [visitor.again(), visitor.again()]
        for browser in browsers:
            browser.sign_in()
        code = visitor.code()
        race_all(lambda browser, code=code: browser.verify(code), browsers)
        inside = [browser.is_signed_in() for browser in browsers]
        assert inside.count(True) == 1, f"round {turn}"
        testing.no_throttle()
        clock.shift(STEP)


def test_one_code_typed_in_two_tabs_of_one_sign_in_makes_one_session(clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    for _ in range(ROUNDS):
        Session.objects.all().delete()
        first, second = visitor.again(), visitor.again()
        first.sign_in()
        second.client.cookies = first.client.cookies.copy()
        code = visitor.code()
        race_all(lambda tab, code=code: tab.verify(code), [first, second])
        live = [s for s in Session.objects.all() if SESSION_KEY in s.get_decoded()]
        assert len(live) == 1
        testing.no_throttle()
        clock.shift(STEP)


def test_a_hundred_wrong_codes_at_once_disable_the_authenticator_and_no_more(factor):
    Factor.objects.update(failures_known=95)
    counted = race_all(
        lambda _racer: Factor.objects.count_failure(factor.pk, known_browser=True), range(16)
    )
    assert loaded(factor).failures_known == 100
    assert any(counted)


def test_a_right_code_does_not_bring_a_disabled_authenticator_back(factor):
    Factor.objects.update(failures_known=100)
    Factor.objects.forgive(factor.pk, known_browser=True)
    assert loaded(factor).failures_known == 100


def test_a_removed_authenticator_proves_nothing_to_those_who_still_hold_its_row(factor, code_at):
    for turn in range(ROUNDS):
        now = NOW + turn * STEP
        row = loaded(factor)
        finding, retired = race(
            lambda row=row, now=now: totp.verify(row, code_at(now), now=now),
            lambda now=now: Factor.objects.retire(factor.pk, now=now),
        )
        assert retired
        assert finding in (Finding.RIGHT, Finding.REPLAYED)
        assert totp.verify(row, code_at(now + STEP), now=now) is not Finding.RIGHT
        Factor.objects.filter(pk=factor.pk).update(removed_at=None, secret=row.secret)
        assert loaded(factor).confirmed_at == moment(NOW)


def test_tabs_that_find_the_sign_in_complete_are_led_on_and_not_thrown_out(clock, person):
    visitor = person("member", is_staff=True)
    visitor.secret = testing.secret_of(testing.enrol(visitor.user))
    for _ in range(ROUNDS):
        tabs = [visitor.again() for _ in range(3)]
        tabs[0].sign_in()
        for tab in tabs[1:]:
            tab.client.cookies = tabs[0].client.cookies.copy()
        code = visitor.code()
        answers = race_all(lambda tab, code=code: tab.verify(code), tabs)
        inside = [tab.is_signed_in() for tab in tabs]
        assert inside.count(True) == 1
        # One browser, one jar: no tab answers with a fault, and none deletes the new cookie.
        assert {answer.status_code for answer in answers} <= {200, 302, 400, 410}
        emptied = [tab.client.cookies["sessionid"].value == "" for tab in tabs]
        assert not any(emptied)
        testing.no_throttle()
        clock.shift(STEP)
