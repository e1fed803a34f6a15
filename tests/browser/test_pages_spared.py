"""The other side of policies: whoever has time left or is exempt, and the break-glass page."""

from __future__ import annotations

import os

import pytest
from django.test import Client
from playwright.sync_api import expect

from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass
from tests.browser.people import NOW, alert, follow, give_session, press, see
from tests.browser.staff import clerk, editors, policy, spare


@pytest.fixture(autouse=True)
def _office(settings):
    """Stand on the site that has a page with our banner."""
    settings.ROOT_URLCONF = "tests.host.office"


@pytest.mark.parametrize(
    "kind, said, banner",
    [
        ("grace", "An operator has given you more time.", "Due: 3 Dec 2026"),
        ("exempt", "You are exempt until 31 Dec 2026", None),
    ],
)
def test_whoever_is_spared_reads_until_when(
    page, clock, transactional_db, open_page, live_server, look_over, kind, said, banner
):
    people = editors({kind: 1})
    spare(people, policy("everyone"))
    client = Client()
    client.force_login(people[kind][0])
    give_session(page, live_server.url, client)
    open_page("/security/")
    see(page, said)
    look_over(page, f"overview-{kind}")
    open_page("/banner/?user")
    if banner is None:
        expect(page.locator(".hardening-banner")).to_have_count(0)
    else:
        expect(page.locator(".hardening-banner")).to_contain_text(banner)
        expect(page.locator(".hardening-banner")).to_contain_text(said)


def test_a_break_glass_code_is_typed_and_what_it_opened_is_closed(
    page, clock, transactional_db, sign_in_as, open_page, look_over
):
    codes = breakglass.make(2, os.urandom(2 * CODE_BYTES), now=NOW)
    sign_in_as(clerk("chief", superuser=True))
    follow(page, "Use a break-glass code")
    look_over(page, "break-glass")
    page.get_by_label("Break-glass code").fill("not one of them")
    press(page, "Go on for an hour")
    alert(page, "That code was not accepted")
    look_over(page, "break-glass-wrong")
    page.get_by_label("Break-glass code").fill(codes[0])
    press(page, "Go on for an hour")
    open_page("/security/")
    see(page, "Until 1 p.m. this account is open by a break-glass code.")
    look_over(page, "overview-break-glass")
    open_page("/admin/")
    expect(page.locator(".messagelist")).to_contain_text("open by a break-glass code. Close it")
    look_over(page, "admin-break-glass")
    follow(page, "Close it")
    look_over(page, "break-glass-close")
    press(page, "Close it now")
    open_page("/admin/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Enter the code from your app")
