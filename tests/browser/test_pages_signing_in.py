"""The pages of a sign-in, in every state, on the smallest host with our own base template.

`look_over` judges each wide and narrow, light and dark: axe, no sideways scrolling, large targets;
and leaves pictures for people to look at. The clock stands still, so codes are exact.
"""

from __future__ import annotations

import re
from datetime import timedelta

from django.contrib.auth.models import User
from django.core import mail
from playwright.sync_api import expect

from hardening import facts, testing
from hardening.core import otp
from hardening.flows import recover
from tests.browser.people import (
    NOW,
    PASSWORD,
    PERIOD,
    alert,
    arrive,
    follow,
    lock,
    press,
    see,
    tap,
    type_code,
    wrong,
)

LOGIN = "/security/login/"


def test_signing_in(page, open_page, alba, look_over):
    open_page(LOGIN + "?next=/members/")
    arrive(page, "Sign in to localhost")
    look_over(page, "login")
    page.get_by_label("Username").fill("alba")
    page.get_by_role("textbox", name="Password").fill("wrong")
    tap(page, "Show Password")
    press(page, "Sign in")
    alert(page, "Please enter a correct username and password")
    look_over(page, "login-wrong")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    press(page, "Sign in")
    arrive(page, "Confirm your e-mail address")
    open_page(LOGIN)
    see(page, "A sign-in is waiting")
    look_over(page, "login-waiting")
    press(page, "Cancel sign-in")
    arrive(page, "Sign-in cancelled")
    look_over(page, "cancelled")
    open_page("/security/verify/")
    arrive(page, "No sign-in is waiting here")
    look_over(page, "over")


def test_proving_the_mailbox(page, open_page, alba, sign_in_as, look_over, clock):
    sign_in_as(alba)
    arrive(page, "Confirm your e-mail address")
    look_over(page, "mailbox")
    press(page, "Send the code")
    see(page, "We sent a code to a•••@example.com")
    expect(page.get_by_role("button", name="Send a new code")).to_be_disabled()
    look_over(page, "mailbox-sent")
    code = re.search(r"\b\d{8}\b", mail.outbox[-1].body).group()
    type_code(page, wrong(code), "Code from the mail")
    alert(page, "That code was not accepted")
    look_over(page, "mailbox-wrong")
    follow(page, "This is not my e-mail address")
    arrive(page, "Without this mailbox")
    look_over(page, "recover-first-factor")
    for _ in range(2):
        clock.shift(timedelta(seconds=31))
        open_page("/security/mailbox/")
        press(page, "Send a new code")
    alert(page, "The next one has to wait")
    expect(page.get_by_role("button", name="Send a new code")).to_be_disabled()
    look_over(page, "mailbox-throttled")


def test_an_account_without_an_address_needs_a_ticket(page, alba, sign_in_as, look_over):
    User.objects.filter(pk=alba.pk).update(email="")
    sign_in_as(alba)
    arrive(page, "Enter your enrolment ticket")
    look_over(page, "ticket")
    page.get_by_label("Enrolment ticket").fill("AAAA-BBBB-CCCC-DDDD")
    press(page, "Continue")
    alert(page, "That ticket was not accepted")
    look_over(page, "ticket-wrong")
    expect(page.get_by_role("link", name="Confirm my e-mail address")).to_have_count(0)
    shown = recover.issue_ticket(alba, bytes(range(15)), now=NOW)
    page.get_by_label("Enrolment ticket").fill(shown.lower())
    press(page, "Continue")
    arrive(page, "Set up a second factor")
    look_over(page, "enrol")


def test_enrolling(page, open_page, alba, sign_in_as, look_over, read_qr, oathtool):
    shown = recover.issue_ticket(alba, bytes(range(15)), now=NOW)
    sign_in_as(alba)
    follow(page, "I have an enrolment ticket")
    page.get_by_label("Enrolment ticket").fill(shown)
    press(page, "Continue")
    press(page, "Set up an authenticator app")
    arrive(page, "Set up your authenticator app")
    pictures = look_over(page, "enrol-totp")
    secret = re.search("secret=([A-Z2-7]+)", read_qr(pictures["wide-dark"])).group(1)
    page.get_by_text("Can't scan?").click()
    key = page.locator("#hardening-key")
    expect(key).to_be_visible()
    assert key.inner_text().replace(" ", "") == secret
    look_over(page, "enrol-totp-key")
    code = oathtool(secret, at=NOW)
    page.get_by_label("Code that the app shows now").fill(wrong(code))
    press(page, "Confirm")
    alert(page, "That code was not accepted")
    look_over(page, "enrol-totp-wrong")
    page.get_by_label("Code that the app shows now").fill(code)
    press(page, "Confirm")
    arrive(page, "Store your recovery codes")
    see(page, "Step 3 of 3")
    look_over(page, "recovery-codes-shown")
    press(page, "Continue")
    alert(page, "Tick the box once you have stored the codes")
    look_over(page, "recovery-codes-not-stored")
    press(page, "Make new codes")
    expect(page.get_by_role("alert")).to_have_count(0)
    page.get_by_label("I have stored these codes").check()
    press(page, "Continue")
    page.wait_for_url(re.compile("/reads-user/"))


