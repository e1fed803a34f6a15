"""Freezing and thawing, the link "this wasn't me", and what owners and operators hear of it."""

from __future__ import annotations

import json
import re

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.db import IntegrityError

from hardening import facts, host
from hardening.audit import Event, Where
from hardening.core.values import ProofKind, Verdict
from hardening.flows import (
    attention,
    disown,
    freezing,
    links,
    live,
    login,
    named,
    notices,
    recover,
)
from hardening.flows.freezing import Came
from hardening.models import Account, Disowning, SecurityEvent
from hardening.models.disowning import DisowningQuerySet
from tests.actors import (
    NOW,
    events,
    events_of,
    fresh,
    logged_in,
    names,
    new_session,
    reread,
    signed_in,
)

pytestmark = pytest.mark.django_db

SITE = "https://site.example"
HERE = Where(address="192.0.2.7", device="Firefox on Linux", site=SITE)
DAY = 24 * 3600
LINK = re.compile(r"^https://site\.example/security/disown/\?token=(\S+)$", re.MULTILINE)


@pytest.fixture
def sent(django_capture_on_commit_callbacks):
    """Return a function that runs a flow, commits, and returns what it returned."""

    def run(flow, *args, **kwargs):
        mail.outbox.clear()
        with django_capture_on_commit_callbacks(execute=True):
            return flow(*args, **kwargs)

    return run


@pytest.fixture
def boss(person):
    """Return the only superuser."""
    return person("boss", is_superuser=True, is_staff=True).user


@pytest.fixture
def operator(person):
    """Return somebody who may freeze and thaw."""
    user = person("operator", is_staff=True).user
    user.user_permissions.add(Permission.objects.get(codename="freeze_account"))
    return user


def to():
    return sorted(address for message in mail.outbox for address in message.to)


def token_for(user, notice="password_changed", *, now=NOW, where=HERE):
    return links.make(user, notice, now, where)


def account(user):
    return Account.objects.get(user_id=user.pk)


# --- an operator ----------------------------------------------------------------------------------


def test_a_frozen_account_is_out_everywhere_and_its_owner_is_told(fan, operator, sent):
    session = signed_in(fan)
    came = sent(freezing.freeze, fan, actor=operator, reason="odd sales", now=NOW, where=HERE)
    assert came is Came.FROZEN
    assert live.judge(session, reread(fan), now=NOW).verdict is Verdict.DENY
    (event,) = SecurityEvent.objects.all()
    assert (event.event, event.reason) == (Event.ACCOUNT_FROZEN, "operator")
    assert (event.actor_name, event.data) == ("operator", {"why": "odd sales"})
    assert to() == ["fan@example.com"]
    body = " ".join(mail.outbox[0].body.split())
    assert "An operator did this." in body
    assert "Done by: operator" in body
    assert "odd sales" not in body
    assert "192.0.2.7" not in body  # that is where the operator sits


def test_thawing_lets_the_owner_in_again_but_no_older_session(fan, sent):
    session = signed_in(fan)
    freezing.freeze(fan, reason="why", now=NOW)
    assert sent(freezing.thaw, fan, reason="it is her", now=NOW)
    assert live.judge(session, reread(fan), now=NOW).verdict is Verdict.LOGIN
    assert live.judge(signed_in(fan), reread(fan), now=NOW).allowed
    assert events() == [Event.ACCOUNT_FROZEN, Event.ACCOUNT_THAWED]
    assert "Your password is the same as before" in " ".join(mail.outbox[0].body.split())


def test_what_is_done_already_is_no_event_and_no_mail(fan, sent):
    assert not sent(freezing.thaw, fan, reason="why", now=NOW)
    sent(freezing.freeze, fan, reason="why", now=NOW)
    assert sent(freezing.freeze, fan, reason="why", now=NOW) is Came.ALREADY
    assert mail.outbox == []
    assert events() == [Event.ACCOUNT_FROZEN]


def test_the_last_superuser_is_frozen_by_nobody(boss, operator, sent):
    session = signed_in(boss)
    epoch = facts.fresh(boss).who().account_epoch
    assert sent(freezing.freeze, boss, actor=operator, reason="why", now=NOW) is Came.LAST
    who = facts.fresh(boss).who()
    assert (who.frozen, who.account_epoch) == (False, epoch)
    assert live.judge(session, reread(boss), now=NOW).verdict is not Verdict.LOGIN
    assert names(SecurityEvent.objects.all()) == [Event.FREEZE_REFUSED]
    assert mail.outbox == []


