"""A forgotten password, a browser that is remembered, all sessions ended: as people see it."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from playwright.sync_api import expect

from hardening import testing
from hardening.models import RolePolicy
from hardening.moments import moment
from tests.browser.people import NOW, arrive, follow, press, see
from tests.browser.staff import USERS, clerk

LOGIN = "/security/login/"
CHOSEN = "seven quiet harbours at dawn"


def test_a_forgotten_password(page, open_page, noor, look_over):
    open_page(LOGIN)
    follow(page, "Forgot your password?")
    arrive(page, "Forgot your password?")
    look_over(page, "reset")
    page.get_by_label("User name or e-mail address").fill("noor")
    press(page, "Send the link")
    arrive(page, "Look into your mailbox")
    look_over(page, "reset-asked")
    (link,) = re.findall(r"^http\S+(/security/reset/\S+)$", mail.outbox[-1].body, re.MULTILINE)
    open_page(link)
    arrive(page, "Choose a new password")
    assert page.url.endswith("/choose/")
    look_over(page, "reset-form")
    page.get_by_role("textbox", name="New password", exact=True).fill(CHOSEN)
    page.get_by_role("textbox", name="New password again").fill("another")
    press(page, "Set the new password")
    look_over(page, "reset-wrong")
    page.get_by_role("textbox", name="New password", exact=True).fill(CHOSEN)
    page.get_by_role("textbox", name="New password again").fill(CHOSEN)
    press(page, "Set the new password")
    arrive(page, "Your password was changed")
    look_over(page, "reset-complete")
    open_page(link)
    arrive(page, "This link does not work any more")
    noor.refresh_from_db()
    assert noor.check_password(CHOSEN)


def test_a_browser_that_is_remembered(page, open_page, alba, sign_in_as, look_over, settings):
    settings.HARDENING = {"POLICIES": []}
    RolePolicy.objects.create(
        role="staff", mode="enforce", starts_at=moment(NOW - 60), remembered_days=14
    )
    testing.enrol(alba)
    sign_in_as(alba)
    look_over(page, "verify-remember")
    page.get_by_label("Do not ask for a code in this browser for 14 days").check()
    page.get_by_label("Code from your authenticator app").fill(testing.code_for(alba))
    page.wait_for_url("**/reads-user/")
    open_page("/security/")
    see(page, "This browser is remembered")
    look_over(page, "overview-remembered")
    press(page, "Forget this browser")
    expect(page.locator(".hardening")).not_to_contain_text("This browser is remembered")


@pytest.fixture
def guard(clock, transactional_db):
    """Return an operator who may end sessions."""
    return clerk("guard", "view_user", "revoke_sessions")


def test_ending_all_sessions_of_people(page, guard, noor, put_in, open_page, look_over, settings):
    settings.ROOT_URLCONF = "tests.host.office"
    put_in(guard)
    open_page(f"{USERS}{noor.pk}/change/")
    follow(page, "End all sessions")
    expect(page.locator("#content")).to_contain_text("One person is signed out of every browser")
    look_over(page, "admin-end-sessions")
    page.get_by_label("Why (kept in the log, not mailed)").fill("A stolen laptop")
    press(page, "End all sessions")
    expect(page.locator(".messagelist")).to_contain_text("1 person was signed out")
