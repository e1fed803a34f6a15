"""What the how-to says breaks if a line is missing, and how one notices."""

from __future__ import annotations

import pytest
import requests
from django.core.checks import run_checks

from hardening.models import SecurityEvent
from tests.sites.browser import JSON
from tests.sites.proxy.conftest import HOST

pytestmark = pytest.mark.django_db(transaction=True)
LOGIN = "/security/login/"
SSO = "tests.sites.proxy.sso.HeaderMiddleware"


@pytest.mark.parametrize("door", [LOGIN, "/accounts/login/"])
def test_hidden_https_is_a_403_that_says_why_and_no_silent_loop(
    door, serve, staff, settings, caplog
):
    settings.SECURE_SSL_REDIRECT = False
    answer = staff.sign_in(serve(without="X-Forwarded-Proto"), door)
    assert answer.status_code == 403
    assert "Origin checking failed" in caplog.text


def test_hidden_https_is_a_403_on_a_step_page_and_for_a_program_too(
    serve, site, staff, settings, caplog
):
    staff.sign_in(site, LOGIN)
    settings.SECURE_SSL_REDIRECT = False
    no_scheme = serve(without="X-Forwarded-Proto")
    answer = staff.post(no_scheme, "/security/mailbox/", action="send")
    assert answer.status_code == 403
    assert "no-store" in answer.headers["Cache-Control"]
    headers = {"Host": HOST, "Origin": f"https://{HOST}", **JSON}
    program = requests.post(no_scheme + LOGIN, json={}, headers=headers, timeout=30)
    assert (program.status_code, program.json()["code"]) == (403, "csrf_failed")
    assert caplog.text.count("Origin checking failed") == 2


def test_hidden_https_with_a_redirect_to_https_goes_round_in_circles(serve, staff):
    answer = staff.get(serve(without="X-Forwarded-Proto"), LOGIN)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{HOST}/app{LOGIN}")


def test_a_proxy_that_sends_its_own_host_is_a_403_until_the_origin_is_trusted(
    serve, staff, settings
):
    settings.ALLOWED_HOSTS = ["localhost"]
    assert staff.sign_in(serve(without="Host"), "/accounts/login/").status_code == 403
    settings.CSRF_TRUSTED_ORIGINS = [f"https://{HOST}"]
    answer = staff.sign_in(serve(without="Host"), "/accounts/login/")
    assert answer.headers["Location"] == "/app/security/mailbox/"


def test_without_the_path_in_the_settings_redirects_lead_out_of_the_site(site, staff, settings):
    settings.FORCE_SCRIPT_NAME = None
    answer = staff.sign_in(site, LOGIN)
    assert answer.headers["Location"] == "/security/mailbox/"


def test_cookies_that_do_not_come_back_lead_to_the_page_and_say_so_in_the_log(site, caplog):
    answer = requests.post(
        site + LOGIN,
        headers={"Host": HOST, "Origin": f"https://{HOST}"},
        allow_redirects=False,
        timeout=30,
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/app{LOGIN}")
    assert "had a token that does not fit: 'CSRF cookie not set.'" in caplog.text


def test_no_referrer_makes_browsers_send_an_origin_that_is_refused(site, caplog):
    answer = requests.post(
        site + LOGIN, headers={"Host": HOST, "Origin": "null"}, allow_redirects=False, timeout=30
    )
    assert answer.status_code == 403
    assert "Origin checking failed - null" in caplog.text


# --- whose header it is ---------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["evil.example", "other.example.com"])
@pytest.mark.parametrize("read", [False, True])
def test_a_forwarded_host_of_a_client_does_not_arrive(read, named, serve, staff, settings):
    settings.USE_X_FORWARDED_HOST = read
    assert staff.get(serve(), LOGIN, **{"X-Forwarded-Host": named}).status_code == 200


def test_where_a_forwarded_host_arrives_it_must_be_allowed_and_only_a_path_is_kept(
    serve, staff, settings, read_mail
):
    settings.USE_X_FORWARDED_HOST = True
    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "other.example.com"]
    site = serve(without="X-Forwarded-Host")
    assert staff.get(site, LOGIN, **{"X-Forwarded-Host": "evil.example"}).status_code == 400
    staff.headers = {"X-Forwarded-Host": "other.example.com"}
    staff.sign_in(site, LOGIN, next="https://other.example.com/app/members/")
    staff.prove_mailbox(site, read_mail)
    assert staff.enrol(site).headers["Location"] == "/app/members/"


@pytest.fixture
def _by_header(settings):
    """Let the site believe a header, as behind a proxy that authenticates."""
    place = settings.MIDDLEWARE.index("hardening.middleware.HardeningMiddleware") + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:place], SSO, *settings.MIDDLEWARE[place:]]
    backend = "django.contrib.auth.backends.RemoteUserBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, backend]


@pytest.mark.usefixtures("_by_header")
def test_a_user_named_by_a_client_does_not_arrive(serve, staff):
    assert staff.get(serve(), "/reads-user/", **{"Remote-User": "fan"}).text == "Here is nobody"


@pytest.mark.usefixtures("_by_header")
def test_a_user_named_by_the_proxy_is_parked_like_any_other(serve, browser_of, staff):
    site = serve(without="Remote-User")
    named = {"Remote-User": "fan"}
    assert browser_of("fan").get(site, "/reads-user/", **named).text == "Here is fan"
    answer = staff.get(site, "/members/", **{"Remote-User": "staff"})
    assert answer.headers["Location"] == "/app/security/mailbox/"


def test_a_proxy_that_is_not_trusted_gives_everybody_its_address_and_the_log_says_so(
    site, staff, settings, caplog
):
    settings.HARDENING = {}
    staff.sign_in(site, LOGIN)
    assert {event.address for event in SecurityEvent.objects.all()} == {"127.0.0.1"}
    assert caplog.text.count("a request bears X-Forwarded-For, which nobody may be believed") == 1
    assert "hardening.W007" in {m.id for m in run_checks(include_deployment_checks=True)}


def test_a_proxy_that_passes_the_header_on_lets_clients_name_themselves(serve, staff):
    staff.headers["X-Forwarded-For"] = "198.51.100.7"
    staff.sign_in(serve(without="X-Forwarded-For"), LOGIN)
    assert {event.address for event in SecurityEvent.objects.all()} == {"198.51.100.7"}
