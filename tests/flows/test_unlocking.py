"""Ways out of a lock: the mailed link's life, an operator's word, and who is never mailed."""

from __future__ import annotations

import logging
import re

import pytest
from django.core import mail

from hardening import devices, facts, testing
from hardening.audit import Event
from hardening.core.throttle import HOUR_US, SECOND_US
from hardening.flows import attempts, password, unlock
from hardening.models import Account, SecurityEvent, ThrottleCell
from hardening.throttle import locked
from tests.actors import HERE, NOW, STEP, events_of, names, reread
from tests.mailers import send_by
from tests.visitor import DAY

RANDOM = bytes(range(unlock.TOKEN_BYTES))
PAGE = "https://shop.example.com/security/unlock/"
ELSEWHERE = "203.0.113.9"


def ask(name, *, random=RANDOM, address=ELSEWHERE, now=NOW):
    return unlock.send_link(name, random, page=PAGE, address=address, now=now, where=HERE)


def token():
    """Return the token of the newest link that was mailed."""
    return re.search(rf"^{re.escape(PAGE)}(\S+)/$", mail.outbox[-1].body, re.MULTILINE)[1]


def fail(name, times, *, now=NOW, address=None):
    """Try so many wrong passwords as fast as they are let."""
    for _ in range(times):
        trial = attempts.start(name, address=address, cookie=None, now_us=now * SECOND_US)
        attempts.fail(trial)


def waits(name, *, now=NOW, address=None, cookie=None):
    """Return how long the next try would have to wait; it is charged nothing."""
    trial = attempts.start(name, address=address, cookie=cookie, now_us=now * SECOND_US)
    attempts.abandon(trial)
    return trial.outcome.retry_after


def bound_to(found, *, password):
    """Return what a device's entry hangs on."""
    epochs = {"account_epoch": found.account_epoch, "site_epoch": found.site_epoch}
    return {"password": password, **epochs}


@pytest.fixture
def locked_out(fan):
    """Return somebody whose name others have tried too often."""
    fail("fan", 6)
    assert waits("fan") == 30
    return fan


# --- the link ------------------------------------------------------------------------------------


def test_a_link_ends_the_wait_once_and_signs_nobody_in(locked_out):
    assert ask("fan")
    found = unlock.find(token(), now=NOW)
    assert found == locked_out
    done, said = events_of(unlock.spend, token(), now=NOW, where=HERE)
    assert done.user_pk == locked_out.pk
    assert names(said) == [Event.UNLOCKED]
    assert waits("fan") == 0
    assert unlock.find(token(), now=NOW) is None
    assert unlock.spend(token(), now=NOW, where=HERE) is None


def test_what_a_link_returns_makes_a_proven_device(locked_out):
    ask("fan")
    done = unlock.spend(token(), now=NOW, where=HERE)
    bound = bound_to(done, password=done.password)
    cookie = devices.issue(None, done.user_pk, **bound, proven=True, random=bytes(16), now=NOW)
    assert devices.find(cookie, locked_out.pk, **bound, now=NOW).proven
    fail("fan", 6)
    assert waits("fan") == 30
    assert waits("fan", cookie=cookie) == 0


def test_an_account_at_its_cap_is_opened_by_a_link(fan):
    fail("fan", 1)
    ThrottleCell.objects.filter(target_pk=fan.pk).update(total=100)
    assert waits("fan") == HOUR_US // SECOND_US
    ask("fan")
    assert unlock.spend(token(), now=NOW, where=HERE)
    assert waits("fan") == 0


def test_a_link_is_kept_as_a_digest_and_stands_in_no_event(locked_out, caplog):
    caplog.set_level(logging.DEBUG)
    ask("fan")
    held = token()
    secret = held.partition(".")[2]
    unlock.find(held, now=NOW)
    unlock.spend(held, now=NOW, where=HERE)
    rows = [*Account.objects.values_list(), *SecurityEvent.objects.values_list()]
    assert secret not in str(rows)
    assert secret not in caplog.text


