"""What people do in front of a site: sign in, read a mail, use a phone, press and look.

The demo is a process with a real clock, so a phone here spends codes as real ones do.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.test import Client
from playwright.sync_api import Page, expect

from hardening.factors import registry
from hardening.models import Factor

NOW = 1_795_262_400  # 2026-11-21 12:00 UTC; where a test stops the clock
PASSWORD = "correct horse battery"  # of everybody on the smallest host
CODE = "Code from your authenticator app"
PERIOD = 30  # seconds a code lasts
EDGE = 3  # seconds before the end of a period in which no code is begun
CODE_IN_MAIL = re.compile(r"\b\d{8}\b")


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


def sign_in(page: Page, username: str, password: str) -> None:
    """Fill in the site's login page, or the admin's, and send it."""
    page.get_by_label("Username").fill(username)
    page.get_by_role("textbox", name="Password").fill(password)
    page.get_by_role("button", name=re.compile("(Sign|Log) in")).click()


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
    page.get_by_role("button", name="Send the code").click()
    page.get_by_label("Code from the mail").press_sequentially(mailed_code(page, url))
    expect(page.get_by_role("heading", level=1)).to_have_text("Set up a second factor")


def enrol(page: Page, phone: Phone, *, to: str) -> None:
    """Set up an authenticator by its link, store the codes, and go on to the URL `to`."""
    page.get_by_role("button", name="Set up an authenticator app").click()
    phone.scan(page.locator("a[href^='otpauth:']").get_attribute("href"))
    page.get_by_label("Code that the app shows now").fill(phone.code())
    page.get_by_role("button", name="Confirm").click()
    page.get_by_label("I have stored these codes").check()
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(to)


def give_session(page: Page, url: str, client: Client) -> None:
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": url}
    page.context.add_cookies([cookie])


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def title(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def see(page: Page, words: str) -> None:
    expect(page.locator(".hardening")).to_contain_text(words)


def alert(page: Page, words: str) -> None:
    """Assert that the page says what is wrong, on top, and puts the focus there."""
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page).to_have_title(re.compile("^Error: "))


def type_code(page: Page, code: str, label: str = CODE) -> None:
    """Type a code with spaces, as an app shows it; the last digit sends it."""
    page.wait_for_load_state()
    page.get_by_label(label).press_sequentially(f"{code[:3]} {code[3:]}")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


def lock(row: Factor) -> None:
    """Count the hundred wrong codes in a row that disable an authenticator."""
    while not Factor.objects.count_failure(row.pk, known_browser=True):
        pass
    registry.rewrite(row.user_id)
