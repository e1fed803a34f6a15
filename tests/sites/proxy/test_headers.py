"""What arrives at the browser beside the page, and what a cache may do with it."""

from __future__ import annotations

import pytest
from django.core.checks import run_checks

from hardening import facts
from tests import howto
from tests.browser.policy import POLICY
from tests.sites.proxy.conftest import HOST
from tests.sites.proxy.front import rules

pytestmark = pytest.mark.django_db(transaction=True)
NEVER = "max-age=0, no-cache, no-store, must-revalidate, private"


def listed():
    """Return the headers that the how-to's table names with a value."""
    text = (howto.PAGES / "reverse-proxy.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1:4] for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().strip("`") for cell in row] for row in rows]
    return {name: value for name, value, _ in cells}


def test_our_pages_bear_the_headers_that_the_how_to_lists(site, staff):
    answer = staff.get(site, "/security/login/")
    table = listed()
    for name in ("Cache-Control", "Referrer-Policy", "X-Frame-Options", "Vary"):
        assert answer.headers[name] == table[name]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Strict-Transport-Security"] == "max-age=3600"
    assert (
        answer.headers["Content-Security-Policy"] == POLICY == rules()[1]["Content-Security-Policy"]
    )


def test_what_the_middleware_answers_may_not_be_kept_either(site, staff):
    parked = staff.sign_in(site, "/accounts/login/")
    led_on = staff.get(site, "/members/")
    for answer in (parked, led_on):
        assert answer.status_code == 302
        assert answer.headers["Cache-Control"] == NEVER
        assert "Cookie" in answer.headers["Vary"]


def test_facts_that_cannot_be_read_leave_the_health_check_alone(
    site, browser_of, monkeypatch, caplog
):
    fan = browser_of("fan")
    fan.sign_in(site, "/security/login/")

    def boom(*_args, **_kwargs):
        raise facts.FactsError

    monkeypatch.setattr("hardening.flows.live.facts.of", boom)
    down = fan.get(site, "/reads-user/")
    assert (down.status_code, down.headers["Retry-After"]) == (503, "30")
    assert down.headers["Cache-Control"] == NEVER
    assert down.headers["X-Frame-Options"] == "DENY"
    assert fan.get(site, "/public/").status_code == 200
    assert browser_of("staff").get(site, "/reads-user/").text == "Here is nobody"


def test_a_page_that_ignores_the_user_stays_cacheable(site, staff):
    staff.sign_in(site, "/security/login/")
    answer = staff.get(site, "/public/")
    assert "Vary" not in answer.headers
    assert "Set-Cookie" not in answer.headers
    assert "Cache-Control" not in answer.headers


@pytest.mark.parametrize(
    "path", ["/security/style.css", "/security/verify/a.css", "/security/verify.css"]
)
def test_an_address_that_looks_like_a_file_is_no_page_of_ours(path, site, staff):
    staff.sign_in(site, "/security/login/")
    assert staff.get(site, path).status_code == 404


def test_plain_http_is_sent_to_https(serve, staff):
    answer = staff.get(serve(scheme="http"), "/public/")
    assert answer.headers["Location"] == f"https://{HOST}/app/public/"


def test_the_deployment_checks_have_nothing_to_say_about_the_proxy():
    said = {message.id for message in run_checks(include_deployment_checks=True)}
    assert not said & {"security.W004", "security.W008", "security.W012", "security.W016"}
    assert "hardening.W007" not in said
