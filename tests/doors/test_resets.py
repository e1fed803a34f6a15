"""A forgotten password at the doors: asking, the link, the new password."""

from __future__ import annotations

import logging
import re
from types import ModuleType

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.tokens import default_token_generator
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.core import mail
from django.test import Client
from django.urls import include, path

from hardening import facts, testing
from hardening.audit import Event
from hardening.checks.resets import links_end_with_a_revocation
from hardening.flows import revoking
from hardening.flows.revoking import Order
from hardening.models import Account, Factor, SecurityEvent
from hardening.tokens import EpochTokenGenerator
from hardening.views import reset
from tests.doors.conftest import START
from tests.mailers import send_by
from tests.urls import urlpatterns as smallest
from tests.visitor import leads_to

pytestmark = pytest.mark.django_db(transaction=True)

ASK = "/security/reset/"
LINK = re.compile(r"^http://testserver(/security/reset/\S+/)$", re.MULTILINE)
NEW = "seven quiet harbours at dawn"
CHOSEN = {"new_password1": NEW, "new_password2": NEW}


def ask(visitor, name="owner"):
    """Ask for a link and return its path, if one was mailed."""
    before = len(mail.outbox)
    answer = visitor.post("hardening:password_reset", {"username": name})
    assert leads_to(answer, "hardening:password_reset_done")
    new = [LINK.search(message.body) for message in mail.outbox[before:]]
    return new[0][1] if new else None


def opened(visitor, link):
    """Open a link and return the path of the form."""
    return visitor.client.get(link).headers["Location"]


def text(answer):
    return " ".join(answer.content.decode().split())


def asked():
    """Return the reasons of the events about links that were asked for."""
    rows = SecurityEvent.objects.filter(event=Event.PASSWORD_RESET_ASKED).order_by("pk")
    return list(rows.values_list("target_name", "reason"))


# --- asking ---------------------------------------------------------------------------------------


def test_the_login_page_leads_there(owner):
    assert f'href="{ASK}"' in text(owner.get("hardening:login"))


@pytest.mark.parametrize("name", ["owner", "owner@example.com", "OWNER@example.com"])
def test_a_link_goes_to_whoever_is_meant(owner, name):
    assert ask(owner, name)
    assert [message.to for message in mail.outbox] == [["owner@example.com"]]
    assert asked() == [("owner", "")]


