"""The admin's doors: nobody gets in without a factor; our action asks for a fresh proof."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from hardening import testing
from hardening.models import Account, SecurityEvent
from tests.host.office import office
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)

ADMINS = ("admin:index", "office:index")
LOGINS = ("hardening:login", "host_login", "admin:login", "office:login")


@pytest.fixture(autouse=True)
def _more_doors(settings):
    """Stand on a site with a second admin, in place of this folder's."""
    settings.ROOT_URLCONF = "tests.host.office"


@pytest.fixture
def operator(clock, person):
    visitor = person("operator", is_staff=True, is_superuser=True)
    testing.login(visitor.client, visitor.user)
    return visitor


def users():
    return reverse("office:auth_user_changelist")


def chosen(*people, action="demand_password_change"):
    return {"action": action, "_selected_action": [visitor.user.pk for visitor in people]}


@pytest.mark.parametrize("admin_page", ADMINS)
@pytest.mark.parametrize("login_page", LOGINS)
def test_no_login_page_leads_into_an_admin_without_a_factor(clock, person, login_page, admin_page):
    visitor = person("bare", is_staff=True, is_superuser=True)
    visitor.sign_in(login_page, next=reverse(admin_page))
    answer = visitor.get(admin_page)
    assert leads_to(answer, "hardening:mailbox")
    assert b"Site administration" not in answer.content


@pytest.mark.parametrize("admin_page", ADMINS)
@pytest.mark.parametrize("login_page", LOGINS)
def test_nor_with_a_factor_that_was_not_proven(clock, person, login_page, admin_page):
    visitor = person("enrolled", is_staff=True, is_superuser=True)
    testing.enrol(visitor.user)
    visitor.sign_in(login_page)
    assert leads_to(visitor.get(admin_page), "hardening:verify")


@pytest.mark.parametrize("sign_in", ["login", "force_login"])
def test_nor_does_the_test_clients_own_sign_in(clock, person, sign_in):
    visitor = person("bare", is_staff=True, is_superuser=True)
    if sign_in == "login":
        visitor.client.login(username="bare", password=visitor.password)
    else:
        visitor.client.force_login(visitor.user)
    assert leads_to(visitor.get("admin:index"), "hardening:mailbox")


def test_staff_who_lost_the_factor_by_deletion_in_the_shell_are_stopped_at_once(operator):
    assert operator.get("admin:index").status_code == 200
    testing.Factor.objects.all().delete()
    Account.objects.filter(user_id=operator.user.pk).update(factors="")
    assert leads_to(operator.get("admin:index"), "hardening:mailbox")


def test_our_testing_login_does(operator):
    for admin_page in ADMINS:
        assert operator.get(admin_page).status_code == 200


def test_the_action_demands_a_new_password_of_the_chosen(operator, person):
    one, two, spared = person("one"), person("two"), person("spared")
    answer = operator.client.post(users(), chosen(one, two), follow=True)
    assert "2 people must now set a new password." in answer.content.decode()
    marked = Account.objects.exclude(must_change="").values_list("user__username", flat=True)
    assert sorted(marked) == ["one", "two"]
    spared.sign_in()
    assert spared.is_signed_in()


def test_the_action_asks_for_a_fresh_proof(operator, person, clock):
    fan = person("fan")
    clock.shift(301)
    assert leads_to(operator.client.post(users(), chosen(fan)), "hardening:step_up")
    assert not Account.objects.exclude(must_change="").exists()


def test_the_action_is_hidden_from_whoever_may_only_look(clock, person):
    viewer = person("viewer", is_staff=True)
    viewer.user.user_permissions.add(Permission.objects.get(codename="view_user"))
    testing.login(viewer.client, viewer.user)
    fan = person("fan")
    page = viewer.client.get(users())
    assert page.status_code == 200
    assert "demand_password_change" not in page.content.decode()
    viewer.client.post(users(), chosen(fan))
    assert not Account.objects.exclude(must_change="").exists()


