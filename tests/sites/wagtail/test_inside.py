"""Inside the admin: live sessions, choosers, the userbar, the account page, all of its URLs."""

from __future__ import annotations

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.sites.wagtail.conftest import HTML, XHR
from tests.visitor import PASSWORD, STEP, leads_to

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
HOME = "/admin/"
PAGES_API = "/admin/api/main/pages/"
MAILBOX = "/security/mailbox/"
PROGRAMS = [PAGES_API, "/admin/choose-page/", "/admin/tag-autocomplete/?term=a"]
USERBAR = b"wagtail-userbar"


def plain_paths(patterns, before="/"):
    """Yield every path below some URL patterns that takes no argument."""
    for pattern in patterns:
        route = str(pattern.pattern).removeprefix("^").removesuffix("$")
        if any(sign in route for sign in "<(["):
            continue
        if isinstance(pattern, URLResolver):
            yield from plain_paths(pattern.url_patterns, before + route)
        elif isinstance(pattern, URLPattern):
            yield before + route


# --- a sign-in that waits -------------------------------------------------------------------------


def test_the_whole_admin_shows_a_waiting_sign_in_what_a_stranger_sees_or_the_step(
    waiting, stranger
):
    paths = sorted(set(plain_paths(get_resolver().url_patterns)))
    admin = [path for path in paths if path.startswith(HOME)]
    assert len(admin) > 50
    led_on = 0
    for path in admin:
        seen = stranger.get(path)
        answer = waiting.client.get(path)
        assert answer.status_code < 500, path
        if seen.status_code == 302 and seen.headers["Location"].startswith(LOGIN):
            assert leads_to(answer, "hardening:mailbox"), path
            led_on += 1
        else:
            assert answer.status_code == seen.status_code, path
    assert led_on > 40


@pytest.mark.parametrize("path", PROGRAMS)
def test_programs_of_the_admin_read_json_while_a_sign_in_waits(path, waiting):
    answer = waiting.client.get(path, headers=XHR)
    assert (answer.status_code, answer.json()["step"]) == (401, MAILBOX)


def test_the_page_to_come_back_to_is_a_page_and_no_ping(waiting):
    waiting.get("/admin/pages/")
    waiting.client.post("/admin/editing-sessions/ping/wagtailcore/page/1/1/", headers=XHR)
    waiting.client.get(PAGES_API, headers=XHR)
    waiting.prove_mailbox()
    assert waiting.enrol().headers["Location"] == "/admin/pages/"


def test_logging_out_needs_a_complete_sign_in_and_cancelling_does_not(waiting):
    assert leads_to(waiting.post(reverse("wagtailadmin_logout")), "hardening:mailbox")
    cancelled = waiting.post("hardening:cancel")
    assert LOGIN in cancelled.content.decode()
    assert waiting.get(HOME).headers["Location"] == f"{LOGIN}?next={HOME}"


def test_the_userbar_signs_nobody_in(waiting, stranger, tram):
    shown = waiting.get(tram.url)
    assert shown.status_code == 200
    assert USERBAR not in shown.content
    assert shown.content == stranger.get(tram.url).content


# --- a live session -------------------------------------------------------------------------------


def test_the_userbar_is_there_for_a_complete_sign_in(armed, tram):
    assert USERBAR in armed.get(tram.url).content


@pytest.mark.parametrize("public", [False, True], ids=["admin", "public page with userbar"])
def test_a_live_session_is_asked_as_soon_as_the_group_is_granted(public, person, editors, tram):
    fan = person("fan")
    fan.sign_in(LOGIN)
    assert fan.get(tram.url).status_code == 200
    fan.user.groups.add(editors)
    path = tram.url if public else "/admin/reports/locked/"
    assert leads_to(fan.get(path), "hardening:mailbox")
    fan.prove_mailbox()
    assert fan.enrol().headers["Location"] == path
    assert USERBAR in fan.get(tram.url).content


@pytest.mark.parametrize("path", PROGRAMS)
def test_a_program_is_the_first_to_hear_and_reads_json(path, person, editors):
    fan = person("fan")
    fan.sign_in(LOGIN)
    fan.user.groups.add(editors)
    answer = fan.client.get(path, headers=XHR)
    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/json")
    assert answer.json()["step"] == MAILBOX


def test_the_admin_and_its_programs_work_for_a_complete_sign_in(armed):
    paths = sorted(set(plain_paths(get_resolver().url_patterns)))
    seen = {
        path: armed.client.get(path).status_code
        for path in paths
        if path.startswith(HOME) and "failwhale" not in path and "logout" not in path
    }
    assert {path: status for path, status in seen.items() if status >= 500} == {}
    assert seen[HOME] == seen["/admin/account/"] == seen["/admin/pages/"] == 200
    for path in PROGRAMS:
        assert armed.client.get(path, headers=XHR).status_code == 200


def test_a_new_password_on_the_account_page_goes_on_here_and_ends_elsewhere(armed, clock):
    clock.shift(STEP)
    elsewhere = armed.again()
    elsewhere.sign_in(LOGIN)
    elsewhere.verify()
    assert elsewhere.get(HOME).status_code == 200
    fields = {
        "name_email-email": armed.user.email,
        "name_email-first_name": "Ada",
        "name_email-last_name": "Example",
        "locale-preferred_language": "",
        "locale-current_time_zone": "",
        "theme-theme": "system",
        "theme-contrast": "system",
        "theme-density": "default",
        "password-old_password": PASSWORD,
        "password-new_password1": "a shelf of tin robots",
        "password-new_password2": "a shelf of tin robots",
    }
    saved = armed.post("/admin/account/", fields)
    assert saved.status_code == 302, [
        form.errors for form in saved.context["panels_by_tab"] if hasattr(form, "errors")
    ]
    assert saved.headers["Location"] == "/admin/account/"
    assert armed.get(HOME).status_code == 200
    assert elsewhere.get(HOME).headers["Location"] == f"{LOGIN}?next={HOME}"


def test_logging_out_of_wagtail_ends_the_session(armed):
    armed.post(reverse("wagtailadmin_logout"))
    assert armed.client.get(HOME, headers=HTML).headers["Location"] == f"{LOGIN}?next={HOME}"