@pytest.mark.parametrize("seconds, works", [(unlock.UNLOCK_SECONDS - 1, True), (1800, False)])
def test_a_link_lives_half_an_hour(locked_out, seconds, works):
    ask("fan")
    assert (unlock.find(token(), now=NOW + seconds) is not None) is works
    assert (unlock.spend(token(), now=NOW + seconds, where=HERE) is not None) is works


def test_a_newer_link_takes_the_place_of_the_older(locked_out):
    ask("fan")
    older = token()
    ask("fan", random=RANDOM[::-1])
    assert unlock.find(older, now=NOW) is None
    assert unlock.spend(older, now=NOW, where=HERE) is None
    assert unlock.spend(token(), now=NOW, where=HERE)


def change_password(user):
    password.change_live(user, "a new long sentence", now=NOW, where=HERE)


def bump_epoch(user):
    Account.objects.bump_epoch(user.pk)


def bump_site(_user):
    testing.SiteState.objects.bump_epoch()


def freeze(user):
    Account.objects.filter(user_id=user.pk).update(frozen=True)


def deactivate(user):
    user.is_active = False
    user.save()


def delete(user):
    user.delete()


AFTERWARDS = [change_password, bump_epoch, freeze, deactivate, delete]


@pytest.mark.parametrize("happens", AFTERWARDS)
def test_a_link_is_void_after_its_account_has_changed(locked_out, happens):
    ask("fan")
    held = token()
    happens(reread(locked_out))
    assert unlock.find(held, now=NOW) is None
    assert unlock.spend(held, now=NOW, where=HERE) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: held[:-1] + ("A" if held[-1] != "A" else "B"),
        lambda held: held.replace(".", ""),
        lambda held: held.partition(".")[2],
        lambda held: "OTk5." + held.partition(".")[2],  # 99
        lambda held: "eA." + held.partition(".")[2],  # x
        lambda held: "AA." + held.partition(".")[2],  # a NUL
        lambda held: "_w." + held.partition(".")[2],  # no UTF-8
        lambda held: "A." + held.partition(".")[2],  # no base64
        lambda held: "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5." + held.partition(".")[2],
        lambda held: held + "\n",
        lambda _held: "",
        lambda _held: "." * 5000,
    ],
)
def test_what_is_no_link_of_ours_opens_nothing(locked_out, spoil):
    ask("fan")
    assert unlock.find(spoil(token()), now=NOW) is None
    assert unlock.spend(spoil(token()), now=NOW, where=HERE) is None
    assert waits("fan") == 30


def test_a_link_opens_nobody_elses_account(locked_out, member):
    ask("fan")
    held = token()
    ask("member", random=RANDOM[::-1])
    theirs = token()
    crossed = f"{held.partition('.')[0]}.{theirs.partition('.')[2]}"
    assert unlock.spend(crossed, now=NOW, where=HERE) is None


# --- who is mailed, and how often ----------------------------------------------------------------


@pytest.mark.parametrize("typed", ["fan", " Fan ", "ＦＡＮ", "fan@example.com", "FAN@Example.com"])
def test_a_name_means_whom_the_counters_say_it_means(fan, typed):
    assert ask(typed)
    assert [message.to for message in mail.outbox] == [["fan@example.com"]]


@pytest.mark.parametrize("typed", ["nobody", "nobody@example.com", "x" * 254])
def test_a_name_that_nobody_has_is_mailed_nothing(fan, typed):
    sent, said = events_of(ask, typed)
    assert not sent
    assert not said
    assert not mail.outbox


def no_password(user):
    user.set_unusable_password()
    user.save()


def test_an_address_of_two_people_means_neither(fan, person):
    person("twin", email="fan@example.com")
    assert not ask("fan@example.com")
    assert not mail.outbox


