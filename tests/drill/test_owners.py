"""Owners of stolen passwords, and what an attack on a server leaves behind for the next one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.contrib.auth import get_user_model

from hardening.core.pwned import Finding
from hardening.drill import databases, mails
from hardening.drill.hasher import encoded
from hardening.drill.owners import Owners
from hardening.drill.population import Population
from hardening.drill.tries import Answer, Outcome, Try
from hardening.drill.wire import Reply
from hardening.models import Account, Factor, ParkedLogin
from hardening.testing import enrol

PEOPLE = Population(200, 1)
OWNER, OTHER = 3, 4
PARKED = Answer(Outcome.PARKED, session="s")
HERS = Try(1, "192.0.2.1", PEOPLE.name(OWNER), PEOPLE.password(OWNER), OWNER, right=True, good=True)


class Mail:
    def __init__(self, to, body):
        self.to, self.body = [to], body


class Line:
    """Answers every form, and remembers what was posted."""

    def __init__(self) -> None:
        self.posted = []

    def form(self, path, fields, address, cookies):
        del path, address, cookies
        self.posted.append(fields)
        return fields

    def send(self, environ):
        del environ
        return Reply(302, {}, b"", {"known": "yes"})


class Site:
    """A site that lets owners in, or does not."""

    def __init__(self, *, opens: bool = True) -> None:
        self.opens = opens
        self.stored = {}
        self.wire = Line()

    def jar(self, cookies, session):
        del cookies
        return {"sessionid": session}

    def is_open(self, one, cookies):
        del one, cookies
        return self.opens

    def kept(self, jar):
        return f"known={jar['known']}"

    def store_password(self, number, stored):
        self.stored[number] = stored


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def owners(site):
    return Owners(site, PEOPLE, frozenset({OWNER}))


def test_an_owner_who_is_asked_reads_her_mail_and_sets_another_password(owners, site):
    mails.EmailBackend().send_messages([Mail(PEOPLE.email(OWNER), "drill000003: 01234567.")])
    assert owners.go_on(HERS, PARKED)
    new = PEOPLE.new_password(OWNER)
    old = PEOPLE.password(OWNER)
    assert site.wire.posted == [
        {"action": "send"},
        {"code": "01234567"},
        {"old_password": old, "new_password1": new, "new_password2": new},
    ]
    assert mails.code_for(PEOPLE.email(OWNER)) == ""  # a code is read once


def test_from_then_on_she_uses_the_new_one_and_the_stolen_one_is_wrong(owners):
    stolen = replace(HERS, good=False)
    assert owners.is_right(stolen)
    owners.go_on(HERS, PARKED)
    assert not owners.is_right(stolen)
    assert owners.as_now(stolen) == stolen
    again = owners.as_now(HERS)
    assert (again.password, again.cookies) == (PEOPLE.new_password(OWNER), "known=yes")
    assert again.known
    mistyped = owners.as_now(replace(HERS, right=False, password="mistyped"))
    assert (mistyped.password, mistyped.cookies) == ("mistyped", "known=yes")
    assert not owners.go_on(again, PARKED)


@pytest.mark.parametrize(
    "one, answer",
    [
        (HERS, Answer(Outcome.OPEN)),
        (replace(HERS, person=OTHER), PARKED),
        (replace(HERS, good=False), PARKED),
    ],
    ids=["not asked", "not stolen", "not the owner"],
)
def test_nobody_else_changes_anything(owners, site, one, answer):
    assert not owners.go_on(one, answer)
    assert site.wire.posted == []


def test_an_owner_whose_steps_lead_nowhere_has_changed_nothing():
    owners = Owners(Site(opens=False), PEOPLE, frozenset({OWNER}))
    assert not owners.go_on(HERS, PARKED)
    assert owners.as_now(HERS) == HERS


def test_the_next_attack_finds_the_stolen_password_again(owners, site):
    owners.go_on(HERS, PARKED)
    owners.put_back()
    assert site.stored == {OWNER: encoded(PEOPLE.password(OWNER))}


@pytest.mark.django_db
def test_what_an_attack_wrote_is_swept_away_and_factors_stay():
    fan = get_user_model().objects.create_user("fan")
    enrol(fan)
    mine = Account.objects.filter(user_id=fan.pk)
    mine.update(password_verdict=Finding.HIT, password_mark="x", password_checked_at=7)
    mine.update(must_change="operator", must_change_since=7)
    ParkedLogin.objects.create(
        user=fan, handle="h", account_epoch=1, site_epoch=0, started_at=7, expires_at=8
    )
    databases._sweep()
    account = Account.objects.get(user_id=fan.pk)
    assert (account.password_verdict, account.password_mark, account.must_change) == ("", "", "")
    assert (account.password_checked_at, account.must_change_since) == (0, None)
    assert account.factors
    assert Factor.objects.owned(fan.pk).confirmed().exists()
    assert not ParkedLogin.objects.exists()
