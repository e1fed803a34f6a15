"""Request rates: every page of ours that takes input has a gate, and no fault of a cache shuts it.

The gates are off for all other tests (`RATELIMIT_ENABLE` in their settings); here they are on.
"""

from __future__ import annotations

import json

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.core.cache.backends.locmem import LocMemCache
from django.core.checks import run_checks
from django.test import Client, RequestFactory
from django.urls import reverse

from hardening import ratelimits, testing, urls
from hardening.core.otp import DIGITS
from hardening.ratelimits import by_account, by_address
from hardening.views.page import PageView
from tests.doors.conftest import HTML, JSON
from tests.visitor import PASSWORD

ADDRESS = "203.0.113.9"
VIEWS = {pattern.name: pattern.callback.view_class for pattern in urls.urlpatterns}
TAKE_INPUT = sorted(name for name, view in VIEWS.items() if hasattr(view, "post"))


@pytest.fixture(autouse=True)
def _gates(settings, clock):
    settings.RATELIMIT_ENABLE = True


def limit(name):
    return int(VIEWS[name].rate.partition("/")[0])


def url(name):
    arguments = {"factor": [1], "password_reset_confirm": ["x", "choose"]}
    return reverse(f"hardening:{name}", args=arguments.get(name, []))


def knock(client, name, times, **extra):
    """Post nothing of use so many times; return the last answer."""
    for _ in range(times):
        answer = client.post(url(name), **extra)
    return answer


class Raising(LocMemCache):
    """A cache that is down."""

    def add(self, *_args, **_kwargs):
        raise ConnectionRefusedError("redis://:hunter2@cache.example.com")


class Forgetful(LocMemCache):
    """A cache that takes nothing and says so, as one does whose server is gone."""

    def add(self, *_args, **_kwargs):
        return False

    def incr(self, *_args, **_kwargs):
        raise ValueError("no such key: hunter2")


def use(settings, cache):
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.{cache.__name__}"}}


# --- the gate -------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("name", TAKE_INPUT)
def test_a_page_that_takes_input_takes_only_so_much_of_it(name):
    client = Client(headers=HTML)
    assert knock(client, name, limit(name)).status_code != 429
    refused = knock(client, name, 1)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert "no-store" in refused.headers["Cache-Control"]
    assert refused.headers["Referrer-Policy"] == "same-origin"
    assert "Too many requests" in refused.content.decode()


def test_login_is_posted_to_thirty_times_a_minute_and_no_page_more_often_than_sixty():
    assert VIEWS["login"].rate == "30/m"
    assert {VIEWS[name].rate for name in TAKE_INPUT} == {"20/m", "30/m", "60/m"}
    assert PageView.rate == "60/m"  # whoever writes a new page and says nothing


@pytest.mark.django_db
def test_a_program_reads_the_code_and_how_long_to_wait():
    client = Client(headers=JSON)
    body = {"data": json.dumps({"username": "nobody"}), "content_type": "application/json"}
    refused = knock(client, "login", limit("login") + 1, **body)
    assert refused.status_code == 429
    assert refused.json() == {
        "code": "throttled",
        "retry_after": int(refused.headers["Retry-After"]),
    }


@pytest.mark.django_db
def test_after_the_time_that_was_said_the_page_takes_input_again(clock):
    client = Client(headers=HTML)
    refused = knock(client, "login", limit("login") + 1)
    clock.shift(int(refused.headers["Retry-After"]) - 1)
    assert knock(client, "login", 1).status_code == 429
    clock.shift(2)
    assert knock(client, "login", 1).status_code != 429


@pytest.mark.django_db
def test_asking_for_a_page_is_not_counted():
    client = Client(headers=HTML)
    knock(client, "login", limit("login") + 1)
    for _ in range(100):
        assert client.get(url("login")).status_code == 200


@pytest.mark.django_db
def test_a_refused_request_is_not_looked_at(monkeypatch, django_assert_num_queries):
    client = Client(headers=HTML)
    knock(client, "login", limit("login"))
    monkeypatch.setattr("hardening.views.page.posted", lambda _request: pytest.fail("parsed"))
    with django_assert_num_queries(0):
        assert knock(client, "login", 1).status_code == 429


@pytest.mark.django_db
def test_pages_and_addresses_are_counted_apart():
    client = Client(headers=HTML)
    knock(client, "login", limit("login") + 1)
    assert knock(client, "verify", 1).status_code != 429
    assert knock(client, "login", 1, REMOTE_ADDR=ADDRESS).status_code != 429
    assert knock(client, "login", 1).status_code == 429


