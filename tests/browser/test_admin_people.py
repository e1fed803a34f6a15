"""What operators do for people: the list and the page of users, requests, more time; alarms."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from hardening.flows import requests
from hardening.models import PolicyWaiver
from hardening.models.request import Deed
from hardening.policies import DAY_SECONDS
from tests.browser.people import NOW, arrive, follow, next_page, press
from tests.browser.staff import (
    DJANGOS,
    LIST,
    REQUESTS,
    USERS,
    WAIVERS,
    Keyboard,
    clerk,
    editors,
    policy,
    spare,
)

TICKET = re.compile(r"^(\w{4}-){5}\w{4}$")


@pytest.fixture(autouse=True)
def _office(settings):
    """Stand on a site with an admin of users, and a page that a reset leads to."""
    settings.ROOT_URLCONF = "tests.host.office"


@pytest.fixture
def asker(clock, transactional_db) -> User:
    return clerk(
        "asker", "add_operatorrequest", "view_user", "change_user", "view_compliance", "send_reset"
    )


@pytest.fixture
def approver(clock, transactional_db) -> User:
    return clerk("approver", "approve_request", "add_policywaiver", "change_policywaiver")


def test_one_operator_asks_for_a_ticket_and_another_approves_with_the_keyboard_alone(
    page, asker, approver, noor, put_in, open_page
):
    put_in(asker)
    open_page(f"{USERS}{noor.pk}/change/")
    keyboard = Keyboard(page)
    keyboard.follow("Ask for a ticket")
    keyboard.tab_to("Reason:")
    keyboard.type("Has no mailbox yet")
    keyboard.tab_to("Evidence:")
    keyboard.type("Came to the desk with a passport")
    keyboard.follow("Save")
    expect(page.locator("#result_list")).to_contain_text("noor")

    put_in(approver)
    open_page(REQUESTS)
    keyboard.follow("Enrolment ticket", inside="#result_list")
    keyboard.follow("Approve…")
    keyboard.follow("Approve, and show the ticket for noor")
    arrive(page, "Ticket for noor")
    ticket = page.locator(".hardening-ticket").inner_text()
    assert TICKET.match(ticket)
    page.reload()
    expect(page.locator("#content")).not_to_contain_text(ticket)
    expect(page.locator(".messagelist")).to_contain_text("was answered meanwhile")
    page.go_back()
    expect(page.locator("#content")).not_to_contain_text(ticket)


def test_the_list_and_the_page_of_users_say_who_needs_help(
    page, asker, put_in, open_page, look_over, mailoutbox
):
    people, row = editors(), policy()
    spare(people, row)
    put_in(asker)
    open_page(USERS)
    expect(page.locator("#result_list")).to_contain_text("Overdue since 18 Nov 2026")
    with next_page(page):
        page.get_by_role("link", name="Overdue", exact=True).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    look_over(page, "admin-users", beside=DJANGOS)
    follow(page, "overdue-1")
    expect(page.locator(".field-password")).to_contain_text("Nobody chooses somebody else’s")
    look_over(page, "admin-user", beside=DJANGOS)
    follow(page, "Send a reset")
    look_over(page, "admin-user-reset")
    press(page, "Send the link to overdue-1@example.com")
    expect(page.locator(".messagelist")).to_contain_text("is on its way to overdue-1@example.com")
    assert mailoutbox[-1].to == ["overdue-1@example.com"]
    User.objects.filter(username="overdue-1").update(email="")
    follow(page, "Send a reset")
    expect(page.locator(".errornote")).to_contain_text("no e-mail address on record")


def test_requests_say_what_an_answer_will_do(page, asker, approver, put_in, open_page, look_over):
    people = editors()
    policy()
    put_in(asker)
    open_page(REQUESTS)
    expect(page.locator(".hardening-intro")).to_contain_text("No request waits for an answer.")
    open_page(f"{REQUESTS}add/?deed=exemption&target={people['overdue'][0].pk}")
    page.get_by_label("Exempt until the end of").fill("2027-05-01")
    page.get_by_label("Policy").select_option(label="Group editors")
    page.get_by_label("Reason").fill("A screen reader that reads no codes aloud")
    press(page, "Save")
    expect(page.locator(".errorlist")).to_contain_text("at most 90 days")
    look_over(page, "admin-request-error")
    page.get_by_label("Exempt until the end of").fill("2027-02-01")
    press(page, "Save")
    lost = requests.ask(
        Deed.RECOVERY,
        people["compliant"][0],
        requester=asker,
        reason="Phone lost on the way home",
        evidence="Called back on the number in the contract",
        now=NOW,
    )
    put_in(approver)
    open_page(REQUESTS)
    look_over(page, "admin-requests")
    with next_page(page):
        page.locator("#result_list").get_by_role("link", name="Reset of a lost factor").click()
    look_over(page, "admin-request")
    follow(page, "Refuse…")
    look_over(page, "admin-request-refuse")
    open_page(f"{REQUESTS}{lost.pk}/approve/")
    expect(page.locator("#content")).to_contain_text("These stop working for compliant-1")
    look_over(page, "admin-request-approve")
    press(page, "Approve, and reset the factors of compliant-1")
    expect(page.locator(".messagelist")).to_contain_text("Approved and done")
    put_in(asker)
    open_page(REQUESTS)
    with next_page(page):
        page.locator("#result_list").get_by_role("link", name="Exemption").click()
    follow(page, "Withdraw…")
    press(page, "Withdraw")
    expect(page.locator(".messagelist")).to_contain_text("Withdrawn")


def test_more_time_is_granted_listed_and_ended(page, approver, put_in, open_page, look_over):
    people, row = editors(), policy()
    spare(people, row)
    put_in(approver)
    open_page(f"{WAIVERS}add/?user={people['overdue'][0].pk}")
    page.get_by_label("Policy").select_option(label="Group editors")
    page.get_by_label("More time until the end of").fill("2027-05-01")
    page.get_by_label("Reason").fill("On tour")
    press(page, "Save")
    expect(page.locator(".errorlist")).to_contain_text("At most 30 days")
    look_over(page, "admin-waiver-error")
    page.get_by_label("More time until the end of").fill("2026-12-01")
    press(page, "Save")
    expect(page.locator("#result_list tbody tr")).to_have_count(4)
    look_over(page, "admin-waivers")
    follow(page, "overdue-1")
    look_over(page, "admin-waiver")
    follow(page, "End…")
    look_over(page, "admin-waiver-end")
    press(page, "End it for overdue-1")
    expect(page.locator(".messagelist")).to_contain_text("It has ended.")
    assert PolicyWaiver.objects.filter(ended_at__isnull=False).count() == 1


def test_the_kill_switch_is_shouted_on_every_page(
    page, clock, transactional_db, settings, put_in, open_page, look_over
):
    put_in(clerk("chief", superuser=True))
    editors()
    row = policy()
    settings.HARDENING = {"ENFORCE": False}
    open_page("/admin/")
    expect(page.locator(".messagelist")).to_contain_text("The kill switch is on")
    look_over(page, "admin-kill-switch")
    open_page(f"{LIST}{row.pk}/change/")
    page.get_by_label("Days of grace:").fill("1")
    press(page, "Save")
    expect(page.locator(".messagelist")).to_contain_text("The kill switch is on")
    # Those who are overdue were so before, and a date that has passed promises nobody anything.
    expect(page.locator(".hardening-lead")).to_have_text(re.compile("^Nobody is stopped who"))
    look_over(page, "admin-kill-switch-preview")
    assert row.starts_at.timestamp() < NOW - DAY_SECONDS
