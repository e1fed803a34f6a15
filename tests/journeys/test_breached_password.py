"""A password from a breach: found when it is used, and never changed by the thief who has it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.core import mail
from django.test import override_settings

from hardening import signals, testing
from hardening.audit import Event
from hardening.breach import search
from hardening.models import Account, RolePolicy, SecurityEvent
from hardening.models.policy import BreachedPasswords, Mode
from hardening.moments import moment
from tests.visitor import DAY, NOW, PASSWORD, leads_to, mails

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.host.office")]

NEW = "seven violet umbrellas"
LISTED = "eleven marble giraffes"


@pytest.fixture(autouse=True)
def _stolen():
    """Let the visitors' password be known from a breach."""
    with testing.fake_breach(PASSWORD, LISTED):
        yield


@pytest.fixture
def enforced(settings):
    """Demand a new password of everybody whose password is known."""
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce"}


def change(visitor, new=NEW, old=PASSWORD):
    """Fill in the page that asks for a new password."""
    fields = {"old_password": old, "new_password1": new, "new_password2": new}
    return visitor.post("hardening:change_password", fields)


def leave(visitor):
    """Sign out; the browser stays the same."""
    del visitor.client.cookies["sessionid"]


@contextmanager
def nobody_knows():
    """Let no source know anything, as while all of them are down."""
    before = search.stand_in(())
    yield
    search.stand_in(before)


def verdict_of(visitor):
    """Return what the account's row holds."""
    return Account.objects.get(user_id=visitor.user.pk).password_verdict


def count(event):
    """Return how often something was recorded."""
    return SecurityEvent.objects.filter(event=event.value).count()


def test_without_a_factor_the_mailbox_comes_first_and_then_a_new_password(enforced, fan):
    elsewhere = fan.again()
    with nobody_knows():
        elsewhere.sign_in()
    assert elsewhere.is_signed_in()
    assert leads_to(fan.sign_in(next="/members/"), "hardening:mailbox")
    assert leads_to(change(fan), "hardening:mailbox")
    assert leads_to(fan.prove_mailbox(), "hardening:change_password")
    assert not fan.is_signed_in()
    assert change(fan).headers["Location"] == "/members/"
    assert fan.is_signed_in()
    assert not elsewhere.is_signed_in()
    assert verdict_of(fan) == ""
    assert mails("password was changed")


def test_with_a_factor_the_code_comes_first_and_no_mailbox(enforced, careful_fan):
    assert leads_to(careful_fan.sign_in(next="/members/"), "hardening:verify")
    assert leads_to(careful_fan.verify(), "hardening:change_password")
    assert change(careful_fan).headers["Location"] == "/members/"
    assert careful_fan.is_signed_in()


def test_a_known_browser_is_asked_for_the_mailbox_all_the_same(enforced, fan):
    fan.sign_in()
    fan.prove_mailbox()
    change(fan, new=NEW)
    leave(fan)
    with testing.fake_breach(NEW):
        assert leads_to(fan.sign_in(password=NEW), "hardening:mailbox")


def test_a_new_password_from_the_list_is_refused_beside_its_field(enforced, settings, fan):
    settings.AUTH_PASSWORD_VALIDATORS = [{"NAME": "hardening.validators.BreachedPasswordValidator"}]
    fan.sign_in()
    fan.prove_mailbox()
    answer = change(fan, new=LISTED)
    assert answer.status_code == 400
    assert "leaked from other websites" in str(answer.context["form"].errors)
    assert not fan.is_signed_in()
    fan.user.refresh_from_db()
    assert fan.user.check_password(PASSWORD)


def test_the_old_password_is_no_new_one(enforced, fan):
    fan.sign_in()
    fan.prove_mailbox()
    assert change(fan, new=PASSWORD).status_code == 400
    assert not fan.is_signed_in()


def test_without_a_mailbox_an_operator_is_the_only_way(enforced, fan):
    fan.user.email = ""
    fan.user.save()
    assert leads_to(fan.sign_in(), "hardening:ticket")
    assert not fan.is_signed_in()


def test_a_warning_stops_an_unknown_browser_only(fan):
    assert leads_to(fan.sign_in(), "hardening:mailbox")
    fan.prove_mailbox()
    assert fan.is_signed_in()
    leave(fan)
    fan.sign_in()
    assert fan.is_signed_in()  # the browser is known by now


def test_a_report_stops_nobody_and_tells_nobody(settings, fan):
    settings.HARDENING = {"BREACHED_PASSWORDS": "report"}
    fan.sign_in()
    assert fan.is_signed_in()
    assert verdict_of(fan) == "hit"
    assert count(Event.PASSWORD_BREACHED) == 1
    assert mail.outbox == []


def test_where_it_is_off_nothing_is_looked_up(settings, fan):
    settings.HARDENING = {"BREACHED_PASSWORDS": "off"}
    fan.sign_in()
    assert fan.is_signed_in()
    assert not Account.objects.exclude(password_verdict="").exists()


