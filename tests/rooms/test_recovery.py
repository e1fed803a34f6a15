"""Recovery codes and enrolment tickets: once each, whatever key made them, and no plain text."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext

from hardening.core import codes
from hardening.factors import recovery, ticket
from hardening.models import Account, EnrolmentTicket, RecoveryCode
from hardening.models.ticket import TICKET_SECONDS
from tests.visitor import DAY, NOW

NEW, OLD = "n" * 40, "o" * 40
RANDOM = bytes(range(150))
OTHER_RANDOM = bytes(reversed(range(150)))


def ring(*roots: str) -> override_settings:
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


@pytest.fixture
def shown(user) -> tuple[str, ...]:
    """Return the codes of a user as she saw them."""
    Account.objects.of(user.pk)
    return recovery.make(user.pk, RANDOM, now=NOW)


def left(user) -> int:
    return Account.objects.get(pk=user.pk).codes_left


# ---------------------------------------------------------------- recovery codes


def test_a_set_is_ten_different_codes(shown, user) -> None:
    assert len(set(shown)) == 10 == RecoveryCode.objects.count() == left(user)


def test_a_dump_of_the_table_holds_no_code(shown) -> None:
    dump = str(list(RecoveryCode.objects.values()))
    for code in shown:
        assert code not in dump
        assert codes.clean_recovery_code(code) not in dump


def test_each_code_works_once(shown, user) -> None:
    for number, code in enumerate(shown, 1):
        assert recovery.spend(user.pk, code, now=NOW)
        assert not recovery.spend(user.pk, code, now=NOW)
        assert left(user) == 10 - number


def test_case_spaces_and_dashes_do_not_matter(shown, user) -> None:
    assert recovery.spend(user.pk, f"  {shown[0].lower().replace('-', ' ')} ", now=NOW)
    assert recovery.spend(user.pk, shown[1].replace("-", ""), now=NOW)


@pytest.mark.parametrize("typed", ["", "123456", "O" * 24, "A" * 24, "\x00", "A" * 100_000])
def test_what_is_no_code_spends_nothing(shown, user, typed) -> None:
    assert not recovery.spend(user.pk, typed, now=NOW)
    assert left(user) == 10


def test_what_cannot_be_a_code_costs_no_query(shown, user, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        assert not recovery.spend(user.pk, "not a code", now=NOW)


def test_a_wrong_guess_costs_one_statement(shown, user) -> None:
    with CaptureQueriesContext(connection) as asked:
        assert not recovery.spend(user.pk, "A" * 24, now=NOW)
    assert len(asked) == 1


def test_somebody_elses_code_opens_nothing(shown, user, other) -> None:
    Account.objects.of(other.pk)
    assert not recovery.spend(other.pk, shown[0], now=NOW)
    RecoveryCode.objects.update(user=other)  # a digest copied over is bound to its owner
    assert not recovery.spend(other.pk, shown[0], now=NOW)


def test_a_new_set_kills_the_old_one(shown, user) -> None:
    fresh = recovery.make(user.pk, OTHER_RANDOM, now=NOW)
    assert not any(recovery.spend(user.pk, code, now=NOW) for code in shown)
    assert left(user) == 10
    assert recovery.spend(user.pk, fresh[0], now=NOW)


def test_removing_all_leaves_none(shown, user) -> None:
    recovery.remove_all(user.pk)
    assert not recovery.spend(user.pk, shown[0], now=NOW)
    assert left(user) == 0


def test_printed_codes_outlive_a_new_key(user) -> None:
    Account.objects.of(user.pk)
    with ring(OLD):
        shown = recovery.make(user.pk, RANDOM, now=NOW)
        old_id = RecoveryCode.objects.first().key_id
    with ring(NEW, OLD):
        assert recovery.spend(user.pk, shown[0], now=NOW)
        recovery.make(user.pk, RANDOM, now=NOW)
        assert RecoveryCode.objects.first().key_id != old_id
    with ring(OLD):
        assert not recovery.spend(user.pk, shown[1], now=NOW)  # the set is the new key's now


def test_a_code_of_a_key_that_is_gone_opens_nothing(user) -> None:
    Account.objects.of(user.pk)
    with ring(OLD):
        shown = recovery.make(user.pk, RANDOM, now=NOW)
    with ring(NEW):
        assert not recovery.spend(user.pk, shown[0], now=NOW)


def test_too_little_chance_makes_no_codes(user) -> None:
    with pytest.raises(ValueError, match="random bytes"):
        recovery.make(user.pk, RANDOM[:-1], now=NOW)
    assert not RecoveryCode.objects.exists()


# ---------------------------------------------------------------- tickets


@pytest.fixture
def handed(user) -> str:
    """Return a ticket as it is handed over."""
    return ticket.issue(user.pk, bytes(range(15)), now=NOW)


def test_a_ticket_works_once(handed, user) -> None:
    assert ticket.spend(user.pk, handed.lower(), now=NOW)
    assert not ticket.spend(user.pk, handed, now=NOW)


@pytest.mark.parametrize(
    "after,good", [(0, True), (TICKET_SECONDS - 1, True), (TICKET_SECONDS, False), (2 * DAY, False)]
)
def test_a_ticket_lives_for_24_hours(handed, user, after, good) -> None:
    assert TICKET_SECONDS == DAY
    assert ticket.spend(user.pk, handed, now=NOW + after) == good


def test_a_new_ticket_voids_the_one_before(handed, user) -> None:
    fresh = ticket.issue(user.pk, bytes(15), now=NOW)
    assert not ticket.spend(user.pk, handed, now=NOW)
    assert ticket.spend(user.pk, fresh, now=NOW)


def test_a_used_ticket_is_kept_as_evidence(handed, user) -> None:
    ticket.spend(user.pk, handed, now=NOW)
    ticket.issue(user.pk, bytes(15), now=NOW)
    assert EnrolmentTicket.objects.filter(used_at__isnull=False).count() == 1


def test_a_ticket_is_for_whom_it_was_made(handed, user, other) -> None:
    assert not ticket.spend(other.pk, handed, now=NOW)
    EnrolmentTicket.objects.update(user=other)
    assert not ticket.spend(other.pk, handed, now=NOW)


def test_the_table_holds_no_ticket(handed) -> None:
    dump = str(list(EnrolmentTicket.objects.values()))
    assert handed not in dump
    assert codes.clean_ticket_code(handed) not in dump


@pytest.mark.parametrize("typed", ["", "nonsense", "A" * 24, "A" * 10_000])
def test_what_is_no_ticket_opens_nothing(handed, user, typed) -> None:
    assert not ticket.spend(user.pk, typed, now=NOW)


def test_a_ticket_outlives_a_new_key(user) -> None:
    with ring(OLD):
        handed = ticket.issue(user.pk, bytes(range(15)), now=NOW)
    with ring(NEW, OLD):
        assert ticket.spend(user.pk, handed, now=NOW)


def test_a_recovery_code_is_no_ticket_and_a_ticket_no_recovery_code(user) -> None:
    """The same 120 bits under two purposes: the keys differ."""
    Account.objects.of(user.pk)
    shown = recovery.make(user.pk, RANDOM, now=NOW)
    handed = ticket.issue(user.pk, RANDOM[:15], now=NOW)
    assert handed == shown[0]
    digests = {RecoveryCode.objects.first().digest, EnrolmentTicket.objects.get().digest}
    assert len(digests) == 2
    assert ticket.spend(user.pk, handed, now=NOW)
    assert left(user) == 10
