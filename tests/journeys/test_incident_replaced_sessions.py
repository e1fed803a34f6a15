"""May 2014: one user's data was read, and whoever might be hit had to sign in again in a hurry.

An operator ends the sessions of one person, of a role, of a list, or of everybody, and whatever
those people had open is shut with its next request, whichever engine keeps the sessions: what is
live, what waits for a second factor, links to a new password. Tokens of an API are
`tests/sites/drf`'s to tell, in a test of the same name.

Not here yet: client families ("Android before build 1.1.2"), and the report from the log of what
was and was not touched. Until then the events of the person are read in the admin.
"""

from __future__ import annotations

import io
import re

import pytest
from django.core import mail
from django.core.management import call_command

from hardening import testing
from hardening.audit import Event
from hardening.models import Account, SecurityEvent, SiteState
from tests.doors import conftest as doors
from tests.visitor import STEP, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

clock, engine = doors.clock, doors.engine
LINK = re.compile(r"http://testserver(/security/reset/\S+/)")


@pytest.fixture
def people(clock, person):
    """Return a fan, and two of the staff with authenticators, signed in each at a browser."""
    fan, first, second = (
        person("fan"),
        person("first", is_staff=True),
        person("second", is_staff=True),
    )
    fan.sign_in()
    for each in (first, second):
        each.secret = testing.secret_of(testing.enrol(each.user))
        each.sign_in_fully()
    clock.shift(STEP)
    assert all(each.is_signed_in() for each in (fan, first, second))
    return {"fan": fan, "first": first, "second": second}


def revoke(*words):
    """Run the command, and answer nothing that it asks."""
    said = io.StringIO()
    call_command("hardening_revoke", *words, "--yes", stdout=said, stderr=said)
    return said.getvalue()


def signed_in(people):
    return {name for name, each in people.items() if each.is_signed_in()}


@pytest.mark.parametrize(
    "whom, left",
    [
        (["first"], {"fan", "second"}),
        (["--role=staff"], {"fan"}),
        (["--list={}"], {"second"}),
        (["--everybody"], set()),
    ],
    ids=["one", "role", "list", "everybody"],
)
def test_who_is_meant_is_out_with_the_next_request_whichever_engine(
    whom, left, engine, people, tmp_path
):
    listed = tmp_path / "list"
    listed.write_text("fan\nfirst\n")
    revoke(*(word.format(listed) for word in whom))
    assert signed_in(people) == left


def test_everybody_is_one_row_and_accounts_without_a_row_are_meant_too(
    people, django_assert_num_queries
):
    Account.objects.filter(user_id=people["fan"].user.pk).delete()
    assert people["fan"].is_signed_in()
    before = Account.objects.count()
    revoke("--everybody")
    assert SiteState.objects.get().epoch == 1
    assert Account.objects.count() == before
    assert signed_in(people) == set()


@pytest.mark.parametrize("whom", [["first"], ["--role=staff"], ["--everybody"]])
def test_what_waits_and_what_was_mailed_is_dead_too(whom, people):
    first = people["first"]
    waiting = first.again()
    assert leads_to(waiting.sign_in(), "hardening:verify")
    first.post("hardening:password_reset", {"username": "first"})
    link = next(found[1] for found in map(found_in, mail.outbox) if found)
    revoke(*whom)
    assert waiting.verify().status_code == 410
    assert not waiting.is_signed_in()
    form = first.again().client.get(link)
    reached = first.again().client.get(link, follow=True)
    assert form.status_code in (302, 410)
    assert reached.status_code == 410


def found_in(message):
    return LINK.search(message.body)


@pytest.mark.parametrize("whom", [["fan", "first"], ["--everybody"]])
def test_everybody_signs_in_again_as_ever(whom, people, clock):
    revoke(*whom)
    clock.shift(STEP)
    fan, first = people["fan"], people["first"]
    fan.sign_in()
    assert leads_to(first.sign_in(), "hardening:verify")
    first.verify()
    assert fan.is_signed_in()
    assert first.is_signed_in()


def test_who_is_told_and_what_stands_in_the_log(people):
    revoke("--role=staff", "--mail", "--reason=tokens of the app leaked")
    told = {message.to[0] for message in mail.outbox if "signed out" in message.subject}
    assert told == {"first@example.com", "second@example.com"}
    events = SecurityEvent.objects.filter(event=Event.SESSIONS_REVOKED)
    assert {event.data.get("why") for event in events} == {"tokens of the app leaked"}


def test_a_dry_run_says_how_many_and_ends_nothing(people):
    assert "2" in revoke("--role=staff", "--dry-run")
    assert signed_in(people) == {"fan", "first", "second"}
