"""The compliance page: with data of every kind, with little, and with none."""

from __future__ import annotations

import re

from django.contrib.auth.models import Group
from playwright.sync_api import expect

from hardening.models.policy import Mode
from tests.browser.people import follow
from tests.browser.staff import COMPLIANCE, clerk, editors, history, policy, spare

NAMES = ".hardening-people tbody th"


def test_whoever_may_only_look_sees_who_complies_and_filters_it(
    page, clock, transactional_db, settings, put_in, open_page, look_over, monkeypatch
):
    put_in(clerk("auditor", "view_compliance"))
    settings.HARDENING = {"POLICIES": []}
    open_page(COMPLIANCE)
    expect(page.locator(".hardening-lead")).to_have_text(re.compile("^There is no policy"))
    look_over(page, "admin-compliance-none")

    settings.HARDENING = {}
    people, row = editors(), policy()
    spare(people, row)
    history(row, days=90)
    Group.objects.create(name="empty")
    policy("group:empty")
    history(policy("everyone", mode=Mode.REPORT), days=1)
    open_page(COMPLIANCE)
    expect(page.locator(".hardening-lead")).to_contain_text("3 people of 15 under “Group editors”")
    expect(page.locator(".hardening-policy h2").first).to_have_text("Group editors")
    expect(page.get_by_text("Nobody is in this role.").first).to_be_visible()
    expect(page.locator(".help", has_text="The line begins with the second")).to_be_visible()
    expect(page.locator(".help", has_text="No trend yet:")).to_be_visible()
    look_over(page, "admin-compliance")

    page.get_by_role("link", name="Overdue").first.click()
    expect(page.locator(NAMES)).to_have_text(["overdue-1", "overdue-2", "overdue-3"])
    monkeypatch.setattr("hardening.admin.compliance.PER_PAGE", 2)
    page.reload()
    follow(page, "2")
    expect(page.locator(NAMES)).to_have_text(["overdue-3"])
    expect(page.get_by_label("Status")).to_have_value("overdue")
    look_over(page, "admin-compliance-filtered")


def test_charts_are_told_in_words_and_told_apart_without_colour(
    page, clock, transactional_db, put_in, open_page
):
    put_in(clerk("auditor", "view_compliance"))
    people, row = editors(), policy()
    spare(people, row)
    history(row, days=90)
    open_page(COMPLIANCE)
    bar = page.get_by_role("img", name="Who meets “Group editors”")
    told = "Compliant: 9, In grace: 2, Overdue: 3, Exempt: 1"
    expect(bar).to_have_accessible_name(re.compile(told))
    fills = bar.locator(".hardening-edge").evaluate_all(
        "all => all.map(e => e.getAttribute('fill'))"
    )
    assert len(set(fills)) == len(fills) == 4
    line = page.get_by_role("img", name="Share of members who meet “Group editors”")
    expect(line).to_have_accessible_name(re.compile("From 0 % to 60 % compliant within 89 days."))
    page.get_by_text("The numbers of this line: Group editors").click()
    expect(page.locator("details[open] tbody tr")).to_have_count(90)
