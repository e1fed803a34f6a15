"""Links "this wasn't me" that are used at once: each once, and one superuser is always left."""

from __future__ import annotations

import pytest

from hardening.audit import Event, Where
from hardening.flows import disown, freezing, links, outbox
from hardening.flows.freezing import Came
from hardening.models import Account, Disowning, OutgoingNotice, SecurityEvent
from hardening.notify import Notice
from tests.actors import HERE, NOW
from tests.mailers import send_by
from tests.races.runner import ROUNDS, race_all

pytestmark = pytest.mark.django_db(transaction=True)

FEWER = ROUNDS // 4  # each is a whole flow with its mails


def token_for(user):
    return links.make(user, "password_changed", NOW, Where())


def use(token):
    done = disown.spend(token, now=NOW, where=HERE)
    return None if done is None else done.came


def test_of_a_link_that_is_used_several_times_at_once_one_has_used_it(clock, person):
    fan = person("fan").user
    for _ in range(FEWER):
        token = token_for(fan)
        came = race_all(lambda _racer, token=token: use(token), range(4))
        assert sorted(came, key=str) == [Came.FROZEN, None, None, None]
        Account.objects.update(frozen=False)
    assert Disowning.objects.count() == FEWER
    assert SecurityEvent.objects.filter(event=Event.ACCOUNT_FROZEN).count() == FEWER


def test_two_links_of_one_account_at_once_freeze_it_once(clock, person):
    fan = person("fan").user
    for _ in range(FEWER):
        came = race_all(use, [token_for(fan), token_for(fan)])
        assert set(came) == {Came.FROZEN, Came.ALREADY}
        Account.objects.update(frozen=False)


@pytest.mark.parametrize("rows", [True, False])
def test_of_superusers_who_are_disowned_at_once_one_is_left(clock, person, rows):
    chiefs = [person(f"chief{n}", is_superuser=True).user for n in range(3)]
    for _ in range(FEWER):
        if not rows:  # nobody's security side is written down yet
            Account.objects.all().delete()
        came = race_all(use, [token_for(one) for one in chiefs])
        assert sorted(one.value for one in came) == ["frozen", "frozen", "last"]
        assert freezing.frozen().count() == len(chiefs) - 1
        Account.objects.update(frozen=False)


def test_a_notice_that_waits_is_sent_by_one_of_several_runs(clock, settings, mailoutbox):
    for at in range(FEWER):
        send_by(settings, "tests.host.broken_mail.Backend")
        notice = Notice("password_changed", ("fan@example.com",), "fan", NOW)
        outbox.heard(notice, outbox.notify.send(notice))
        send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
        sent = race_all(lambda _racer: outbox.retry(now=NOW + 60).sent, range(4))
        assert sum(sent) == 1
        assert len(mailoutbox) == at + 1
    assert not OutgoingNotice.objects.exists()
