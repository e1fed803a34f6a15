"""A backend behind ours finds a leaked password right: it is looked up, however that came about."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate, login
from django.http import HttpResponse
from django.test import Client
from django.urls import include, path, reverse

from hardening import testing
from hardening.models import Account
from tests.doors.conftest import HTML, PASSWORD, person

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "by_address")]

OURS = "hardening.backends.HardeningBackend"
ADDRESS = "fan@example.com"
OTHER = "another staple of horses"


def sign_in(request):
    """Check a name and a password, with the request or without it, and sign in."""
    told = request if request.POST["told"] else None
    given = {"username": ADDRESS, "password": PASSWORD}
    login(request, authenticate(told, **given))
    return HttpResponse(b"in")


def one_after_the_other(request):
    """Check the passwords of two people, and sign the second one in."""
    authenticate(request, username="singer@example.com", password=OTHER)
    login(request, authenticate(request, username=ADDRESS, password=PASSWORD))
    return HttpResponse(b"in")


class Urls:
    """Ours, and these."""

    urlpatterns = [
        path("in/", sign_in),
        path("two/", one_after_the_other),
        path("", include("tests.doors.site")),
    ]


@pytest.fixture
def by_address(settings):
    """Let a backend behind ours take e-mail addresses for names."""
    settings.AUTHENTICATION_BACKENDS = [OURS, "tests.host.backends.ByAddress"]
    settings.ROOT_URLCONF = Urls


def verdict(user):
    found = Account.objects.filter(user_id=user.pk).first()
    return found.password_verdict if found else None


@pytest.mark.parametrize("told", ["", "told"])
def test_it_is_looked_up_whether_or_not_authenticate_is_given_the_request(told, fan):
    with testing.fake_breach(PASSWORD):
        answer = Client(headers=HTML).post("/in/", {"told": told})
    assert verdict(fan) == "hit"
    assert answer.status_code == 302


@pytest.mark.parametrize("told", ["", "told"])
def test_whoever_takes_anothers_address_for_a_name_is_looked_up_as_anybody(told, fan):
    # Django's own user names may hold an "@".
    thief = person(ADDRESS)
    thief.email = "thief@example.com"
    thief.set_password(OTHER)
    thief.save()
    with testing.fake_breach(PASSWORD):
        answer = Client(headers=HTML).post("/in/", {"told": told})
    assert verdict(fan) == "hit"
    assert verdict(thief) is None
    assert answer.status_code == 302


@pytest.mark.parametrize("leaked, found", [(PASSWORD, "hit"), (OTHER, "clean")])
def test_of_two_passwords_the_one_of_whoever_signs_in_is_looked_up(leaked, found, fan):
    singer = person("singer")
    singer.set_password(OTHER)
    singer.save()
    with testing.fake_breach(leaked):
        Client(headers=HTML).post("/two/")
    assert verdict(fan) == found


@pytest.mark.parametrize("door", ["hardening:login", "host_login"])
def test_it_is_looked_up_of_whoever_has_to_prove_a_factor_first(door, armed):
    with testing.fake_breach(PASSWORD):
        given = {"username": armed.email, "password": PASSWORD}
        answer = Client(headers=HTML).post(reverse(door), given)
    assert answer.url == reverse("hardening:verify")
    assert verdict(armed) == "hit"
