"""Sixty-four guess one password at once; processes raise one alarm (acceptance row 3)."""

from __future__ import annotations

import pytest

from hardening.audit import Event
from hardening.flows import attack
from hardening.models import SecurityEvent
from hardening.throttle.tally import Lately
from tests.races import guessing
from tests.races.runner import race_all
from tests.visitor import NOW

pytestmark = pytest.mark.django_db(transaction=True)

kinds = pytest.mark.parametrize("kind", guessing.KINDS)


@pytest.fixture(autouse=True)
def _fan(clock, person):
    person("fan")


@kinds
def test_exactly_five_of_them_are_hashed(kind, monkeypatch):
    guessing.five_hashes(kind, monkeypatch, rounds=5)


@kinds
def test_exactly_five_of_them_are_hashed_with_rates_in_redis(kind, monkeypatch, on_redis):
    guessing.five_hashes(kind, monkeypatch, rounds=5)


def test_one_of_many_processes_begins_an_attack_and_one_ends_it(settings, mailoutbox):
    settings.ADMINS = [("Night shift", "night@example.com")]
    for turn in range(20):
        at = NOW + turn * 10 * attack.ATTACK_SECONDS
        over = at + attack.ATTACK_SECONDS
        began = race_all(lambda _one, at=at: attack.begin(Lately(100, 100, None), now=at), range(8))
        assert began.count(True) == 1
        ended = race_all(lambda _one, over=over: attack.lapse(now=over), range(8))
        assert ended.count(True) == 1
    for event in (Event.ATTACK_BEGAN, Event.ATTACK_ENDED):
        assert SecurityEvent.objects.filter(event=event.value).count() == 20
    assert len(mailoutbox) == 40
