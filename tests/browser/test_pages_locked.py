"""The pages of a lock and of the ways out of it, on the smallest host; the admin's page too."""

from __future__ import annotations

import re
import time

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core import mail
from playwright.sync_api import expect

from hardening import testing
from hardening.flows import attack, attempts
from hardening.models import SiteState, ThrottleCell
from hardening.throttle.hashgate import BusyError
from hardening.throttle.tally import Lately
from tests.browser.people import NOW, PASSWORD, arrive, follow, next_page, press, see
from tests.browser.watching import AXE_OPTIONS, looks, photograph

LOGIN = "/security/login/"
LIST = "/admin/hardening/throttlecell/"
LINK = re.compile(r"^http://localhost:\d+(/security/unlock/\S+/)$", re.MULTILINE)
WAIT_SECONDS = 10


def guess(name, times=6, address=None):
    """Try wrong passwords from elsewhere, all at the moment where the clock stands."""
    for _ in range(times):
        attempts.fail(attempts.start(name, address=address, cookie=None, now_us=NOW * 1_000_000))


def mailed_link():
    """Return the path of the link that is mailed after the answer is there already."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = [LINK.search(message.body) for message in mail.outbox]
        if found and found[-1]:
            return found[-1][1]
        time.sleep(0.05)
    raise AssertionError("no link was mailed")


def test_a_lock_and_the_way_out_by_mail(page, open_page, noor, sign_in_as, look_over):
    guess("noor")
    sign_in_as(noor)
    arrive(page, "Too many tries")
    see(page, "You can try again in")
    look_over(page, "refused")
    follow(page, "Have a link mailed to you")
    arrive(page, "End the wait by mail")
    expect(page.get_by_label("User name or e-mail address")).to_be_focused()
    look_over(page, "unlock")
    press(page, "Send the link")
    expect(page.get_by_role("alert")).to_contain_text("Enter your user name")
    look_over(page, "unlock-empty")
    page.get_by_label("User name or e-mail address").fill("noor")
    press(page, "Send the link")
    arrive(page, "Look into your mailbox")
    look_over(page, "unlock-sent")
    link = mailed_link()
    open_page(link)
    arrive(page, "End the wait")
    see(page, "n•••@example.com")
    look_over(page, "unlock-confirm")
    press(page, "End the wait")
    page.wait_for_url(re.compile(LOGIN))
    expect(page.get_by_role("status")).to_contain_text("The wait is over")
    look_over(page, "unlock-done")
    page.get_by_label("Username").fill("noor")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    press(page, "Sign in")
    page.wait_for_url(re.compile("/reads-user/"))
    open_page(link)
    arrive(page, "This link does not work any more")
    look_over(page, "unlock-gone")
    follow(page, "Ask for a new link")
    arrive(page, "End the wait by mail")


def test_an_account_at_its_cap_waits_for_an_hour_at_a_time(page, noor, sign_in_as, look_over):
    guess("noor", 1)
    ThrottleCell.objects.update(total=100)
    sign_in_as(noor)
    arrive(page, "Too many tries")
    see(page, "1 hour")
    look_over(page, "refused-hour")


def test_the_way_out_works_without_script(without_script, live_server, noor):
    guess("noor")
    page = without_script.new_page()
    page.goto(live_server.url + "/security/unlock/")
    page.get_by_label("User name or e-mail address").fill("noor@example.com")
    press(page, "Send the link")
    page.goto(live_server.url + mailed_link())
    press(page, "End the wait")
    page.wait_for_url(re.compile(LOGIN))


def test_a_busy_site_says_so(page, noor, sign_in_as, look_over, monkeypatch):
    def full(**_known):
        raise BusyError

    monkeypatch.setattr("hardening.backends.gate", full)
    sign_in_as(noor)
    arrive(page, "Very many people are signing in")
    see(page, "You can try again in")
    look_over(page, "busy")


def judge_content(page):
    """Assert that axe finds nothing in what we put into Django's admin.

    Breadcrumbs, the search and the table's own controls are Django's affair.
    """
    djangos = [["#toolbar"], [".actions"], ["#result_list"]]
    ours = {"include": [["#content"]], "exclude": djangos}
    found = Axe().run(page, context=ours, options=AXE_OPTIONS)
    assert found.violations_count == 0, found.generate_report()


@pytest.fixture
def look_at_admin():
    """Return `look_at_admin(page, name)`: axe and pictures, wide and narrow, light and dark."""

    def look(page, name):
        for each in looks(page, name):
            judge_content(page)
            photograph(page, f"{name}-{each}")

    return look


def test_what_has_to_wait_in_the_admin(page, open_page, alba, noor, put_in, look_at_admin):
    alba.is_superuser = True
    alba.save()
    put_in(alba)
    open_page(LIST)
    expect(page.locator("#content")).to_contain_text("No account has to wait right now.")
    look_at_admin(page, "admin-throttle-empty")
    guess("noor", address="203.0.113.9")
    guess("alba")
    ThrottleCell.objects.filter(target_pk=alba.pk).update(total=100)
    guess("nobody")
    attack.begin(Lately(200, 250, None), now=NOW)
    open_page(LIST)
    expect(page.locator("#result_list")).to_contain_text("noor")
    look_at_admin(page, "admin-throttle")
    page.get_by_role("row", name=re.compile("noor")).get_by_role("checkbox").check()
    page.locator("select[name=action]").select_option("lift")
    with next_page(page):
        page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Lift the wait"))
    look_at_admin(page, "admin-throttle-lift")
    with next_page(page):
        page.get_by_role("button", name="Yes, lift").click()
    expect(page.locator(".messagelist")).to_contain_text("1 person can try to sign in again")
    expect(page.locator("#result_list")).not_to_contain_text("noor")
    with next_page(page):
        page.get_by_role("button", name="End attack mode").click()
    expect(page.locator(".messagelist")).to_contain_text("Attack mode has ended.")
    assert SiteState.objects.get().attack_until == 0
    testing.no_throttle()
