"""What the demo invites a newcomer to try against it: guessing, and a list of stolen passwords."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from project.backstage import demo_data
from project.backstage.models import User

# A mail is sent, and attack mode told of, when a transaction is committed.
pytestmark = pytest.mark.django_db(transaction=True)

LOGIN = "/security/login/"
ADMIN_PAGE = "/admin/hardening/throttlecell/"
LINK = re.compile(r"^http://testserver(/security/unlock/\S+/)$", re.MULTILINE)
PASSWORDS = {account.username: account.password for account in demo_data.ACCOUNTS}


@pytest.fixture(autouse=True)
def _at_noon(clock):
    """Stop the clock: a slow machine must not wait for the next try."""


def sign_in(client, username, password=None):
    """Type a name and a password, the right one if none is given."""
    pair = {"username": username, "password": password or PASSWORDS[username]}
    return client.post(LOGIN, pair)


def guess(client, username, times=6):
    """Type wrong passwords and return the last answer."""
    return [sign_in(client, username, f"wrong {number}") for number in range(times)][-1]


def mailed():
    return [(message.to, message.subject) for message in mail.outbox]


@pytest.mark.parametrize("username", ["fan", "nobody"])
def test_the_sixth_wrong_password_waits_whoever_has_the_name(client, seeded, username):
    looked_at = guess(client, username, 5)
    assert "Please enter a correct username and password" in looked_at.content.decode()
    answer = sign_in(client, username, "wrong once more")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "60"
    page = answer.content.decode()
    assert "Too many tries" in page
    assert 'href="/security/unlock/"' in page


def test_the_right_password_waits_too_until_the_mailed_link_ends_it(client, seeded):
    guess(client, "fan")
    assert sign_in(client, "fan").status_code == 429
    client.post("/security/unlock/", {"username": "fan"})
    (message,) = mail.outbox
    assert message.to == ["fan@backstage.example"]
    (link,) = LINK.findall(message.body)
    page = client.get(link)
    client.post("/security/unlock/", {"token": page.context["token"]})
    assert sign_in(client, "fan").headers["Location"] == "/my/"


def test_where_the_fan_has_signed_in_before_nobody_waits(client, seeded):
    sign_in(client, "fan")
    client.post("/sign-out/")
    assert guess(Client(), "fan").status_code == 429
    assert sign_in(client, "fan").headers["Location"] == "/my/"


def test_staff_sees_who_waits_and_lifts_it(client, browser_of):
    staff = browser_of("staff")
    guess(client, "fan")
    listed = staff.get(ADMIN_PAGE)
    (row,) = listed.context["cl"].result_list
    assert row.person == User.objects.get(username="fan")
    sent = {"action": "lift", "_selected_action": row.pk, "confirmed": "yes"}
    assert "1 person can try" in staff.post(ADMIN_PAGE, sent, follow=True).content.decode()
    assert mailed() == [
        (["fan@backstage.example"], "Backstage: an operator ended the wait for your sign-in")
    ]
    fan_elsewhere = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(fan_elsewhere, "fan").headers["Location"] == "/my/"


def test_an_attack_begins_attack_mode_which_staff_can_end(client, browser_of):
    staff = browser_of("staff")
    printed = StringIO()
    call_command("attack_backstage", stdout=printed)
    assert "120 wrong passwords from 40 addresses were judged" in printed.getvalue()
    ((to, subject),) = mailed()
    assert to == ["operators@backstage.example"]
    assert "passwords are being tried in large numbers" in subject
    assert sign_in(client, "fan").headers["Location"] == "/security/mailbox/"
    assert "Step 1 of 3" not in client.get("/security/mailbox/").content.decode()
    manager = Client()
    sign_in(manager, "manager")
    assert "Step 1 of 3" in manager.get("/security/mailbox/").content.decode()
    assert "Attack mode is on" in staff.get(ADMIN_PAGE).content.decode()
    ended = staff.post(f"{ADMIN_PAGE}end-attack-mode/", follow=True)
    assert "Attack mode has ended." in ended.content.decode()
    assert sign_in(Client(), "fan").headers["Location"] == "/my/"


def test_a_site_that_is_not_the_demo_is_not_attacked(seeded, settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="not the demo"):
        call_command("attack_backstage")
    assert not mail.outbox
