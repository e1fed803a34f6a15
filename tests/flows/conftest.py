"""People of the flows, and the faults that flows must bear."""

from __future__ import annotations

import pytest

from hardening import facts, testing
from hardening.core import otp
from hardening.models import Account, Factor
from tests.actors import NOW, STEP
from tests.mailers import send_by


@pytest.fixture
def fan(db, clock, person):
    """Return a user of whom no policy asks anything."""
    return person("fan").user


@pytest.fixture
def newcomer(db, clock, person):
    """Return a staff member who has no second factor yet."""
    return person("newcomer", is_staff=True).user


@pytest.fixture
def member(db, clock, person):
    """Return a staff member with an authenticator."""
    user = person("member", is_staff=True).user
    testing.enrol(user)
    return user


@pytest.fixture
def factor(member):
    """Return the member's authenticator."""
    return Factor.objects.owned(member.pk).confirmed().get()


@pytest.fixture
def fans_factor(fan):
    """Return an authenticator that the fan has of her own accord."""
    return testing.enrol(fan)


@pytest.fixture
def no_mail(settings):
    """Take the mail server down."""
    send_by(settings, "tests.host.broken_mail.Backend")


@pytest.fixture
def no_facts(monkeypatch):
    """Return a function after which nobody can tell anything about an account."""

    def cut():
        def unreadable(*_args, **_kwargs):
            raise facts.FactsError

        monkeypatch.setattr(facts, "fresh", unreadable)
        monkeypatch.setattr(facts, "of", unreadable)

    return cut


@pytest.fixture
def must_change():
    """Return a function that makes somebody owe a new password."""

    def demand(user):
        Account.objects.of(user.pk)
        Account.objects.filter(user_id=user.pk).update(must_change="operator")

    return demand


@pytest.fixture
def secret(factor):
    """Return the key in the member's authenticator."""
    return testing.secret_of(factor)


@pytest.fixture
def code(secret):
    """Return what it shows now."""
    return otp.code_at(secret, now=NOW)


@pytest.fixture
def wrong(secret):
    """Return a code that no step of the window shows."""
    right = {otp.code_at(secret, now=NOW + shift) for shift in (-STEP, 0, STEP)}
    return next(f"{n:06}" for n in range(10) if f"{n:06}" not in right)
