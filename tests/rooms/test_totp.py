"""Authenticators: sealed to their rows, pending for one record, each code once."""

from __future__ import annotations

import pytest
from django.test import override_settings

from hardening import testing, vault
from hardening.core import otp
from hardening.core.values import Strength
from hardening.factors import registry, totp
from hardening.factors.registry import Kind
from hardening.factors.totp import Finding
from hardening.models import Account, Factor
from hardening.models.factor import MAX_CONSECUTIVE_FAILURES
from hardening.vault import Unsealable
from tests.visitor import NOW, STEP

SECRET = bytes(range(20))
NEW, OLD = "n" * 40, "o" * 40


def ring(*roots: str) -> override_settings:
    return override_settings(HARDENING={"VAULT_KEYS": list(roots)})


def code(at: int = NOW, secret: bytes = SECRET) -> str:
    return otp.code_at(secret, now=at)


def start(record, secret: bytes = SECRET, name: str = "Phone") -> totp.Pending:
    return totp.start(record, name=name, secret=secret, now=NOW)


@pytest.fixture
def phone(record) -> Factor:
    """Return a confirmed authenticator whose first code is spent."""
    waiting = start(record)
    assert totp.confirm(waiting, record, code(), name="Phone", now=NOW)
    return Factor.objects.get(pk=waiting.pk)


# ---------------------------------------------------------------- pending


def test_a_pending_secret_lies_sealed_in_its_row(record) -> None:
    waiting = start(record)
    row = Factor.objects.get()
    assert waiting.secret == SECRET == totp.secret_of(row)
    assert SECRET.hex() not in row.secret
    assert row.confirmed_at is None
    assert totp.pending(record).secret == SECRET


def test_a_pending_secret_stays_out_of_the_repr(record) -> None:
    shown = repr(start(record))
    assert shown == f"Pending(pk={Factor.objects.get().pk})"


def test_starting_again_leaves_one_pending_authenticator(record) -> None:
    start(record)
    waiting = start(record, secret=bytes(20))
    assert Factor.objects.get().pk == waiting.pk
    assert totp.pending(record).secret == bytes(20)


def test_a_pending_authenticator_waits_in_its_own_record_only(user, record, make_record) -> None:
    waiting, elsewhere = start(record), make_record(user)
    assert totp.pending(elsewhere) is None
    assert not totp.confirm(waiting, elsewhere, code(), name="Phone", now=NOW)
    assert Factor.objects.get().confirmed_at is None


def test_a_pending_secret_that_does_not_open_is_said(record) -> None:
    start(record)
    Factor.objects.update(secret="v1.damaged")
    with pytest.raises(Unsealable):
        totp.pending(record)


@pytest.mark.parametrize("typed", ["", "000000", "12345", code(NOW - 90), code(NOW + 90), "\x00"])
def test_a_wrong_first_code_confirms_nothing(record, typed) -> None:
    assert not totp.confirm(start(record), record, typed, name="Phone", now=NOW)
    assert not Factor.objects.confirmed().exists()


