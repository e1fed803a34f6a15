"""The day when every phone is gone: a superuser, a password, and an envelope from the safe."""

from __future__ import annotations

import os

import pytest
from django.core import mail

from hardening.factors.breakglass import CODE_BYTES
from hardening.flows import breakglass
from hardening.models import Account, Factor, SecurityEvent
from hardening.models.breakglass import OPEN_SECONDS
from tests.visitor import NOW, leads_to

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def safe(clock):
    """Return three codes out of the safe."""
    return list(breakglass.make(3, os.urandom(3 * CODE_BYTES), now=NOW))


def use(visitor, code):
    return visitor.post("hardening:break_glass", {"code": code})


def test_a_superuser_gets_in_with_a_code_for_an_hour_and_no_longer(member, safe, clock):
    member.sign_in()
    assert "Use a break-glass code" in member.get("hardening:verify").content.decode()
    assert member.get("hardening:break_glass").status_code == 200
    use(member, safe[0])
    assert member.is_signed_in()
    assert member.get("admin:index").status_code == 200
    assert "was opened with a break-glass code" in mail.outbox[-1].subject
    clock.shift(OPEN_SECONDS - 1)
    assert member.is_signed_in()
    clock.shift(1)
    assert not member.is_signed_in()
    assert leads_to(member.get("members"), "hardening:verify")


def test_a_superuser_without_any_factor_gets_in_too(newcomer, safe):
    newcomer.sign_in()
    for page in ("mailbox", "ticket", "recover"):
        assert "Use a break-glass code" in newcomer.get(f"hardening:{page}").content.decode()
    use(newcomer, safe[0])
    assert newcomer.is_signed_in()


def test_on_the_way_to_enrolling_it_is_offered_as_well(newcomer, safe):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    assert "Use a break-glass code" in newcomer.get("hardening:enrol").content.decode()
    use(newcomer, safe[0])
    assert newcomer.is_signed_in()


def test_after_a_recovery_code_too(member, safe):
    member.sign_in()
    assert "Use a break-glass code" in member.get("hardening:recovery_code").content.decode()
    member.use_recovery_code()
    use(member, safe[0])
    assert member.is_signed_in()


def test_a_program_uses_one(member, safe):
    program = member.again(json_client=True)
    program.sign_in()
    assert use(program, "wrong").status_code == 400
    assert use(program, safe[0]).json()["code"] == "ok"
    assert program.is_signed_in()


def test_the_same_code_opens_nothing_twice(member, newcomer, safe):
    member.sign_in()
    use(member, safe[0])
    newcomer.sign_in()
    shown = use(newcomer, safe[0])
    assert "was not accepted" in shown.content.decode()
    assert not newcomer.is_signed_in()


def test_nobody_else_is_offered_one_and_the_page_leads_on(clock, person, safe):
    staff = person("staff", is_staff=True)
    staff.sign_in()
    assert "break-glass" not in staff.get("hardening:mailbox").content.decode()
    assert leads_to(staff.get("hardening:break_glass"), "hardening:mailbox")
    assert leads_to(use(staff, safe[0]), "hardening:mailbox")
    assert breakglass.unused() == 3


def test_without_codes_none_is_offered(member, clock):
    member.sign_in()
    assert "break-glass" not in member.get("hardening:verify").content.decode()
    assert leads_to(member.get("hardening:break_glass"), "hardening:verify")


def test_nobody_who_has_not_given_a_password_finds_the_page(client, safe):
    assert client.get("/security/break-glass/").status_code == 410


def test_five_wrong_codes_end_the_sign_in_or_make_it_wait(member, safe):
    member.sign_in()
    answers = [use(member, "2" * 24) for _ in range(4)]
    assert answers[-1].status_code == 429
    assert use(member, safe[0]).status_code == 429
    assert not member.is_signed_in()


def test_it_satisfies_no_step_up_and_removes_no_factor(member, safe):
    member.sign_in()
    use(member, safe[0])
    row = Factor.objects.get()
    assert leads_to(
        member.post("hardening:factor", {"action": "remove"}, row.pk), "hardening:step_up"
    )
    assert leads_to(member.get("admin:hardening_rolepolicy_add"), "hardening:step_up")


def test_it_spares_no_new_password(member, safe):
    Account.objects.filter(user_id=member.user.pk).update(must_change="operator")
    member.sign_in()
    assert leads_to(use(member, safe[0]), "hardening:mailbox")
    assert leads_to(member.prove_mailbox(), "hardening:change_password")
    assert not member.is_signed_in()


def test_it_makes_the_browser_no_known_one(member, safe, settings):
    member.sign_in()
    use(member, safe[0])
    member.post("hardening:break_glass", {"action": "close"})
    later = member.again()
    later.client.cookies = member.client.cookies
    later.sign_in()
    assert not later.is_signed_in()


def test_banners_stand_on_our_pages_and_in_the_admin_until_it_is_closed(member, safe):
    member.sign_in()
    use(member, safe[0])
    text = "Until 9 a.m. this account is open by a break-glass code."
    assert text in member.get("hardening:overview").content.decode()
    for _ in range(2):  # and is not stored up
        assert member.get("admin:index").content.decode().count(text) == 1
    assert "Close it now" in member.get("hardening:break_glass").content.decode()
    assert leads_to(member.post("hardening:break_glass", {"action": "close"}), "hardening:overview")
    assert not member.is_signed_in()
    assert "is closed again" in mail.outbox[-1].subject
    assert leads_to(member.get("members"), "hardening:verify")


def test_closing_what_is_not_open_leads_to_the_overview(member):
    member.sign_in_fully()
    assert leads_to(member.post("hardening:break_glass", {"action": "close"}), "hardening:overview")
    assert not SecurityEvent.objects.filter(event__startswith="break_glass:close").exists()


@pytest.mark.urls("tests.host.office")
def test_the_banner_of_the_host_says_it(member, safe):
    member.sign_in()
    use(member, safe[0])
    shown = member.client.get("/banner/?user").content.decode()
    assert "open by a break-glass code" in shown
