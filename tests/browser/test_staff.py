"""The staff of the demo: the admin's own login is guarded, and policies are set there."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.people import (
    arrive,
    enrol,
    follow,
    press,
    prove_mailbox,
    see,
    sign_in,
    type_code,
)


def test_an_admin_gets_in_with_a_factor_only_and_sets_a_policy_with_a_fresh_proof(
    page, backstage, phone, look_over, shoot
):
    password = backstage.passwords["admin"]
    admin = f"{backstage.url}/admin/"
    page.goto(admin)
    assert "/admin/login/" in page.url
    sign_in(page, "admin", password)
    arrive(page, "Confirm your e-mail address")
    page.goto(admin)
    arrive(page, "Confirm your e-mail address")
    page.goto(f"{backstage.url}/my/")
    expect(page.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    assert "/security/mailbox/" in page.url

    prove_mailbox(page, backstage.url)
    enrol(page, phone, to=re.compile("/admin/|/my/"))
    page.goto(admin)
    expect(page.locator("#site-name")).to_have_text("Backstage")

    press(page, "Log out")
    page.goto(f"{backstage.url}/admin/backstage/user/")
    sign_in(page, "admin", password)
    arrive(page, "Enter the code from your app")
    look_over(page, "backstage-verify")
    type_code(page, phone.code())
    page.wait_for_url(f"{backstage.url}/admin/backstage/user/")
    expect(page.locator("select[name=action]")).to_contain_text("Demand a new password")

    page.goto(f"{backstage.url}/admin/hardening/rolepolicy/add/")
    page.get_by_label("Role").fill("everyone")
    page.get_by_label("Mode").select_option("enforce")
    page.get_by_label("Days of grace:").fill("14")
    shoot(page, "backstage-admin-policy")
    press(page, "Save")
    shoot(page, "backstage-admin-policy-preview")
    press(page, re.compile("^Save"))
    expect(page.locator("#result_list")).to_contain_text("Everyone")

    page.context.clear_cookies()
    page.goto(f"{backstage.url}/security/login/")
    sign_in(page, "fan", backstage.passwords["fan"])
    page.wait_for_url(f"{backstage.url}/my/follows/")
    expect(page.locator(".hardening-banner")).to_contain_text("Your account needs a second factor")
    expect(page.locator(".hardening-banner")).to_contain_text("in 1 week, 6 days")
    look_over(page, "backstage-banner")
    follow(page, "Set it up now")
    see(page, "Set up a second factor in time")
    expect(page.locator(".hardening-banner")).to_have_count(0)
    look_over(page, "backstage-overview-deadline")