def test_a_policy_demands_more_than_the_site_does(settings, fan):
    settings.HARDENING = {"BREACHED_PASSWORDS": "off"}
    RolePolicy.objects.create(
        role="everyone",
        mode=Mode.REPORT,
        breached_passwords=BreachedPasswords.ENFORCE,
        starts_at=moment(NOW - DAY),
    )
    fan.sign_in()
    assert fan.is_signed_in()  # it only reports yet
    assert count(Event.PASSWORD_BREACHED) == 1
    leave(fan)
    RolePolicy.objects.update(mode=Mode.ENFORCE, starts_at=moment(NOW + DAY))
    assert leads_to(fan.sign_in(), "hardening:mailbox")


def test_the_owner_hears_of_it_once_and_so_does_the_site(enforced, fan):
    heard = []

    def listen(*, user, **_):
        heard.append(user.pk)

    signals.password_flagged.connect(listen)
    try:
        fan.sign_in()
        fan.again().sign_in()
    finally:
        signals.password_flagged.disconnect(listen)
    assert heard == [fan.user.pk]
    assert count(Event.PASSWORD_BREACHED) == 1
    assert [to for to, _subject in mails("leaked")] == [fan.user.email]


@pytest.mark.parametrize("program", [False, True])
def test_a_thief_who_is_quicker_than_the_answer_changes_nothing(enforced, fan, program):
    thief = fan.again(json_client=program)
    with nobody_knows():
        thief.sign_in()
    assert thief.is_signed_in()
    answer = change(thief)
    assert leads_to(answer, "hardening:mailbox")
    assert answer.status_code == (401 if program else 302)
    assert not thief.is_signed_in()
    fan.user.refresh_from_db()
    assert fan.user.check_password(PASSWORD)


def test_who_is_only_warned_changes_a_leaked_password_at_once(fan):
    fan.sign_in()
    fan.prove_mailbox()
    leave(fan)
    Account.objects.forget_verdict(fan.user.pk)
    with nobody_knows():
        fan.sign_in()  # in a browser that is known by now
    assert leads_to(change(fan), "hardening:overview")


def test_whoever_has_proven_the_mailbox_changes_it_whatever_is_known(enforced, settings, fan):
    fan.sign_in()
    fan.prove_mailbox()
    change(fan)
    with testing.fake_breach(NEW):
        assert leads_to(change(fan, new=PASSWORD, old=NEW), "hardening:overview")


def test_a_hit_that_was_there_before_is_not_looked_up_again(fan):
    """The session at hand has been judged by it."""
    fan.sign_in()
    fan.prove_mailbox()
    leave(fan)
    fan.sign_in()
    with nobody_knows():
        assert leads_to(change(fan), "hardening:overview")


def test_whoever_tries_it_again_on_another_day_is_told_of_once_a_day(enforced, clock, fan):
    fan.sign_in()
    clock.shift(DAY)
    for _ in range(3):
        fan.again().sign_in()
    assert len(mails("leaked")) == 2


def test_a_known_browser_that_is_stopped_is_not_told_of_again(clock, fan):
    """The owner is on her way to a new password."""
    fan.sign_in()
    fan.prove_mailbox()
    leave(fan)
    clock.shift(DAY)
    fan.sign_in()
    assert fan.is_signed_in()
    assert len(mails("leaked")) == 1


def test_a_wrong_password_is_not_looked_up(monkeypatch, enforced, fan):
    def asked(*_args, **_kwargs):
        raise AssertionError("a wrong password was looked up")

    monkeypatch.setattr("hardening.flows.breached.search", asked)
    fan.sign_in(password=LISTED)
    assert not fan.is_signed_in()
    assert not Account.objects.exclude(password_verdict="").exists()


def test_a_hit_stands_when_nobody_can_be_asked_any_more(enforced, fan):
    fan.sign_in()
    with nobody_knows():
        assert leads_to(fan.again().sign_in(), "hardening:mailbox")


def test_an_open_session_is_stopped_by_its_next_request(enforced, fan):
    with nobody_knows():
        fan.sign_in()
    fan.again().sign_in()  # the first that knows: another browser's
    assert not fan.is_signed_in()
    assert leads_to(fan.get("/members/"), "hardening:mailbox")


def test_a_password_changed_by_any_other_route_has_no_verdict(enforced, fan):
    fan.sign_in()
    fan.user.set_password(NEW)
    type(fan.user).objects.filter(pk=fan.user.pk).update(password=fan.user.password)
    later = fan.again()
    later.sign_in(password=NEW)
    assert later.is_signed_in()


def test_the_kill_switch_lets_everybody_pass(settings, fan):
    settings.HARDENING = {"BREACHED_PASSWORDS": "enforce", "ENFORCE": False}
    fan.sign_in()
    assert fan.is_signed_in()


def test_a_json_client_reads_what_is_missing(enforced, fan):
    program = fan.again(json_client=True)
    assert program.sign_in().json()["code"] == "mailbox_required"
    assert program.prove_mailbox().json()["code"] == "password_change_required"
    with override_settings(AUTH_PASSWORD_VALIDATORS=[]):
        change(program)
    assert program.is_signed_in()