@pytest.mark.parametrize("other, came", [({}, Came.FROZEN), ({"is_active": False}, Came.LAST)])
def test_a_superuser_is_frozen_while_another_could_sign_in(boss, person, other, came):
    person("second", is_superuser=True, **other)
    assert freezing.freeze(boss, reason="why", now=NOW) is came


def test_a_frozen_superuser_is_no_way_back_for_the_other(boss, person):
    second = person("second", is_superuser=True).user
    assert freezing.freeze(second, reason="why", now=NOW) is Came.FROZEN
    assert freezing.freeze(boss, reason="why", now=NOW) is Came.LAST
    freezing.thaw(second, reason="why", now=NOW)
    assert freezing.freeze(boss, reason="why", now=NOW) is Came.FROZEN


# --- the link -------------------------------------------------------------------------------------


def test_a_link_says_what_happened_and_whose_account_it_is(fan):
    found = disown.find(token_for(fan), now=NOW + 14 * DAY - 1)
    claim = found.claim
    assert found.user == fan
    assert (claim.notice, claim.at, claim.expires_at) == ("password_changed", NOW, NOW + 14 * DAY)
    assert (claim.address, claim.device) == ("192.0.2.7", "Firefox on Linux")


def test_no_two_links_are_alike(fan):
    assert token_for(fan) != token_for(fan)


def broken(token):
    """Return tokens that are almost this one."""
    payload, tag = token.split(".")
    said = json.loads(named.decode(payload))
    forged = [
        [str(int(said[0]) + 1), *said[1:]],
        [*said[:2], said[2] + DAY, *said[3:]],
    ]
    return [
        *(f"{named.encode(json.dumps(one).encode())}.{tag}" for one in forged),
        f"{payload}.{tag[::-1]}",
        f"{payload}.{'A' * 43}",
        f"{payload}A.{tag}",
        *(payload, f".{tag}", "", "x.y", "é", "\0", "A." + "A" * 43),
    ]


def test_what_was_not_signed_by_us_is_no_link(fan):
    for token in broken(token_for(fan)):
        assert disown.spend(token, now=NOW, where=HERE) is None
    assert not account_is_frozen(fan)
    assert events() == []


def account_is_frozen(user):
    return facts.fresh(user).who().frozen


@pytest.mark.parametrize("at", [NOW - 1, NOW + 14 * DAY])
def test_a_link_works_for_two_weeks_and_not_before_it_was_made(fan, at):
    assert disown.spend(token_for(fan), now=at, where=HERE) is None


def test_a_link_of_an_older_key_works(fan, settings):
    old, new = "k" * 40, "n" * 40
    settings.HARDENING = {"VAULT_KEYS": [old]}
    token = token_for(fan)
    settings.HARDENING = {"VAULT_KEYS": [new, old]}
    assert disown.spend(token, now=NOW, where=HERE)
    assert disown.spend(token, now=NOW, where=HERE) is None
    settings.HARDENING = {"VAULT_KEYS": [new]}
    assert disown.find(token, now=NOW) is None


@pytest.mark.parametrize("pk", ["999999", "no number", "1\0"])
def test_a_link_of_somebody_who_is_gone_is_no_link(fan, monkeypatch, pk):
    token = token_for(fan)
    monkeypatch.setattr(fan, "pk", pk)
    assert disown.find(token_for(fan), now=NOW) is None
    assert disown.find(token, now=NOW) is not None


# --- used -----------------------------------------------------------------------------------------


def test_a_used_link_freezes_ends_sessions_and_demands_a_new_password(fan, operator, sent):
    session = signed_in(fan)
    done = sent(disown.spend, token_for(fan), now=NOW + DAY, where=HERE)
    assert done.came is Came.FROZEN
    assert live.judge(session, reread(fan), now=NOW).verdict is Verdict.DENY
    row = account(fan)
    assert (row.frozen, row.must_change, row.must_change_since) == (True, "disowned", NOW + DAY)
    (event,) = SecurityEvent.objects.all()
    assert (event.event, event.reason) == (Event.ACCOUNT_FROZEN, "disowned")
    assert (event.data, event.address) == ({"notice": "password_changed"}, "192.0.2.7")
    assert to() == ["fan@example.com", "operator@example.com"]
    theirs = next(message for message in mail.outbox if message.to == ["operator@example.com"])
    assert "The owner of the account fan" in theirs.body
    assert "hardening_thaw" in theirs.body
    assert "disown/" not in "".join(message.body for message in mail.outbox)


