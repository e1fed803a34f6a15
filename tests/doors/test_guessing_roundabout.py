"""Guessing where the charge might come back: faults on the way, a name that means somebody else."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, get_backends, login
from django.contrib.auth.signals import user_login_failed
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from hardening.models import ThrottleCell
from hardening.throttle import subjects
from tests.doors import site
from tests.doors.conftest import HTML, PASSWORD, person
from tests.doors.guessing import WRONG, elsewhere

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

OURS = "hardening.backends.HardeningBackend"


def count_of(user):
    """Return how many failures in a row are counted for an account."""
    cell = ThrottleCell.objects.filter(key=subjects.password(user.pk, user.password)).first()
    return cell.total if cell else 0


def judged(request):
    """Sign in by Django's `authenticate()`."""
    user = authenticate(request, username=request.POST["username"], password=request.POST["pass"])
    if user is not None:
        login(request, user)
    return HttpResponse("in" if user else "out")


def by_hand(request):
    """Ask the backends without Django, as some API views do; nobody says that it failed."""
    name, password = request.POST["username"], request.POST["pass"]
    users = [backend.authenticate(request, name, password) for backend in get_backends()]
    return HttpResponse("in" if any(users) else "out")


class Urls:
    """Two views more."""

    urlpatterns = [*site.urlpatterns, path("judged/", judged), path("by-hand/", by_hand)]


@pytest.fixture
def guess(settings):
    """Return a function that guesses; each time from another address."""
    settings.ROOT_URLCONF = Urls
    turns = iter(range(10_000))
    given = Client(headers=HTML, raise_request_exception=False)

    def guess(name="fan", password=WRONG, *, at="/judged/", client=given):
        form = {"username": name, "pass": password}
        return client.post(at, form, **elsewhere(next(turns)))

    return guess


# --- nobody says that it failed -----------------------------------------------------------------


@pytest.fixture
def failing_receiver():
    """Let a receiver of the site's own fail before ours hears of a wrong password."""

    def boom(**_kwargs):
        raise RuntimeError

    kept = list(user_login_failed.receivers)
    user_login_failed.connect(boom, weak=False)
    user_login_failed.receivers = [user_login_failed.receivers[-1], *kept]
    user_login_failed.sender_receivers_cache.clear()
    yield
    user_login_failed.receivers = kept
    user_login_failed.sender_receivers_cache.clear()


def test_a_receiver_that_fails_before_ours_makes_no_guess_free(guess, fan, failing_receiver):
    seen = [guess().status_code for _ in range(7)]
    assert seen == [500] * 5 + [429] * 2
    assert count_of(fan) == 5


def test_a_backend_that_is_asked_by_hand_charges_a_wrong_password(guess, fan):
    seen = [guess(at="/by-hand/").status_code for _ in range(7)]
    assert seen == [200] * 5 + [429] * 2
    assert count_of(fan) == 5


def test_a_backend_that_is_asked_by_hand_gives_a_right_password_back(guess, fan):
    for _ in range(10):
        assert guess(at="/by-hand/", password=PASSWORD).content == b"in"
    assert count_of(fan) == 0


@pytest.mark.parametrize("at", ["/judged/", "/by-hand/"])
def test_another_backend_that_is_down_makes_no_guess_free(at, guess, fan, settings):
    settings.AUTHENTICATION_BACKENDS = [OURS, "tests.host.backends.Down"]
    for _ in range(7):
        answer = guess(at=at)
    assert answer.status_code in (429, 500)
    assert count_of(fan) == 5


# --- a name that means somebody else to another backend -------------------------------------------


@pytest.fixture
def by_address(settings):
    """Let a backend behind ours take e-mail addresses for names."""
    settings.AUTHENTICATION_BACKENDS = [OURS, "tests.host.backends.ByAddress"]


def test_whoever_takes_anothers_address_for_a_name_guesses_no_more_than_anybody(
    guess, fan, by_address
):
    # Django's own user names may hold an "@".
    thief = person("fan@example.com")
    thief.email = "thief@example.com"
    thief.save()
    client, judged = Client(headers=HTML), 0
    for _ in range(10):
        guess("fan@example.com", client=client, password=PASSWORD)  # a device, and no failures
        for _ in range(5):
            judged += guess("fan@example.com", client=client).status_code != 429
    assert judged <= 5


def test_a_name_that_is_anothers_address_still_opens_its_own_account(guess, fan, by_address):
    person("fan@example.com")
    assert guess("fan@example.com", password=PASSWORD).content == b"in"