def test_proving_the_authenticator(page, open_page, alba, sign_in_as, look_over, clock):
    row = testing.enrol(alba, name="Blue phone")
    testing.recovery_codes(alba)
    open_page("/members/")
    sign_in_as(alba)
    arrive(page, "Enter the code from your app")
    look_over(page, "verify")
    right = testing.code_for(alba)
    for _ in range(3):
        type_code(page, wrong(right))
        alert(page, "That code was not accepted")
    see(page, "What to check")
    look_over(page, "verify-wrong")
    type_code(page, right)
    alert(page, "Too many tries")
    see(page, "Time left")
    look_over(page, "verify-throttled")
    follow(page, "I no longer have my phone")
    arrive(page, "Ways to get back in")
    look_over(page, "recover")
    testing.no_throttle()
    testing.enrol(alba, name="Tablet in the studio")
    clock.shift(timedelta(seconds=PERIOD))
    sign_in_as(alba)
    page.get_by_label("Tablet in the studio").check()
    look_over(page, "verify-several")
    page.get_by_label("Blue phone").check()
    type_code(page, otp.code_at(testing.secret_of(row), now=NOW + PERIOD))
    page.wait_for_url(re.compile("/reads-user/"))


def test_an_authenticator_that_is_disabled_leaves_other_ways(page, alba, sign_in_as, look_over):
    row = testing.enrol(alba)
    testing.recovery_codes(alba)
    lock(row)
    sign_in_as(alba)
    see(page, "Codes from the authenticator app are not accepted at present")
    look_over(page, "verify-disabled")


def test_a_lost_phone_is_replaced(page, open_page, alba, sign_in_as, look_over, oathtool):
    testing.enrol(alba, name="Blue phone")
    codes = testing.recovery_codes(alba)
    sign_in_as(alba)
    follow(page, "Use a recovery code")
    arrive(page, "Enter a recovery code")
    look_over(page, "recovery-code")
    page.get_by_label("Recovery code").fill("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF")
    press(page, "Continue")
    alert(page, "That code was not accepted")
    look_over(page, "recovery-code-wrong")
    page.get_by_label("Recovery code").fill(codes[0].lower().replace("-", " "))
    press(page, "Continue")
    arrive(page, "Replace your authenticator")
    look_over(page, "enrol-replacing")
    press(page, "Set up an authenticator app")
    expect(page.get_by_label("Blue phone")).to_be_checked()
    look_over(page, "enrol-totp-replacing")
    secret = page.locator("#hardening-key").text_content()
    page.get_by_label("Code that the app shows now").fill(oathtool(secret, at=NOW))
    page.get_by_label("Name of this authenticator").fill("Green phone")
    press(page, "Confirm")
    page.wait_for_url(re.compile("/reads-user/"))
    open_page("/security/")
    see(page, "Green phone")
    expect(page.locator(".hardening-cards")).not_to_contain_text("Blue phone")


def test_a_password_that_must_change(page, alba, sign_in_as, look_over, noor, open_page, put_in):
    testing.enrol(alba)
    recover.demand_password_change([alba], now=NOW)
    sign_in_as(alba)
    type_code(page, testing.code_for(alba))
    arrive(page, "Change your password")
    see(page, "Your password must be changed before you go on")
    look_over(page, "change-password-demanded")
    page.get_by_role("textbox", name="Current password").fill(PASSWORD)
    page.get_by_role("textbox", name="New password", exact=True).fill("a new long sentence")
    page.get_by_role("textbox", name="New password again").fill("another")
    press(page, "Change password")
    alert(page, "didn’t match")
    look_over(page, "change-password-wrong")
    page.context.clear_cookies()
    put_in(noor)
    open_page("/security/change-password/")
    look_over(page, "change-password")


def test_a_fault_says_that_nothing_was_lost(page, open_page, noor, put_in, look_over, monkeypatch):
    put_in(noor)

    def broken(*_args: object, **_kwargs: object) -> None:
        raise facts.FactsError

    monkeypatch.setattr(facts, "of", broken)
    monkeypatch.setattr(facts, "fresh", broken)
    open_page("/security/")
    arrive(page, "This page is not available right now")
    look_over(page, "unavailable")
