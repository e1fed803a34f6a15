"""Break-glass: made offline, used up once, open for an hour, told to every superuser."""

from __future__ import annotations

import os

import pytest
from django.core import mail
from django.db import OperationalError

from hardening import signals, testing
from hardening.audit import Event
from hardening.core.values import ProofKind, Reason, Verdict
from hardening.factors import breakglass as codes
from hardening.flows import breakglass, live, record, rekey
from hardening.models import BreakGlassCode, ParkedLogin, SecurityEvent
from hardening.models.breakglass import OPEN_SECONDS
from hardening.throttle.gates import Reservation
from tests.actors import HERE, NOW, again, events_of, found, names, parked, reread, signed_in

OPENED = (ProofKind.BREAK_GLASS, None)
KEY = "a newer key of the vault, just as long"


@pytest.fixture
def chief(db, clock, person):
    """Return a superuser with an authenticator that he does not have with him."""
    user = person("chief", is_staff=True, is_superuser=True).user
    testing.enrol(user)
    return user


@pytest.fixture
def safe():
    """Return a function that makes codes, and a first set of three."""

    def make(count=3):
        return breakglass.make(count, os.urandom(count * codes.CODE_BYTES), now=NOW)

    return make


def spend(waiting, code, now=NOW):
    return breakglass.spend(waiting, code, now=now, where=HERE)


# --- codes -----------------------------------------------------------------------------------


def test_codes_are_returned_once_and_never_said(chief, safe):
    shown, said = events_of(safe)
    assert len(set(shown)) == breakglass.unused() == 3
    assert names(said) == [Event.BREAK_GLASS_MADE]
    kept = str([*BreakGlassCode.objects.values(), *SecurityEvent.objects.values()])
    for code in shown:
        assert code not in kept
        assert code.replace("-", "") not in kept


def test_new_codes_stand_beside_those_there_are(db, clock, safe):
    safe()
    safe(2)
    assert breakglass.unused() == 5


@pytest.mark.parametrize("count", [0, -1, breakglass.MAX_CODES + 1])
def test_no_other_number_can_be_made(db, count):
    with pytest.raises(ValueError, match="from 1 to 100"):
        breakglass.make(count, b"", now=NOW)


def test_revoking_voids_what_is_unused_and_keeps_what_was_used(chief, safe):
    first, second, _third = safe()
    spend(found(parked(chief)), first)
    count, said = events_of(breakglass.revoke, now=NOW)
    assert (count, names(said)) == (2, [Event.BREAK_GLASS_REVOKED])
    assert BreakGlassCode.objects.get().used_by == "chief"
    assert not codes.spend(second, used_by="chief", now=NOW)


@pytest.mark.parametrize("typed", [str.lower, lambda code: code.replace("-", " ")])
def test_case_spaces_and_dashes_do_not_matter(chief, safe, typed):
    assert codes.spend(typed(safe()[0]), used_by="chief", now=NOW)


@pytest.mark.parametrize("typed", ["", "abc", "é" * 24, "2" * 24])
def test_what_is_no_code_opens_nothing(chief, safe, typed):
    safe()
    assert not codes.spend(typed, used_by="chief", now=NOW)


def test_rotating_keys_voids_no_code_and_is_counted(chief, safe, settings):
    settings.HARDENING = {"VAULT_KEYS": ["k" * 40]}
    shown = safe()
    settings.HARDENING = {"VAULT_KEYS": [KEY, "k" * 40]}
    assert rekey.pinned() == 3
    assert codes.spend(shown[0], used_by="chief", now=NOW)


# --- spending --------------------------------------------------------------------------------


def test_a_code_opens_the_account_of_a_superuser_for_an_hour(
    chief, safe, django_capture_on_commit_callbacks
):
    code = safe()[0]
    heard = []

    def hear(**said):
        heard.append((said["user"], said["on"], said["until"]))

    signals.break_glass_changed.connect(hear)
    waiting = found(parked(chief))
    with django_capture_on_commit_callbacks(execute=True):
        judged, said = events_of(spend, waiting, code)
    signals.break_glass_changed.disconnect(hear)
    assert judged.accepted
    assert judged.waiting.decision.verdict is Verdict.ALLOW
    assert names(said) == [Event.BREAK_GLASS_OPENED]
    assert heard == [(chief, True, NOW + OPEN_SECONDS)]
    assert breakglass.open_until(chief, now=NOW) == NOW + OPEN_SECONDS
    assert breakglass.opened(now=NOW) == [chief]
    assert breakglass.opened(now=NOW + OPEN_SECONDS) == []
    session = signed_in(chief, OPENED)
    assert live.judge(session, reread(chief), now=NOW + OPEN_SECONDS - 1).allowed
    decision = live.judge(again(session), reread(chief), now=NOW + OPEN_SECONDS)
    assert decision.verdict is Verdict.CHALLENGE


