"""Links to a new password below the doors: what the pages cannot bring about."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import facts
from hardening.flows import password, resets
from hardening.tokens import EpochTokenGenerator
from tests.actors import HERE, NOW, events, reread

NEW = "seven quiet harbours at dawn"


def link(key, token):
    return f"https://example.com/{key}/{token}/"


@pytest.fixture
def token(fan):
    """Return a token of the fan's."""
    return EpochTokenGenerator().make_token(fan)


def test_where_nobody_knows_the_address_a_link_goes_out(fan):
    assert resets.send_link("fan", link=link, address=None, now=NOW, where=HERE)
    assert "https://example.com/" in mail.outbox[0].body


def test_nobody_is_mailed_anything(fan):
    assert not resets.send_link("nobody", link=link, address=None, now=NOW, where=HERE)
    assert (mail.outbox, events()) == ([], [])


def test_a_token_that_was_used_meanwhile_sets_nothing(fan, token):
    assert password.reset(fan, token, NEW, now=NOW, where=HERE)
    assert not password.reset(fan, token, "another one", now=NOW, where=HERE)
    assert reread(fan).check_password(NEW)


def test_somebody_who_is_gone_meanwhile_is_no_fault(fan, token, monkeypatch):
    monkeypatch.setattr(facts, "load_user", lambda _pk: None)
    assert not password.reset(fan, token, NEW, now=NOW, where=HERE)


@pytest.mark.parametrize("change", [{"frozen": True}, {"epoch": 1}])
def test_an_account_that_changed_meanwhile_keeps_its_password(fan, token, change):
    stored = fan.password
    password.Account.objects.of(fan.pk)
    password.Account.objects.filter(user=fan).update(**change)
    assert not password.reset(fan, token, NEW, now=NOW, where=HERE)
    assert reread(fan).password == stored
