"""Queries that must be one statement to be right: the row count is the answer."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import testing
from hardening.models import (
    Account,
    Factor,
    ParkedLogin,
    SiteState,
)
from hardening.models.factor import MAX_CONSECUTIVE_FAILURES
from hardening.models.parked import KEEP_SECONDS, MAX_EVALUATED_FAILURES
from hardening.moments import moment
from tests.visitor import NOW

AT = moment(NOW)


@pytest.fixture
def factor(user):
    """Return a confirmed authenticator of `user`."""
    return testing.enrol(user)


@pytest.fixture
def one_statement():
    """Return a context manager that expects one statement, and that one an UPDATE."""

    class Expect(CaptureQueriesContext):
        def __exit__(self, *exc):
            super().__exit__(*exc)
            if exc[0] is None:
                assert [query["sql"][:6] for query in self] == ["UPDATE"]

    return lambda: Expect(connection)


# ---------------------------------------------------------------- accounts and epochs


def test_bumping_makes_the_row_that_is_missing(user) -> None:
    assert Account.objects.bump_epoch(user.pk) == 1
    assert Account.objects.bump_epoch(user.pk) == 2


def test_an_account_is_made_once(user) -> None:
    assert Account.objects.of(user.pk) == Account.objects.of(user.pk)
    Account.objects.filter(pk=user.pk).update(epoch=7)
    assert Account.objects.of(user.pk).epoch == 7


def test_locking_changes_nothing(user, one_statement) -> None:
    Account.objects.bump_epoch(user.pk)
    with one_statement():
        Account.objects.lock(user.pk)
    assert Account.objects.get().epoch == 1


def test_recovery_codes_are_never_fewer_than_none(user, one_statement) -> None:
    Account.objects.create(user=user, codes_left=1)
    for _ in range(2):
        with one_statement():
            Account.objects.spend_recovery_code(user.pk)
    assert Account.objects.get().codes_left == 0


@pytest.mark.django_db
def test_the_epoch_of_the_site_counts_on() -> None:
    assert [SiteState.objects.bump_epoch() for _ in range(3)] == [1, 2, 3]


# ---------------------------------------------------------------- factors


def test_a_step_is_claimed_once_and_forwards_only(factor, one_statement) -> None:
    claims = []
    for step in (10, 10, 9, 11):
        with one_statement():
            claims.append(Factor.objects.claim_step(factor.pk, step, now=NOW))
    assert claims == [True, False, False, True]


def test_a_removed_or_pending_factor_spends_no_step(factor) -> None:
    Factor.objects.update(confirmed_at=None)
    assert not Factor.objects.claim_step(factor.pk, 10, now=NOW)
    Factor.objects.update(confirmed_at=AT)
    Factor.objects.retire(factor.pk, now=NOW)
    assert not Factor.objects.claim_step(factor.pk, 10, now=NOW)


def test_a_factor_is_removed_once(factor, one_statement) -> None:
    with one_statement():
        assert Factor.objects.retire(factor.pk, now=NOW)
    assert not Factor.objects.retire(factor.pk, now=NOW)


def test_the_hundredth_wrong_code_is_told_and_told_once(factor) -> None:
    Factor.objects.update(failures_unknown=MAX_CONSECUTIVE_FAILURES - 2)
    counted = [Factor.objects.count_failure(factor.pk, known_browser=False) for _ in range(4)]
    assert counted == [False, True, False, False]
    factor.refresh_from_db()
    assert (factor.failures_unknown, factor.failures_known) == (MAX_CONSECUTIVE_FAILURES, 0)


def test_a_right_code_ends_the_run_of_its_own_kind_of_browser(factor) -> None:
    Factor.objects.update(failures_known=9, failures_unknown=9)
    Factor.objects.forgive(factor.pk, known_browser=True)
    factor.refresh_from_db()
    assert (factor.failures_known, factor.failures_unknown) == (0, 9)


def test_a_right_code_does_not_bring_back_what_was_disabled(factor) -> None:
    Factor.objects.update(failures_known=MAX_CONSECUTIVE_FAILURES)
    Factor.objects.forgive(factor.pk, known_browser=True)
    factor.refresh_from_db()
    assert factor.failures_known == MAX_CONSECUTIVE_FAILURES


def test_an_id_from_a_client_finds_its_owners_factors_only(factor, user, other) -> None:
    assert Factor.objects.owned(user.pk).filter(pk=factor.pk).exists()
    assert not Factor.objects.owned(other.pk).filter(pk=factor.pk).exists()


# ---------------------------------------------------------------- parked logins


def test_a_record_has_five_tries(record, one_statement) -> None:
    tries = []
    for _ in range(MAX_EVALUATED_FAILURES + 1):
        with one_statement():
            tries.append(ParkedLogin.objects.reserve_try(record.pk, now=NOW))
    assert tries == [True] * 5 + [False]
    assert not ParkedLogin.objects.waiting(now=NOW).exists()
    assert not ParkedLogin.objects.claim(record.pk, now=NOW)


def test_a_try_given_back_can_be_taken_again_and_none_is_given_twice(record) -> None:
    ParkedLogin.objects.reserve_try(record.pk, now=NOW)
    for _ in range(3):
        ParkedLogin.objects.refund_try(record.pk)
    record.refresh_from_db()
    assert record.failures == 0


@pytest.mark.parametrize("after,waits", [(599, True), (600, False)])
def test_a_record_dies_at_its_time(record, after, waits) -> None:
    now = NOW + after
    assert ParkedLogin.objects.waiting(now=now).exists() == waits
    assert ParkedLogin.objects.reserve_try(record.pk, now=now) == waits
    assert ParkedLogin.objects.claim(record.pk, now=now) == waits


def test_a_record_is_claimed_once_and_what_it_carried_is_gone(record, one_statement) -> None:
    ParkedLogin.objects.update(data="sealed", mail_digest="d", mail_expires_at=NOW + 9)
    with one_statement():
        assert ParkedLogin.objects.claim(record.pk, now=NOW)
    assert not ParkedLogin.objects.claim(record.pk, now=NOW)
    record.refresh_from_db()
    assert (record.data, record.mail_digest, record.finished_at) == ("", "", NOW)


def test_a_record_that_was_ended_is_not_claimed_and_one_claimed_is_not_ended(
    user, make_record
) -> None:
    ended, claimed = make_record(user, data="sealed"), make_record(user)
    ParkedLogin.objects.end(ended.pk, now=NOW)
    assert not ParkedLogin.objects.claim(ended.pk, now=NOW)
    ParkedLogin.objects.claim(claimed.pk, now=NOW)
    ParkedLogin.objects.end(claimed.pk, now=NOW + 5)
    claimed.refresh_from_db()
    assert claimed.finished_at == NOW
    ended.refresh_from_db()
    assert ended.data == ""


def test_proofs_are_written_over_what_was_read_and_nothing_else(record, one_statement) -> None:
    with one_statement():
        assert ParkedLogin.objects.swap_proofs(record.pk, seen=0, values={"proofs": "[1]"})
    assert not ParkedLogin.objects.swap_proofs(record.pk, seen=0, values={"proofs": "[2]"})
    assert ParkedLogin.objects.swap_proofs(record.pk, seen=1, values={"proofs": "[3]"})
    record.refresh_from_db()
    assert (record.proofs, record.version) == ("[3]", 2)


def test_a_finished_record_takes_no_proof(record) -> None:
    ParkedLogin.objects.end(record.pk, now=NOW)
    assert not ParkedLogin.objects.swap_proofs(record.pk, seen=0, values={"proofs": "[1]"})


def test_no_mail_code_is_no_code(record) -> None:
    ParkedLogin.objects.update(mail_digest="", mail_expires_at=NOW + 9)
    assert not ParkedLogin.objects.spend_mail_code(record.pk, "", now=NOW)


def test_a_dead_record_spends_no_mail_code(record) -> None:
    ParkedLogin.objects.update(mail_digest="d", mail_expires_at=NOW + 9, failures=5)
    assert not ParkedLogin.objects.spend_mail_code(record.pk, "d", now=NOW)


def test_records_are_kept_a_day_and_then_pruned(user, make_record) -> None:
    make_record(user, expires_at=NOW - KEEP_SECONDS)
    make_record(user, expires_at=NOW - KEEP_SECONDS - 1)
    assert ParkedLogin.objects.prune(now=NOW) == 1
    assert ParkedLogin.objects.get().expires_at == NOW - KEEP_SECONDS