def test_a_used_link_is_none_any_more(fan, sent):
    token = token_for(fan)
    assert disown.spend(token, now=NOW, where=HERE)
    freezing.thaw(fan, reason="it is her", now=NOW)
    assert disown.find(token, now=NOW) is None
    assert disown.spend(token, now=NOW, where=HERE) is None
    assert not account_is_frozen(fan)
    assert Disowning.objects.get().expires_at == NOW + 14 * DAY
    assert Disowning.objects.prune(now=NOW + 14 * DAY + 1) == 1


def test_links_from_before_an_account_was_thawed_are_void(fan, sent):
    collected, used = token_for(fan), token_for(fan)
    assert disown.spend(used, now=NOW, where=HERE)
    freezing.thaw(fan, reason="it is her", now=NOW + DAY)
    assert disown.spend(collected, now=NOW + DAY, where=HERE) is None
    assert not account_is_frozen(fan)
    later = links.make(fan, "password_changed", NOW + DAY, HERE)
    assert disown.spend(later, now=NOW + DAY, where=HERE)


def test_looking_uses_nothing_up(fan):
    token = token_for(fan)
    for _ in range(3):
        assert disown.find(token, now=NOW)
    assert disown.spend(token, now=NOW, where=HERE)


def test_a_link_that_two_used_at_once_was_used_by_one(fan, monkeypatch):
    token = token_for(fan)
    found = disown.find(token, now=NOW)
    assert disown.spend(token, now=NOW, where=HERE)
    monkeypatch.setattr(disown, "find", lambda *_args, **_kwargs: found)  # both had looked
    assert disown.spend(token, now=NOW, where=HERE) is None
    assert events() == [Event.ACCOUNT_FROZEN]


def test_a_database_that_refuses_the_second_has_refused_the_link(fan, monkeypatch):
    """So it is where a transaction sees no rows that others have committed since it began."""

    def refused(*_args, **_kwargs):
        raise IntegrityError

    monkeypatch.setattr(DisowningQuerySet, "get_or_create", refused)
    assert disown.spend(token_for(fan), now=NOW, where=HERE) is None
    assert not account_is_frozen(fan)


def test_on_a_frozen_account_a_link_only_demands_a_new_password(fan, sent):
    freezing.freeze(fan, reason="why", now=NOW)
    assert sent(disown.spend, token_for(fan), now=NOW, where=HERE).came is Came.ALREADY
    assert account(fan).must_change == "disowned"
    assert mail.outbox == []


def test_an_added_factor_stays_and_is_called_suspicious(member, factor, operator, sent):
    sent(disown.spend, token_for(member, "factor_added"), now=NOW, where=HERE)
    (event,) = SecurityEvent.objects.all()
    assert event.data == {"notice": "factor_added", "suspicious": "factor"}
    assert facts.fresh(member).who().factors
    theirs = next(message for message in mail.outbox if message.to == ["operator@example.com"])
    assert "may be a thief’s" in " ".join(theirs.body.split())


def test_the_last_superuser_keeps_a_way_back(boss, sent, settings):
    settings.ADMINS = [("Ops", "ops@example.com")]
    session = signed_in(boss)
    done = sent(disown.spend, token_for(boss), now=NOW, where=HERE)
    assert done.came is Came.LAST
    assert live.judge(session, reread(boss), now=NOW).verdict is Verdict.LOGIN
    row = account(boss)
    assert (row.frozen, row.must_change) == (False, "disowned")
    assert names(SecurityEvent.objects.all()) == [Event.FREEZE_REFUSED]
    assert to() == ["boss@example.com", "ops@example.com"]
    for message in mail.outbox:
        assert "was not frozen" in " ".join(message.body.split())


def test_after_thawing_the_owner_chooses_a_new_password(fan, sent):
    disown.spend(token_for(fan), now=NOW, where=HERE)
    sent(freezing.thaw, fan, reason="it is her", now=NOW)
    assert "you choose a new password" in " ".join(mail.outbox[0].body.split())
    assert live.judge(signed_in(fan), reread(fan), now=NOW).verdict is Verdict.MAILBOX


# --- which mails bear it --------------------------------------------------------------------------


def test_a_notice_bears_a_link_that_works(fan, sent):
    sent(notices.tell, fan, "password_changed", {}, now=NOW, where=HERE)
    (message,) = mail.outbox
    token = LINK.search(message.body)[1]
    assert f"{SITE}/security/disown/?token={token}" in message.alternatives[0][0]
    assert disown.find(token, now=NOW).user == fan
    assert "Browser: Firefox on Linux" in message.body
    assert "Network address: 192.0.2.7" in message.body
    other_lines = [line for line in message.body.splitlines() if "disown" not in line]
    assert max(map(len, other_lines)) <= 72


