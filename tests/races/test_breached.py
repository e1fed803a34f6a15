"""One password known from a breach, and many sign-ins that find out at once."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening import facts, testing
from hardening.audit import Event
from hardening.breach import search
from hardening.breach.sources import Answer
from hardening.core.pwned import Finding
from hardening.flows import breached
from hardening.models import Account, SecurityEvent
from tests.actors import HERE, NOW
from tests.races.runner import ROUNDS, race
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fan(clock, person):
    """Return somebody of whom no policy asks anything."""
    return person("fan").user


def sign_in(user):
    """Go through what follows a right password, with the user as a request loads her."""
    mine = facts.load_user(user.pk)
    breached.at_sign_in(mine, PASSWORD, now=NOW, where=HERE)
    return mine


def found():
    return SecurityEvent.objects.filter(event=Event.PASSWORD_BREACHED.value).count()


def test_of_many_sign_ins_one_tells_the_owner(fan):
    with testing.fake_breach(PASSWORD):
        for turn in range(1, ROUNDS // 10 + 1):
            everybody = race(*[lambda: sign_in(fan)] * 8)
            assert all(facts.attached(one).who().password_breached for one in everybody)
            assert (found(), len(mail.outbox)) == (turn, turn)
            Account.objects.forget_verdict(fan.pk)


def test_a_late_answer_and_a_new_password_leave_no_hit_behind(fan):
    class Slow:
        name = "slow"
        late = None

        def look(self, candidate, *, wait, late=None):
            self.late = late
            return Answer(Finding.UNKNOWN, self.name)

    slow = Slow()
    before = search.stand_in((slow,))
    try:
        sign_in(fan)
    finally:
        search.stand_in(before)

    def change():
        mine = facts.load_user(fan.pk)
        mine.set_password("seven violet umbrellas")
        mine.save(update_fields=["password"])
        breached.password_changed(mine)

    race(lambda: slow.late(Answer(Finding.HIT, "slow")), change)
    assert not facts.fresh(facts.load_user(fan.pk)).who().password_breached