@pytest.mark.parametrize(
    "fields",
    [
        {"is_active": False},
        {"password": UNUSABLE_PASSWORD_PREFIX},
        {"username": "somebody-else", "email": "x@example.com"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_the_answer_is_the_same_where_no_mail_goes(owner, fields):
    known = owner.post("hardening:password_reset", {"username": "owner"})
    mail.outbox.clear()
    get_user_model().objects.filter(pk=owner.user.pk).update(**fields)
    other = owner.again().post("hardening:password_reset", {"username": "owner"})
    assert mail.outbox == []
    assert (other.status_code, other.content) == (known.status_code, known.content)
    assert other.headers == known.headers
    assert set(other.cookies) == set(known.cookies)


def test_a_frozen_account_gets_no_mail_and_its_link_is_void(owner):
    link = ask(owner)
    Account.objects.freeze(owner.user.pk)
    assert ask(owner) is None
    assert owner.client.get(opened(owner, link)).status_code == 410


def test_nothing_about_the_name_is_looked_up_before_the_answer_is_out(owner, monkeypatch):
    monkeypatch.setattr("hardening.answers._quietly", lambda *_args: None)
    assert ask(owner) is None
    assert asked() == []


def test_one_is_mailed_a_few_times_a_day(owner):
    sent = [ask(owner) for _ in range(10)]
    assert sent[0]
    assert sent[-1] is None
    assert ("owner", "throttled") in asked()


def test_an_address_asks_a_few_times_for_whomever(owner, person, settings):
    settings.HARDENING = {"THROTTLE": {"mails_address": ["1/h"]}}
    person("second")
    assert ask(owner)
    assert ask(owner, "second") is None


def test_a_mail_that_cannot_be_sent_is_an_event(owner, settings):
    send_by(settings, "tests.host.broken_mail.Backend")
    assert ask(owner) is None
    assert asked() == [("owner", "mail_down")]


def test_somebody_without_a_mailbox_is_an_event(owner):
    get_user_model().objects.filter(pk=owner.user.pk).update(email="")
    assert ask(owner) is None
    assert asked() == [("owner", "no_address")]


def test_a_host_that_nobody_vouches_for_gets_no_link(owner, settings, caplog):
    settings.ALLOWED_HOSTS = ["testserver", "*"]
    reset._say_that_no_link_can_be_made.cache_clear()
    evil = {"headers": {"host": "evil.example.org", "accept": "text/html"}}
    with caplog.at_level(logging.ERROR, "hardening"):
        assert Client().post(ASK, {"username": "owner"}, **evil).status_code == 302
    assert "no link to a new password was mailed" in caplog.text
    assert mail.outbox == []
    assert ask(owner)


def test_a_link_begins_as_the_site_says_whatever_host_is_asked(owner, settings):
    settings.ALLOWED_HOSTS = ["*"]
    settings.HARDENING = {**settings.HARDENING, "SITE_URL": "https://www.example.com"}
    Client().post(ASK, {"username": "owner"}, headers={"host": "evil.example.org:8443"})
    assert "https://www.example.com/security/reset/" in mail.outbox[0].body
    assert "evil" not in mail.outbox[0].body


def test_the_pages_say_what_comes(owner):
    assert "We mail you a link" in text(owner.get("hardening:password_reset"))
    assert "within 72 hours" in text(owner.get("hardening:password_reset_done"))


def test_an_empty_name_is_an_error_beside_the_field(owner):
    answer = owner.post("hardening:password_reset", {"username": ""})
    assert answer.status_code == 400
    assert "Enter your user name or your e-mail address." in text(answer)


# --- the link -------------------------------------------------------------------------------------


def test_the_token_leaves_the_address_with_the_first_request(owner):
    link = ask(owner)
    token = link.rstrip("/").rpartition("/")[2]
    first = owner.client.get(link)
    assert (first.status_code, first.content) == (302, b"")
    assert token not in first.headers["Location"]
    shown = owner.client.get(first.headers["Location"])
    assert shown.status_code == 200
    assert token not in shown.content.decode()
    assert shown.headers["Referrer-Policy"] == "same-origin"


def test_the_new_password_works_and_the_old_one_does_not(owner):
    form = opened(owner, ask(owner))
    done = owner.client.post(form, CHOSEN)
    assert leads_to(done, "hardening:password_reset_complete")
    assert "Your password was changed" in text(owner.client.get(done.url))
    assert not owner.is_signed_in()
    assert not owner.sign_in().headers.get("Location")
    owner.sign_in(password=NEW)
    assert owner.is_signed_in()
    (event,) = SecurityEvent.objects.filter(event=Event.PASSWORD_RESET_DONE)
    assert event.target_name == "owner"
    assert "password was changed" in mail.outbox[-1].subject


def test_a_link_works_once(owner):
    link = ask(owner)
    form = opened(owner, link)
    other = owner.again()
    assert opened(other, link) == form
    owner.client.post(form, CHOSEN)
    late = other.client.post(form, {"new_password1": NEW + "!", "new_password2": NEW + "!"})
    assert late.status_code == 410
    assert owner.client.get(form).status_code == 410
    assert owner.client.get(opened(owner, link)).status_code == 410
    owner.sign_in(password=NEW)
    assert owner.is_signed_in()


def test_the_second_factor_is_asked_for_as_ever(owner):
    testing.enrol(owner.user)
    owner.client.post(opened(owner, ask(owner)), CHOSEN)
    assert Factor.objects.confirmed().filter(user=owner.user).exists()
    assert leads_to(owner.sign_in(password=NEW), "hardening:verify")


def test_sessions_and_sign_ins_that_wait_end_with_it(owner, parked):
    live = owner.again()
    testing.login(live.client, owner.user)
    assert live.is_signed_in()
    owner.client.post(opened(owner, ask(owner)), CHOSEN)
    assert not live.is_signed_in()
    waiting = type(owner)(parked.user)
    waiting.client.post(opened(waiting, ask(waiting, "armed")), CHOSEN)
    assert parked.prove().status_code == 410


def test_a_demanded_change_is_done_by_it(owner):
    Account.objects.of(owner.user.pk)
    Account.objects.filter(user=owner.user).update(must_change="operator")
    owner.client.post(opened(owner, ask(owner)), CHOSEN)
    owner.sign_in(password=NEW)
    assert owner.is_signed_in()


@pytest.mark.parametrize("wrong", [{}, {"new_password1": NEW, "new_password2": "other"}])
def test_what_does_not_fit_leaves_the_link_as_it_was(owner, wrong):
    form = opened(owner, ask(owner))
    assert owner.client.post(form, wrong).status_code == 400
    assert leads_to(owner.client.post(form, CHOSEN), "hardening:password_reset_complete")


def test_a_revocation_ends_links(owner):
    for end in (
        lambda: revoking.listed([owner.user.pk], Order(START)),
        lambda: revoking.everybody(Order(START)),
    ):
        link = ask(owner)
        form = opened(owner, link)
        end()
        assert owner.client.get(form).status_code == 410
        assert owner.client.post(form, CHOSEN).status_code == 410
        assert owner.client.get(opened(owner, link)).status_code == 410


def test_a_link_is_over_after_its_time(owner, clock, settings):
    settings.PASSWORD_RESET_TIMEOUT = 3600
    form = opened(owner, ask(owner))
    clock.shift(3600)
    assert owner.client.get(form).status_code == 200
    clock.shift(1)
    assert owner.client.get(form).status_code == 410


def test_the_form_opens_only_where_the_link_was_opened(owner):
    form = opened(owner, ask(owner))
    stranger = owner.again()
    assert stranger.client.get(form).status_code == 410
    assert stranger.client.post(form, CHOSEN).status_code == 410


def test_the_form_of_another_account_does_not_open(owner, person):
    other = person("other")
    mine = opened(owner, ask(owner))
    hers = opened(other, ask(other, "other"))
    assert mine != hers
    assert owner.client.post(hers, CHOSEN).status_code == 410
    other.user.refresh_from_db()
    assert not other.user.check_password(NEW)


def test_a_session_that_was_planted_here_does_not_hold_the_token(owner, engine):
    planted = Client()
    planted.post("/remember/", {"note": "planted"})
    cookie = planted.cookies["sessionid"].value
    link = ask(owner)
    owner.client.cookies["sessionid"] = cookie
    form = opened(owner, link)
    thief = Client()
    thief.cookies["sessionid"] = cookie
    assert thief.get(form).status_code == 410
    assert owner.client.get(form).status_code == 200


@pytest.mark.parametrize(
    "key", ["x", "%FF", "é", "AA", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk", "a" * 600]
)
@pytest.mark.parametrize("token", ["x", "a-b-c", "1-é", "zzzzzzzzzzzzzz-0"])
def test_nonsense_is_answered_as_an_old_link(owner, key, token):
    first = owner.client.get(f"{ASK}{key}/{token}/")
    assert first.status_code == 302
    assert owner.client.get(first.headers["Location"]).status_code == 410


def test_a_fault_is_a_503_and_no_log_holds_the_token(owner, monkeypatch, caplog):
    link = ask(owner)
    token = link.rstrip("/").rpartition("/")[2]

    def unreadable(*_args, **_kwargs):
        raise facts.FactsError

    monkeypatch.setattr(facts, "load_user", unreadable)
    first = owner.client.get(link)
    assert owner.client.get(first.headers["Location"]).status_code == 503
    posted = owner.client.post(link, CHOSEN)
    assert posted.status_code == 302
    assert token not in caplog.text


def test_programs_read_json(person, clock):
    owner = person("owner")
    robot = owner.again(json_client=True)
    link = ask(robot)
    form = robot.client.get(link).json()["next"]
    assert robot.client.get(form).json()["code"] == "ok"
    assert (
        robot.post(form, {"new_password1": NEW, "new_password2": "x"}).json()["code"] == "invalid"
    )
    done = robot.post(form, CHOSEN)
    assert done.json() == {"code": "ok", "next": "/security/reset/complete/"}
    assert robot.client.get(form).json()["code"] == "invalid"


@pytest.mark.parametrize("body", ["[1]", "{", '{"username": 7}', '{"username": ["a", "b"]}', "nul"])
def test_malformed_requests_are_answered_and_change_nothing(owner, body):
    form = opened(owner, ask(owner))
    sent = len(mail.outbox)
    for url in (ASK, form, "/security/reset/done/", "/security/reset/complete/"):
        for method in ("POST", "PUT", "DELETE"):
            answer = owner.client.generic(method, url, body, "application/json")
            assert answer.status_code in (302, 400, 405)
    assert len(mail.outbox) == sent
    assert owner.client.get(form).status_code == 200


# --- the token ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "", "x", "1-2"])
def test_no_token_is_no_token(owner, token):
    assert not EpochTokenGenerator().check_token(owner.user, token)
    assert not EpochTokenGenerator().check_token(None, token)


def test_a_token_of_djangos_own_is_none_of_ours(owner):
    assert not EpochTokenGenerator().check_token(
        owner.user, default_token_generator.make_token(owner.user)
    )


# --- views of the host's own ----------------------------------------------------------------------


class BoundReset(PasswordResetConfirmView):
    """Django's view with our token."""

    token_generator = EpochTokenGenerator()


@pytest.mark.parametrize(
    "view, name, remarked",
    [
        (PasswordResetConfirmView.as_view(), "password_reset_confirm", True),
        (PasswordResetConfirmView.as_view(token_generator=EpochTokenGenerator()), "x", False),
        (BoundReset.as_view(), "password_reset_confirm", False),
        (PasswordResetView.as_view(), "admin_password_reset", False),
        (lambda request: None, "password_reset_confirm", False),
    ],
    ids=["djangos", "given ours", "made of djangos", "that asks", "a function"],
)
def test_a_view_whose_links_outlive_a_revocation_is_remarked_on(settings, view, name, remarked):
    pages = ModuleType("pages")
    mine = [path("<uidb64>/<token>/", view, name=name)]
    pages.urlpatterns = [*smallest, path("accounts/", include((mine, "accounts")))]
    settings.ROOT_URLCONF = pages
    said = list(links_end_with_a_revocation())
    assert [one.id for one in said] == ["hardening.W020"] * remarked
    assert not remarked or "'accounts/<uidb64>/<token>/'" in said[0].msg
