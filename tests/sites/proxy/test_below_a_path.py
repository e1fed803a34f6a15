"""A whole first sign-in through the proxy: every way on begins with the path of the site."""

from __future__ import annotations

import re

import pytest

from hardening.models import SecurityEvent
from tests.sites.browser import JSON
from tests.sites.proxy.front import CLIENT

pytestmark = pytest.mark.django_db(transaction=True)


def cookie(answer, name):
    """Return the line that sets a cookie."""
    lines = answer.raw.headers.getlist("Set-Cookie")
    return next(line for line in lines if line.startswith(f"{name}="))


@pytest.mark.parametrize("door", ["/security/login/", "/accounts/login/", "/admin/login/"])
def test_a_first_sign_in_by_every_login_page_ends_where_it_was_heading(
    door, site, staff, read_mail
):
    asked = staff.sign_in(site, f"{door}?next=/app/admin/auth/", next="/app/admin/auth/")
    assert asked.headers["Location"] == "/app/security/mailbox/"
    assert cookie(asked, "sessionid").count("; Path=/app/") == 1
    assert "; Secure" in cookie(asked, "sessionid")
    assert "; Path=/app/" in cookie(asked, "csrftoken")
    proven = staff.prove_mailbox(site, read_mail)
    assert proven.headers["Location"] == "/app/security/enrol/"
    done = staff.enrol(site)
    assert done.headers["Location"] == "/app/admin/auth/"
    assert staff.get(site, "/reads-user/").text == "Here is staff"


def test_a_second_factor_and_a_cancelled_sign_in_stay_below_the_path(
    site, browser_of, staff, read_mail
):
    staff.sign_in(site, "/security/login/")
    staff.prove_mailbox(site, read_mail)
    assert staff.enrol(site).headers["Location"] == "/app/reads-user/"
    elsewhere = browser_of("staff")
    elsewhere.secret = staff.secret
    elsewhere.sign_in(site, "/security/login/")
    cancelled = elsewhere.post(site, "/security/cancel/")
    assert 'href="/app/security/login/"' in cancelled.text
    elsewhere.sign_in(site, "/security/login/?next=/app/members/")
    assert elsewhere.verify(site).headers["Location"] == "/app/members/"


def test_a_step_up_comes_back_below_the_path(site, browser_of, staff, read_mail):
    fan = browser_of("fan")
    fan.sign_in(site, "/security/login/")
    to_enrol = fan.get(site, "/security/step-up/?next=/app/members/")
    assert to_enrol.headers["Location"] == "/app/security/enrol/?next=%2Fapp%2Fmembers%2F"
    staff.sign_in(site, "/security/login/")
    staff.prove_mailbox(site, read_mail)
    staff.enrol(site)
    code = staff.code(steps=1)
    done = staff.post(site, "/security/step-up/", code=code, next="/app/members/")
    assert done.headers["Location"] == "/app/members/"


def test_a_live_session_that_owes_something_comes_back_to_its_page(
    site, browser_of, people, read_mail
):
    fan = browser_of("fan")
    assert fan.sign_in(site, "/security/login/").headers["Location"] == "/app/reads-user/"
    people["fan"].is_staff = True
    people["fan"].save()
    poll = fan.get(site, "/members/", **JSON)
    assert (poll.status_code, poll.json()["step"]) == (401, "/app/security/mailbox/")
    stopped = fan.get(site, "/members/?page=2")
    assert stopped.headers["Location"] == "/app/security/mailbox/"
    fan.prove_mailbox(site, read_mail)
    assert fan.enrol(site).headers["Location"] == "/app/members/?page=2"


def test_a_redirect_to_a_login_page_leads_to_the_step_below_the_path(site, staff):
    staff.sign_in(site, "/security/login/")
    for page in ("/members/", "/admin/auth/user/?q=a"):
        assert staff.get(site, page).headers["Location"] == "/app/security/mailbox/"


@pytest.mark.parametrize(
    "given, kept",
    [
        ("/app/members/", "/app/members/"),
        ("https://shop.example.com/app/members/", "/app/members/"),
        ("?page=2", "/app/?page=2"),
        ("https://evil.example/app/", "/app/reads-user/"),
        ("//evil.example/app/", "/app/reads-user/"),
        ("http://shop.example.com/app/members/", "/app/reads-user/"),
        ("https://shop.example.com", "/app/"),
    ],
)
def test_next_is_a_path_of_this_host_or_nothing(given, kept, site, staff, read_mail):
    staff.sign_in(site, "/security/login/", next=given)
    staff.prove_mailbox(site, read_mail)
    assert staff.enrol(site).headers["Location"] == kept


def test_every_address_on_a_page_stays_below_the_path(site, staff, read_mail):
    pages = ["/security/login/"]
    staff.sign_in(site, "/security/login/")
    pages += ["/security/mailbox/", "/security/recover/", "/security/ticket/"]
    texts = [staff.get(site, page).text for page in pages]
    staff.prove_mailbox(site, read_mail)
    texts.append(staff.get(site, "/security/enrol/").text)
    staff.enrol(site)
    texts.append(staff.get(site, "/security/").text)
    addresses = {
        address for text in texts for address in re.findall(r'(?:href|src|action)="([^"#]+)"', text)
    }
    assert "/app/static/hardening/hardening.css" in addresses
    assert [address for address in addresses if not address.startswith("/app/")] == []


def test_events_name_whom_the_proxy_saw_and_believe_no_header_of_a_client(site, staff):
    staff.headers["X-Forwarded-For"] = "198.51.100.7"
    staff.sign_in(site, "/security/login/")
    addresses = set(SecurityEvent.objects.values_list("address", flat=True))
    assert addresses == {CLIENT}
