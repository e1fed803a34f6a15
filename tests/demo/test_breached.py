"""The demo's listener has a password from a leaked list, and is led to another."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.test import Client, override_settings

from hardening.breach.corpus import CorpusSource
from hardening.core.pwned import Candidate, Finding
from hardening.models import Account, SecurityEvent
from project.backstage import demo_data
from project.backstage.management.commands.seed_backstage import build_corpus
from project.backstage.models import User

# Mails are sent when a transaction is committed.
pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/security/login/"
MAILBOX = "/security/mailbox/"
CHANGE = "/security/change-password/"
NEW = "walnut-gondola-47-thistle"
COMMON = "qwerty123456789"  # what the guide suggests to try
REFUSED = "This password is in a list leaked from other websites"
CODE = re.compile(r"^\s+(\d{8})$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _at_noon(clock):
    """Stop the clock: a slow machine must not wait for the next try."""


def sign_in(client, password=demo_data.BREACHED.password, username=demo_data.BREACHED.username):
    return client.post(LOGIN, {"username": username, "password": password})


def prove_mailbox(client):
    client.post(MAILBOX, {"action": "send"})
    return client.post(MAILBOX, {"code": CODE.findall(mail.outbox[-1].body)[-1]})


def change_to(client, password):
    twice = {"new_password1": password, "new_password2": password}
    return client.post(CHANGE, {"old_password": demo_data.BREACHED.password, **twice})


def mailed():
    return [message.subject for message in mail.outbox]


def where_to(answer):
    return answer.headers["Location"].partition("?")[0]


def test_the_listener_proves_the_mailbox_and_chooses_another_password(client, seeded):
    elsewhere = Client()
    elsewhere.force_login(User.objects.get(username="listener"))
    assert elsewhere.get("/my/follows/").status_code == 200

    assert where_to(sign_in(client)) == MAILBOX
    assert where_to(client.get("/my/follows/")) == MAILBOX
    assert where_to(prove_mailbox(client)) == CHANGE

    refused = change_to(client, COMMON)
    assert refused.status_code == 400
    (said,) = refused.context["form"].errors["new_password1"]
    assert said.startswith(REFUSED)
    assert said in refused.content.decode()
    assert COMMON not in refused.content.decode()

    assert change_to(client, NEW).headers["Location"] == "/my/"
    assert client.get("/my/follows/").status_code == 200
    assert where_to(elsewhere.get("/my/follows/")) == LOGIN
    assert mailed() == [
        "Backstage: your password is in a leaked list",
        "Backstage: your code to sign in",
        "Backstage: your password was changed",
        "Backstage: a sign-in with a new browser",
    ]
    assert {to for message in mail.outbox for to in message.to} == {"listener@backstage.example"}
    kept = Account.objects.get(user_id=User.objects.get(username="listener").pk)
    assert not kept.password_verdict, "who had a bad password is nobody's business any more"


def test_the_next_sign_in_is_quiet(client, seeded):
    sign_in(client)
    prove_mailbox(client)
    change_to(client, NEW)
    client.post("/sign-out/")
    mail.outbox.clear()
    assert sign_in(client, NEW).headers["Location"] == "/my/"
    assert not mail.outbox
    assert where_to(sign_in(Client(), NEW)) == "/my/"
    assert mailed() == ["Backstage: a sign-in with a new browser"]


def test_a_wrong_password_asks_no_list_and_the_fan_is_left_in_peace(client, seeded):
    sign_in(client, COMMON)
    assert not mail.outbox
    assert not SecurityEvent.objects.filter(event="password:breach:found").exists()
    fan = demo_data.ACCOUNTS[0]
    assert sign_in(client, fan.password, fan.username).headers["Location"] == "/my/"
    assert not mail.outbox


def test_the_old_password_is_no_new_one(client, seeded):
    sign_in(client)
    prove_mailbox(client)
    assert "new_password1" in change_to(client, demo_data.BREACHED.password).context["form"].errors
    assert User.objects.get(username="listener").check_password(demo_data.BREACHED.password)


@pytest.mark.parametrize(
    "password, finding", [(COMMON, Finding.HIT), (NEW, Finding.UNKNOWN)], ids=["common", "not"]
)
def test_set_up_makes_a_corpus_that_knows_common_passwords(tmp_path, settings, password, finding):
    path = tmp_path / "breached.corpus"
    build_corpus(path)
    with override_settings(HARDENING={**settings.HARDENING, "BREACH_CORPUS": path}):
        answer = CorpusSource().look(Candidate(password), wait=0)
    assert (answer.finding, answer.fault) == (finding, "")


def test_set_up_makes_the_corpus_once_and_anew_where_it_is_missing(tmp_path):
    path = tmp_path / "breached.corpus"
    build_corpus(path)
    made = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(b"kept")
    build_corpus(path)
    assert path.read_bytes() == b"kept"
    path.unlink()
    build_corpus(path)
    assert path.read_bytes() == made


def test_no_test_asks_another_machine(settings):
    assert "api" not in settings.HARDENING["BREACH_SOURCES"]
