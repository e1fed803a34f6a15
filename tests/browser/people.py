"""What people do in front of a site: sign in, read a mail, use a phone, press and look.

The demo is a process with a real clock, so a phone here spends codes as real ones do.

The trap: a click comes back while the answer is on its way, or when its first byte is there. What
looks at the page then sees the old one, or an empty one, and what opens another page takes the
request away from the server. So whatever leads to another page goes through `next_page`, as `press`
and `follow` do, and what the page says is read by `expect`, which waits.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from hardening.factors import registry
from hardening.models import Factor

NOW = 1_795_262_400  # 2026-11-21 12:00 UTC; where a test stops the clock
PASSWORD = "correct horse battery"  # of everybody on the smallest host
CODE = "Code from your authenticator app"
PERIOD = 30  # seconds a code lasts
EDGE = 10  # seconds before the end of a period in which no code is begun: machines are slow
CODE_IN_MAIL = re.compile(r"\b\d{8}\b")
FOCUSED = """() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.tagName === "BODY" ? "" : (at.labels?.[0] || at).textContent.trim() || at.id,
          style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2];
}"""


@dataclass
class Phone:
    """An authenticator app; `oathtool` computes.

    A site accepts the code before and the code after the current one, and each once: three codes
    can be used within one period, the oldest first. A fourth waits.
    """

    oathtool: Callable[..., str]
    secret: str = ""
    spent: int = 0

    def scan(self, uri: str) -> None:
        """Take the key out of what a QR code says."""
        (self.secret,) = parse_qs(urlsplit(uri).query)["secret"]

    def code(self) -> str:
        """Return the oldest code that the site still accepts."""
        left = PERIOD - time.time() % PERIOD
        if left < EDGE:
            time.sleep(left)
        step = int(time.time()) // PERIOD
        chosen = max(step - 1, self.spent + 1)
        if chosen > step + 1:
            time.sleep((chosen - 1) * PERIOD - time.time())
        self.spent = chosen
        return self.oathtool(self.secret, at=chosen * PERIOD)


@contextmanager
def next_page(page: Page) -> Iterator[None]:
    """Do what leads to another page; go on when that is complete and its script has run.

    Raises:
        playwright.sync_api.TimeoutError: If no other page comes.
    """
    page.wait_for_load_state()  # or it would be this page whose end of loading is seen
    with page.expect_event("load"):
        yield


class Typist:
    """Somebody without a mouse; keys are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.pressed = 0

    def type(self, text: str) -> None:
        self.pressed += len(text)
        self.page.keyboard.type(text)

    def press(self, key: str) -> None:
        self.pressed += 1
        self.page.keyboard.press(key)

    def send(self) -> None:
        """Press Enter on what leads to another page."""
        with next_page(self.page):
            self.press("Enter")

    def tab_to(self, name: str) -> None:
        """Press Tab until `name` has the focus, which must be seen wherever it goes."""
        passed: list[str] = []
        for _ in range(25):
            self.press("Tab")
            label, seen = self.page.evaluate(FOCUSED)
            assert seen or not label, f"no outline on {label!r}"
            if label == name:
                return
            passed.append(label)
        pytest.fail(f"Tab does not reach {name!r}, only {passed}")


def press(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button that leads to another page, be it the same form again."""
    with next_page(page):
        tap(page, name)


def tap(page: Page, name: str | re.Pattern[str]) -> None:
    """Press a button that does something on the page and stays there."""
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """Follow a link to another page."""
    with next_page(page):
        page.get_by_role("link", name=name).click()


def arrive(page: Page, title: str) -> None:
    """Assert that this is the page with the heading `title`."""
    expect(page.get_by_role("heading", level=1)).to_have_text(title)


def sign_in(page: Page, username: str, password: str) -> None:
    """Fill in the site's login page, or the admin's, and send it."""
    page.get_by_label("Username").fill(username)
    page.get_by_role("textbox", name="Password").fill(password)
    press(page, re.compile("^(Sign|Log) in$"))


def mailed_code(page: Page, url: str) -> str:
    """Return the newest code on the demo's mailbox page, read in a tab of its own."""
    tab = page.context.new_page()
    tab.goto(f"{url}/mailbox/")
    found = CODE_IN_MAIL.search(tab.locator("article.mail").first.inner_text())
    tab.close()
    assert found, "the newest mail holds no code"
    return found.group()


def prove_mailbox(page: Page, url: str) -> None:
    """Have a code mailed and type it."""
    press(page, "Send the code")
    code = mailed_code(page, url)
    with next_page(page):
        page.get_by_label("Code from the mail").press_sequentially(code)
    arrive(page, "Set up a second factor")


def enrol(page: Page, phone: Phone, *, to: str | re.Pattern[str]) -> None:
    """Set up an authenticator by its link, store the codes, and go on to the URL `to`."""
    press(page, "Set up an authenticator app")
    phone.scan(page.locator("a[href^='otpauth:']").get_attribute("href"))
    page.get_by_label("Code that the app shows now").fill(phone.code())
    press(page, "Confirm")
    page.get_by_label("I have stored these codes").check()
    press(page, "Continue")
    page.wait_for_url(to)


def give_session(page: Page, url: str, client: Client) -> None:
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": url}
    page.context.add_cookies([cookie])


def see(page: Page, words: str) -> None:
    expect(page.locator(".hardening")).to_contain_text(words)


def alert(page: Page, words: str) -> None:
    """Assert that the page says what is wrong, on top, and puts the focus there."""
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))


def type_code(page: Page, code: str, label: str = CODE) -> None:
    """Type a code with spaces, as an app shows it; the last digit sends it."""
    with next_page(page):
        page.get_by_label(label).press_sequentially(f"{code[:3]} {code[3:]}")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


def lock(row: Factor) -> None:
    """Disable an authenticator by a hundred wrong codes in a row, in known browsers and others."""
    for known in (True, False):
        while not Factor.objects.count_failure(row.pk, known_browser=known):
            pass
    registry.rewrite(row.user_id)