def test_whoever_knows_the_password_as_well_is_stopped_in_that_hour(chief, safe):
    spend(found(parked(chief)), safe()[0])
    assert found(parked(chief)).decision.verdict is Verdict.CHALLENGE
    assert live.judge(signed_in(chief), reread(chief), now=NOW).verdict is Verdict.CHALLENGE


def test_a_sign_in_that_is_over_spends_the_code_and_opens_nothing(chief, safe, monkeypatch):
    code, session = safe()[0], parked(chief)
    waiting = found(session)

    def gone(*_args, **_kwargs):
        raise record.RecordGoneError

    monkeypatch.setattr(record, "add_proof", gone)
    assert not spend(waiting, code).accepted
    assert found(session).decision.verdict is Verdict.CHALLENGE
    assert breakglass.unused() == 2


def test_a_code_that_is_spent_is_told_whatever_fails_afterwards(
    chief, safe, monkeypatch, django_capture_on_commit_callbacks
):
    code, waiting = safe()[0], found(parked(chief))

    def broken(_self):
        raise OperationalError

    monkeypatch.setattr(Reservation, "refund", broken)
    with (
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(OperationalError),
    ):
        spend(waiting, code)
    assert SecurityEvent.objects.filter(event=Event.BREAK_GLASS_OPENED).count() == 1
    assert "chief was opened" in mail.outbox[0].subject


def test_a_name_with_lines_in_it_writes_no_header(chief, safe, django_capture_on_commit_callbacks):
    chief.username = "chief\r\nBcc: thief@example.com\r\n\r\nhello"
    chief.save()
    with django_capture_on_commit_callbacks(execute=True):
        spend(found(parked(chief)), safe()[0])
    (message,) = mail.outbox
    assert message.recipients() == ["chief@example.com"]
    head, _body = message.message().as_bytes().split(b"\n\n", 1)
    assert b"\nBcc" not in head


def test_every_superuser_and_the_operators_are_told(
    chief, person, safe, settings, django_capture_on_commit_callbacks
):
    settings.ADMINS = [("Ops", "ops@example.com"), ("Chief", chief.email)]
    person("deputy", is_superuser=True)
    person("retired", is_superuser=True, is_active=False)
    person("staff", is_staff=True)
    code = safe()[0]
    with django_capture_on_commit_callbacks(execute=True):
        spend(found(parked(chief)), code)
    to = sorted(message.to[0] for message in mail.outbox)
    assert to == ["chief@example.com", "deputy@example.com", "ops@example.com"]
    assert all("chief was opened with a break-glass code" in m.subject for m in mail.outbox)
    assert "192.0.2.7" in mail.outbox[0].body
    assert not any(code in message.body for message in mail.outbox)


def test_a_code_works_once(chief, person, safe):
    other = person("deputy", is_superuser=True).user
    code = safe()[0]
    assert spend(found(parked(chief)), code).accepted
    assert not spend(found(parked(other)), code).accepted
    assert breakglass.open_until(other, now=NOW) == 0


def test_a_wrong_code_counts_is_said_and_told(chief, safe, django_capture_on_commit_callbacks):
    safe()
    session = parked(chief)
    with django_capture_on_commit_callbacks(execute=True):
        judged, said = events_of(spend, found(session), "wrong")
    assert judged.wrong
    assert judged.waiting is not None
    assert names(said) == [Event.PROOF_REFUSED]
    assert said[0].reason == breakglass.BUDGET
    assert len(mail.outbox) == 1
    assert found(session).row.failures == 1


def test_wrong_codes_are_charged_to_the_account_across_sign_ins(chief, safe):
    code = safe()[0]
    answers = [spend(found(parked(chief)), "wrong") for _ in range(4)]
    assert [bool(one.retry_after) for one in answers] == [False, False, False, True]
    assert spend(found(parked(chief)), code).retry_after


def test_a_right_code_costs_no_try(chief, safe):
    session = parked(chief)
    spend(found(session), safe()[0])
    assert found(session).row.failures == 0


