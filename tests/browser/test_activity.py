"""What happened to one's own account, in plain words."""

from __future__ import annotations

from playwright.sync_api import expect

from hardening import audit
from hardening.audit import Event, Where
from tests.browser.people import NOW, follow, see


def test_somebody_looks_back_on_what_happened_and_finds_the_beginning(
    page, open_page, noor, put_in, look_over, clock, monkeypatch
):
    monkeypatch.setattr("hardening.views.activity_page.PER_PAGE", 4)
    put_in(noor)
    browsers = ("Firefox on Linux", "Safari on iPhone")
    told = (
        *(Event.LOGIN_PARKED, Event.PROOF_ACCEPTED, Event.LOGIN_COMPLETED, Event.FACTOR_ADDED),
        *(Event.PASSWORD_CHANGED, Event.LOGIN_THROTTLED, Event.LOGGED_OUT),
    )
    for number, event in enumerate(told):
        where = Where("2001:db8:0:1::7f", device=browsers[number % 2])
        audit.record(event, user=noor, now=NOW - 9000 + 1000 * number, where=where)
    open_page("/security/")
    follow(page, "See all activity")
    see(page, "Too many wrong passwords")
    expect(page.locator(".hardening-events li")).to_have_count(4)
    look_over(page, "activity")
    follow(page, "Older")
    see(page, "Password accepted, more was asked")
    follow(page, "Back to the newest")
    see(page, "Signed out")
