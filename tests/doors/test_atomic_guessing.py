"""`ATOMIC_REQUESTS`: no rollback takes the charge of a wrong password, and none pays one back."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import connection, transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from hardening import testing
from hardening.models import ThrottleCell
from hardening.throttle import subjects
from tests.doors.conftest import HTML, PASSWORD
from tests.doors.guessing import WRONG, elsewhere
from tests.doors.test_guessing_doors import THEIRS, directory  # noqa: F401 - a fixture
from tests.host import slow

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("atomic_requests", "clock"),
]


def asks(request, end):
    """Check a password and end well or badly."""
    assert connection.in_atomic_block
    user = authenticate(
        request, username=request.POST["username"], password=request.POST["password"]
    )
    if end == "raises":
        raise RuntimeError
    if end == "rolls-back":
        transaction.set_rollback(True)
    return HttpResponse(user and user.get_username())


class Urls:
    """The views of slow hosts, and one more."""

    urlpatterns = [*slow.urlpatterns, path("asks/<end>/", asks)]


@pytest.fixture(autouse=True)
def _urls(settings):
    settings.ROOT_URLCONF = Urls


ends = pytest.mark.parametrize("end", ["well", "raises", "rolls-back"])


def ask(end, password, *, name="fan", **extra):
    client = Client(headers=HTML, raise_request_exception=False)
    given = {"username": name, "password": password}
    return client.post(f"/asks/{end}/", given, **extra)


def count_of(user):
    cell = ThrottleCell.objects.filter(key=subjects.password(user.pk, user.password)).first()
    return cell.total if cell else 0


@ends
def test_a_wrong_password_is_charged_however_the_view_ends(end, fan):
    answers = [ask(end, WRONG, **elsewhere(turn)).status_code for turn in range(7)]
    assert 429 not in answers[:5]
    assert answers[5:] == [429] * 2
    assert count_of(fan) == 5


@ends
def test_the_address_is_charged_too(end, fan):
    answers = [ask(end, WRONG, name=f"junk-{turn}").status_code for turn in range(7)]
    assert answers[5:] == [429] * 2


@pytest.mark.parametrize(
    "end, password",
    [
        ("well", PASSWORD),
        ("raises", PASSWORD),
        ("rolls-back", PASSWORD),
        ("well", THEIRS),
        ("rolls-back", THEIRS),
    ],
)
@pytest.mark.usefixtures("directory")
def test_a_right_password_pays_nobodys_charge_back(end, password, fan):
    for turn in range(4):
        ask("well", WRONG, **elsewhere(turn))
        for _ in range(3):
            ask(end, password, **elsewhere(turn))
    assert count_of(fan) == 4
    places = ThrottleCell.objects.filter(target_pk="").exclude(tat_1_us=0)
    owed = {cell.tat_1_us for cell in places if cell.short_since}
    assert len(owed) == 1  # one charge each, of the same moment


@pytest.mark.usefixtures("directory")
def test_what_another_backend_may_have_found_right_is_charged_where_the_view_fails(fan):
    for turn in range(3):
        assert ask("raises", THEIRS, **elsewhere(turn)).status_code == 500
    assert count_of(fan) == 3


def test_a_login_view_that_fails_has_wrong_passwords_charged(fan):
    client = Client(headers=HTML, raise_request_exception=False)
    given = {"username": "fan", "password": WRONG}
    answers = [
        client.post("/failing-login/", given, **elsewhere(turn)).status_code for turn in range(7)
    ]
    assert answers == [500] * 5 + [429] * 2


def test_a_refused_try_writes_nothing_that_a_rollback_could_take(fan):
    for turn in range(5):
        ask("raises", WRONG, **elsewhere(turn))
    before = sorted(ThrottleCell.objects.values_list())
    for turn in range(5):
        assert ask("raises", PASSWORD, **elsewhere(turn)).status_code == 429
    assert sorted(ThrottleCell.objects.values_list()) == before
    testing.no_throttle()
    assert ask("well", PASSWORD).content == b"fan"