def test_each_demand_is_an_event_with_its_actor(operator, person):
    operator.client.post(users(), chosen(person("one"), person("two")))
    events = SecurityEvent.objects.filter(event="password:demand:done")
    assert {(e.target_name, e.actor_name) for e in events} == {
        ("one", "operator"),
        ("two", "operator"),
    }


# --- what a clerk who may change users cannot do ---------------------------------------------


@pytest.fixture
def clerk(clock, person):
    """Return somebody of the staff who may change users, and no more."""
    visitor = person("clerk", is_staff=True)
    visitor.user.user_permissions.add(Permission.objects.get(codename="change_user"))
    testing.login(visitor.client, visitor.user)
    return visitor


def page(name, visitor, site="office"):
    return reverse(f"{site}:auth_user_{name}", args=[visitor.user.pk])


def test_nobody_makes_an_account_newer_to_gain_the_days_of_a_new_one(clerk):
    joined = clerk.user.date_joined
    fields = {"username": "clerk", "email": "new@example.com", "is_active": "on", "is_staff": "on"}
    later = {"date_joined_0": "2099-01-01", "date_joined_1": "00:00:00"}
    answer = clerk.client.post(page("change", clerk), {**fields, **later})
    assert answer.status_code == 302
    clerk.user.refresh_from_db()
    assert (clerk.user.email, clerk.user.date_joined) == ("new@example.com", joined)


@pytest.mark.parametrize("whose", ["his own", "another's"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_operator_chooses_a_password_by_any_page(clerk, person, whose, method):
    target = clerk if whose == "his own" else person("fan")
    stored = target.user.password
    chosen = {"password1": "chosen by a clerk 1", "password2": "chosen by a clerk 1"}
    path = page("password_change", target)
    assert getattr(clerk.client, method)(path, chosen).status_code == 404
    named = {"username": target.user.username, "password": "plain", "is_active": "on", **chosen}
    clerk.client.post(page("change", target), named)
    clerk.client.post(page("change", target), {**named, "_saveasnew": "1"})
    target.user.refresh_from_db()
    assert target.user.password == stored
    assert type(target.user).objects.count() == (1 if whose == "his own" else 2)


def test_a_reset_takes_the_permission_and_a_fresh_proof(clerk, person, clock, mailoutbox):
    fan, looker = person("fan"), person("looker", is_staff=True)
    testing.login(looker.client, looker.user)
    assert looker.client.post(page("send_reset", fan)).status_code == 403
    missing = reverse("office:auth_user_send_reset", args=[fan.user.pk + 1000])
    assert looker.client.get(missing).status_code == 403
    assert clerk.client.post(page("send_reset", fan)).status_code == 403
    assert page("send_reset", fan) not in clerk.client.get(page("change", fan)).content.decode()
    for visitor in (clerk, looker):
        visitor.user.user_permissions.add(Permission.objects.get(codename="send_reset"))
    assert looker.client.post(page("send_reset", fan)).status_code == 403
    clock.shift(301)
    assert leads_to(clerk.client.post(page("send_reset", fan)), "hardening:step_up")
    assert not mailoutbox


@pytest.mark.parametrize("query", ["second_factor=no", "factor_deadline=overdue", "o=1.2.99"])
def test_without_the_permission_no_address_tells_who_has_no_factor(clerk, person, query):
    testing.enrol(person("armed").user)
    person("bare")
    shown = clerk.client.get(f"{users()}?{query}", follow=True)
    assert [user.username for user in shown.context["cl"].result_list] == ["armed", "bare", "clerk"]
    assert "second_factor" not in shown.context["cl"].list_display


# --- lists of hosts --------------------------------------------------------------------------


def test_a_list_that_is_edited_in_place_opens_with_our_columns(operator, monkeypatch):
    ours = office._registry[get_user_model()]
    monkeypatch.setattr(ours, "list_editable", ("email",), raising=False)
    answer = operator.client.get(users())
    assert answer.status_code == 200
    assert "second_factor" in answer.context["cl"].list_display
