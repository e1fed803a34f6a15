"""Signing in with an authenticator: each code once, forwards only (acceptance row 1)."""

from __future__ import annotations

import pytest

from hardening.models import ParkedLogin, SecurityEvent
from tests.visitor import NOW, STEP, leads_to

pytestmark = pytest.mark.django_db

FOREIGN = {
    "full-width": "０１２３４５６７８９",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Devanagari": "०१२३४५६७८९",
}
LOGIN_PAGES = ("hardening:login", "host_login", "admin:login")


@pytest.mark.parametrize("login_page", LOGIN_PAGES)
def test_password_and_code_lead_to_where_one_was_going(member, login_page):
    assert leads_to(member.sign_in(login_page, next="/admin/"), "hardening:verify")
    assert not member.is_signed_in()
    assert member.verify().headers["Location"] == "/admin/"
    assert member.get("admin:index").status_code == 200


def test_a_page_that_asks_for_a_sign_in_is_reached_after_the_second_step(member):
    asked = member.get("members")
    assert asked.headers["Location"].endswith("?next=/members/")
    member.sign_in(next="/members/")
    assert member.verify().headers["Location"] == "/members/"


def test_a_page_tried_while_parked_is_where_the_sign_in_then_leads(member):
    member.sign_in()
    assert leads_to(member.get("members"), "hardening:verify")
    assert member.verify().headers["Location"] == "/members/"


def test_a_person_with_a_factor_of_her_own_accord_is_asked_for_it(careful_fan):
    assert leads_to(careful_fan.sign_in(), "hardening:verify")
    careful_fan.verify()
    assert careful_fan.is_signed_in()


def test_a_replayed_code_is_refused_in_any_session(member):
    code = member.code()
    member.sign_in()
    member.verify(code)
    other = member.again()
    other.sign_in()
    assert other.verify(code).status_code == 400
    assert not other.is_signed_in()


def test_an_older_step_is_refused_after_a_newer_one_was_accepted(member, clock):
    older = member.code(at=NOW - STEP)
    member.sign_in()
    member.verify(member.code(at=NOW))
    other = member.again()
    other.sign_in()
    assert other.verify(older).status_code == 400
    assert not other.is_signed_in()


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_code_of_the_step_before_or_after_is_accepted(member, steps):
    member.sign_in()
    member.verify(member.code(at=NOW + steps * STEP))
    assert member.is_signed_in()


@pytest.mark.parametrize("steps", [-2, 2])
def test_a_code_of_two_steps_away_is_not(member, steps):
    member.sign_in()
    assert member.verify(member.code(at=NOW + steps * STEP)).status_code == 400
    assert not member.is_signed_in()


def test_after_a_code_of_the_next_step_the_present_one_is_spent_too(member):
    member.sign_in()
    member.verify(member.code(at=NOW + STEP))
    other = member.again()
    other.sign_in()
    assert other.verify(member.code(at=NOW)).status_code == 400


def test_the_code_that_enrolled_opens_no_sign_in(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    code = newcomer.code()
    newcomer.confirm(code)
    newcomer.keep_codes()
    other = newcomer.again()
    other.sign_in()
    assert other.verify(code).status_code == 400
    assert not other.is_signed_in()


@pytest.mark.parametrize("script", FOREIGN)
def test_digits_of_other_scripts_are_no_code(member, script):
    member.sign_in()
    code = "".join(FOREIGN[script][int(digit)] for digit in member.code())
    assert member.verify(code).status_code == 400
    assert not member.is_signed_in()


@pytest.mark.parametrize(
    "spoilt", ["{}_{}", "{}{}\n", "\n{}{}", "{}\t{}", "{}{}\x0b", "{}.{}", "+{}{}", "{}\u200b{}"]
)
def test_what_int_would_forgive_is_no_code(member, spoilt):
    member.sign_in()
    code = member.code()
    assert member.verify(spoilt.format(code[:3], code[3:])).status_code == 400
    assert not member.is_signed_in()


@pytest.mark.parametrize("typed", ["{} {}", "{}-{}", " {}{} ", "{}\u00a0{}"])
def test_spaces_and_dashes_do_not_matter(member, typed):
    member.sign_in()
    code = member.code()
    member.verify(typed.format(code[:3], code[3:]))
    assert member.is_signed_in()


@pytest.mark.parametrize("length", [1, 5, 7, 8, 64])
def test_a_code_of_another_length_is_refused(member, length):
    member.sign_in()
    assert member.verify(("0" + member.code() * 11)[:length]).status_code == 400
    assert not member.is_signed_in()


def test_a_wrong_a_spent_and_an_unusable_code_get_the_same_answer(member, clock):
    spent = member.code()
    member.sign_in()
    member.verify(spent)
    pages = []
    for code in (spent, f"{(int(spent) + 1) % 10**6:06}", "nonsense"):
        other = member.again()
        other.sign_in()
        answer = other.verify(code)
        assert answer.status_code == 400
        pages.append(answer.context["form"].errors.get_json_data())
    assert pages[0] == pages[1] == pages[2]


def test_a_right_code_completes_one_sign_in_and_is_useless_in_a_second_tab(member):
    member.sign_in(next="/members/")
    code = member.code()
    member.verify(code)
    again = member.verify(code)
    assert again.headers["Location"] == "/members/"
    completed = SecurityEvent.objects.filter(event="login:complete:done")
    assert completed.count() == 1


def test_the_session_key_changes_when_the_sign_in_completes(member):
    member.sign_in()
    parked = member.client.cookies["sessionid"].value
    member.verify()
    live = member.client.cookies["sessionid"].value
    assert live != parked
    stranger = member.again()
    stranger.client.cookies["sessionid"] = parked
    assert not stranger.is_signed_in()


def test_cancelling_signs_nobody_in_and_the_code_is_still_good(member):
    member.sign_in()
    page = member.post("hardening:cancel")
    assert page.status_code == 200
    assert "Sign-in cancelled" in page.content.decode()
    assert member.verify().status_code == 410
    assert not member.is_signed_in()
    member.sign_in_fully()
    assert member.is_signed_in()


def test_a_parked_sign_in_dies_when_the_password_changes(member):
    member.sign_in()
    member.user.set_password("another pond altogether")
    member.user.save()
    assert member.verify().status_code == 410
    assert not member.is_signed_in()
    assert not ParkedLogin.objects.filter(finished_at__isnull=True).exists()


def test_a_deactivated_account_completes_nothing(member):
    member.sign_in()
    member.user.is_active = False
    member.user.save()
    assert member.verify().status_code == 410
    assert not member.is_signed_in()
