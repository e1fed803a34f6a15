"""Mailbox proof: eight digits for one record, and a week for an owner to notice a change."""

from __future__ import annotations

import pytest
from django.test import override_settings

from hardening.factors import mailbox
from hardening.factors.mailbox import CHANGE_SECONDS, CODE_SECONDS, TOLD_SECONDS
from hardening.models import Account, ParkedLogin
from hardening.vault import Unsealable
from tests.visitor import DAY, NOW

NEW, OLD = "n" * 40, "o" * 40
RANDOM = bytes(range(16))


def ring(*roots: str) -> override_settings:
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


def moves(user, email: str, *, now: int) -> None:
    """Change the address by whatever page the host has; the account hears of it later."""
    user.email = email
    user.save()
    mailbox.note_address(user, now=now)


def goes_to(user, *, now: int) -> str:
    """Where a proof goes."""
    return mailbox.note_address(user, now=now).provable(now)


def told(user, *, now: int) -> tuple[str, ...]:
    """Where a notice goes."""
    return mailbox.note_address(user, now=now).told(now)


def sent(record, random: bytes = RANDOM, *, now: int = NOW) -> str:
    code = mailbox.new_code(record, random, now=now)
    record.refresh_from_db()
    return code


# ---------------------------------------------------------------- the code


def test_a_code_is_eight_digits_and_works_once(record) -> None:
    code = sent(record)
    assert len(code) == 8
    assert code.isdigit()
    assert mailbox.prove(record, f"{code[:4]} {code[4:]}", now=NOW)
    assert not mailbox.prove(record, code, now=NOW)


def test_two_tabs_that_read_the_same_row_get_one_yes(record) -> None:
    code = sent(record)
    twin = ParkedLogin.objects.get(pk=record.pk)
    assert mailbox.prove(record, code, now=NOW)
    assert not mailbox.prove(twin, code, now=NOW)


@pytest.mark.parametrize("after,good", [(CODE_SECONDS - 1, True), (CODE_SECONDS, False)])
def test_a_code_lives_for_ten_minutes(user, make_record, after, good) -> None:
    record = make_record(user, expires_at=NOW + DAY)
    assert CODE_SECONDS == 600
    code = sent(record)
    assert mailbox.prove(record, code, now=NOW + after) == good


@pytest.mark.parametrize(
    "typed", ["", "1234567", "123456789", "1234567a", "１２３４５６７８", "\x00"]
)
def test_what_is_no_code_proves_nothing(record, typed) -> None:
    sent(record)
    assert not mailbox.prove(record, typed, now=NOW)


def test_a_wrong_code_leaves_the_right_one_standing(record) -> None:
    code = sent(record)
    wrong = f"{(int(code) + 1) % 10**8:08}"
    assert not mailbox.prove(record, wrong, now=NOW)
    assert mailbox.prove(record, code, now=NOW)


def test_nothing_is_proven_where_nothing_was_sent(record) -> None:
    assert not mailbox.prove(record, "00000000", now=NOW)


def test_a_code_is_bound_to_the_record_that_asked(user, record, make_record) -> None:
    elsewhere = make_record(user)
    code = sent(record)
    assert not mailbox.prove(elsewhere, code, now=NOW)
    # Not even with the digest copied over.
    ParkedLogin.objects.filter(pk=elsewhere.pk).update(
        mail_digest=record.mail_digest, mail_expires_at=record.mail_expires_at
    )
    elsewhere.refresh_from_db()
    assert not mailbox.prove(elsewhere, code, now=NOW)


def test_a_new_code_takes_the_place_of_the_old_one_but_resets_no_count(record) -> None:
    old = sent(record)
    ParkedLogin.objects.update(failures=3)
    new = sent(record, bytes(16))
    assert not mailbox.prove(record, old, now=NOW)
    assert mailbox.prove(record, new, now=NOW)
    assert ParkedLogin.objects.get().failures == 3


def test_a_voided_code_proves_nothing(record) -> None:
    code = sent(record)
    mailbox.void_code(record)
    record.refresh_from_db()
    assert not mailbox.prove(record, code, now=NOW)
    assert record.mail_sent_at is None


def test_a_finished_record_gets_no_code(record) -> None:
    ParkedLogin.objects.end(record.pk, now=NOW)
    code = sent(record)
    assert record.mail_digest == ""
    assert not mailbox.prove(record, code, now=NOW)


def test_the_row_does_not_hold_the_code(record) -> None:
    code = sent(record)
    assert code not in str(ParkedLogin.objects.values().get())


def test_a_code_on_its_way_outlives_a_new_key(record) -> None:
    with ring(OLD):
        code = sent(record)
    with ring(NEW):
        assert not mailbox.prove(record, code, now=NOW)
    with ring(NEW, OLD):
        assert mailbox.prove(record, code, now=NOW)


# ---------------------------------------------------------------- the address


def test_the_first_address_is_no_change(user) -> None:
    assert goes_to(user, now=NOW) == "ada@example.com"
    assert told(user, now=NOW) == ("ada@example.com",)


