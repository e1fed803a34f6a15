"""An operator ends all sessions of people, from the list and from a person's page."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core import mail
from django.urls import reverse

from hardening import testing
from hardening.admin import revoking
from hardening.audit import Event
from hardening.models import Account, SecurityEvent
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _more_doors(settings):
    """Stand on a site whose second admin has our mixin."""
    settings.ROOT_URLCONF = "tests.host.office"


@pytest.fixture
def clerk(clock, person):
    """Return somebody of the staff who may see users and end their sessions."""
    visitor = person("clerk", is_staff=True)
    for codename in ("view_user", "revoke_sessions"):
        visitor.user.user_permissions.add(Permission.objects.get(codename=codename))
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def fan(clock, person):
    """Return somebody at her browser."""
    visitor = person("fan")
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def people(clock, person):
    """Return three people."""
    return [person(f"user-{number}") for number in range(3)]


def users():
    return reverse("office:auth_user_changelist")


def page(visitor):
    return reverse("office:auth_user_end_sessions", args=[visitor.user.pk])


def chosen(*people, **more):
    keys = [visitor.user.pk for visitor in people]
    return {"action": "end_sessions", "_selected_action": keys, **more}


def epochs():
    """Return the epochs that have moved on, by name; the clerk's did so when she enrolled."""
    moved = Account.objects.filter(epoch__gt=0).exclude(user__username="clerk")
    return dict(moved.values_list("user__username", "epoch"))


def test_the_action_asks_first_and_says_how_many(clerk, people):
    shown = clerk.post(users(), chosen(*people)).content.decode()
    assert "3 people are signed out of every browser" in shown
    assert "Whoever is signed out is told by mail" in shown
    assert "You are among them" not in shown
    assert all(visitor.user.username in shown for visitor in people)
    assert epochs() == {}


def test_then_it_ends_them(clerk, fan, people):
    assert fan.is_signed_in()
    fields = chosen(fan, people[0], confirmed="yes", reason="a stolen laptop")
    shown = clerk.client.post(users(), fields, follow=True).content.decode()
    assert "2 people were signed out of every browser." in shown
    assert not fan.is_signed_in()
    assert epochs().keys() == {"fan", "user-0"}
    whole = SecurityEvent.objects.get(event=Event.SESSIONS_REVOKED, target_pk="")
    assert (whole.actor_name, whole.data["why"]) == ("clerk", "a stolen laptop")
    assert {message.to[0] for message in mail.outbox} == {"fan@example.com", "user-0@example.com"}


def test_all_of_a_long_list_are_meant_if_all_were_chosen(clerk, people, monkeypatch):
    monkeypatch.setattr("hardening.flows.revoking.MAX_NAMED", 2)
    monkeypatch.setattr(revoking, "MAX_NAMED", 2)
    monkeypatch.setattr(revoking, "MAX_LISTED", 2)
    shown = clerk.post(users(), chosen(people[0], select_across="1")).content.decode()
    assert "4 people are signed out" in shown
    assert "So many are told by mail only if you say so." in shown
    assert "…" in shown
    fields = chosen(people[0], select_across="1", confirmed="yes", mail="on")
    clerk.post(users(), fields)
    assert epochs() == {"user-0": 1, "user-1": 1, "user-2": 1}
    assert Account.objects.get(user=clerk.user).epoch == 2
    assert len(mail.outbox) == 4


def test_the_operator_stays_signed_in_at_this_browser_only(clerk):
    elsewhere = clerk.again()
    testing.login(elsewhere.client, clerk.user)
    assert "You are among them" in clerk.post(users(), chosen(clerk)).content.decode()
    clerk.post(users(), chosen(clerk, confirmed="yes"))
    assert clerk.is_signed_in()
    assert not elsewhere.is_signed_in()
    assert leads_to(clerk.post(users(), chosen(clerk)), "hardening:step_up")


def test_whatever_the_list_shows_besides(clerk, people):
    clerk.user.is_superuser = True
    clerk.user.save()
    groups = [Group.objects.create(name=name) for name in ("one", "two")]
    people[0].user.groups.set(groups)
    address = f"{users()}?groups__id__in={groups[0].pk},{groups[1].pk}&o=1.2"
    shown = clerk.client.post(address, chosen(people[0], confirmed="yes"), follow=True)
    assert "1 person was signed out of every browser." in shown.content.decode()
    assert epochs() == {"user-0": 1}


def test_one_person_is_signed_out_from_her_page(clerk, fan):
    change = reverse("office:auth_user_change", args=[fan.user.pk])
    assert f'href="{page(fan)}"' in clerk.get(change).content.decode()
    shown = clerk.get(page(fan)).content.decode()
    assert "One person is signed out of every browser" in shown
    assert fan.is_signed_in()
    assert clerk.post(page(fan)).headers["Location"] == change
    assert not fan.is_signed_in()


def test_what_is_too_long_for_a_reason_is_left_out(clerk, fan):
    clerk.post(page(fan), {"reason": "x" * 1000})
    assert SecurityEvent.objects.filter(event=Event.SESSIONS_REVOKED).first().data["why"] == ""
    assert not fan.is_signed_in()


def test_a_fresh_proof_is_asked_for(clerk, fan, clock):
    clock.shift(301)
    assert leads_to(clerk.get(page(fan)), "hardening:step_up")
    assert leads_to(clerk.post(page(fan)), "hardening:step_up")
    assert leads_to(clerk.post(users(), chosen(fan, confirmed="yes")), "hardening:step_up")
    assert fan.is_signed_in()


def test_without_the_permission_there_is_neither_action_nor_page(clerk, fan):
    for lacking in (["revoke_sessions"], ["view_user", "change_user"]):
        clerk.user.user_permissions.set(Permission.objects.exclude(codename__in=lacking))
        assert clerk.post(page(fan)).status_code == 403
        clerk.post(users(), chosen(fan, confirmed="yes"))
    assert fan.is_signed_in()


def test_nobody_is_nobody(clerk, fan):
    missing = reverse("office:auth_user_end_sessions", args=[fan.user.pk + 1000])
    assert clerk.get(missing).status_code == 404
