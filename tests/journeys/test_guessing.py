"""Guessing codes: the account's limit counts, whatever session or address (acceptance row 2)."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from hardening import testing
from hardening.factors import totp
from hardening.flows import recover
from hardening.models import Factor, ParkedLogin, SecurityEvent
from tests.visitor import NOW, leads_to, mails

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = 60 * 60


@pytest.fixture
def judged(monkeypatch):
    """Return a list that grows by the time of each code that is really compared."""
    seen = []
    verify = totp.verify

    def spy(row, code, *, now):
        seen.append(now)
        return verify(row, code, now=now)

    monkeypatch.setattr(totp, "verify", spy)
    return seen


def guess(thief, **headers):
    """Sign in with the stolen password in a new session and try a code."""
    other = thief.again()
    other.client.defaults.update(headers)
    other.sign_in()
    return other, other.verify(other.wrong_code())


def test_fifty_sessions_share_one_budget(member, judged):
    answers = [guess(member)[1].status_code for _ in range(50)]
    assert len(judged) == 3  # the burst of "5 in 5 minutes"
    assert answers == [400] * 3 + [429] * 47
    # Evidence is kept, but a flood of tries is no flood of rows.
    assert 1 <= SecurityEvent.objects.filter(event="proof:judge:throttled").count() <= 6


def test_no_window_of_five_minutes_sees_more_than_five(member, judged, clock):
    for _ in range(120):
        guess(member)
        clock.shift(10)
    assert judged
    for start in judged:
        assert sum(start <= at < start + 300 for at in judged) <= 5


def test_a_forged_address_a_new_session_and_an_empty_cache_give_no_more(member, judged):
    for number in range(20):
        cache.clear()
        guess(member, HTTP_X_FORWARDED_FOR=f"192.0.2.{number}", REMOTE_ADDR=f"198.51.100.{number}")
    assert len(judged) == 3


def test_a_refused_try_says_how_long_and_judges_nothing_not_even_the_right_code(member, judged):
    for _ in range(3):
        guess(member)
    member.sign_in()
    refused = member.verify()
    assert refused.status_code == 429
    wait = int(refused.headers["Retry-After"])
    assert 0 < wait <= 120
    assert len(judged) == 3
    assert not member.is_signed_in()


def test_after_the_waiting_time_the_right_code_works(member, clock):
    for _ in range(3):
        guess(member)
    member.sign_in()
    clock.shift(int(member.verify().headers["Retry-After"]))
    member.verify()
    assert member.is_signed_in()


def test_step_up_and_sign_in_draw_on_the_same_budget(member, clock, judged):
    member.sign_in_fully()
    judged.clear()
    for _ in range(3):
        assert member.step_up(member.wrong_code()).status_code == 400
    assert member.step_up(member.wrong_code()).status_code == 429
    assert guess(member)[1].status_code == 429
    assert len(judged) == 3


def test_the_parked_sign_in_is_dead_at_the_fifth_wrong_code(member, clock):
    member.sign_in()
    for _ in range(5):
        testing.no_throttle()
        last = member.verify(member.wrong_code())
    assert last.status_code == 410
    assert "too many wrong tries" in last.content.decode()
    testing.no_throttle()
    assert member.verify().status_code == 410
    assert not member.is_signed_in()
    assert ParkedLogin.objects.get().failures == 5


def test_right_proofs_do_not_use_the_record_up(newcomer):
    newcomer.sign_in()
    newcomer.prove_mailbox()
    assert ParkedLogin.objects.get().failures == 0


def test_throttled_tries_do_not_kill_the_parked_sign_in(member):
    member.sign_in()
    for _ in range(3):
        member.verify(member.wrong_code())
    for _ in range(20):
        assert member.verify(member.wrong_code()).status_code == 429
    assert ParkedLogin.objects.get().failures == 3
    testing.no_throttle()
    member.verify()
    assert member.is_signed_in()


def test_a_wrong_code_after_a_right_password_is_told_to_the_owner(member):
    guess(member)
    assert mails("right password, but a wrong code") == [
        ("member@example.com", "testserver: right password, but a wrong code at sign-in")
    ]


def test_the_owner_is_not_buried_in_mails(member, clock):
    for _ in range(20):
        guess(member)
        clock.shift(HOUR)
    assert Factor.objects.get(user=member.user).failures_unknown == 20
    assert 1 <= len(mails("wrong code")) <= 6


@pytest.fixture
def worn_out(member):
    """Return the member after a hundred wrong codes in a row, the last two of them just now."""
    Factor.objects.filter(user=member.user).update(failures_unknown=98)
    guess(member)
    guess(member)
    testing.no_throttle()
    return member


def test_a_hundred_wrong_codes_take_days_and_leave_nothing_to_prove(member, clock):
    tries = 0
    while Factor.objects.get().failures_unknown < 100:
        assert guess(member)[1].status_code in (400, 429)
        tries += 1
        clock.shift(HOUR)
    assert tries == 100
    member.sign_in()
    asked = member.get("hardening:verify")
    assert asked.context["can_use_code"] is False
    assert member.verify().status_code == 400
    assert not member.is_signed_in()


def test_ninety_nine_wrong_codes_leave_the_factor_as_it_was(member):
    Factor.objects.filter(user=member.user).update(failures_unknown=98)
    guess(member)
    member.sign_in_fully()
    assert member.is_signed_in()


def test_a_hundred_wrong_codes_disable_the_factor_and_open_nothing(worn_out):
    row = Factor.objects.confirmed().get(user=worn_out.user)
    assert row.failures_unknown == 100
    worn_out.sign_in()
    asked = worn_out.get("hardening:verify")
    assert asked.status_code == 200
    assert leads_to(worn_out.get("members"), "hardening:verify")
    assert worn_out.verify().status_code == 400  # the right code
    assert not worn_out.is_signed_in()
    for door in ("hardening:mailbox", "hardening:enrol", "hardening:enrol_totp"):
        assert leads_to(worn_out.get(door), "hardening:verify")
        assert leads_to(worn_out.post(door, {"action": "send"}), "hardening:verify")
    assert Factor.objects.count() == 1


def test_a_disabled_factors_page_still_shows_the_ways_out(worn_out):
    worn_out.sign_in()
    asked = worn_out.get("hardening:verify").content.decode()
    assert "recovery code" in asked.lower()
    assert worn_out.get("hardening:recover").status_code == 200


def test_a_recovery_code_opens_what_a_disabled_factor_does_not(worn_out):
    worn_out.sign_in()
    assert leads_to(worn_out.use_recovery_code(), "hardening:enrol")
    worn_out.start()
    disabled = Factor.objects.confirmed().get(user=worn_out.user)
    worn_out.confirm(remove=[disabled.pk])
    assert worn_out.is_signed_in()
    assert worn_out.get("admin:index").status_code == 200


def test_an_operator_opens_what_a_disabled_factor_does_not(worn_out):
    recover.reset_factors(worn_out.user, reason="worn out", now=NOW)
    assert leads_to(worn_out.sign_in(), "hardening:mailbox")


def test_a_right_code_ends_the_run_of_wrong_ones(member, clock):
    guess(member)
    guess(member)
    member.sign_in_fully()
    assert member.is_signed_in()
    assert Factor.objects.get(user=member.user).failures_unknown == 0


def test_guessing_recovery_codes_is_limited_too(member):
    answers = []
    for _ in range(6):
        other = member.again()
        other.sign_in()
        answers.append(other.use_recovery_code("2345-6789-ABCD-EFGH-JKLM-NPQR").status_code)
    assert answers == [400] * 3 + [429] * 3


def test_guessing_mailed_codes_is_limited_across_sessions(newcomer):
    answers = []
    for _ in range(6):
        other = newcomer.again()
        other.sign_in()
        answers.append(other.post("hardening:mailbox", {"code": "00000000"}).status_code)
    assert answers == [400] * 3 + [429] * 3


def test_a_secret_that_does_not_open_still_stands_in_the_way_and_raises_an_alarm(member):
    row = Factor.objects.get()
    Factor.objects.filter(pk=row.pk).update(secret=f"{row.secret[:-4]}AAAA")
    member.sign_in()
    assert member.verify().status_code == 400
    assert not member.is_signed_in()
    assert leads_to(member.get("hardening:enrol"), "hardening:verify")
    alarm = SecurityEvent.objects.get(event="vault:open:fault")
    assert alarm.target_name == "member"
    assert alarm.data == {"factor": row.pk}
    assert Factor.objects.get().failures_unknown == 0
    assert leads_to(member.use_recovery_code(), "hardening:enrol")


def test_a_sealed_secret_copied_to_another_account_opens_nothing_there(member, careful_fan):
    mine = Factor.objects.get(user=member.user)
    Factor.objects.filter(user=careful_fan.user).update(secret=mine.secret)
    thief = careful_fan.again()
    thief.secret = member.secret
    thief.sign_in()
    assert thief.verify().status_code == 400
    assert not thief.is_signed_in()
