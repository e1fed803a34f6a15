"""Ways out of a lock at the doors: the mailed link's pages, a reset, a known browser."""

from __future__ import annotations

import logging
import re

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.views import PasswordResetConfirmView, PasswordResetView
from django.core import mail
from django.db import connection
from django.http.response import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path

from hardening import facts
from hardening.audit import Event
from hardening.flows import attempts, unlock
from hardening.models import SecurityEvent, ThrottleCell
from tests.doors import site
from tests.doors.conftest import guess
from tests.visitor import PASSWORD, Visitor, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

ASK = "/security/unlock/"
LINK = re.compile(r"^http://testserver(/security/unlock/\S+/)$", re.MULTILINE)
NEW = "seven quiet harbours at dawn"

urlpatterns = [
    *site.urlpatterns,
    path(
        "forgot/",
        PasswordResetView.as_view(success_url="/public/", email_template_name="plain_reset.txt"),
    ),
    path(
        "set/<uidb64>/<token>/",
        PasswordResetConfirmView.as_view(success_url="/public/"),
        name="set_password",
    ),
]


@pytest.fixture(autouse=True)
def _told_anew():
    attempts._sampled.clear()


def ask(visitor, name="owner"):
    """Ask for a link and return its path, if one was mailed."""
    before = len(mail.outbox)
    answer = visitor.post("hardening:unlock", {"username": name})
    assert answer.status_code == 200
    new = [LINK.search(message.body) for message in mail.outbox[before:]]
    return new[0][1] if new else None


def press(visitor, link):
    token = link.removeprefix(ASK).removesuffix("/")
    return visitor.post("hardening:unlock", {"token": token})


def text(answer):
    return " ".join(answer.content.decode().split())


# --- the link ------------------------------------------------------------------------------------


def test_the_page_that_refuses_leads_to_the_link(locked):
    refused = locked.sign_in()
    assert f'href="{ASK}"' in text(refused)
    assert "You can try again in" in text(refused)


def test_a_link_opens_a_page_with_a_button_that_ends_the_wait(locked):
    link = ask(locked)
    shown = locked.get(link)
    assert shown.status_code == 200
    assert "o•••@example.com" in text(shown)
    assert locked.sign_in().status_code == 429
    done = press(locked, link)
    assert leads_to(done, "hardening:login")
    assert "The wait is over. You can sign in now." in text(locked.get("hardening:login"))
    assert not locked.is_signed_in()
    locked.sign_in()
    assert locked.is_signed_in()


def test_looking_at_a_link_changes_nothing_however_often(locked):
    link = ask(locked)
    scanner = Client()
    for _ in range(3):
        assert scanner.get(link).status_code == 200
        assert scanner.head(link).status_code == 200
    assert locked.sign_in().status_code == 429
    assert press(locked, link).status_code == 302


def test_the_browser_that_used_a_link_is_known_from_then_on(locked):
    press(locked, ask(locked))
    stranger = guess(locked)
    assert stranger.sign_in().status_code == 429
    locked.sign_in()
    assert locked.is_signed_in()


def test_a_used_link_is_gone_and_says_how_to_get_another(locked):
    link = ask(locked)
    press(locked, link)
    for answer in (locked.get(link), press(locked, link)):
        assert answer.status_code == 410
        assert "This link does not work any more" in text(answer)
        assert f'href="{ASK}"' in text(answer)


@pytest.mark.parametrize("broken", ["x", "x.y", "MQ." + "A" * 43, "%00", "é", "a" * 3000])
def test_what_is_no_link_is_answered_as_an_old_one(locked, broken):
    used = ask(locked)
    press(locked, used)
    other = locked.again()
    seen = other.get(used)
    answer = other.get(f"{ASK}{broken}/")
    assert answer.status_code == 410
    assert text(answer) == text(seen)


def test_the_page_of_a_link_is_kept_from_caches_frames_and_other_sites(locked):
    answer = locked.get(ask(locked))
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_the_button_needs_a_token_against_forgery(locked):
    link = ask(locked)
    strict = Client(enforce_csrf_checks=True, headers={"accept": "text/html"})
    token = link.removeprefix(ASK).removesuffix("/")
    assert strict.post(ASK, {"token": token}).status_code == 302  # to the page, nothing spent
    assert press(locked, link).status_code == 302
    assert SecurityEvent.objects.filter(event=Event.UNLOCKED).count() == 1


def test_nothing_of_a_link_is_logged_while_it_works(locked, caplog):
    caplog.set_level(logging.DEBUG)
    link = ask(locked)
    secret = link.rpartition(".")[2].removesuffix("/")
    caplog.clear()
    locked.get(link)
    strict = Client(enforce_csrf_checks=True, headers={"accept": "application/json"})
    strict.post(ASK, {"token": link.removeprefix(ASK).removesuffix("/")})
    press(locked, link)
    assert caplog.records
    assert secret not in caplog.text
    assert secret not in str(list(SecurityEvent.objects.values_list()))


def test_a_host_that_nobody_vouches_for_gets_no_link(locked, settings, caplog):
    settings.ALLOWED_HOSTS = ["testserver", "*"]
    evil = {"headers": {"host": "evil.example.org", "accept": "text/html"}}
    answer = Client().post(ASK, {"username": "owner"}, **evil)
    assert answer.status_code == 200
    assert not [message for message in mail.outbox if "evil" in message.body]
    assert not [message for message in mail.outbox if LINK.search(message.body)]
    assert ask(locked)