def test_confirming_names_it_spends_its_code_and_lets_go_of_the_record(phone, record) -> None:
    assert (phone.name, phone.record_id, phone.last_step) == ("Phone", None, NOW // STEP)
    assert totp.verify(phone, code(), now=NOW) is Finding.REPLAYED
    assert totp.pending(record) is None


def test_an_authenticator_is_confirmed_once(record) -> None:
    waiting = start(record)
    assert totp.confirm(waiting, record, code(), name="Phone", now=NOW)
    assert not totp.confirm(waiting, record, code(NOW + STEP), name="Again", now=NOW + STEP)
    assert Factor.objects.get().name == "Phone"


def test_a_name_as_long_as_a_book_is_cut(record) -> None:
    assert totp.confirm(start(record, name="x" * 999), record, code(), name="y" * 999, now=NOW)
    assert Factor.objects.get().name == "y" * 64


# ---------------------------------------------------------------- verifying


def test_a_code_is_right_once(phone) -> None:
    later = NOW + STEP
    assert totp.verify(phone, code(later), now=later) is Finding.RIGHT
    assert totp.verify(phone, code(later), now=later) is Finding.REPLAYED
    phone.refresh_from_db()
    assert totp.verify(phone, code(later), now=later) is Finding.REPLAYED


def test_an_older_code_of_the_same_window_is_spent_with_the_newer(phone) -> None:
    ahead = NOW + 2 * STEP
    assert totp.verify(phone, code(ahead), now=ahead - STEP) is Finding.RIGHT
    phone.refresh_from_db()
    assert totp.verify(phone, code(NOW + STEP), now=ahead - STEP) is Finding.REPLAYED


@pytest.mark.parametrize("typed", ["", "000000", "１２３４５６", "٠٠٠٠٠٠", "7a1505", "1" * 100_000])
def test_what_is_no_code_of_this_authenticator_is_wrong(phone, typed) -> None:
    assert totp.verify(phone, typed, now=NOW + STEP) is Finding.WRONG


def test_spaces_and_dashes_do_not_matter(phone) -> None:
    typed = code(NOW + STEP)
    assert totp.verify(phone, f" {typed[:3]}-{typed[3:]} ", now=NOW + STEP) is Finding.RIGHT


def test_a_removed_authenticator_proves_nothing_even_with_a_row_read_before(phone) -> None:
    Factor.objects.retire(phone.pk, now=NOW)
    assert totp.verify(phone, code(NOW + STEP), now=NOW + STEP) is Finding.REPLAYED
    assert Factor.objects.get().secret == ""


def test_two_authenticators_of_one_user_do_not_block_each_other(phone, record) -> None:
    waiting = start(record, secret=bytes(20))
    later = NOW + STEP
    assert totp.confirm(waiting, record, code(later, bytes(20)), name="Tablet", now=later)
    assert totp.verify(phone, code(later), now=later) is Finding.RIGHT


# ---------------------------------------------------------------- sealing


def test_a_secret_copied_to_another_row_does_not_open(phone, other) -> None:
    thief = testing.enrol(other)
    thief.secret = phone.secret
    thief.save()
    assert totp.verify(thief, code(NOW + STEP), now=NOW + STEP) is Finding.UNSEALABLE


def test_a_row_handed_to_another_user_does_not_open(phone, other) -> None:
    Factor.objects.update(user=other)
    phone.refresh_from_db()
    with pytest.raises(Unsealable):
        totp.secret_of(phone)


def test_secrets_outlive_a_new_key_and_are_sealed_anew_once(record) -> None:
    with ring(OLD):
        start(record)
        row = Factor.objects.get()
        assert not totp.reseal(row)
    with ring(NEW, OLD):
        assert totp.secret_of(row) == SECRET
        assert totp.reseal(row)
        row.refresh_from_db()
        assert not totp.reseal(row)
    with ring(NEW):
        assert totp.secret_of(row) == SECRET


def test_a_secret_removed_meanwhile_is_not_brought_back_by_resealing(record) -> None:
    with ring(OLD):
        start(record)
        row = Factor.objects.get()
    Factor.objects.update(secret="")
    with ring(NEW, OLD):
        assert not totp.reseal(row)
    row.refresh_from_db()
    assert row.secret == ""
    assert not totp.reseal(row)


def test_a_secret_whose_key_is_gone_is_said_and_kept(record) -> None:
    with ring(OLD):
        start(record)
    row = Factor.objects.get()
    with ring(NEW), pytest.raises(Unsealable):
        totp.reseal(row)
    row.refresh_from_db()
    assert vault.sealed_by(row.secret)


# ---------------------------------------------------------------- the registry


def test_what_is_written_is_read_again(phone, user) -> None:
    registry.rewrite(user.pk)
    assert Account.objects.filter(pk=user.pk).count() == 0  # there was no row to rewrite
    Account.objects.of(user.pk)
    registry.rewrite(user.pk)
    text = Account.objects.get().factors
    assert text == f"{phone.pk}:totp:1:ku"
    (value,) = registry.decode(text, known_browser=True)
    assert (value.id, value.kind, value.strength, value.usable) == (
        phone.pk,
        "totp",
        Strength.ANY,
        True,
    )


def test_pending_and_removed_authenticators_do_not_count(phone, user, record) -> None:
    Account.objects.of(user.pk)
    start(record)
    Factor.objects.retire(phone.pk, now=NOW)
    registry.rewrite(user.pk)
    assert Account.objects.get().factors == ""
    assert registry.decode("", known_browser=True) == ()


@pytest.mark.parametrize("known,unknown", [(0, 100), (100, 0), (100, 100), (99, 99)])
def test_a_hundred_wrong_codes_disable_for_the_browsers_they_came_from(
    phone, known, unknown
) -> None:
    phone.failures_known, phone.failures_unknown = known, unknown
    text = registry.encode([phone])
    for failures, known_browser in ((known, True), (unknown, False)):
        (value,) = registry.decode(text, known_browser=known_browser)
        assert value.usable == (failures < MAX_CONSECUTIVE_FAILURES)


def test_uninstalling_a_kind_removes_nobodys_factor(phone, monkeypatch) -> None:
    passkey = Kind("passkey", "Passkey", Strength.PHISHING_RESISTANT)
    monkeypatch.setattr(registry, "_kinds", {**registry._kinds, "passkey": passkey})
    assert registry.strongest() is Strength.PHISHING_RESISTANT
    phone.kind = "passkey"
    text = registry.encode([phone])
    del registry._kinds["passkey"]
    for encoded in (text, registry.encode([phone])):
        (value,) = registry.decode(encoded, known_browser=True)
        assert not value.usable
    assert registry.strongest() is Strength.ANY


def test_no_kind_at_all_reaches_nothing(monkeypatch) -> None:
    monkeypatch.setattr(registry, "_kinds", {})
    assert registry.strongest() is Strength.NONE
    registry.install(Kind("totp", "App", Strength.ANY))
    assert [kind.key for kind in registry.kinds()] == ["totp"]


@pytest.mark.parametrize("text", ["7", "7:totp:1", "x:totp:1:ku", "7:totp:9:ku", "7:totp:1:k:u"])
def test_a_text_nobody_wrote_is_a_fault_and_no_absence(text) -> None:
    with pytest.raises(ValueError, match=r".+"):
        registry.decode(text, known_browser=True)