@pytest.mark.parametrize("happens", [deactivate, no_password])
def test_an_account_that_no_password_opens_is_mailed_nothing(fan, happens):
    happens(fan)
    assert not ask("fan")
    assert not mail.outbox


def test_a_frozen_account_is_mailed_nothing(fan):
    Account.objects.of(fan.pk)
    freeze(fan)
    assert not ask("fan")
    assert not mail.outbox


def test_an_account_without_an_address_is_mailed_nothing(fan):
    fan.email = ""
    fan.save()
    sent, said = events_of(ask, "fan")
    assert not sent
    assert [(event.event, event.reason) for event in said] == [(Event.UNLOCK_FAILED, "no_address")]


def test_a_link_goes_to_the_address_from_before_a_change(fan):
    ask("fan")
    fan.email = "thief@example.org"
    fan.save()
    mail.outbox.clear()
    assert ask("fan")
    links = [message.to for message in mail.outbox if PAGE in message.body]
    assert links == [["fan@example.com"]]


def test_links_to_one_account_are_few(fan):
    sent = [ask("fan", address=f"203.0.113.{host}") for host in range(4)]
    assert sent == [True, True, False, False]
    assert ask("fan", now=NOW + 150)
    throttled = SecurityEvent.objects.filter(event=Event.UNLOCK_THROTTLED)
    assert throttled.count() == 2
    assert sum(ask("fan", now=NOW + 4000 + 200 * n) for n in range(20)) < 6


def test_links_asked_for_by_one_address_are_few_whoever_they_are_for(fan, person):
    for number in range(10):
        ask(f"nobody-{number}")
    assert not ask("fan")
    assert ask("fan", address="203.0.113.10")
    assert ask("fan", address=None)


def test_a_mail_that_could_not_be_sent_is_recorded_and_costs_nothing(fan, no_mail, settings):
    sent, said = events_of(ask, "fan")
    assert not sent
    assert names(said) == [Event.UNLOCK_FAILED]
    send_by(settings, "django.core.mail.backends.locmem.EmailBackend")
    assert ask("fan")
    assert ask("fan")


def test_the_mail_says_what_it_is_for(locked_out):
    ask("fan")
    message = mail.outbox[-1]
    assert message.subject.endswith("your link to sign in again")
    text, html = message.body, message.alternatives[0][0]
    for said in (text, html):
        plain = " ".join(said.split())
        assert f"{PAGE}{token()}/" in plain
        assert "works once" in plain
        assert "signs nobody in" in plain
    assert max(len(line) for line in text.splitlines() if PAGE not in line) <= 72


# --- an operator's word --------------------------------------------------------------------------


def test_an_operator_ends_a_wait_and_the_owner_is_told(locked_out, member):
    lifted, said = events_of(unlock.by_operator, locked_out, actor=member, now=NOW, where=HERE)
    assert lifted
    assert waits("fan") == 0
    (event,) = said
    assert (event.event, event.reason) == (Event.THROTTLE_LIFTED, "account")
    assert (event.target_name, event.actor_name) == ("fan", "member")
    assert not unlock.by_operator(locked_out, now=NOW)


@pytest.mark.django_db(transaction=True)
def test_the_owner_reads_who_ended_the_wait(locked_out, member):
    unlock.by_operator(locked_out, actor=member, now=NOW)
    (message,) = [one for one in mail.outbox if "ended the wait" in one.subject]
    assert message.to == ["fan@example.com"]
    assert "Done by: member" in message.body


def test_an_account_that_never_failed_is_not_lifted_and_not_told(fan):
    lifted, said = events_of(unlock.by_operator, fan, now=NOW)
    assert (lifted, said) == (False, [])


def test_an_address_is_forgotten_with_its_whole_prefix(fan):
    for number in range(12):
        fail(f"nobody-{number}", 1, address="2001:db8::1")
    assert waits("fan", address="2001:db8::2") > 0
    lifted, said = events_of(unlock.lift_address, "2001:db8::77", now=NOW)
    assert lifted
    assert said[0].data == {"prefix": "2001:db8::/64"}
    assert not unlock.lift_address("2001:db8::77", now=NOW)
    assert waits("fan", address="2001:db8::2") == 0


