"""Every door, every kind of person: what opens, what the client gets, what fires, where it leads.

One test walks the whole table (`doors_table` by `people_table`).
"""

from __future__ import annotations

import pytest

from hardening.flows import steps
from hardening.models import ParkedLogin
from tests.host.doors import LEAK
from tests.sites.doors.doors_table import (
    DOORS,
    TURNED_AWAY,
    Way,
    expected,
    expected_signals,
)
from tests.sites.doors.people_table import PEOPLE
from tests.sites.doors.visit import address_in, step_of

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONLESS = [door for door in DOORS if door.way is Way.NO_SESSION]
OTHERS = [door for door in DOORS if door.way is not Way.NO_SESSION]


def cells(doors):
    """Return doors times people, each with a name to find it by."""
    return [
        pytest.param(door, person, id=f"{door.name} - {person.name}")
        for door in doors
        for person in PEOPLE
    ]


@pytest.mark.parametrize("door, person", cells(OTHERS))
def test_a_door_opens_what_it_should_and_nothing_else(door, person, visit):
    going = visit(door, person)
    at_door, in_the_end = expected_signals(door, person)
    with going.counting():
        answer = door.knock(going, person.heading)
        assert_counted(going, door, at_door)
        if person.mandated:
            assert_nothing_of_the_view(answer, json=door.json)
            going.trail.append("parked")
            going.assert_nothing_opens()
        if answer is None or (not door.json and not door.takes_next):
            answer = going.client.get(person.heading)
        done = going.go_on(answer)
        if expected(door, person) == TURNED_AWAY:
            assert done.status_code == 200  # the form again
            assert going.name_seen() == "nobody"
            going.trail.append(TURNED_AWAY)
        else:
            assert_led(going, door, person, done)
            going.look_around(staff=person.staff)
    assert " → ".join(going.trail) == expected(door, person)
    assert_counted(going, door, in_the_end)


@pytest.mark.parametrize("door, person", cells(SESSIONLESS))
def test_a_request_without_a_session_opens_itself_or_nothing(door, person, visit):
    going = visit(door, person)
    with going.counting():
        answer = door.knock(going, person.heading)
        body = answer.json()
        if person.mandated:
            words = f"{answer.status_code} `{body['code']}`"
            assert set(body) == {"detail", "code", "step", "reason"}
            going.assert_nothing_opens(parked=False)
        else:
            assert (answer.status_code, body) == (200, {"user": going.user.get_username()})
            words = "opens this request, and no other"
            assert going.name_seen() == "nobody"
    assert words == expected(door, person)
    assert going.counts == {}
    assert not answer.cookies
    assert not ParkedLogin.objects.exists()


def assert_counted(going, door, wanted):
    """Each signal fired as often as it should; `user_logged_in` maybe on each request."""
    counted = dict(going.counts)
    if door.way is Way.MIDDLEWARE and "user_logged_in" in wanted:
        counted["user_logged_in"] = min(counted["user_logged_in"], 1)
    assert counted == wanted


def assert_nothing_of_the_view(answer, *, json):
    """What the client received is ours: a redirect or a code, and nothing the view wrote."""
    if answer is None:
        return
    assert LEAK not in answer.content.decode()
    assert "X-Leak" not in answer.headers
    assert set(answer.cookies) <= {"sessionid", "csrftoken"}
    assert "no-store" in answer.headers["Cache-Control"]
    if json:
        assert answer.status_code == 401
        assert set(answer.json()) == {"code", "step", "reason"}
        assert answer.json()["code"] in steps.JSON_CODES.values()
    else:
        assert answer.status_code == 302
        assert answer.content == b""
        assert step_of(answer) is not None


def assert_led(going, door, person, done):
    """Where the person was heading is where she is led, through whatever steps."""
    if door.json and not door.takes_next and not person.mandated:
        return  # the view's own answer, which leads nowhere
    where = address_in(done) or done.wsgi_request.get_full_path()
    assert where == door.leads_to(person)
