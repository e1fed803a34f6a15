"""An operator has a reset of a password mailed, and only the person herself can use it."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Permission
from django.core import mail
from django.urls import path, reverse

from hardening import testing
from hardening.audit import Event
from hardening.flows import freezing, revoking
from hardening.flows.revoking import Order
from hardening.models import Factor, SecurityEvent
from tests.doors.conftest import START
from tests.host.office import office
from tests.mailers import send_by
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)
CHOSEN = "nine violet umbrellas"

urlpatterns = [path("office/", office.urls)]  # of a site that forgot our pages


@pytest.fixture(autouse=True)
def _more_doors(settings):
    """Stand on a site whose second admin has our mixin."""
    settings.ROOT_URLCONF = "tests.host.office"


@pytest.fixture
def clerk(clock, person):
    """Return somebody of the staff who may change users and send resets, with a fresh proof."""
    visitor = person("clerk", is_staff=True)
    for codename in ("change_user", "send_reset"):
        visitor.user.user_permissions.add(Permission.objects.get(codename=codename))
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def fan(person):
    """Return a person with a factor whose password is to be reset."""
    visitor = person("fan")
    testing.enrol(visitor.user)
    mail.outbox.clear()
    return visitor


def page(visitor):
    return reverse("office:auth_user_send_reset", args=[visitor.user.pk])


def said():
    return SecurityEvent.objects.filter(event=Event.PASSWORD_RESET_SENT)


def test_the_page_says_what_goes_where_and_sends_nothing(clerk, fan):
    shown = clerk.client.get(page(fan)).content.decode()
    assert "Send the link to fan@example.com" in shown
    assert "The second factor stays as it is" in shown
    assert not mail.outbox
    assert not said().exists()


def test_the_link_goes_to_her_alone_even_if_others_share_her_address(clerk, fan, person):
    person("sister", email="fan@example.com")
    answer = clerk.client.post(page(fan))
    assert leads_to(answer, "office:auth_user_change", fan.user.pk)
    (message,) = mail.outbox
    assert message.to == ["fan@example.com"]
    (event,) = said()
    assert (event.target_name, event.actor_name) == ("fan", "clerk")
    shown = clerk.client.get(answer.url).content.decode()
    assert "A link to choose a new password is on its way to fan@example.com." in shown
    (path,) = re.findall(r"https?://[^/]+(/security/reset/\S+)", message.body)
    assert path not in shown


def test_by_the_link_she_chooses_a_password_and_keeps_her_factor(clerk, fan):
    clerk.client.post(page(fan))
    (path,) = re.findall(r"https?://[^/]+(/security/reset/\S+)", mail.outbox[0].body)
    stored = fan.user.password
    form = fan.client.get(path, follow=True)
    fan.user.refresh_from_db()
    assert fan.user.password == stored
    fields = {"new_password1": CHOSEN, "new_password2": CHOSEN}
    fan.client.post(form.redirect_chain[-1][0], fields)
    fan.user.refresh_from_db()
    assert fan.user.check_password(CHOSEN)
    assert Factor.objects.confirmed().filter(user=fan.user).exists()
    assert leads_to(fan.again().sign_in(password=CHOSEN), "hardening:verify")


@pytest.mark.parametrize(
    "fields, obstacle",
    [
        ({"email": ""}, "There is no e-mail address on record"),
        ({"is_active": False}, "The account is not active."),
        ({"password": UNUSABLE_PASSWORD_PREFIX}, "This account has no password"),
    ],
)
def test_where_none_can_be_sent_the_page_says_why_and_offers_none(clerk, fan, fields, obstacle):
    type(fan.user).objects.filter(pk=fan.user.pk).update(**fields)
    for method in (clerk.client.get, clerk.client.post):
        shown = method(page(fan)).content.decode()
        assert obstacle in shown
        assert "Send the link" not in shown
    assert not mail.outbox
    assert not said().exists()


def test_to_a_frozen_account_none_is_sent(clerk, fan):
    freezing.freeze(fan.user, reason="why", now=START)
    mail.outbox.clear()
    for method in (clerk.client.get, clerk.client.post):
        shown = method(page(fan)).content.decode()
        assert "The account is frozen." in shown
    assert not mail.outbox
    assert not said().exists()


def test_a_site_where_the_link_would_lead_nowhere_sends_none(clerk, fan, settings):
    settings.ROOT_URLCONF = __name__
    shown = clerk.client.post(page(fan)).content.decode()
    assert "This site has no page for choosing a new password by a mailed link." in shown
    assert not mail.outbox


def test_what_is_no_address_is_sent_nothing_and_is_said(clerk, fan):
    type(fan.user).objects.filter(pk=fan.user.pk).update(email="by post")
    shown = clerk.client.post(page(fan), follow=True).content.decode()
    assert "The mail could not be sent. Look at the address, and at the mail server." in shown
    assert not mail.outbox
    assert not said().exists()


def test_a_mail_server_that_is_down_is_said_too(clerk, fan, settings):
    send_by(settings, "tests.host.broken_mail.Backend")
    shown = clerk.client.post(page(fan), follow=True).content.decode()
    assert "The mail could not be sent." in shown
    assert not said().exists()


def test_the_mail_says_who_sends_it(clerk, fan):
    clerk.client.post(page(fan))
    assert "An operator" in mail.outbox[0].body
    clerk.client.post(reverse("hardening:password_reset"), {"username": "fan"})
    assert "An operator" not in mail.outbox[-1].body


def test_a_link_of_an_operator_dies_with_a_revocation(clerk, fan):
    clerk.client.post(page(fan))
    (path,) = re.findall(r"https?://[^/]+(/security/reset/\S+)", mail.outbox[0].body)
    revoking.listed([fan.user.pk], Order(START))
    assert fan.client.get(path, follow=True).status_code == 410


def test_of_somebody_who_is_not_there_nothing_is_said(clerk, fan):
    fan.user.delete()
    assert (
        clerk.client.get(reverse("office:auth_user_send_reset", args=[1_000_000])).status_code
        == 404
    )


def test_her_page_leads_there_and_to_no_form_for_a_password(clerk, fan):
    address = reverse("office:auth_user_change", args=[fan.user.pk])
    shown = clerk.client.get(address).content.decode()
    assert f'href="{page(fan)}"' in shown
    assert "Nobody chooses somebody else’s password." in shown
    assert reverse("office:auth_user_password_change", args=[fan.user.pk]) not in shown
