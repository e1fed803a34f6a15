"""What works once works once: recovery codes, mailed codes, tickets, records, completions."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction

from hardening import testing
from hardening.core import codes, otp
from hardening.core.values import Proof, ProofKind, Verdict
from hardening.factors import mailbox, recovery, ticket
from hardening.flows import enrol, login, prove, record, recover
from hardening.models import Account, EnrolmentTicket, Factor, ParkedLogin, RecoveryCode
from hardening.models.parked import KEEP_SECONDS
from tests.actors import CODES_RANDOM, FACTOR_RANDOM, HERE, NOW, again, found, parked
from tests.races.runner import ROUNDS, race, race_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(clock, person):
    """Return a staff member with an authenticator."""
    user = person("member", is_staff=True).user
    testing.enrol(user)
    return user


@pytest.fixture
def newcomer(clock, person):
    """Return a staff member who has to enrol."""
    return person("newcomer", is_staff=True).user


def new_codes(user):
    """Return a set of recovery codes like none before."""
    size = recovery.SET_SIZE * recovery.CODE_BYTES
    return recovery.make(user.pk, os.urandom(size), now=NOW)


def unused(user):
    return RecoveryCode.objects.unused(user.pk).count()


def counted(user):
    return Account.objects.get(user_id=user.pk).codes_left


# --- recovery codes --------------------------------------------------------------------------


def test_a_recovery_code_used_twice_at_once_works_once(member):
    for _ in range(ROUNDS // recovery.SET_SIZE):
        for code in new_codes(member):
            used = race_all(
                lambda _racer, code=code: recovery.spend(member.pk, code, now=NOW), range(2)
            )
            assert used.count(True) == 1
        assert unused(member) == counted(member) == 0


def test_ten_codes_used_at_once_are_counted_ten_times(member):
    for _ in range(ROUNDS):
        shown = new_codes(member)
        assert all(race_all(lambda code: recovery.spend(member.pk, code, now=NOW), shown))
        assert unused(member) == counted(member) == 0


def test_one_recovery_code_lets_one_of_two_sign_ins_go_on(member):
    for turn in range(ROUNDS):
        if turn % recovery.SET_SIZE == 0:
            shown = new_codes(member)
        code = shown[turn % recovery.SET_SIZE]
        sign_ins = [found(parked(member)), found(parked(member))]
        judged = race_all(
            lambda waiting, code=code: prove.recovery_code(waiting, code, now=NOW, where=HERE),
            sign_ins,
        )
        assert [one.accepted for one in judged].count(True) == 1
        testing.no_throttle()


def test_a_login_with_an_old_code_racing_a_new_set_never_touches_the_new_one(member):
    for _ in range(ROUNDS):
        old = new_codes(member)
        waiting = found(parked(member))
        judged, new = race(
            lambda w=waiting, old=old: prove.recovery_code(w, old[0], now=NOW, where=HERE),
            lambda: regenerate(member),
        )
        assert unused(member) == counted(member) == len(new)
        assert not any(recovery.spend(member.pk, code, now=NOW) for code in old)
        if not judged.accepted:
            assert judged.waiting.decision.verdict is Verdict.CHALLENGE
        testing.no_throttle()


def test_two_new_sets_at_once_leave_one(member):
    for _ in range(ROUNDS):
        sets = race_all(lambda _racer: regenerate(member), range(2))
        working = [recovery.spend(member.pk, one[0], now=NOW) for one in sets]
        assert working.count(True) == 1
        assert unused(member) == counted(member) == recovery.SET_SIZE - 1


def regenerate(user):
    """Make a new set as the flows do: the account is locked first."""
    with transaction.atomic():
        Account.objects.lock(user.pk)
        return new_codes(user)


# --- mailed codes and tickets ----------------------------------------------------------------


def test_a_mailed_code_submitted_twice_works_once(newcomer):
    session = parked(newcomer)
    for _ in range(ROUNDS):
        waiting = found(session)
        code = mailbox.new_code(waiting.row, os.urandom(mailbox.CODE_BYTES), now=NOW)
        rows = [found(session).row, found(session).row]
        proven = race_all(lambda row, code=code: mailbox.prove(row, code, now=NOW), rows)
        assert proven.count(True) == 1


def test_a_mailed_code_racing_its_successor_leaves_the_successor_alone(newcomer):
    session = parked(newcomer)
    for _ in range(ROUNDS):
        waiting = found(session)
        old = mailbox.new_code(waiting.row, os.urandom(mailbox.CODE_BYTES), now=NOW)
        row = found(session).row
        _proven, new = race(
            lambda row=row, old=old: mailbox.prove(row, old, now=NOW),
            lambda w=waiting: mailbox.new_code(w.row, os.urandom(mailbox.CODE_BYTES), now=NOW),
        )
        assert mailbox.prove(found(session).row, new, now=NOW)


def test_the_mailbox_page_takes_a_double_click_once(newcomer):
    for _ in range(ROUNDS):
        session = parked(newcomer)
        waiting = found(session)
        code = mailbox.new_code(waiting.row, os.urandom(mailbox.CODE_BYTES), now=NOW)
        both = [found(session), found(session)]
        judged = race_all(
            lambda w, code=code: prove.mailbox_code(w, code, now=NOW, where=HERE), both
        )
        assert [one.accepted for one in judged].count(True) == 1
        assert found(session).decision.verdict is Verdict.ENROL
        testing.no_throttle()


def test_a_ticket_submitted_twice_works_once(newcomer):
    for _ in range(ROUNDS):
        shown = ticket.issue(newcomer.pk, os.urandom(ticket.TICKET_BYTES), now=NOW)
        spent = race_all(
            lambda _racer, shown=shown: ticket.spend(newcomer.pk, shown, now=NOW), range(2)
        )
        assert spent.count(True) == 1


def test_a_ticket_lets_one_of_two_sign_ins_go_on(newcomer):
    for _ in range(ROUNDS):
        shown = recover.issue_ticket(newcomer, os.urandom(ticket.TICKET_BYTES), now=NOW)
        sign_ins = [found(parked(newcomer)), found(parked(newcomer))]
        judged = race_all(
            lambda w, shown=shown: prove.enrolment_ticket(w, shown, now=NOW, where=HERE), sign_ins
        )
        assert [one.accepted for one in judged].count(True) == 1
        testing.no_throttle()


def test_two_tickets_issued_at_once_leave_one_that_works(newcomer):
    for _ in range(ROUNDS):
        shown = race_all(
            lambda random: recover.issue_ticket(newcomer, random, now=NOW),
            [os.urandom(ticket.TICKET_BYTES) for _ in range(3)],
        )
        assert EnrolmentTicket.objects.filter(used_at__isnull=True).count() == 1
        spent = [ticket.spend(newcomer.pk, one, now=NOW) for one in shown]
        assert spent.count(True) == 1


# --- records ---------------------------------------------------------------------------------


def test_proofs_added_by_two_tabs_are_both_kept(member):
    factor = Factor.objects.get(user=member)
    for _ in range(ROUNDS):
        session = parked(member)
        tabs = [found(session), found(session), found(session)]
        epoch = tabs[0].who.account_epoch
        proofs = [
            Proof(ProofKind.MAILBOX, NOW, epoch),
            Proof(ProofKind.TICKET, NOW, epoch),
            Proof(ProofKind.FACTOR, NOW, epoch, factor_id=factor.pk),
        ]
        race_all(
            lambda pair: record.add_proof(pair[0], pair[1], now=NOW),
            list(zip(tabs, proofs, strict=True)),
        )
        kinds = {proof.kind for proof in found(session).session.proofs}
        assert kinds == {"password", "mailbox", "ticket", "factor"}


def test_a_proof_racing_a_cancellation_never_revives_the_record(member):
    factor = Factor.objects.get(user=member)
    for _ in range(ROUNDS):
        session = parked(member)
        tabs = found(session), again(session)
        proof = Proof(ProofKind.FACTOR, NOW, tabs[0].who.account_epoch, factor_id=factor.pk)
        race(
            lambda tabs=tabs, proof=proof: added(tabs[0], proof),
            lambda tabs=tabs: login.cancel(tabs[1], now=NOW, where=HERE),
        )
        assert found(session) is None


def added(waiting, proof):
    try:
        return record.add_proof(waiting, proof, now=NOW)
    except record.RecordGoneError:
        return None


def test_a_record_is_claimed_by_one_of_sixteen(member):
    for _ in range(ROUNDS):
        pk = found(parked(member)).row.pk
        claimed = race_all(lambda _racer, pk=pk: ParkedLogin.objects.claim(pk, now=NOW), range(16))
        assert claimed.count(True) == 1


def test_a_sign_in_completed_by_two_tabs_makes_one_live_session(member):
    factor = Factor.objects.get(user=member)
    for _ in range(ROUNDS):
        Session.objects.all().delete()
        session = parked(member)
        waiting = found(session)
        epoch = waiting.who.account_epoch
        record.add_proof(waiting, Proof(ProofKind.FACTOR, NOW, epoch, factor_id=factor.pk), now=NOW)
        tabs = [again(session), again(session)]
        done = race_all(complete, tabs)
        assert done.count(True) == 1
        stored = [one.get_decoded() for one in Session.objects.all()]
        assert [SESSION_KEY in data for data in stored] == [True]


def complete(session):
    """Complete as the door does: what was changed is saved."""
    waiting = record.waiting(session, now=NOW)
    done = waiting is not None and login.complete(session, waiting, now=NOW, where=HERE)
    if session.modified:
        session.save()
    return done


def test_clearing_away_old_records_bears_company(member):
    for _ in range(ROUNDS):
        for _ in range(2):
            row = found(parked(member)).row
            Factor.objects.create(
                user=member, record=row, kind="totp", name="", created_at="2026-01-01T00:00Z"
            )
        over = NOW + 2 * KEEP_SECONDS
        race_all(lambda _racer, over=over: ParkedLogin.objects.prune(now=over), range(4))
        assert not ParkedLogin.objects.exists()


def test_an_enrolment_started_by_two_clicks_shows_both_tabs_the_same_key(newcomer):
    for _ in range(ROUNDS):
        session = parked(newcomer)
        proven_mailbox(session)
        tabs = [found(session), found(session)]
        started = race_all(
            lambda w: enrol.start(w, os.urandom(20), name="Phone", now=NOW, where=HERE), tabs
        )
        assert started == [True, True]
        keys = {enrol.pending(tab).secret for tab in tabs}
        assert len(keys) == 1


def proven_mailbox(session):
    waiting = found(session)
    record.add_proof(waiting, Proof(ProofKind.MAILBOX, NOW, waiting.who.account_epoch), now=NOW)


def test_the_same_first_code_confirms_an_enrolment_once(newcomer):
    code = otp.code_at(FACTOR_RANDOM, now=NOW)
    for _ in range(ROUNDS):
        session = parked(newcomer)
        proven_mailbox(session)
        enrol.start(found(session), FACTOR_RANDOM, name="Phone", now=NOW, where=HERE)
        tabs = [found(session), found(session)]
        done = race_all(
            lambda w: enrol.confirm(w, code, CODES_RANDOM, name="Phone", now=NOW, where=HERE), tabs
        )
        assert [one.accepted for one in done].count(True) == 1
        assert Factor.objects.confirmed().count() == 1
        assert unused(newcomer) == counted(newcomer) == recovery.SET_SIZE
        shown = next(one.codes for one in done if one.accepted)
        assert all(codes.clean_recovery_code(one) for one in shown)
        assert recovery.spend(newcomer.pk, shown[0], now=NOW)
        recover.reset_factors(newcomer, reason="the round is over", now=NOW)
        testing.no_throttle()