def test_the_address_lies_sealed(user) -> None:
    mailbox.note_address(user, now=NOW)
    account = Account.objects.get()
    assert "ada" not in account.email
    assert "ada" not in repr(mailbox.known(account))
    assert mailbox.known(account).current == "ada@example.com"


@pytest.mark.parametrize(
    "after,address",
    [
        (0, "ada@example.com"),
        (CHANGE_SECONDS - 1, "ada@example.com"),
        (CHANGE_SECONDS, "eve@example.com"),
        (-DAY, "ada@example.com"),  # a clock that stepped back opens nothing
    ],
)
def test_for_seven_days_after_a_change_the_proof_goes_to_the_old_address(
    user, after, address
) -> None:
    assert CHANGE_SECONDS == 7 * DAY
    mailbox.note_address(user, now=NOW - DAY)
    moves(user, "eve@example.com", now=NOW)
    assert goes_to(user, now=NOW + after) == address


def test_the_old_address_goes_on_hearing_of_things_for_thirty_days(user) -> None:
    mailbox.note_address(user, now=NOW)
    moves(user, "eve@example.com", now=NOW)
    assert TOLD_SECONDS == 30 * DAY
    both = ("eve@example.com", "ada@example.com")
    assert told(user, now=NOW) == told(user, now=NOW + TOLD_SECONDS - 1) == both
    assert told(user, now=NOW + TOLD_SECONDS) == ("eve@example.com",)


def test_the_first_address_of_an_account_that_had_none_proves_nothing_for_seven_days(user) -> None:
    moves(user, "", now=NOW - 90 * DAY)
    moves(user, "eve@example.com", now=NOW)
    assert goes_to(user, now=NOW + CHANGE_SECONDS - 1) == ""
    assert goes_to(user, now=NOW + CHANGE_SECONDS) == "eve@example.com"


def test_a_change_is_noticed_once(user) -> None:
    assert not mailbox.note_address(user, now=NOW).changed
    user.email = "eve@example.com"
    assert mailbox.note_address(user, now=NOW).changed
    assert not mailbox.note_address(user, now=NOW).changed


def test_a_second_change_within_the_week_still_leads_to_the_address_before_both(user) -> None:
    mailbox.note_address(user, now=NOW)
    moves(user, "eve@example.com", now=NOW)
    moves(user, "mallory@example.com", now=NOW + 6 * DAY)
    assert goes_to(user, now=NOW + 12 * DAY) == "ada@example.com"
    assert goes_to(user, now=NOW + 13 * DAY) == "mallory@example.com"


def test_emptying_the_address_first_makes_no_change_a_first_one(user) -> None:
    mailbox.note_address(user, now=NOW)
    moves(user, "", now=NOW)
    user.email = "eve@example.com"
    user.save()
    assert told(user, now=NOW + DAY) == ("eve@example.com", "ada@example.com")
    assert goes_to(user, now=NOW + DAY) == "ada@example.com"


def test_changing_back_leads_home(user) -> None:
    mailbox.note_address(user, now=NOW)
    moves(user, "eve@example.com", now=NOW)
    moves(user, "ada@example.com", now=NOW + DAY)
    assert goes_to(user, now=NOW + DAY) == "ada@example.com"


def test_without_an_address_there_is_nowhere_to_go(user) -> None:
    user.email = ""
    assert goes_to(user, now=NOW) == ""
    assert told(user, now=NOW) == ()
    assert mailbox.email_of(object()) == ""


def test_an_address_that_does_not_open_is_no_absence(user, other) -> None:
    mailbox.note_address(user, now=NOW)
    mailbox.note_address(other, now=NOW)
    # Copied from somebody else's row.
    sealed = Account.objects.get(pk=other.pk).email
    Account.objects.filter(pk=user.pk).update(email=sealed)
    with pytest.raises(Unsealable):
        goes_to(user, now=NOW)


def test_addresses_are_sealed_anew_once(user) -> None:
    with ring(OLD):
        mailbox.note_address(user, now=NOW)
        moves(user, "eve@example.com", now=NOW)
        assert not mailbox.reseal(Account.objects.get())
    with ring(NEW, OLD):
        assert mailbox.reseal(Account.objects.get())
        assert not mailbox.reseal(Account.objects.get())
    with ring(NEW):
        known = mailbox.known(Account.objects.get())
        assert (known.current, known.previous) == ("eve@example.com", "ada@example.com")


def test_resealing_does_not_bring_an_old_address_back(user) -> None:
    with ring(OLD):
        mailbox.note_address(user, now=NOW)
        stale = Account.objects.get()
        moves(user, "eve@example.com", now=NOW)
    with ring(NEW, OLD):
        assert not mailbox.reseal(stale)
        assert mailbox.known(Account.objects.get()).current == "eve@example.com"


@pytest.mark.parametrize(
    "address,masked",
    [
        ("ada@example.com", "a•••@example.com"),
        ("a@example.com", "a•••@example.com"),
        ('"a@b"@example.com', '"•••@example.com'),
        ("nonsense", "n•••"),
        ("", "•••"),
    ],
)
def test_a_mask_shows_what_one_knows_already(address, masked) -> None:
    assert mailbox.mask(address) == masked
