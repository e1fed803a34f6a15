"""Epochs, enrolments and removals of one account, all at once, and the order of locks.

Every flow that changes an account locks its row first, then factors, recovery codes, records.
A server ends a deadlock by refusing one of the two, which fails the test that caused it.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from django.core import mail
from django.db import transaction

from hardening import facts, testing
from hardening.audit import Event
from hardening.core import otp
from hardening.core.values import Proof, ProofKind, Verdict
from hardening.factors import mailbox, recovery, registry
from hardening.factors.mailbox import CHANGE_SECONDS
from hardening.flows import authenticators, enrol, live, login, password, prove, record, recover
from hardening.flows.authenticators import Change
from hardening.flows.notices import address_book, tell
from hardening.models import Account, Factor, ParkedLogin, RecoveryCode, SiteState
from tests.actors import (
    CODES_RANDOM,
    HERE,
    NOW,
    again,
    events,
    found,
    fresh,
    parked,
    reread,
)
from tests.races.runner import ROUNDS, race, race_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def newcomer(clock, person):
    """Return a staff member who has to enrol."""
    return person("newcomer", is_staff=True).user


@pytest.fixture
def member(clock, person):
    """Return a staff member with an authenticator."""
    user = person("member", is_staff=True).user
    testing.enrol(user)
    return user


@pytest.fixture
def fan(clock, person):
    """Return somebody of whom no policy asks anything."""
    return person("fan").user


def ready_to_confirm(user, secret):
    """Return a sign-in whose mailbox is proven and whose authenticator waits for a code."""
    session = parked(user)
    waiting = found(session)
    proof = Proof(ProofKind.MAILBOX, NOW, waiting.who.account_epoch)
    waiting = record.add_proof(waiting, proof, now=NOW)
    assert enrol.start(waiting, secret, name="Phone", now=NOW, where=HERE)
    return session


def confirm(session, secret):
    waiting = found(session)
    if waiting is None:
        return None
    code = otp.code_at(secret, now=NOW)
    return enrol.confirm(waiting, code, CODES_RANDOM, name="Phone", now=NOW, where=HERE)


def assert_account_says_what_its_rows_say(user):
    rows = Factor.objects.owned(user.pk).confirmed().order_by("pk")
    account = Account.objects.get(user_id=user.pk)
    assert account.factors == registry.encode(rows)
    assert account.codes_left == RecoveryCode.objects.unused(user.pk).count()


# --- epochs ----------------------------------------------------------------------------------


def test_every_bump_of_an_epoch_counts_and_each_gets_its_own_number(fan):
    def bump(_racer):
        with transaction.atomic():
            return Account.objects.bump_epoch(fan.pk)

    for _ in range(ROUNDS):
        Account.objects.all().delete()
        assert sorted(race_all(bump, range(8))) == list(range(1, 9))
        assert Account.objects.get(user_id=fan.pk).epoch == 8


def test_every_bump_of_the_sites_epoch_counts():
    def bump(_racer):
        with transaction.atomic():
            return SiteState.objects.bump_epoch()

    for _ in range(ROUNDS):
        SiteState.objects.all().delete()
        assert sorted(race_all(bump, range(8))) == list(range(1, 9))


def test_an_account_row_is_made_once(fan):
    for _ in range(ROUNDS):
        Account.objects.all().delete()
        rows = race_all(lambda _racer: Account.objects.of(fan.pk).pk, range(8))
        assert set(rows) == {fan.pk}
        assert Account.objects.count() == 1


# --- first factors ---------------------------------------------------------------------------


def test_of_two_first_enrolments_one_wins_and_nothing_of_the_other_stands(newcomer):
    for _ in range(ROUNDS):
        owners, thiefs = os.urandom(20), os.urandom(20)
        sessions = ready_to_confirm(newcomer, owners), ready_to_confirm(newcomer, thiefs)
        done = race(
            lambda: confirm(sessions[0], owners),  # noqa: B023 - runs within this round
            lambda: confirm(sessions[1], thiefs),  # noqa: B023
        )
        accepted = [bool(one and one.accepted) for one in done]
        assert accepted.count(True) == 1
        assert Factor.objects.owned(newcomer.pk).confirmed().count() == 1
        winner = Factor.objects.confirmed().get()
        assert testing.secret_of(winner) == (owners if accepted[0] else thiefs)
        assert_account_says_what_its_rows_say(newcomer)
        loser = sessions[accepted.index(False)]
        assert found(loser) is None
        codes = done[accepted.index(True)].codes
        assert len(codes) == RecoveryCode.objects.count() == recovery.SET_SIZE
        start_again(newcomer)


def start_again(user):
    testing.no_throttle()
    ParkedLogin.objects.all().delete()
    Factor.objects.all().delete()
    RecoveryCode.objects.all().delete()
    Account.objects.filter(user_id=user.pk).update(factors="", codes_left=0)


def test_the_same_race_run_through_the_pages_enrols_one(clock, person):
    first = person("newcomer", is_staff=True)
    second = first.again()
    for browser in (first, second):
        browser.sign_in()
        browser.prove_mailbox()
        browser.start()
    # Not the contexts: Django's client hands every thread what any of them rendered.
    answers = race_all(lambda browser: browser.confirm().status_code, [first, second])
    assert sorted(answers) == [200, 400]
    assert Factor.objects.confirmed().count() == 1
    for browser in (first, second):
        browser.keep_codes()
    assert [browser.is_signed_in() for browser in (first, second)] == [a == 200 for a in answers]


# --- removing --------------------------------------------------------------------------------


def test_two_removals_at_once_never_leave_a_mandated_person_without_a_factor(member):
    for _ in range(ROUNDS):
        first, second = Factor.objects.get(), testing.enrol(member)
        sessions = fresh(member, first), fresh(member, second)
        changes = race(
            lambda: remove(sessions[0], member, first),  # noqa: B023
            lambda: remove(sessions[1], member, second),  # noqa: B023
        )
        assert sorted(change.value for change in changes) in (
            ["done", "last_required"],
            ["done", "not_fresh"],
        )
        assert Factor.objects.confirmed().count() == 1
        assert_account_says_what_its_rows_say(member)
        Factor.objects.exclude(pk=Factor.objects.confirmed().get().pk).delete()


def remove(session, user, row):
    return authenticators.remove(again(session), user, row, now=NOW, where=HERE)


def test_a_removal_clicked_twice_is_done_once_and_ends_no_session_of_the_owner(fan):
    keep = testing.enrol(fan)
    for _ in range(ROUNDS):
        row = testing.enrol(fan)
        session = fresh(fan, keep)
        epoch = Account.objects.get().epoch
        tabs = [again(session), again(session)]
        changes = race_all(
            lambda tab, row=row: authenticators.remove(tab, fan, row, now=NOW, where=HERE), tabs
        )
        assert changes.count(Change.DONE) == 1
        assert Account.objects.get().epoch == epoch + 1
        kept = tabs[changes.index(Change.DONE)]
        assert live.judge(kept, reread(fan), now=NOW).verdict is not Verdict.LOGIN


def test_a_removal_racing_a_sign_in_with_that_authenticator_leaves_no_session(fan):
    keep = testing.enrol(fan)
    for _ in range(ROUNDS):
        row = testing.enrol(fan)
        code = otp.code_at(testing.secret_of(row), now=NOW)
        session = parked(fan)
        tab = again(session)
        _done, change = race(
            lambda: sign_in(tab, row, code),  # noqa: B023
            lambda: remove(fresh(fan, keep), fan, row),  # noqa: B023
        )
        assert change is Change.DONE
        if "_auth_user_id" in tab:
            assert live.judge(tab, reread(fan), now=NOW).verdict is Verdict.LOGIN
        assert_account_says_what_its_rows_say(fan)
        testing.no_throttle()


def sign_in(session, row, code):
    waiting = record.waiting(session, now=NOW)
    if waiting is None:
        return False
    judged = prove.second_factor(waiting, row.pk, code, now=NOW, where=HERE)
    if judged.waiting is None:
        return False
    return login.complete(session, judged.waiting, now=NOW, where=HERE)


# --- everything at once ----------------------------------------------------------------------


def test_the_encoded_factors_follow_the_rows_whatever_is_added_and_removed_at_once(fan):
    for _ in range(ROUNDS):
        rows = [testing.enrol(fan) for _ in range(3)]
        session = fresh(fan, rows[0])

        def take_off(row, session=session):
            return remove(session, fan, row)

        race(
            lambda rows=rows: take_off(rows[0]),
            lambda rows=rows: take_off(rows[1]),
            lambda: testing.enrol(fan),
            lambda: testing.enrol(fan),
            lambda: recover.reset_factors(fan, reason="lost", now=NOW),
            lambda: testing.enrol(fan),
        )
        assert_account_says_what_its_rows_say(fan)


def test_the_hundredth_wrong_code_racing_a_removal_leaves_the_account_in_step(fan):
    for _ in range(ROUNDS):
        keep, row = testing.enrol(fan), testing.enrol(fan)
        Factor.objects.filter(pk=keep.pk).update(failures_known=99)
        loaded = Factor.objects.get(pk=keep.pk)
        race(
            lambda: prove.judge_code(loaded, fan, "000000", known=True, now=NOW),  # noqa: B023
            lambda: remove(fresh(fan, row), fan, row),  # noqa: B023
        )
        assert_account_says_what_its_rows_say(fan)
        usable = {factor.id: factor.usable for factor in facts.fresh(fan).who().factors}
        assert usable[keep.pk] is False


def test_flows_that_change_one_account_never_wait_for_each_other_in_a_circle(member):
    """Nine flows on one account; a deadlock would surface as an `OperationalError`."""
    for turn in range(ROUNDS):
        factor = testing.enrol(member)
        code = testing.recovery_codes(member)[0]
        user = reread(member)
        secret = os.urandom(20)
        session = parked(user)
        proof = Proof(ProofKind.RECOVERY_CODE, NOW, Account.objects.get().epoch)
        waiting = record.add_proof(found(session), proof, now=NOW)
        assert enrol.start(waiting, secret, name="Phone", now=NOW, where=HERE)
        other = found(parked(user))
        proof = replace(proof, kind=ProofKind.FACTOR, factor_id=factor.pk)
        proven = record.add_proof(found(session), proof, now=NOW)
        assert proven.decision.allowed
        proven.user.email = f"moved-{turn}@example.com"
        proven.user.save(update_fields=["email"])
        before = len(events())
        race(
            lambda: confirm_found(waiting, secret),  # noqa: B023 - runs within this round
            lambda: login.complete(again(session), proven, now=NOW, where=HERE),  # noqa: B023
            lambda: prove.recovery_code(other, code, now=NOW, where=HERE),  # noqa: B023
            lambda: remove(fresh(member, factor), member, factor),  # noqa: B023
            lambda: password.change_live(reread(member), "another pond", now=NOW, where=HERE),
            lambda: recover.issue_ticket(member, os.urandom(15), now=NOW),
            lambda: recover.demand_password_change([member], now=NOW),
            lambda: tell(reread(member), "password_changed", {}, now=NOW),
            lambda: recover.reset_factors(member, reason="lost", now=NOW),
        )
        assert_account_says_what_its_rows_say(member)
        assert len(events()) > before
        testing.no_throttle()
        recover.reset_factors(member, reason="the round is over", now=NOW)
        Account.objects.update(must_change="", must_enrol=False)


def confirm_found(waiting, secret):
    code = otp.code_at(secret, now=NOW)
    return enrol.confirm(waiting, code, CODES_RANDOM, name="Phone", now=NOW, where=HERE)


def test_a_forced_change_racing_a_reset_ends_the_record_or_carries_it_over(member):
    for _ in range(ROUNDS):
        Account.objects.filter(user_id=member.pk).update(must_change="operator")
        factor = testing.enrol(member)
        session = parked(reread(member))
        waiting = found(session)
        proof = Proof(ProofKind.FACTOR, NOW, waiting.who.account_epoch, factor_id=factor.pk)
        waiting = record.add_proof(waiting, proof, now=NOW)
        assert waiting.decision.verdict is Verdict.CHANGE_PASSWORD
        race(
            lambda: password.change_parked(waiting, "another pond", now=NOW, where=HERE),  # noqa: B023
            lambda: recover.reset_factors(member, reason="lost", now=NOW),
        )
        assert found(session) is None
        assert reread(member).check_password("another pond")


def test_a_new_address_noted_by_four_requests_at_once_is_said_and_told_once(fan):
    address_book(fan, now=NOW)
    for turn in range(ROUNDS):
        old = fan.email
        fan.email = f"address-{turn}@example.com"
        now = NOW + turn * CHANGE_SECONDS
        mail.outbox.clear()
        race_all(lambda _racer, now=now: address_book(fan, now=now), range(4))
        known = mailbox.known(Account.objects.get(user_id=fan.pk))
        assert (known.current, known.previous) == (fan.email, old)
        assert events() == [Event.EMAIL_CHANGED] * (turn + 1)
        assert sorted(message.to for message in mail.outbox) == sorted([[old], [fan.email]])