@pytest.mark.parametrize(
    "name", ["login_locked", "password_breached", "sign_in_refused", "account_frozen"]
)
def test_mails_that_tell_of_nothing_one_could_disown_bear_none(fan, sent, name):
    sent(notices.tell, fan, name, {}, now=NOW, where=HERE)
    assert "disown" not in mail.outbox[0].body + mail.outbox[0].alternatives[0][0]


@pytest.mark.parametrize(
    "setting, where, starts",
    [
        ("https://here.example/", HERE, "https://here.example/security/disown/?token="),
        ("https://here.example", Where(), "https://here.example/security/disown/?token="),
        (None, HERE, "https://site.example/security/disown/?token="),
        (None, Where(address="192.0.2.7"), None),
    ],
)
def test_a_link_begins_with_the_setting_or_with_the_host_that_is_vouched_for(
    fan, settings, setting, where, starts
):
    settings.HARDENING = {"SITE_URL": setting}
    link = links.link(fan, "password_changed", now=NOW, where=where)
    assert link.startswith(starts) if starts else link == ""


def test_a_site_without_our_pages_sends_no_link(fan, settings):
    settings.ROOT_URLCONF = "tests.host.no_urls"
    assert links.link(fan, "password_changed", now=NOW, where=HERE) == ""


def test_what_an_operator_did_can_be_disowned_without_telling_where_he_sits(fan, sent):
    sent(recover.demand_password_change, [fan], now=NOW, where=HERE)
    (message,) = mail.outbox
    claim = disown.find(LINK.search(message.body)[1], now=NOW).claim
    assert (claim.notice, claim.address) == ("password_change_required", "")
    assert "192.0.2.7" not in message.body


# --- who knocks at a frozen account ---------------------------------------------------------------


def test_a_right_password_for_a_frozen_account_is_told_within_a_budget(fan, sent):
    told = []
    for _ in range(4):
        sent(notices.refused, fan, now=NOW, where=HERE)
        told.append(len(mail.outbox))
    assert told == [1, 1, 0, 0]


# --- the cap over all of them ---------------------------------------------------------------------


def test_what_a_stranger_can_cause_is_capped_over_all_and_said_once(fan, sent):
    def flood():
        for hour in range(24):
            for name in ("wrong_code", "new_browser", "sign_in_stopped"):
                notices.tell(fan, name, {}, now=NOW + hour * 3600, where=HERE)

    sent(flood)
    assert len(mail.outbox) <= notices.DAILY_CAP
    capped = SecurityEvent.objects.filter(event=Event.NOTICE_CAPPED.value)
    assert capped.count() == 1
    assert set(capped.get().data) == {"notice"}


@pytest.mark.parametrize(
    "name", ["factor_added", "factor_removed", "password_changed", "email_changed", "new_browser"]
)
def test_a_flood_holds_back_no_notice_of_a_change(fan, sent, name):
    while notices._within_cap(fan, "wrong_code", now=NOW, where=HERE):
        pass
    sent(notices.tell, fan, name, {}, now=NOW, where=HERE)
    assert len(mail.outbox) == (0 if name in notices.CAPPED else 1)


def test_attention_and_freezing_know_who_is_frozen(fan):
    assert not freezing.is_frozen(fan)
    freezing.freeze(fan, reason="why", now=NOW)
    assert freezing.is_frozen(fan)
    assert not any("frozen" in one for one in attention.listed(now=NOW))


def test_step_up_ends_with_the_freeze(member, factor):
    session = fresh(member, factor)
    freezing.freeze(member, reason="why", now=NOW)
    decision, said = events_of(live.judge, session, reread(member), now=NOW)
    assert (decision.verdict, said) == (Verdict.DENY, [])


def test_a_right_password_that_another_backend_found_is_told_behind_the_answer(fan, sent):
    freezing.freeze(fan, reason="why", now=NOW)
    later = []
    for arrive in (begin, arrive_at_once):
        mail.outbox.clear()
        later.clear()
        assert arrive(fan, later.append) is login.Arrival.ENDED
        assert mail.outbox == []
        sent(later.pop())
        assert [message.to for message in mail.outbox] == [["fan@example.com"]]


def begin(user, later):
    arrival, _decision = login.begin(
        new_session(),
        user,
        backend=host.OUR_BACKEND,
        next_url="",
        now=NOW,
        where=HERE,
        later=later,
    )
    return arrival


def arrive_at_once(user, later):
    arrival, _decision = login.arrive(
        logged_in(user),
        user,
        kind=ProofKind.PASSWORD,
        in_view=True,
        now=NOW,
        where=HERE,
        later=later,
    )
    return arrival
