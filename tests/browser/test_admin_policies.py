"""Policies in the admin, as an operator meets them: with the keyboard alone, and in every state.

`look_over` judges each page wide and narrow, light and dark; what of it is Django's own as well.
"""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from hardening.core.values import Strength
from hardening.factors import registry
from hardening.models import RolePolicy
from hardening.models.policy import Mode
from tests.browser.people import arrive, follow, press
from tests.browser.staff import COMPLIANCE, LIST, Keyboard, clerk, editors, policy, spare


@pytest.fixture
def chief(clock, transactional_db) -> User:
    """The one superuser, with an authenticator."""
    return clerk("chief", superuser=True)


def test_a_policy_is_enforced_with_the_keyboard_alone(page, chief, put_in, open_page):
    people = editors()
    row = policy(mode=Mode.REPORT)
    put_in(chief)
    open_page(LIST)
    keyboard = Keyboard(page)
    keyboard.follow("Group editors")
    keyboard.tab_to("Mode:")
    keyboard.type("Enforce")
    keyboard.tab_to("Note:")
    keyboard.type("As the board decided")
    keyboard.follow("Save")
    arrive(page, "What saving this policy does")
    expect(page.locator(".hardening-lead")).to_contain_text("6 people are stopped")
    keyboard.follow("Back to the form")
    expect(page.get_by_label("Mode")).to_have_value(Mode.ENFORCE)
    expect(page.get_by_label("Note")).to_have_value("As the board decided")
    row.refresh_from_db()
    assert row.mode == Mode.REPORT
    keyboard.follow("Save")
    keyboard.follow("Save and stop 6 people")
    expect(page.locator("#result_list")).to_contain_text("Enforce")
    row.refresh_from_db()
    assert (row.mode, row.note) == (Mode.ENFORCE, "As the board decided")

    spare(people, row)
    keyboard.follow("Compliance")
    expect(page.locator(".hardening-lead")).to_contain_text("3 people of 15 under “Group editors”")
    keyboard.tab_to("Status:")
    keyboard.type("Overdue")
    keyboard.follow("Show")
    assert page.url.endswith("#hardening-people")
    listed = page.locator(".hardening-people tbody th")
    expect(listed).to_have_text(["overdue-1", "overdue-2", "overdue-3"])
    with page.expect_download() as saved:
        keyboard.tab_to("Download as CSV")
        keyboard.press("Enter")
    assert "overdue-3" in saved.value.path().read_text()


def test_what_saving_does_is_said_before_it_is_done(page, chief, put_in, open_page, look_over):
    put_in(chief)
    open_page(LIST)
    expect(page.locator(".hardening-intro")).to_contain_text("There is no policy here yet")
    look_over(page, "admin-policies-none")
    editors()
    open_page(f"{LIST}add/")
    page.get_by_label("Role").fill("group:editors")
    page.get_by_label("Days of grace:").fill("400")
    press(page, "Save")
    expect(page.locator("#id_grace_days_error")).to_contain_text("At most 365 days")
    look_over(page, "admin-policy-errors")
    page.get_by_label("Days of grace:").fill("0")
    buttons = {
        Mode.REPORT: "Save it as a report, stopping nobody",
        Mode.OFF: "Save it switched off",
        Mode.ENFORCE: "Save and stop 6 people",
    }
    for mode, button in buttons.items():
        page.get_by_label("Mode").select_option(mode)
        press(page, "Save")
        expect(page.get_by_role("button", name=button)).to_be_visible()
        look_over(page, f"admin-preview-{mode}")
        press(page, "Back to the form")
    page.get_by_label("Days of grace:").fill("14")
    press(page, "Save")
    expect(page.locator(".hardening-lead")).to_contain_text("6 people have time until 5 Dec 2026")
    look_over(page, "admin-preview-grace")
    press(page, "Save and give 6 people until 5 Dec 2026")
    row = RolePolicy.objects.get()
    open_page(f"{LIST}{row.pk}/history/")
    expect(page.get_by_role("heading", name="What changed")).to_be_visible()
    look_over(page, "admin-policy-history")


def test_what_locks_its_editor_out_is_refused_in_words(
    page, chief, put_in, open_page, look_over, monkeypatch
):
    monkeypatch.setattr(registry, "_kinds", dict(registry._kinds))
    registry.install(registry.Kind("key", "Key", Strength.PHISHING_RESISTANT))
    put_in(chief)
    open_page(f"{LIST}add/")
    page.get_by_label("Role").fill("superuser")
    page.get_by_label("Mode").select_option("enforce")
    page.get_by_label("Strength").select_option("phishing-resistant")
    press(page, "Save")
    expect(page.locator(".errorlist")).to_contain_text("you do not meet it yet")
    look_over(page, "admin-policy-refused")
    assert not RolePolicy.objects.exists()


def test_what_deleting_does_is_said_before_it_is_done(page, chief, put_in, open_page, look_over):
    editors()
    row = policy()
    policy("staff", mode=Mode.REPORT, note="Until the board has met, in the spring.")
    put_in(chief)
    open_page(f"{LIST}{row.pk}/delete/")
    page.get_by_text("this policy no longer asks 15 people for a second factor").wait_for()
    look_over(page, "admin-policy-delete")
    open_page(LIST)
    look_over(page, "admin-policies")
    page.locator("#action-toggle").check()
    page.locator("select[name=action]").first.select_option("delete_selected")
    press(page, re.compile("^(Go|Run)$"))
    page.get_by_text("Staff: this policy stops nobody").wait_for()
    look_over(page, "admin-policies-delete")
    press(page, "Yes, I’m sure")
    follow(page, "All changes")
    expect(page.locator("#content tbody tr")).to_have_count(2)
    look_over(page, "admin-policy-changes")
    open_page(COMPLIANCE)
    expect(page.locator(".hardening-policy")).to_have_count(2)
