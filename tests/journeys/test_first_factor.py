"""A mandated person signs in for the first time: password, mailbox, authenticator, codes."""

from __future__ import annotations

import pytest
from django.core import mail

from hardening.audit import Event
from hardening.models import Factor, ParkedLogin, SecurityEvent
from tests.visitor import DAY, STEP, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

LOGIN_PAGES = ("hardening:login", "host_login", "admin:login")


def test_a_fan_signs_in_with_a_password_and_is_left_in_peace(fan):
    answer = fan.sign_in(next="/members/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/members/"
    assert fan.is_signed_in()
    assert mail.outbox == []


@pytest.mark.parametrize("login_page", LOGIN_PAGES)
def test_a_staff_member_without_a_factor_proves_the_mailbox_enrols_and_reaches_the_admin(
    newcomer, login_page
):
    assert leads_to(newcomer.sign_in(login_page, next="/admin/"), "hardening:mailbox")
    assert not newcomer.is_signed_in()
    assert leads_to(newcomer.prove_mailbox(), "hardening:enrol")
    assert not newcomer.is_signed_in()
    assert leads_to(newcomer.start(), "hardening:enrol_totp")
    shown = newcomer.confirm()
    assert len(newcomer.codes) == 10
    assert shown.headers["Cache-Control"].count("no-store") == 1
    assert not newcomer.is_signed_in()
    done = newcomer.keep_codes()
    assert done.headers["Location"] == "/admin/"
    assert newcomer.is_signed_in()
    assert newcomer.get("admin:index").status_code == 200


def test_the_enrolled_factor_is_asked_for_at_the_next_sign_in(newcomer, clock):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.enrol()
    clock.shift(STEP)
    later = newcomer.again()
    assert leads_to(later.sign_in(), "hardening:verify")
    assert not later.is_signed_in()
    assert later.verify().headers["Location"] == "/reads-user/"
    assert later.is_signed_in()


def test_the_pages_of_the_way_say_whose_sign_in_it_is_without_spelling_it_out(newcomer):
    newcomer.sign_in()
    page = newcomer.get("hardening:mailbox").content.decode()
    assert "n•••@example.com" in page
    assert "newcomer@example.com" not in page


def test_a_code_by_mail_goes_to_the_account_and_works_once(newcomer):
    newcomer.sign_in()
    code = newcomer.ask_for_mail()
    assert [message.to for message in mail.outbox] == [["newcomer@example.com"]]
    assert leads_to(newcomer.post("hardening:mailbox", {"code": code}), "hardening:enrol")
    other = newcomer.again()
    other.sign_in()
    assert other.post("hardening:mailbox", {"code": code}).status_code == 400
    assert not leads_to(other.get("hardening:enrol"), "hardening:enrol_totp")


def test_a_mailed_code_is_bound_to_the_sign_in_that_asked_for_it(newcomer):
    newcomer.sign_in()
    other = newcomer.again()
    other.sign_in()
    code = newcomer.ask_for_mail()
    assert other.post("hardening:mailbox", {"code": code}).status_code == 400
    assert leads_to(newcomer.post("hardening:mailbox", {"code": code}), "hardening:enrol")


def test_a_mailed_code_is_dead_after_ten_minutes_with_the_sign_in_that_asked(newcomer, clock):
    newcomer.sign_in()
    code = newcomer.ask_for_mail()
    clock.shift(10 * 60)
    assert newcomer.post("hardening:mailbox", {"code": code}).status_code == 410


def test_a_newer_mailed_code_replaces_the_older_but_not_the_count_of_failures(newcomer):
    newcomer.sign_in()
    first = newcomer.ask_for_mail()
    newcomer.post("hardening:mailbox", {"code": "00000000"})
    second = newcomer.ask_for_mail()
    assert first != second
    assert newcomer.post("hardening:mailbox", {"code": first}).status_code == 400
    assert ParkedLogin.objects.get().failures == 2
    assert leads_to(newcomer.post("hardening:mailbox", {"code": second}), "hardening:enrol")


def test_mails_are_limited_and_the_page_says_for_how_long(newcomer):
    newcomer.sign_in()
    assert newcomer.ask_for_mail()
    assert newcomer.ask_for_mail()
    refused = newcomer.post("hardening:mailbox", {"action": "send"})
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert len(mail.outbox) == 2


def test_a_mailbox_proof_is_good_for_a_quarter_of_an_hour(newcomer, clock, settings):
    settings.HARDENING = {"PARKED_LOGIN_SECONDS": 3600}
    newcomer.sign_in()
    newcomer.prove_mailbox()
    clock.shift(15 * 60)
    assert newcomer.get("hardening:enrol").status_code == 200
    clock.shift(1)
    assert leads_to(newcomer.get("hardening:enrol"), "hardening:mailbox")
    assert leads_to(newcomer.post("hardening:enrol"), "hardening:mailbox")


def test_enrolling_ends_every_other_session_and_parked_sign_in(clock, person):
    owner = person("owner")
    old = owner.again()
    old.sign_in()
    assert old.is_signed_in()
    owner.user.is_staff = True
    owner.user.save()
    half_way = owner.again()
    half_way.sign_in()
    half_way.prove_mailbox()
    half_way.start()
    owner.sign_in()
    owner.prove_mailbox()
    owner.enrol()
    assert owner.is_signed_in()
    assert not old.is_signed_in()
    assert half_way.get("hardening:enrol_totp").status_code == 410
    assert half_way.confirm(code=half_way.code()).status_code == 410
    assert Factor.objects.confirmed().count() == 1


def test_enrolling_is_told_to_every_address_of_the_account(fan):
    fan.sign_in()
    fan.user.email, fan.user.is_staff = "new@example.com", True
    fan.user.save()
    other = fan.again()
    other.sign_in()
    other.prove_mailbox()
    other.enrol()
    told = sorted(to for to, _subject in mails("an authenticator was added"))
    assert told == ["fan@example.com", "new@example.com"]


def test_two_enrolments_race_and_only_the_first_stands(newcomer):
    rival = newcomer.again()
    for visitor in (newcomer, rival):
        visitor.sign_in()
        visitor.prove_mailbox()
        visitor.start()
    assert newcomer.confirm().status_code == 200
    assert rival.confirm().status_code == 410
    assert Factor.objects.confirmed().get().pk == Factor.objects.confirmed().latest("pk").pk
    assert rival.codes == []


def test_the_first_code_must_be_of_the_key_that_was_shown(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    wrong = f"{(int(newcomer.code()) + 1) % 10**6:06}"
    refused = newcomer.confirm(code=wrong)
    assert refused.status_code == 400
    assert "That code was not accepted" in refused.content.decode()
    assert not Factor.objects.confirmed().exists()
    assert newcomer.confirm().status_code == 200


def test_starting_anew_voids_the_key_shown_before(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    stale = newcomer.code()
    old_secret = newcomer.secret
    newcomer.start()
    assert newcomer.secret != old_secret
    assert newcomer.confirm(code=stale).status_code == 400


def test_a_lost_page_of_recovery_codes_means_new_ones_not_a_lost_sign_in(newcomer):
    newcomer.sign_in(next="/members/")
    newcomer.prove_mailbox()
    newcomer.start()
    newcomer.confirm()
    lost = list(newcomer.codes)
    page = newcomer.get("hardening:recovery_codes")
    assert page.status_code == 200
    assert not any(code in page.content.decode() for code in lost)
    anew = newcomer.post("hardening:recovery_codes", {"action": "make"})
    fresh = anew.context["codes"]
    assert len(fresh) == 10
    assert not set(fresh) & set(lost)
    assert newcomer.keep_codes().headers["Location"] == "/members/"


def test_the_sign_in_is_complete_only_once_the_codes_are_stored(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.start()
    newcomer.confirm()
    for name in ("hardening:verify", "hardening:enrol", "hardening:mailbox"):
        assert leads_to(newcomer.get(name), "hardening:recovery_codes")
    refused = newcomer.post("hardening:recovery_codes", {})
    assert refused.status_code == 400
    assert not newcomer.is_signed_in()


def test_after_enrolling_a_second_tab_is_led_on_and_nothing_is_enrolled_twice(newcomer):
    newcomer.sign_in(next="/members/")
    newcomer.prove_mailbox()
    newcomer.enrol()
    assert newcomer.get("hardening:enrol_totp").headers["Location"] == "/members/"
    assert newcomer.get("hardening:mailbox").headers["Location"] == "/members/"
    assert Factor.objects.confirmed().count() == 1


def test_a_sign_in_expires_after_ten_minutes_and_starts_over(newcomer, clock):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    clock.shift(600)
    assert newcomer.get("hardening:enrol").status_code == 410
    assert newcomer.post("hardening:enrol").status_code == 410
    assert leads_to(newcomer.sign_in(), "hardening:mailbox")


def test_the_whole_way_leaves_its_events_in_order(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    newcomer.enrol()
    told = list(SecurityEvent.objects.order_by("pk").values_list("event", flat=True))
    assert told == [
        Event.LOGIN_PARKED,
        Event.MAILBOX_CODE_SENT,
        Event.PROOF_ACCEPTED,
        Event.ENROLMENT_STARTED,
        Event.FACTOR_ADDED,
        Event.RECOVERY_CODES_STORED,
        Event.LOGIN_COMPLETED,
    ]


def test_a_session_from_before_the_mandate_is_parked_and_led_back_after_enrolling(fan, clock):
    fan.sign_in()
    assert fan.is_signed_in()
    fan.user.is_staff = True
    fan.user.save()
    clock.shift(DAY)
    assert leads_to(fan.get("members"), "hardening:mailbox")
    assert not fan.is_signed_in()
    fan.prove_mailbox()
    assert fan.enrol().headers["Location"] == "/members/"
    assert fan.is_signed_in()
