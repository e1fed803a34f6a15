"""April to November 2020: registration data reached business partners for 217 days.

What this app has by now of what would stop it: the lists of people that leave it, the files of the
compliance page and of the log, take a permission of their own and a fresh proof, hold no more than
they say, and an event tells for good who took them. And nothing secret can be read by whoever may
read the database or the log.

Not here yet: partners, grants of named fields for a purpose and a time, the record of each
disclosure by subject, and the recall that lists who received what about whom.
"""

from __future__ import annotations

import csv
import io

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.urls import reverse

from hardening import testing
from hardening.audit import Event, is_genuine
from hardening.flows.sealing import SETTLE_SECONDS
from hardening.models import Factor, SecurityEvent
from hardening.moments import moment
from tests.visitor import NOW, PASSWORD, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

FILE = reverse("admin:hardening_rolepolicy_compliance_export")
FIELDS = ["Policy", "User", "E-mail address", "Status", "Date"]


@pytest.fixture
def clerk(clock, person):
    """Return somebody of the staff, signed in a moment ago, who may do nothing yet."""
    visitor = person("clerk", is_staff=True)
    testing.login(visitor.client, visitor.user)
    return visitor


@pytest.fixture
def auditor(clerk):
    """Return the clerk, who may see compliance."""
    clerk.user.user_permissions.add(Permission.objects.get(codename="view_compliance"))
    return clerk


@pytest.fixture
def members(clock, person):
    """Return people whom a policy covers."""
    return [person(f"member{n}", first_name="Secret", is_staff=True) for n in range(3)]


def taken(answer):
    """Return the lines of the file."""
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def exports():
    return SecurityEvent.objects.filter(event=Event.PEOPLE_EXPORTED)


def test_without_the_permission_nobody_takes_the_list_along(clerk, members):
    assert clerk.client.get(FILE).status_code == 403
    assert not exports().exists()


def test_a_stolen_session_takes_nothing_along(auditor, members, clock):
    clock.shift(301)
    assert leads_to(auditor.client.get(FILE), "hardening:step_up")
    assert not exports().exists()


def test_the_file_holds_what_it_says_and_nothing_else(auditor, members):
    head, *lines = taken(auditor.client.get(FILE))
    assert head == FIELDS
    assert {"member0", "member1", "member2"} <= {line[1] for line in lines}
    assert "Secret" not in str(lines)


def test_the_log_says_who_took_it_when_from_where_and_filtered_how(auditor, members):
    assert taken(auditor.client.get(FILE, {"status": "overdue", "q": "member1"}))
    event = exports().get()
    assert (event.actor_name, event.address) == ("clerk", "127.0.0.1")
    assert event.at == moment(NOW)
    assert event.data["status"] == "overdue"
    assert event.data["searched"] is True
    assert "member1" not in str(event.data)
    assert is_genuine(event)


def test_whoever_takes_the_log_along_stands_in_it(clerk, clock):
    clerk.user.user_permissions.add(Permission.objects.get(codename="view_securityevent"))
    log = reverse("admin:hardening_securityevent_export")
    assert b"".join(clerk.client.get(log).streaming_content)
    assert exports().get().actor_name == "clerk"
    clock.shift(301)
    assert leads_to(clerk.client.get(log), "hardening:step_up")
    assert exports().count() == 1


def test_that_survives_the_account_of_whoever_took_it(auditor, members):
    taken(auditor.client.get(FILE))
    auditor.user.delete()
    event = exports().get()
    assert event.actor_name == "clerk"
    assert is_genuine(event)


def test_an_event_that_is_taken_out_of_the_log_is_missed(auditor, members, clock):
    taken(auditor.client.get(FILE))
    clock.shift(SETTLE_SECONDS)
    call_command("hardening_audit", "seal", stdout=io.StringIO(), stderr=io.StringIO())
    call_command("hardening_audit", "verify", stdout=io.StringIO(), stderr=io.StringIO())
    exports().delete()
    with pytest.raises(CommandError, match="the audit log is broken"):
        call_command("hardening_audit", "verify", stdout=io.StringIO(), stderr=io.StringIO())


def test_a_dump_of_our_tables_and_the_log_opens_no_account(auditor, members):
    members[0].sign_in()
    dump = io.StringIO()
    call_command("dumpdata", "hardening", stdout=dump)
    factor = Factor.objects.get(user=auditor.user)
    assert PASSWORD not in dump.getvalue()
    assert testing.secret_of(factor).hex() not in dump.getvalue()
    assert members[0].client.session.session_key not in dump.getvalue()
