"""The demo's listener, whose password is in a leaked list: the way to another, by keyboard."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.people import Typist, alert, arrive, mailed_code, next_page, see, sign_in

NEW = "walnut-gondola-47-thistle"
COMMON = "qwerty123456789"  # what the guide suggests to try
REFUSED = "This password is in a list leaked from other websites"


def test_the_listener_chooses_another_password_with_the_keyboard_alone(page, backstage, look_over):
    keys = Typist(page)
    page.goto(f"{backstage.url}/mailbox/")
    seeded = page.locator("article.mail").count()  # of the demo's past
    page.goto(f"{backstage.url}/security/login/")
    expect(page.get_by_label("Username")).to_be_focused()
    keys.type("listener")
    keys.tab_to("Password")
    keys.type(backstage.passwords["listener"])
    keys.send()

    arrive(page, "Confirm your e-mail address")
    look_over(page, "backstage-breached-mailbox")
    keys.tab_to("Send the code")
    keys.send()
    expect(page.get_by_label("Code from the mail")).to_be_focused()
    code = mailed_code(page, backstage.url)
    with next_page(page):  # sent by itself with the eighth digit
        keys.type(code)

    arrive(page, "Change your password")
    see(page, "in a list leaked from other websites")
    look_over(page, "backstage-breached-change")
    fill_in(keys, backstage.passwords["listener"], COMMON)
    alert(page, REFUSED)
    field = page.get_by_role("textbox", name="New password", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(re.compile(REFUSED))
    look_over(page, "backstage-breached-refused")

    fill_in(keys, backstage.passwords["listener"], NEW)
    page.wait_for_url(f"{backstage.url}/my/follows/")
    arrive(page, "Your follows")
    expect(page.locator(".hardening-banner")).to_have_count(0)

    page.goto(f"{backstage.url}/mailbox/")
    expect(page.locator("article.mail")).to_have_count(seeded + 4)
    look_over(page, "backstage-breached-mails")
    page.context.clear_cookies()
    page.goto(f"{backstage.url}/security/login/")
    sign_in(page, "listener", NEW)
    page.wait_for_url(f"{backstage.url}/my/follows/")
    page.goto(f"{backstage.url}/mailbox/")
    expect(page.locator("article.mail")).to_have_count(seeded + 5)  # again a new browser


def fill_in(keys: Typist, current: str, new: str) -> None:
    """Type the passwords, wherever the focus is, and send them."""
    keys.tab_to("Current password")
    keys.type(current)
    keys.tab_to("New password")
    keys.type(new)
    keys.tab_to("New password again")
    keys.type(new)
    keys.send()