def test_the_link_works_for_a_json_client(locked):
    program = locked.again(json_client=True)
    assert program.get("hardening:unlock").json() == {"code": "ok"}
    link = ask(program)
    assert program.get(link).json() == {"code": "ok"}
    token = link.removeprefix(ASK).removesuffix("/")
    done = program.post("hardening:unlock", {"token": token})
    assert done.json() == {"code": "ok", "next": "/security/login/"}
    gone = program.post("hardening:unlock", {"token": token})
    assert gone.status_code == 410
    assert gone.json()["code"] == "invalid"
    assert "used already" in gone.json()["detail"]


def test_a_host_without_messages_says_it_on_a_page_of_its_own(locked, settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "messages" not in name]
    browser = locked.again()
    answer = press(browser, ask(browser))
    assert answer.status_code == 200
    assert "The wait is over" in text(answer)
    assert 'href="/security/login/"' in text(answer)


# --- what the one who asks learns ----------------------------------------------------------------


def deactivate(user):
    user.is_active = False
    user.save()


def forget_address(user):
    user.email = ""
    user.save()


def nothing(_user):
    pass


@pytest.mark.parametrize("happens", [nothing, deactivate, forget_address])
def test_the_answer_is_the_same_for_every_name(owner, happens):
    happens(owner.user)
    pages = {
        text(owner.post("hardening:unlock", {"username": name}))
        for name in ("owner", "owner@example.com", "nobody", "nobody@example.com")
    }
    assert len(pages) == 1
    assert "If there is an account of this name whose mailbox we know, a link is on its way." in (
        pages.pop()
    )


def test_the_answer_is_the_same_when_too_many_links_were_asked_for(owner):
    first = text(owner.post("hardening:unlock", {"username": "owner"}))
    for _ in range(14):
        last = owner.post("hardening:unlock", {"username": "owner"})
    assert text(last) == first
    assert len([one for one in mail.outbox if LINK.search(one.body)]) == 2


@pytest.mark.parametrize("name", ["owner", "nobody"])
def test_nothing_depends_on_the_name_before_the_answer_is_sent(owner, name, monkeypatch):
    done, at_close = [], []
    monkeypatch.setattr(unlock, "send_link", lambda typed, *_rest, **_more: done.append(typed))
    close = HttpResponseBase.close

    def watched(response):
        at_close.append(list(done))
        close(response)

    monkeypatch.setattr(HttpResponseBase, "close", watched)
    with CaptureQueriesContext(connection) as queries:
        owner.post("hardening:unlock", {"username": name})
    assert at_close[-1] == []
    assert done == [name]
    assert len(queries) == 0


def test_a_fault_afterwards_is_logged_and_shown_to_nobody(owner, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise facts.FactsError

    monkeypatch.setattr(facts, "load_user_by_name", broken)
    assert owner.post("hardening:unlock", {"username": "owner"}).status_code == 200
    assert "a link that ends a wait could not be sent" in caplog.text


@pytest.mark.parametrize("typed", ["", "   ", "x" * 255, "a\0b"])
def test_what_is_no_name_is_an_error_beside_the_field(owner, typed):
    answer = owner.post("hardening:unlock", {"username": typed})
    assert answer.status_code == 400
    assert answer.context["form"].errors["username"]


# --- the owner's other ways ----------------------------------------------------------------------


def test_a_reset_password_signs_in_from_an_unknown_browser(locked, settings):
    settings.ROOT_URLCONF = "tests.doors.test_unlock"
    settings.TEMPLATES = [
        {
            **settings.TEMPLATES[0],
            "APP_DIRS": False,
            "OPTIONS": {
                **settings.TEMPLATES[0]["OPTIONS"],
                "loaders": [
                    (
                        "django.template.loaders.locmem.Loader",
                        {"plain_reset.txt": "{% url 'set_password' uid token %}"},
                    ),
                    "django.template.loaders.app_directories.Loader",
                ],
            },
        }
    ]
    browser = Client(headers={"accept": "text/html"})
    browser.post("/forgot/", {"email": "owner@example.com"})
    form = browser.get(mail.outbox[-1].body.strip(), follow=True)
    browser.post(form.request["PATH_INFO"], {"new_password1": NEW, "new_password2": NEW})
    elsewhere = Visitor(get_user_model().objects.get(), password=NEW)
    elsewhere.sign_in()
    assert elsewhere.is_signed_in()
    assert Visitor(locked.user).sign_in(password=PASSWORD).status_code != 429


def test_a_complete_sign_in_on_a_known_device_zeroes_the_count(owner):
    owner.sign_in()
    assert owner.is_signed_in()
    stranger = guess(owner)
    assert stranger.sign_in().status_code == 429
    owner.post("host_logout")
    owner.sign_in()
    assert owner.is_signed_in()
    assert ThrottleCell.objects.get(target_pk=owner.user.pk).total == 0
    elsewhere = owner.again()
    elsewhere.sign_in()
    assert elsewhere.is_signed_in()
