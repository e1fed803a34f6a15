"""Attack mode: when it begins and ends, who is told, and that one process of many tells it."""

from __future__ import annotations

import pytest

from hardening import facts, signals
from hardening.audit import Event
from hardening.core.seen import ALARM_FAILURES
from hardening.flows import attack, status
from hardening.flows.attack import ATTACK_SECONDS
from hardening.models import SecurityEvent, SiteState, Tally
from hardening.throttle import tally
from hardening.throttle.tally import LOT, MINUTE, Lately
from tests.actors import HERE, NOW, events

pytestmark = pytest.mark.django_db

BEGAN, ENDED = Event.ATTACK_BEGAN.value, Event.ATTACK_ENDED.value
MANY = Lately(ALARM_FAILURES, ALARM_FAILURES, None)


@pytest.fixture(autouse=True)
def _operators(settings, clock):
    settings.ADMINS = [("Night shift", "night@example.com"), ("Day shift", "day@example.com")]


@pytest.fixture
def changes():
    """Return what the signal said so far."""
    heard = []

    def hear(*, on, until, **_more):
        heard.append((on, until))

    signals.attack_mode_changed.connect(hear)
    yield heard
    signals.attack_mode_changed.disconnect(hear)


@pytest.fixture
def mailed(mailoutbox, django_capture_on_commit_callbacks):
    """Return a function: run something, and return (to, subject) of the mails that it sent."""

    def run(flow, *args, **kwargs):
        before = len(mailoutbox)
        with django_capture_on_commit_callbacks(execute=True):
            flow(*args, **kwargs)
        return [(mail.to[0], mail.subject) for mail in mailoutbox[before:]]

    return run


def tries(failed, right=0, *, at=NOW):
    """Count so many tries, spread over what is written in lots."""
    for turn in range(max(failed, right)):
        if turn < right:
            attack.note(failed=False, now=at)
        if turn < failed:
            attack.note(failed=True, now=at)


# --- beginning ------------------------------------------------------------------------------------


def test_a_hundred_failures_in_ten_minutes_begin_it(changes):
    tries(ALARM_FAILURES - LOT)
    assert attack.until(now=NOW) == 0
    tries(LOT)
    assert attack.until(now=NOW) == NOW + ATTACK_SECONDS
    assert changes == [(True, NOW + ATTACK_SECONDS)]
    began = SecurityEvent.objects.get(event=BEGAN)
    assert began.data == {"failures": 100, "tries": 100, "until": NOW + ATTACK_SECONDS}


def test_as_many_failures_among_more_right_passwords_are_a_busy_monday():
    tries(ALARM_FAILURES, ALARM_FAILURES)
    assert attack.until(now=NOW) == 0
    assert events() == []


def test_failures_of_more_than_ten_minutes_ago_count_no_more():
    tries(ALARM_FAILURES - LOT)
    tries(LOT, at=NOW + 10 * MINUTE)
    assert attack.until(now=NOW + 10 * MINUTE) == 0


def test_each_operator_is_told_once_however_long_it_lasts(mailed):
    told = mailed(attack.begin, MANY, now=NOW)
    assert [to for to, _subject in told] == ["night@example.com", "day@example.com"]
    assert {subject for _to, subject in told} == {told[0][1]}
    for later in range(0, 3 * ATTACK_SECONDS, 10 * MINUTE):
        assert mailed(attack.begin, MANY, now=NOW + later) == []
    assert events().count(BEGAN) == 1


def test_where_nobody_is_named_nobody_is_mailed(settings, mailed):
    settings.ADMINS = []
    assert mailed(attack.begin, MANY, now=NOW) == []
    assert events() == [BEGAN]


def test_bare_addresses_will_do(settings, mailed):
    settings.ADMINS = ["night@example.com"]
    assert [to for to, _subject in mailed(attack.begin, MANY, now=NOW)] == ["night@example.com"]


def test_the_mail_says_how_many_and_names_nobody(mailoutbox, mailed):
    mailed(attack.begin, Lately(123, 145, None), now=NOW)
    assert "123" in mailoutbox[0].body
    assert "145" in mailoutbox[0].body


def test_another_alarm_prolongs_it():
    assert attack.begin(MANY, now=NOW)
    assert not attack.begin(MANY, now=NOW + 600)
    assert attack.until(now=NOW + 600) == NOW + 600 + ATTACK_SECONDS


def test_each_sign_in_reads_it_with_the_facts(fan):
    assert facts.fresh(fan).attack_until == 0
    attack.begin(MANY, now=NOW)
    assert facts.fresh(fan).attack_until == NOW + ATTACK_SECONDS


# --- ending ---------------------------------------------------------------------------------------


def test_it_is_over_half_an_hour_after_the_last_alarm(changes, mailed):
    attack.begin(MANY, now=NOW)
    over = NOW + ATTACK_SECONDS
    assert attack.until(now=over - 1) == over
    assert attack.until(now=over) == 0
    assert not attack.lapse(now=over - 1)
    told = mailed(attack.lapse, now=over)
    assert [to for to, _subject in told] == ["night@example.com", "day@example.com"]
    assert not attack.lapse(now=over)
    assert changes[1:] == [(False, 0)]
    assert events() == [BEGAN, ENDED]
    assert SecurityEvent.objects.get(event=ENDED).data == {}


def test_the_next_quiet_lot_of_tries_notices_that_it_is_over():
    attack.begin(MANY, now=NOW)
    tries(LOT, at=NOW + ATTACK_SECONDS)
    assert events() == [BEGAN, ENDED]


def test_on_a_site_where_nobody_signs_in_clearing_away_notices_that_it_is_over():
    attack.begin(MANY, now=NOW)
    status.prune(now=NOW + ATTACK_SECONDS - 1)
    assert events() == [BEGAN]
    status.prune(now=NOW + ATTACK_SECONDS)
    assert events() == [BEGAN, ENDED]


def test_the_next_alarm_after_the_end_is_a_new_attack(changes):
    attack.begin(MANY, now=NOW)
    later = NOW + 10 * ATTACK_SECONDS
    assert attack.begin(MANY, now=later)
    assert events() == [BEGAN, ENDED, BEGAN]
    assert [on for on, _until in changes] == [True, False, True]


def test_an_operator_ends_it_at_once(fan, changes):
    assert not attack.end(now=NOW)
    attack.begin(MANY, now=NOW)
    assert attack.end(actor=fan, now=NOW + 1, where=HERE)
    assert attack.until(now=NOW + 1) == 0
    ended = SecurityEvent.objects.get(event=ENDED)
    assert (ended.actor_name, ended.address) == ("fan", HERE.address)
    assert ended.data == {"by": "operator"}
    assert not attack.end(now=NOW + 2)
    assert changes[1:] == [(False, 0)]


def test_a_site_without_a_row_has_no_attack():
    assert not SiteState.objects.exists()
    assert attack.until(now=NOW) == 0
    assert not attack.lapse(now=NOW)
    assert not attack.end(now=NOW)


def test_what_is_usual_here_is_no_attack_and_three_times_as_much_is():
    # Twelve failures a minute among 36 tries, for two days.
    first = NOW // MINUTE - 2 * 24 * 60
    rows = (
        Tally(pk=minute * 16, bucket=minute, tries=36, failures=12)
        for minute in range(first, NOW // MINUTE)
    )
    Tally.objects.bulk_create(rows)
    lately = tally.lately(now=NOW)
    assert (lately.failures, lately.tries) == (108, 324)
    assert lately.usual == pytest.approx(120)
    tries(200, 300)
    assert attack.until(now=NOW) == 0
    tries(100, 200)
    assert attack.until(now=NOW) > 0
