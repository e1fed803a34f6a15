"""`testing.no_throttle`: after it nothing is left of what was tried before."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import DatabaseError
from django.test import Client

from hardening import attempted, testing
from hardening.audit import Event
from hardening.flows import attack
from hardening.models import SecurityEvent, Tally, ThrottleCell
from hardening.throttle import database, hashgate, store, tally
from hardening.throttle.tally import LOT
from tests.doors.conftest import HTML, START
from tests.doors.guessing import DOORS, crowd, flood

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]


def statuses(times=7):
    return [answer.status_code for answer in crowd("fan", times)]


def test_the_next_wrong_password_is_the_first_one(fan):
    first = statuses()
    assert statuses() == [429] * 7
    testing.no_throttle()
    assert statuses() == first


def test_no_row_is_left(fan):
    flood(LOT)
    Tally.objects.create(pk=1, bucket=1)
    testing.no_throttle()
    assert not ThrottleCell.objects.exists()
    assert not Tally.objects.exists()


def test_nor_is_anything_in_this_process(fan):
    crowd("fan", 6)
    authenticate(username="fon", password="wrong")
    gate = hashgate.configure(places=1)
    with gate(known=False):
        testing.no_throttle()
        assert (tally._pending.tries, attempted.waits_alone()) == (0, False)
        assert statuses(1) != [503]
    assert hashgate.hashes() == 1
    crowd("fan", 6)
    said = SecurityEvent.objects.filter(event=Event.LOGIN_THROTTLED.value)
    assert said.count() == 2  # the first refusal of each flood, the second of which is new


def test_what_stood_in_for_a_store_is_forgotten_too(fan, monkeypatch):
    def down(*_args, **_how):
        raise DatabaseError

    monkeypatch.setattr(database, "take", down)
    assert statuses(3)[1:] == [429, 429]
    testing.no_throttle()
    assert len(store._table) == 0
    assert statuses(1) != [429]


def test_rates_in_redis_are_forgotten_too(fan, on_redis):
    flood(7)
    assert DOORS["ours"].knock("fan").status_code == 429
    testing.no_throttle()
    assert DOORS["ours"].knock("fan").status_code != 429


def test_attack_mode_is_over_and_nobody_is_told(fan, settings, mailoutbox):
    settings.ADMINS = [("Night shift", "night@example.com")]
    attack.begin(tally.Lately(100, 100, None), now=START)
    told = len(mailoutbox)
    testing.no_throttle()
    assert attack.until(now=START) == 0
    assert len(mailoutbox) == told


def test_posts_are_counted_anew(fan, settings):
    settings.RATELIMIT_ENABLE = True
    client = Client(headers=HTML)
    posts = [client.post("/security/login/", {}).status_code for _ in range(31)]
    assert posts[-1] == 429
    testing.no_throttle()
    assert client.post("/security/login/", {}).status_code != 429
