"""The security events in the admin: plots over time, the list with its filters, one event."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from hardening import audit
from hardening.audit import Event, Where
from hardening.flows import sealing
from hardening.models import SecurityEvent
from tests.browser.people import NOW, follow
from tests.browser.staff import clerk

EVENTS = "/admin/hardening/securityevent/"
HOUR = 3600
SIX = 6 * HOUR


def week():
    """Record a week with a bad night in it."""
    where = Where("192.0.2.7", "3f" * 16, "Firefox on Linux", "b5" * 16)
    for bar in reversed(range(28)):
        at = NOW - bar * SIX - 60
        for _ in range(3 + bar % 4):
            audit.record(Event.LOGIN_COMPLETED, now=at, where=where)
        for _ in range(1 + bar % 3):
            audit.record(Event.LOGIN_PARKED, now=at, where=where, reason="factor_required")
        bad = 400 if bar in (5, 6) else bar % 5
        counts = {"minute": at, "tries": bad + 9, "failures": bad, "known_browsers": bar % 2}
        audit.record(Event.LOGIN_FAILURES, now=at, data=counts)
        if bar in (5, 6, 7):
            audit.record(
                Event.LOGIN_THROTTLED, now=at, where=Where("198.51.100.9"), reason="address"
            )
        if bar % 6 == 0:
            roles = {"would_be_stopped": ["editors"]}
            audit.record(Event.LOGIN_COMPLETED, now=at, where=where, data=roles)


def test_an_auditor_sees_a_bad_night_and_finds_its_events(
    page, clock, transactional_db, put_in, open_page, look_over, monkeypatch
):
    monkeypatch.setattr("hardening.admin.events.PER_PAGE", 12)
    auditor = clerk("auditor", "view_securityevent")
    put_in(auditor)
    SecurityEvent.objects.all().delete()
    open_page(EVENTS)
    expect(page.get_by_text("0 events.")).to_be_visible()
    look_over(page, "admin-events-none")

    week()
    audit.record(
        Event.FACTORS_RESET, user=auditor, actor=auditor, now=NOW - 5, data={"why": "lost"}
    )
    sealing.seal(now=NOW + 60)
    open_page(EVENTS)
    plot = page.get_by_role("img", name="Wrong passwords and codes")
    expect(plot).to_have_accessible_name(re.compile("at most 40[01] in one bar"))
    look_over(page, "admin-events")
    page.get_by_text("The numbers of these drawings").click()
    expect(page.locator("details[open] tbody tr")).to_have_count(28)

    page.get_by_role("link", name="Would be stopped").click()
    expect(page.locator(".hardening-events tbody tr")).to_have_count(5)
    page.get_by_label("Plot").select_option("")
    page.get_by_label("Account:").fill("auditor")
    page.get_by_role("button", name="Show").click()
    follow(page, re.compile("factor:reset:done"))
    expect(page.get_by_text("Number 1")).to_be_visible()
    look_over(page, "admin-event")
