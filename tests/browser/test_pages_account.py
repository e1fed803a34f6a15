"""The pages of owners and operators, in every state, on the smallest host with our own base.

`look_over` judges each wide and narrow, light and dark: axe, no sideways scrolling, large targets;
and leaves pictures for people to look at. The clock stands still, so codes are exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Page, expect

from hardening import testing
from hardening.core import otp
from hardening.models import RolePolicy, ThrottleCell
from hardening.moments import moment
from tests.browser.people import (
    CODE,
    NOW,
    PASSWORD,
    alert,
    arrive,
    follow,
    give_session,
    lock,
    press,
    see,
    tap,
    type_code,
    wrong,
)
from tests.browser.watching import SCREENSHOTS


def test_whoever_comes_in_with_a_recovery_code_is_told_what_to_do_next(
    page, noor, sign_in_as, look_over, oathtool
):
    testing.enrol(noor, name="Blue phone")
    codes = testing.recovery_codes(noor)
    sign_in_as(noor)
    follow(page, "I no longer have my phone")
    follow(page, "Use a recovery code")
    page.get_by_label("Recovery code").fill(codes[0])
    press(page, "Continue")
    see(page, "You came in with a recovery code")
    see(page, "9 of 10 left")
    see(page, "Recovery code used")
    look_over(page, "overview-recovered")
    press(page, "Replace the lost authenticator")
    expect(page.get_by_label("Blue phone")).to_be_checked()
    look_over(page, "enrol-totp-recovered")
    secret = page.locator("#hardening-key").text_content()
    page.get_by_label("Code that the app shows now").fill(oathtool(secret, at=NOW))
    press(page, "Confirm")
    page.wait_for_url(re.compile("/security/$"))
    expect(page.locator(".hardening-cards")).not_to_contain_text("Blue phone")
    expect(page.locator(".hardening")).not_to_contain_text("You came in with a recovery code")


def test_the_overview(page, open_page, noor, put_in, look_over, clock):
    client = Client()
    client.force_login(noor)
    give_session(page, page_origin(open_page, page), client)
    open_page("/security/")
    see(page, "protected by its password alone")
    look_over(page, "overview-bare")
    policy = {"role": "everyone", "mode": "enforce", "grace_days": 14}
    RolePolicy.objects.create(starts_at=moment(NOW), **policy)
    open_page("/security/")
    see(page, "Set up a second factor in time")
    look_over(page, "overview-deadline")
    RolePolicy.objects.all().delete()
    testing.enrol(noor, name="Blue phone")
    testing.enrol(noor, name="A very long name of a tablet that stands in the studio at home")
    put_in(noor)
    open_page("/security/")
    see(page, "you have no recovery codes left")
    look_over(page, "overview-no-codes")
    testing.recovery_codes(noor)
    open_page("/security/")
    see(page, "protected by 2 authenticators")
    look_over(page, "overview")


def page_origin(open_page: Callable[[str], None], page: Page) -> str:
    open_page("/public/")
    return page.evaluate("location.origin")


def test_changing_authenticators(page, open_page, alba, put_in, look_over, clock):
    row = testing.enrol(alba, name="Blue phone")
    put_in(alba)
    path = f"/security/factor/{row.pk}/"
    open_page(path)
    see(page, "Add another authenticator first")
    see(page, "Last used")
    look_over(page, "factor-required")
    page.get_by_role("textbox", name="Name").fill("")
    press(page, "Save the name")
    alert(page, "Enter a name")
    see(page, "Add another authenticator first")
    look_over(page, "factor-no-name")
    second = testing.enrol(alba, name="Tablet")
    put_in(alba)
    clock.shift(timedelta(minutes=6))
    open_page(path)
    arrive(page, "Confirm it is you")
    page.get_by_label("Tablet").check()
    look_over(page, "step-up")
    secret = testing.secret_of(second)
    right = otp.code_at(secret, now=NOW + 360)
    for _ in range(3):
        page.get_by_label("Tablet").check()
        type_code(page, wrong(right))
        alert(page, "That code was not accepted")
    look_over(page, "step-up-wrong")
    type_code(page, right)
    alert(page, "Too many tries")
    look_over(page, "step-up-throttled")
    ThrottleCell.objects.all().delete()
    page.get_by_label(CODE).fill("")
    type_code(page, right)
    page.wait_for_url(re.compile(path))
    look_over(page, "factor")
    press(page, "Remove this authenticator")
    page.wait_for_url(re.compile("/security/$"))
    expect(page.get_by_role("status")).to_contain_text("The authenticator was removed")
    look_over(page, "overview-removed")


def test_step_up_without_a_usable_authenticator(page, open_page, alba, put_in, look_over, clock):
    row = testing.enrol(alba)
    put_in(alba)
    lock(row)
    clock.shift(timedelta(minutes=6))
    open_page("/security/step-up/")
    see(page, "a recovery code is not enough here")
    look_over(page, "step-up-disabled")


def test_a_first_authenticator_of_ones_own_accord(
    page, open_page, noor, look_over, sign_in_as, clock
):
    sign_in_as(noor)
    clock.shift(timedelta(minutes=20))
    open_page("/security/recovery-codes/")
    arrive(page, "No recovery codes yet")
    look_over(page, "recovery-codes-none")
    open_page("/security/enrol/")
    press(page, "Set up an authenticator app")
    arrive(page, "Confirm your password")
    look_over(page, "confirm-password")
    page.get_by_role("textbox", name="Password").fill("wrong")
    press(page, "Continue")
    alert(page, "That is not your password")
    look_over(page, "confirm-password-wrong")
    page.get_by_role("textbox", name="Password").fill(PASSWORD)
    press(page, "Continue")
    arrive(page, "Confirm your e-mail address")
    look_over(page, "mailbox-beside")
    press(page, "Cancel")
    page.wait_for_url(re.compile("/security/$"))


def test_new_recovery_codes(page, open_page, alba, put_in, look_over):
    testing.enrol(alba)
    testing.recovery_codes(alba)
    put_in(alba)
    open_page("/security/recovery-codes/")
    see(page, "10 of 10")
    look_over(page, "recovery-codes")
    press(page, "Make new codes")
    arrive(page, "Store your recovery codes")
    look_over(page, "recovery-codes-new")
    with page.expect_download() as download:
        tap(page, "Download")
    stored = Path(download.value.path()).read_text(encoding="utf-8")
    shown = page.locator(".hardening-codes code").all_inner_texts()
    assert stored.splitlines()[2:] == shown
    on_screen = page.get_by_role("button", name="Continue")
    expect(on_screen).to_be_visible()
    page.emulate_media(media="print")
    expect(on_screen).to_be_hidden()
    page.screenshot(path=SCREENSHOTS / "recovery-codes-print.png", full_page=True)


def test_policies_in_the_admin(page, open_page, alba, settings, sign_in_as, put_in, shoot):
    User.objects.filter(pk=alba.pk).update(is_superuser=True)
    settings.HARDENING = {"ENFORCE": False}  # the kill switch, the only way in without a factor
    sign_in_as(alba)
    open_page("/admin/hardening/rolepolicy/add/")
    page.get_by_label("Role").fill("staff")
    page.get_by_label("Mode").select_option("enforce")
    press(page, "Save")
    expect(page.locator(".errornote + .errorlist, .errorlist.nonfield")).to_contain_text(
        "This policy covers you, and you do not meet it yet"
    )
    shoot(page, "admin-policy-refused")
    settings.HARDENING = {}
    put_in(alba)
    open_page("/admin/hardening/rolepolicy/add/")
    page.get_by_label("Role").fill("staf")
    page.get_by_label("Strength").select_option("phishing-resistant")
    press(page, "Save")
    expect(page.locator("#id_role_error")).to_contain_text("There is no role “staf”")
    expect(page.locator("#id_strength_error")).to_contain_text("nobody could comply")
    shoot(page, "admin-policy-wrong")
    page.get_by_label("Role").fill("staff")
    page.get_by_label("Strength").select_option("any")
    page.get_by_label("Mode").select_option("enforce")
    press(page, "Save")
    press(page, re.compile("^Save"))
    expect(page.locator("#result_list")).to_contain_text("Staff")
    shoot(page, "admin-policies")
    open_page("/admin/auth/user/")
    expect(page.locator("select[name=action]")).to_be_visible()
    shoot(page, "admin-users")
