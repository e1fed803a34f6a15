"""What operators type to end locks: names, addresses, all of it, attack mode."""

from __future__ import annotations

import io
import json
import time

import pytest
from django.core import mail
from django.core.management import CommandError, call_command

from hardening.audit import Event
from hardening.flows import attack
from hardening.models import SecurityEvent, SiteState
from hardening.throttle.tally import Lately

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments):
    out = io.StringIO()
    call_command("hardening_unlock", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("by", ["get_username", "get_email", "get_pk"])
def test_the_command_unlocks_by_name_address_or_key(locked, by):
    user = locked.user
    words = {"get_username": "owner", "get_email": user.email, "get_pk": str(user.pk)}
    shown = " ".join(run(words[by]).split())
    assert "account owner 5 30 yes" in shown
    locked.sign_in()
    assert locked.is_signed_in()
    event = SecurityEvent.objects.get(event=Event.THROTTLE_LIFTED)
    assert (event.target_name, event.actor_name, event.reason) == ("owner", "", "account")
    assert [one for one in mail.outbox if "an operator ended the wait" in one.subject]


def test_a_dry_unlock_says_what_it_would_do_and_does_nothing(locked):
    attack.begin(Lately(200, 250, None), now=int(time.time()))
    report = json.loads(
        run(
            *("owner", "--address", "198.51.100.7", "--all", "--attack-mode", "--dry-run"),
            *("--format", "json"),
        )
    )
    assert report["dry_run"]
    assert [(row["what"], row["which"], row["lifted"]) for row in report["results"]] == [
        ("account", "owner", False),
        ("address", "198.51.100.7/32", False),
        ("accounts", 1, False),
        ("names that nobody has", 0, False),
        ("addresses", 1, False),
        ("attack mode", "on", False),
    ]
    assert report["results"][0]["failures"] == 5
    assert report["results"][0]["wait"] == 30
    assert locked.sign_in().status_code == 429
    assert SiteState.objects.get().attack_until


def test_an_address_is_lifted(owner):
    for number in range(12):
        owner.post("hardening:login", {"username": f"nobody-{number}", "password": "x"})
    assert owner.sign_in().status_code == 429
    assert "address 127.0.0.1/32" in " ".join(run("--address", "127.0.0.1").split())
    owner.sign_in()
    assert owner.is_signed_in()


def test_everything_is_lifted_after_a_yes(locked, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _question: "n")
    with pytest.raises(CommandError, match="nothing was changed"):
        run("--all")
    assert locked.sign_in().status_code == 429
    monkeypatch.setattr("builtins.input", lambda _question: "y")
    assert "accounts 1" in " ".join(run("--all").split())
    locked.sign_in()
    assert locked.is_signed_in()


def test_everything_is_lifted_without_asking_if_told_so(locked):
    run("--all", "--noinput")
    locked.sign_in()
    assert locked.is_signed_in()


def test_attack_mode_is_ended(owner):
    assert "attack mode off" in " ".join(run("--attack-mode").split())
    attack.begin(Lately(200, 250, None), now=int(time.time()))
    assert "attack mode on 1800 yes" in " ".join(run("--attack-mode").split())
    assert SiteState.objects.get().attack_until == 0
    assert SecurityEvent.objects.filter(event=Event.ATTACK_ENDED).count() == 1


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((), "name a user, or give"),
        (("owner", "nobody"), "no user has the name"),
        (("owner", "--address", "somewhere"), "is no network address"),
    ],
)
def test_a_mistake_changes_nothing_and_says_so(locked, arguments, said):
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert locked.sign_in().status_code == 429
