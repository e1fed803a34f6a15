"""Where somebody is signed in: seen, ended by mouse and keyboard, on the smallest host."""

from __future__ import annotations

import re
from datetime import timedelta

from django.test import Client
from playwright.sync_api import expect

from hardening import testing
from hardening.models import Account, Factor, UserSession
from tests.browser.people import NOW, press, see

OTHERS = (
    ("Firefox on Linux", "192.0.2.7", NOW - 90_000, NOW - 700),
    ("Chrome on Android", "2001:db8:1234:5678:9abc:def0:1234:5678", NOW - 400_000, NOW - 90_000),
    ("", "", NOW - 800_000, NOW - 500_000),
)


def elsewhere(user):
    """Sign somebody in in three other browsers; return the last of them."""
    for device, address, started, seen in OTHERS:
        client = Client()
        testing.login(client, user)
        row = UserSession.objects.filter(user=user).latest("pk")
        UserSession.objects.filter(pk=row.pk).update(
            device=device, address=address, started_at=started, seen_at=seen
        )
    return client


def test_the_list_of_sessions(page, open_page, noor, put_in, look_over, clock):
    testing.enrol(noor, name="Blue phone")
    put_in(noor)
    open_page("/security/sessions/")
    see(page, "You are signed in nowhere else")
    look_over(page, "sessions-alone")
    other = elsewhere(noor)
    open_page("/security/")
    see(page, "Where you are signed in")
    see(page, "And 1 more")
    look_over(page, "overview-sessions")
    open_page("/security/sessions/")
    expect(page.get_by_role("heading", name="Firefox on Linux")).to_be_visible()
    expect(page.get_by_role("heading", name="Unknown browser")).to_have_count(1)
    expect(page.get_by_text("This browser", exact=True)).to_have_count(1)
    look_over(page, "sessions")
    page.get_by_role("button", name=re.compile("End this session ?: Firefox")).focus()
    press(page, re.compile("End this session ?: Firefox"))
    expect(page.get_by_role("status")).to_contain_text("The session has ended")
    expect(page.get_by_role("heading", name="Firefox on Linux")).to_have_count(0)
    clock.shift(timedelta(minutes=6))
    press(page, "Sign out everywhere else")
    see(page, "Confirm")
    put_in(noor)
    open_page("/security/sessions/")
    press(page, "Sign out everywhere else")
    expect(page.get_by_role("status")).to_contain_text("You are signed out everywhere else")
    see(page, "You are signed in nowhere else")
    assert other.get("/security/").status_code == 302


def test_whoever_has_no_factor_reads_what_helps(page, open_page, noor, put_in, look_over, clock):
    testing.enrol(noor)
    put_in(noor)
    Factor.objects.all().delete()
    Account.objects.filter(user=noor).update(factors="")
    open_page("/security/sessions/")
    see(page, "A new password ends all other sessions too")
    look_over(page, "sessions-without-factor")