def test_a_superuser_who_has_to_enrol_gets_in_without(person, clock, db, safe):
    user = person("bare", is_staff=True, is_superuser=True).user
    assert spend(found(parked(user)), safe()[0]).waiting.decision.allowed


def test_it_never_spares_a_new_password(chief, safe, must_change):
    must_change(chief)
    judged = spend(found(parked(chief)), safe()[0])
    assert judged.accepted
    assert judged.waiting.decision.verdict is Verdict.MAILBOX
    assert judged.waiting.decision.reason is Reason.PASSWORD_CHANGE_REQUIRED


# --- who may ---------------------------------------------------------------------------------


def test_nobody_but_a_superuser_uses_one(member, safe):
    code = safe()[0]
    waiting = found(parked(member))
    assert not breakglass.is_offered(waiting, now=NOW)
    judged, said = events_of(spend, waiting, code)
    assert (judged.accepted, said, breakglass.unused()) == (False, [], 3)


def test_none_is_offered_where_none_was_made(chief):
    assert not breakglass.is_offered(found(parked(chief)), now=NOW)


def test_none_is_offered_where_it_would_bring_nothing_on(clock, person, db, safe, must_change):
    user = person("bare", is_superuser=True).user
    must_change(user)
    session = parked(user)
    spend(found(session), safe()[0])
    assert not breakglass.is_offered(found(session), now=NOW)


def test_none_is_offered_to_who_owes_nothing_any_more(chief, safe):
    code, *_ = safe()
    session = parked(chief)
    spend(found(session), code)
    assert not breakglass.is_offered(found(session), now=NOW)


def test_none_is_offered_without_a_right_password(chief, safe):
    safe()
    session = parked(chief)
    ParkedLogin.objects.update(proofs="[]")  # as an SSO leaves it, which tells us of no password
    assert not breakglass.is_offered(found(session), now=NOW)


def test_who_is_no_superuser_any_more_is_stopped_with_the_next_request(chief, safe):
    spend(found(parked(chief)), safe()[0])
    session = signed_in(chief, OPENED)
    assert live.judge(session, reread(chief), now=NOW).allowed
    type(chief).objects.filter(pk=chief.pk).update(is_superuser=False)
    assert live.judge(again(session), reread(chief), now=NOW).verdict is Verdict.CHALLENGE


# --- closing ---------------------------------------------------------------------------------


def test_closing_acts_on_the_next_request_and_is_told(
    chief, safe, django_capture_on_commit_callbacks
):
    spend(found(parked(chief)), safe()[0])
    session = signed_in(chief, OPENED)
    with django_capture_on_commit_callbacks(execute=True):
        done, said = events_of(breakglass.close, chief, now=NOW, where=HERE)
    assert (done, names(said)) == (True, [Event.BREAK_GLASS_CLOSED])
    assert "chief is closed again" in mail.outbox[-1].subject
    assert live.judge(session, reread(chief), now=NOW).verdict is Verdict.CHALLENGE


def test_another_code_lets_nobody_in_again_whom_closing_has_stopped(chief, safe):
    first, second, _third = safe()
    spend(found(parked(chief)), first)
    thiefs = signed_in(chief, OPENED)
    assert live.judge(again(thiefs), reread(chief), now=NOW).allowed
    breakglass.close(chief, now=NOW + 10)
    later = NOW + 20
    assert spend(found(parked(chief, now=later), now=later), second, now=later).accepted
    owners = signed_in(chief, OPENED, now=later)
    assert live.judge(again(owners), reread(chief), now=later).allowed
    assert live.judge(again(thiefs), reread(chief), now=later).verdict is Verdict.CHALLENGE


def test_closing_what_is_not_open_does_nothing(chief):
    assert events_of(breakglass.close, chief, now=NOW) == (False, [])


def test_nobody_to_tell_is_no_fault(chief, safe, django_capture_on_commit_callbacks):
    chief.email = ""
    chief.save()
    with django_capture_on_commit_callbacks(execute=True):
        assert spend(found(parked(reread(chief))), safe()[0]).accepted
        assert breakglass.close(reread(chief), now=NOW)
    assert mail.outbox == []


def test_a_user_model_without_superusers_has_none(db, monkeypatch):
    class Meta:
        @staticmethod
        def get_fields():
            return ()

    class Bare:
        _meta = Meta

    monkeypatch.setattr(breakglass, "get_user_model", lambda: Bare)
    assert breakglass.superusers() == []
