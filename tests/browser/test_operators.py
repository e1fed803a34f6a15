"""The demo's staff: enforce a policy after looking at it, and help somebody who lost a phone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.people import (
    Phone,
    arrive,
    enrol,
    follow,
    next_page,
    press,
    prove_mailbox,
    sign_in,
)

COMPLIANCE = "/admin/hardening/rolepolicy/compliance/"
EDITORS = "Artist page editor"


@pytest.fixture
def in_admin(page, backstage, phone):
    """Return `in_admin(username)`: a page on which that person is signed in, in the admin."""

    def enter(username):
        page.goto(f"{backstage.url}/admin/")
        sign_in(page, username, backstage.passwords[username])
        arrive(page, "Confirm your e-mail address")
        prove_mailbox(page, backstage.url)
        enrol(page, phone, to=f"{backstage.url}/admin/")
        return page

    return enter


@pytest.fixture
def staff(in_admin):
    """Return a page on which "staff" is signed in, in the admin."""
    return in_admin("staff")


@pytest.fixture
def private_window(browser, browser_context_args):
    """Return a page that shares no cookie with the first one."""
    context = browser.new_context(**browser_context_args)
    yield context.new_page()
    context.close()


def press_first(page, selector):
    """Press a button whose words say whom it concerns."""
    with next_page(page):
        page.locator("#content-main").locator(selector).first.click()


def test_the_staff_look_at_the_preview_enforce_and_the_editor_sees_the_date(
    staff, private_window, backstage, shoot
):
    staff.goto(backstage.url + COMPLIANCE)
    main = staff.locator("#content")
    expect(main).to_contain_text("6 people of 50 under “Artist page manager” are stopped")
    shoot(staff, "backstage-compliance")

    staff.goto(f"{backstage.url}/admin/hardening/rolepolicy/")
    shoot(staff, "backstage-policies")
    follow(staff, EDITORS)
    staff.get_by_label("Mode").select_option("enforce")
    shoot(staff, "backstage-policy-form")
    press(staff, "Save")
    expect(main).to_contain_text("Nothing is saved yet.")
    expect(main).to_contain_text("112")
    shoot(staff, "backstage-policy-stops")

    press_first(staff, "[name=_back]")
    staff.get_by_role("link", name="Today").click()
    staff.get_by_role("link", name="Now").click()
    staff.get_by_label("Days of grace:").fill("14")
    press(staff, "Save")
    expect(main).to_contain_text("Nothing is saved yet.")
    shoot(staff, "backstage-policy-grace")
    press_first(staff, "[name=_confirm]")
    expect(staff.locator("#result_list")).to_contain_text("Enforce")
    expect(staff.locator("#result_list")).not_to_contain_text("Report only")

    editor = private_window
    editor.goto(f"{backstage.url}/security/login/")
    sign_in(editor, "editor", backstage.passwords["editor"])
    editor.wait_for_url(f"{backstage.url}/my/artists/")
    banner = editor.locator(".hardening-banner")
    expect(banner).to_contain_text("Your role Artist page editor needs a second factor.")
    expect(banner).to_contain_text("in 1 week, 6 days")
    shoot(editor, "backstage-editor-banner")


def test_a_second_operator_approves_and_the_lost_phone_is_replaced(
    staff, private_window, backstage, oathtool, shoot
):
    drummer = private_window
    drummer.goto(f"{backstage.url}/security/login/")
    sign_in(drummer, "drummer", backstage.passwords["drummer"])
    arrive(drummer, "Enter the code from your app")

    staff.goto(f"{backstage.url}/admin/hardening/operatorrequest/")
    shoot(staff, "backstage-requests")
    with next_page(staff):
        staff.locator("#result_list").get_by_role("link", name="Reset of a lost factor").click()
    shoot(staff, "backstage-request")
    follow(staff, "Approve…")
    shoot(staff, "backstage-approve")
    press_first(staff, "form button")
    expect(staff.locator(".messagelist")).to_be_visible()
    shoot(staff, "backstage-approved")

    drummer.goto(f"{backstage.url}/security/login/")
    sign_in(drummer, "drummer", backstage.passwords["drummer"])
    arrive(drummer, "Confirm your e-mail address")
    prove_mailbox(drummer, backstage.url)
    other = Phone(oathtool)
    enrol(drummer, other, to=f"{backstage.url}/my/artists/")

    staff.goto(f"{backstage.url}/admin/backstage/user/?q=drummer")
    shoot(staff, "backstage-users")
    follow(staff, "drummer")
    shoot(staff, "backstage-user")
    staff.goto(f"{backstage.url}/mailbox/")
    expect(staff.locator("main")).to_contain_text("drummer")
    shoot(staff, "backstage-mailbox")


def test_an_operator_sends_a_reset_and_only_its_owner_chooses(
    in_admin, private_window, backstage, look_over
):
    admin, fan = in_admin("admin"), private_window
    admin.goto(f"{backstage.url}/admin/backstage/user/?q=fan")
    with next_page(admin):
        admin.locator("#result_list tbody").get_by_role("link", name="fan", exact=True).click()
    expect(admin.locator("#content")).not_to_contain_text("Reset password")
    follow(admin, "Send a reset")
    press_first(admin, "form button")
    expect(admin.locator(".messagelist")).to_contain_text("fan@backstage.example")

    fan.goto(f"{backstage.url}/mailbox/")
    with next_page(fan):
        fan.locator("article.mail").first.get_by_role("link").click()
    arrive(fan, "Choose a new password")
    fan.get_by_label("New password", exact=True).fill("qwerty123456789")
    fan.get_by_label("New password again").fill("qwerty123456789")
    press(fan, "Set the new password")
    expect(fan.get_by_role("alert")).to_contain_text("leaked from other websites")
    look_over(fan, "backstage-reset")
    fan.get_by_label("New password", exact=True).fill("mortar-clover-65-tundra")
    fan.get_by_label("New password again").fill("mortar-clover-65-tundra")
    press(fan, "Set the new password")
    arrive(fan, "Your password was changed")
    with next_page(fan):
        fan.locator("#main").get_by_role("link", name="Sign in").click()
    sign_in(fan, "fan", "mortar-clover-65-tundra")
    fan.wait_for_url(f"{backstage.url}/my/follows/")
