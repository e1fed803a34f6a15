"""The puzzle in a real browser under the strict policy: solved, waited for, given up, missing."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from hardening import testing
from hardening.core.puzzle import LIFETIME_SECONDS
from hardening.flows import attempts
from tests.browser.people import NOW, PASSWORD, arrive, next_page
from tests.host.challenges import Easy

LOGIN = "/security/login/"
SIGNED_IN = re.compile("/reads-user/")
CHECKED = "Your browser is checked."
WAITING = "Checking your browser… The form is sent as soon as this is done."
ENOUGH = 10_000  # ms, as the page's script has it
# A worker whose answer the test holds back (and nobody loses patience), and one that never begins.
HELD = """
const later = window.setTimeout;
window.setTimeout = (act, ms, ...more) => ms === 10000 ? 0 : later(act, ms, ...more);
const Plain = window.Worker;
window.Worker = class extends Plain {
  set onmessage(heard) { super.onmessage = (event) => { window.answer = () => heard(event); }; }
};
"""
FAILING = """
window.Worker = class {
  terminate() {}
  postMessage() { setTimeout(() => this.onerror(new Event("error")), 0); }
};
"""


@pytest.fixture(autouse=True)
def _net_over_its_limit(settings, clock, transactional_db):
    """One failure of a neighbour has filled the net of the test's browser."""
    settings.HARDENING = {"THROTTLE": {"net": ["1/h"]}}
    for address in ("127.0.0.200", "::1"):  # "localhost" is either
        trial = attempts.start("junk", address=address, cookie=None, now_us=NOW * 1_000_000)
        attempts.fail(trial)


@pytest.fixture
def endless(settings):
    """A puzzle that no browser solves while somebody waits."""
    settings.HARDENING = {**settings.HARDENING, "CHALLENGE": "tests.browser.test_puzzle.Endless"}


class Endless(Easy):
    bits = 32


def status(page):
    return page.locator("[data-hardening-puzzle] [role=status]")


def fill(page, user):
    page.get_by_label("Username").fill(user.get_username())
    page.get_by_role("textbox", name="Password").fill(PASSWORD)


def test_a_browser_solves_it_and_signs_in_without_the_mailbox(
    page, open_page, noor, look_over, record
):
    begun = time.monotonic()
    open_page(LOGIN)
    expect(status(page)).to_have_text(CHECKED)
    record("puzzle: page and solution in Chromium, ms", round((time.monotonic() - begun) * 1000))
    look_over(page, "login-puzzle")
    fill(page, noor)
    page.keyboard.press("Enter")
    page.wait_for_url(SIGNED_IN)


def test_what_is_sent_too_early_waits_for_the_number_and_goes_by_itself(
    page, open_page, noor, look_over
):
    page.add_init_script(HELD)
    open_page(LOGIN)
    fill(page, noor)
    for _ in range(3):
        page.keyboard.press("Enter")  # once is enough
        expect(status(page)).to_have_text(WAITING)
    look_over(page, "login-puzzle-waiting")
    assert page.url.endswith(LOGIN)
    page.wait_for_function("() => window.answer")
    with next_page(page):
        page.evaluate("() => window.answer()")
    page.wait_for_url(SIGNED_IN)


def test_after_ten_seconds_it_goes_without_and_the_mailbox_is_asked_for(
    page, open_page, noor, endless
):
    page.clock.install()
    open_page(LOGIN)
    fill(page, noor)
    page.get_by_role("button", name="Sign in").click()
    expect(status(page)).to_have_text(WAITING)
    page.clock.fast_forward(ENOUGH // 2)  # the clock goes by itself as well
    expect(status(page)).to_have_text(WAITING)
    with next_page(page):
        page.clock.fast_forward(ENOUGH // 2)
    arrive(page, "Confirm your e-mail address")


def test_a_page_that_lay_open_for_long_fetches_another_puzzle(page, open_page, noor, clock):
    page.clock.install()
    open_page(LOGIN)
    expect(status(page)).to_have_text(CHECKED)
    first = page.locator("[name=puzzle]").input_value()
    page.clock.fast_forward(LIFETIME_SECONDS * 1000)
    clock.shift(timedelta(seconds=LIFETIME_SECONDS))
    fill(page, noor)
    with page.expect_request(re.compile(LOGIN + "$"), timeout=ENOUGH) as asked, next_page(page):
        page.keyboard.press("Enter")
    assert asked.value.headers["accept"] == "application/json"
    page.wait_for_url(SIGNED_IN)
    assert first


@pytest.mark.parametrize(
    "missing", ["delete window.Worker", "window.Worker = class { constructor() { throw 1 } }"]
)
def test_without_a_worker_the_page_works_itself(missing, page, open_page, noor):
    page.add_init_script(missing)
    open_page(LOGIN)
    expect(status(page)).to_have_text(CHECKED)
    fill(page, noor)
    page.keyboard.press("Enter")
    page.wait_for_url(SIGNED_IN)


def test_a_worker_that_fails_is_replaced_by_the_page(page, open_page, noor):
    page.add_init_script(FAILING)
    open_page(LOGIN)
    expect(status(page)).to_have_text(CHECKED)
    fill(page, noor)
    page.keyboard.press("Enter")
    page.wait_for_url(SIGNED_IN)


def test_a_wrong_password_brings_a_page_that_is_checked_again(page, open_page, noor):
    open_page(LOGIN)
    fill(page, noor)
    page.get_by_role("textbox", name="Password").fill("wrong")
    with next_page(page):
        page.keyboard.press("Enter")
    expect(status(page)).to_have_text(CHECKED)
    fill(page, noor)
    page.keyboard.press("Enter")
    page.wait_for_url(SIGNED_IN)


def test_without_javascript_the_form_works_and_the_mailbox_is_asked_for(
    without_script, live_server, noor, look_over
):
    page = without_script.new_page()
    page.goto(live_server.url + LOGIN)
    expect(status(page)).to_be_empty()
    fill(page, noor)
    page.get_by_role("button", name="Sign in").click()
    arrive(page, "Confirm your e-mail address")


def test_on_a_quiet_day_there_is_no_puzzle(page, open_page, noor):
    testing.no_throttle()
    open_page(LOGIN)
    expect(page.locator("[data-hardening-puzzle]")).to_have_count(0)
    fill(page, noor)
    page.keyboard.press("Enter")
    page.wait_for_url(SIGNED_IN)
