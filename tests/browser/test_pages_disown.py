"""The link "this wasn't me" in a real browser: what it shows, the button, and what comes after."""

from __future__ import annotations

from django.contrib.auth.models import User

from hardening import facts
from hardening.audit import Where
from hardening.flows import links
from tests.browser.people import NOW, PASSWORD, arrive, press, see
from tests.browser.staff import DJANGOS, USERS, clerk

PAGE = "/security/disown/"
HERE = Where(address="203.0.113.9", device="Firefox on Linux")


def link_for(user, notice="password_changed"):
    return f"{PAGE}?token={links.make(user, notice, NOW - 3600, HERE)}"


def test_the_owner_freezes_the_account_by_the_link(page, open_page, noor, look_over):
    link = link_for(noor, "factor_added")
    open_page(link)
    arrive(page, "This was not me")
    see(page, "An authenticator was added to the account.")
    see(page, "Firefox on Linux")
    see(page, "203.0.113.9")
    look_over(page, "disown")
    press(page, "Freeze this account")
    arrive(page, "The account is frozen")
    look_over(page, "disowned")
    assert facts.fresh(noor).who().frozen
    open_page(link)
    arrive(page, "This link does not work any more")
    look_over(page, "disown-gone")


def test_the_last_superuser_reads_why_the_account_is_open(page, open_page, noor, look_over):
    boss = User.objects.create_superuser("boss", "boss@example.com", PASSWORD)
    open_page(link_for(boss))
    press(page, "Freeze this account")
    arrive(page, "Everybody is signed out")
    see(page, "it is the only superuser’s")
    look_over(page, "disowned-last")


def test_the_button_works_without_script(without_script, live_server, noor):
    page = without_script.new_page()
    page.goto(f"{live_server.url}{link_for(noor)}")
    press(page, "Freeze this account")
    arrive(page, "The account is frozen")


def test_operators_say_why_before_they_freeze(page, open_page, noor, put_in, look_over, settings):
    settings.ROOT_URLCONF = "tests.host.office"
    put_in(clerk("guard", "view_user", "change_user", "freeze_account"))
    open_page(f"{USERS}{noor.pk}/freeze/")
    arrive(page, "Freeze?")
    look_over(page, "admin-freeze", beside=DJANGOS)
    page.get_by_label("Why").fill("odd sales")
    press(page, "Freeze")
    assert facts.fresh(noor).who().frozen
    open_page(USERS)
    look_over(page, "admin-frozen-list", beside=DJANGOS)
