"""The pages about a leaked password, in every state: on the way to a new one, signed in, operators.

The verdict is set directly on the account. `look_over` judges each page wide and narrow, light and
dark: axe, no sideways scrolling, large targets; and leaves pictures for people to look at.
"""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from playwright.sync_api import expect

from hardening import testing
from hardening.models import RolePolicy
from hardening.moments import moment
from tests.browser.people import (
    NOW,
    PASSWORD,
    alert,
    arrive,
    follow,
    give_session,
    press,
    see,
    tap,
    type_code,
)
from tests.verdicts import note

DAY = 24 * 60 * 60
NEW = "seven violet umbrellas"
LEAKED = "Your password is in a list leaked from other websites"


@pytest.fixture
def enforced(settings):
    """Demand a new password of everybody whose password is leaked."""
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce", "SUPPORT": "Ring 555-0142."}


def fill_in(page, new, again=None):
    page.get_by_role("textbox", name="Current password").fill(PASSWORD)
    page.get_by_role("textbox", name="New password", exact=True).fill(new)
    page.get_by_role("textbox", name="New password again").fill(again or new)


@pytest.mark.usefixtures("enforced")
def test_from_a_leaked_password_by_way_of_the_mailbox_to_a_new_one(
    page, noor, sign_in_as, look_over
):
    note(noor, at=NOW)
    sign_in_as(noor)
    arrive(page, "Confirm your e-mail address")
    see(page, "Step 1 of 2")
    see(page, "Then you choose a new password")
    look_over(page, "leaked-mailbox")
    press(page, "Send the code")
    look_over(page, "leaked-mailbox-sent")
    code = re.search(r"\b\d{8}\b", mail.outbox[-1].body).group()
    type_code(page, code, "Code from the mail")
    arrive(page, "Change your password")
    see(page, "Step 2 of 2")
    see(page, "This does not mean that localhost was broken into")
    new = page.get_by_role("textbox", name="New password", exact=True)
    expect(new).to_have_attribute("autocomplete", "new-password")
    look_over(page, "leaked-change-password")
    with testing.fake_breach(NEW):
        fill_in(page, NEW)
        tap(page, "Show New password")
        expect(new).to_have_attribute("type", "text")
        press(page, "Change password")
    alert(page, "This password is in a list leaked from other websites")
    expect(page.locator("#id_new_password1_error")).to_contain_text("Please choose a different one")
    expect(new).to_have_attribute("aria-invalid", "true")
    look_over(page, "leaked-change-password-refused")
    with testing.fake_breach():
        fill_in(page, NEW, "another")
        press(page, "Change password")
        alert(page, "didn’t match")
        look_over(page, "leaked-change-password-wrong")
        fill_in(page, NEW)
        press(page, "Change password")
    expect(page.locator("body")).to_contain_text("Here is noor")


@pytest.mark.usefixtures("enforced")
def test_with_a_factor_and_without_a_mailbox(page, noor, alba, sign_in_as, look_over):
    testing.enrol(alba)
    note(alba, at=NOW)
    sign_in_as(alba)
    see(page, "Step 1 of 2")
    look_over(page, "leaked-verify")
    type_code(page, testing.code_for(alba))
    arrive(page, "Change your password")
    see(page, "Step 2 of 2")
    page.context.clear_cookies()
    User.objects.filter(pk=noor.pk).update(email="")
    note(noor, at=NOW)
    sign_in_as(noor)
    arrive(page, "Enter your enrolment ticket")
    see(page, LEAKED)
    see(page, "has no e-mail address for you that can be used")
    look_over(page, "leaked-no-mailbox")


def test_the_overview_in_its_three_states(page, open_page, noor, put_in, look_over, live_server):
    testing.enrol(noor, name="Blue phone")
    testing.recovery_codes(noor)
    put_in(noor)
    open_page("/security/")
    see(page, "Not looked up in lists of leaked passwords yet")
    look_over(page, "leaked-overview-unknown")
    note(noor, "clean", at=NOW - 3 * DAY)
    open_page("/security/")
    see(page, "Not in any list we know of")
    look_over(page, "leaked-overview-clean")
    note(noor, "hit", at=NOW)
    open_page("/security/")
    see(page, "Something to do")
    see(page, "In a list leaked from other websites. Change it.")
    look_over(page, "leaked-overview-hit")
    RolePolicy.objects.create(
        role="everyone", mode="report", starts_at=moment(NOW), breached_passwords="warn"
    )
    page.context.clear_cookies()
    client = Client()
    client.force_login(User.objects.create_user("mo", "mo@example.com", PASSWORD))
    give_session(page, live_server.url, client)
    open_page("/security/change-password/")
    expect(page.locator(".hardening")).not_to_contain_text("leaked from other websites, so")


@pytest.mark.urls("tests.host.office")
def test_the_banner_on_a_page_of_the_host(page, open_page, noor, put_in, look_over):
    testing.enrol(noor)
    testing.recovery_codes(noor)
    put_in(noor)
    note(noor, at=NOW)
    open_page("/banner/?user")
    expect(page.locator(".hardening-banner")).to_contain_text(LEAKED)
    look_over(page, "leaked-banner")
    follow(page, "Change it now")
    arrive(page, "Change your password")


def test_a_browser_that_nobody_knows_where_it_is_only_warned_of(
    page, open_page, noor, sign_in_as, look_over, put_in
):
    note(noor, at=NOW)
    sign_in_as(noor)
    see(page, "Then you can go on; please choose a new password soon.")
    look_over(page, "leaked-mailbox-warned")
    put_in(noor)
    open_page("/security/change-password/")
    see(page, "This does not mean that localhost was broken into")
    look_over(page, "leaked-change-password-own")


@pytest.mark.urls("tests.host.office")
def test_the_list_of_users_and_the_form_of_a_policy(page, open_page, alba, put_in, shoot):
    User.objects.filter(pk=alba.pk).update(is_superuser=True)
    for name, verdict in (("ann", "hit"), ("bob", "clean"), ("joe", "")):
        note(User.objects.create_user(name, f"{name}@example.com", PASSWORD), verdict, at=NOW)
    put_in(alba)
    open_page("/office/auth/user/")
    expect(page.locator("#result_list")).to_contain_text("Leaked")
    shoot(page, "leaked-admin-users")
    with page.expect_event("load"):
        page.locator("#changelist-filter").get_by_role("link", name="Leaked").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    shoot(page, "leaked-admin-users-filtered")
    open_page("/office/hardening/rolepolicy/add/")
    page.get_by_label("Role").fill("staff")
    page.get_by_label("Days until a password is looked up again").fill("0")
    press(page, "Save")
    expect(page.locator("#id_recheck_days_error")).to_contain_text("greater than or equal to 1")
    shoot(page, "leaked-admin-policy-wrong")
    page.get_by_label("Days until a password is looked up again").fill("3")
    page.get_by_label("Breached passwords").select_option("warn")
    press(page, "Save")
    press(page, re.compile("^Save"))
    expect(page.locator("#result_list")).to_contain_text("Warn, and ask unknown browsers")
    shoot(page, "leaked-admin-policies")
