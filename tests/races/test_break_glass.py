"""A break-glass code that is typed twice at once opens one account."""

from __future__ import annotations

import os

import pytest

from hardening import testing
from hardening.audit import Event
from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass
from hardening.models import Account, BreakGlassCode, ParkedLogin, SecurityEvent
from tests.actors import HERE, NOW, found, parked
from tests.races.runner import ROUNDS, race_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def superusers(clock, person):
    """Return two superusers, each with an authenticator."""
    users = [person(name, is_superuser=True).user for name in ("chief", "deputy")]
    for user in users:
        testing.enrol(user)
    return users


def code():
    return breakglass.make(1, os.urandom(CODE_BYTES), now=NOW)[0]


def spend(waiting, typed):
    return breakglass.spend(waiting, typed, now=NOW, where=HERE)


def shut():
    """Make ready for the next round."""
    Account.objects.update(break_glass_until=0)
    ParkedLogin.objects.all().delete()
    testing.no_throttle()


def test_one_code_opens_one_of_two_accounts(superusers):
    for _ in range(ROUNDS):
        typed = code()
        breakglass.make(1, os.urandom(CODE_BYTES), now=NOW)  # one is left: both are offered it
        waiting = [found(parked(user)) for user in superusers]
        judged = race_all(lambda one, typed=typed: spend(one, typed), waiting)
        assert [one.accepted for one in judged].count(True) == 1
        assert len(breakglass.opened(now=NOW)) == 1
        assert BreakGlassCode.objects.filter(used_at__isnull=False).count() == 1
        BreakGlassCode.objects.all().delete()
        shut()
    opened = SecurityEvent.objects.filter(event=Event.BREAK_GLASS_OPENED)
    assert opened.count() == ROUNDS


def test_one_code_lets_one_of_two_sign_ins_of_a_person_go_on(superusers):
    chief, _deputy = superusers
    for _ in range(ROUNDS):
        typed = code()
        waiting = [found(parked(chief)), found(parked(chief))]
        judged = race_all(lambda one, typed=typed: spend(one, typed), waiting)
        assert [one.accepted for one in judged].count(True) == 1
        BreakGlassCode.objects.all().delete()
        shut()


def test_of_two_who_close_at_once_one_has_closed(superusers):
    chief, _deputy = superusers
    for _ in range(ROUNDS):
        Account.objects.filter(user_id=chief.pk).update(break_glass_until=NOW + 1)
        closed = race_all(lambda _racer: breakglass.close(chief, now=NOW), range(2))
        assert closed.count(True) == 1
