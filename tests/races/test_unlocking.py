"""A mailed link that ends a lock is used once, however many open it at once."""

from __future__ import annotations

import os

import pytest

from hardening.audit import Event
from hardening.flows import unlock
from hardening.models import Account, SecurityEvent
from tests.actors import HERE, NOW
from tests.races.runner import ROUNDS, race_all

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_link_used_twice_at_once_works_once(clock, person, monkeypatch):
    sent = []
    monkeypatch.setattr(unlock.notify, "deliver", lambda one: sent.append(one.details) or True)
    monkeypatch.setattr(unlock, "_reserve", lambda *_: unlock.reserve("x" * 32, (), now_us=NOW))
    person("owner")
    page = "https://shop.example.com/security/unlock/"
    for _ in range(ROUNDS):
        random = os.urandom(unlock.TOKEN_BYTES)
        assert unlock.send_link("owner", random, page=page, address=None, now=NOW, where=HERE)
        token = sent[-1]["link"].removeprefix(page).removesuffix("/")
        used = race_all(lambda _racer, t=token: unlock.spend(t, now=NOW, where=HERE), range(2))
        assert sorted(one is None for one in used) == [False, True]
    assert SecurityEvent.objects.filter(event=Event.UNLOCKED).count() == ROUNDS
    assert Account.objects.get().unlock_digest == ""