@pytest.mark.django_db
def test_a_forged_header_is_no_other_address():
    client = Client(headers=HTML)
    for number in range(limit("login")):
        knock(client, "login", 1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")
    assert knock(client, "login", 1, HTTP_X_FORWARDED_FOR="203.0.113.200").status_code == 429


@pytest.mark.django_db
def test_a_64_of_ipv6_is_one_address():
    client = Client(headers=HTML)
    for number in range(limit("login")):
        knock(client, "login", 1, REMOTE_ADDR=f"2001:db8::{number:x}")
    assert knock(client, "login", 1, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert knock(client, "login", 1, REMOTE_ADDR="2001:db8:0:1::1").status_code != 429


@pytest.mark.django_db
def test_whoever_is_signed_in_is_counted_wherever_the_requests_come_from(person):
    member = person("member")
    testing.login(member.client, member.user)
    for number in range(limit("step_up")):
        knock(member.client, "step_up", 1, REMOTE_ADDR=f"203.0.113.{number}")
    assert knock(member.client, "step_up", 1, REMOTE_ADDR=ADDRESS).status_code == 429
    other = person("other")
    testing.login(other.client, other.user)
    assert knock(other.client, "step_up", 1, REMOTE_ADDR=ADDRESS).status_code != 429


@pytest.mark.django_db
@pytest.mark.parametrize("near", ["", "unix:"])
def test_without_an_address_nobody_is_refused_for_others(near):
    client = Client(headers=HTML)
    for name in ("login", "verify"):
        assert knock(client, name, 2 * limit(name), REMOTE_ADDR=near).status_code != 429


@pytest.mark.django_db
def test_a_whole_first_sign_in_passes_all_gates(person, clock):
    staff = person("staff", is_staff=True)
    staff.sign_in()
    staff.prove_mailbox()
    staff.enrol()
    assert staff.is_signed_in()
    assert len(staff.code()) == DIGITS


@pytest.mark.django_db
def test_forgetting_the_counters_lets_the_next_post_pass():
    client = Client(headers=HTML)
    knock(client, "login", limit("login") + 1)
    testing.no_throttle()
    assert knock(client, "login", 1).status_code != 429


# --- faults ---------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("cache", [Raising, Forgetful])
def test_a_cache_that_is_down_lets_everybody_pass_and_says_so_once_a_minute(
    settings, caplog, clock, person, cache
):
    ratelimits.forget()
    use(settings, cache)
    fan = person("fan")
    assert knock(fan.client, "login", 2 * limit("login")).status_code != 429
    said = [record for record in caplog.records if "cannot be counted" in record.getMessage()]
    assert len(said) == 1
    assert "hunter2" not in caplog.text
    assert said[0].exc_info is None
    clock.shift(61)
    fan.sign_in(password=PASSWORD)
    assert fan.is_signed_in()
    assert len([record for record in caplog.records if "counted" in record.getMessage()]) == 2


@pytest.mark.django_db
def test_the_switch_of_django_ratelimit_switches_ours_off(settings):
    settings.RATELIMIT_ENABLE = False
    client = Client(headers=HTML)
    assert knock(client, "login", 2 * limit("login")).status_code != 429


def test_the_app_is_not_installed_and_its_check_says_nothing_of_a_default_site():
    assert not apps.is_installed("django_ratelimit")
    assert [m for m in run_checks() if (m.id or "").startswith("django_ratelimit")] == []


# --- keys for a site's own views ----------------------------------------------------------------


def asked(near=ADDRESS, user=None, **extra):
    request = RequestFactory().get("/", REMOTE_ADDR=near, **extra)
    if user is not None:
        request.user = user
    return request


def test_by_address_is_the_budget_of_the_client(settings):
    assert by_address("any", asked()) == "address:203.0.113.9/32"
    assert by_address("any", asked("::ffff:203.0.113.9")) == "address:203.0.113.9/32"
    assert by_address("any", asked("2001:db8::7")) == "address:2001:db8::/64"
    behind = asked("10.0.0.1", HTTP_X_FORWARDED_FOR=ADDRESS)
    assert by_address("any", behind) == "address:10.0.0.1/32"
    settings.HARDENING = {"TRUSTED_PROXY_COUNT": 1}
    assert by_address("any", behind) == "address:203.0.113.9/32"


def test_without_an_address_each_request_counts_for_itself():
    assert by_address("any", asked("")) != by_address("any", asked(""))


def test_by_account_is_who_is_signed_in_and_else_the_address():
    assert by_account("any", asked(user=User(pk=7))) == "account:7"
    for nobody in (None, AnonymousUser()):
        assert by_account("any", asked(user=nobody)) == by_address("any", asked())