def test_what_is_no_address_is_an_error(db):
    with pytest.raises(ValueError, match="not a network address"):
        unlock.lift_address("somewhere", now=NOW)


def test_all_waits_end_at_once_those_of_names_that_nobody_has_too(locked_out, member):
    fail("nobody", 6)
    for number in range(12):
        fail(f"nobody-{number}", 1, address=ELSEWHERE)
    fail("member", 2)
    lifted, said = events_of(unlock.lift_all, now=NOW)
    assert lifted == unlock.Lifted(accounts=1, names=1, addresses=1)
    assert waits("fan") == waits("nobody") == waits("member", address=ELSEWHERE) == 0
    assert [event.reason for event in said] == ["account", "all"]
    assert ThrottleCell.objects.get(target_pk=member.pk).total == 2
    assert unlock.lift_all(now=NOW) == unlock.Lifted(0, 0, 0)


# --- what refuses right now ----------------------------------------------------------------------


def test_accounts_that_wait_are_listed_until_they_need_not(locked_out):
    at = NOW * SECOND_US
    assert [row.target_pk for row in locked.accounts(now_us=at)] == [str(locked_out.pk)]
    assert locked.people(locked.accounts(now_us=at)) == [locked_out]
    assert not locked.accounts(now_us=at + 31 * SECOND_US)


def test_an_account_at_its_cap_is_listed_for_good(locked_out):
    ThrottleCell.objects.filter(target_pk=locked_out.pk).update(total=100)
    assert locked.accounts(now_us=(NOW + 40 * DAY) * SECOND_US)


def test_what_was_counted_for_an_older_password_locks_nobody(locked_out):
    change_password(locked_out)
    assert waits("fan") == 0
    assert ThrottleCell.objects.filter(target_pk=locked_out.pk, total=5).exists()
    assert not locked.accounts(now_us=NOW * SECOND_US)


def test_devices_codes_and_mails_are_neither_names_nor_addresses(fan):
    ask("fan")
    bound = bound_to(facts.fresh(fan).who(), password=fan.password)
    cookie = devices.issue(None, fan.pk, **bound, proven=True, random=bytes(16), now=NOW)
    for _ in range(7):
        trial = attempts.start("fan", address=None, cookie=cookie, now_us=NOW * SECOND_US)
        attempts.fail(trial)
    at = NOW * SECOND_US
    assert not locked.names(now_us=at)
    assert not locked.addresses(now_us=at)


# --- the owner's other ways out ------------------------------------------------------------------


def test_a_changed_password_starts_a_fresh_count(locked_out):
    change_password(locked_out)
    assert waits("fan") == 0


def test_the_owner_of_an_account_at_its_cap_is_told_once_a_day(fan, clock):
    attempts._sampled.clear()
    fail("fan", 1)
    ThrottleCell.objects.filter(target_pk=fan.pk).update(total=100)
    for hour in range(3):
        waits("fan", now=NOW + hour * 3600 + STEP)
    assert SecurityEvent.objects.filter(event=Event.LOGIN_THROTTLED).count() == 3


@pytest.mark.django_db(transaction=True)
def test_that_mail_says_that_nobody_got_in_and_what_to_do(fan):
    attempts._sampled.clear()
    fail("fan", 1)
    ThrottleCell.objects.filter(target_pk=fan.pk).update(total=100)
    for hour in range(3):
        waits("fan", now=NOW + hour * 3600 + STEP)
    (message,) = [one for one in mail.outbox if "too many wrong passwords" in one.subject]
    for said in (message.body, message.alternatives[0][0]):
        plain = " ".join(said.split())
        assert "Nobody got in by these tries" in plain
        assert "offers to mail you a link" in plain
