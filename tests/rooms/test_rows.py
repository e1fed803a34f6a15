"""Rows: what the database itself refuses, and what a row shows of itself."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from hardening import testing
from hardening.models import (
    Account,
    EnrolmentTicket,
    Factor,
    ParkedLogin,
    RecoveryCode,
    RolePolicy,
    SiteState,
)
from hardening.models.policy import MAX_GRACE_DAYS
from hardening.moments import moment
from tests.visitor import NOW

AT = moment(NOW)


@pytest.fixture
def factor(user):
    """Return a confirmed authenticator of `user`."""
    return testing.enrol(user)


def refused(make) -> bool:
    """Whether the database refuses a row."""
    try:
        with transaction.atomic():
            make()
    except IntegrityError:
        return True
    return False


# ---------------------------------------------------------------- constraints


def test_a_removed_factor_holds_no_secret(factor) -> None:
    assert refused(lambda: Factor.objects.update(removed_at=AT))
    assert not refused(lambda: Factor.objects.update(removed_at=AT, secret=""))


def test_a_confirmed_factor_has_no_record(factor, record) -> None:
    assert refused(lambda: Factor.objects.update(record=record))


def test_a_role_has_one_policy_a_strength(make_policy) -> None:
    make_policy("staff", strength="any")
    assert refused(lambda: make_policy("staff", strength="any"))
    assert not refused(lambda: make_policy("staff", strength="device-bound"))


@pytest.mark.parametrize("days,fits", [(MAX_GRACE_DAYS, True), (MAX_GRACE_DAYS + 1, False)])
def test_grace_is_bounded(make_policy, days, fits) -> None:
    assert refused(lambda: make_policy(grace_days=days)) is not fits


@pytest.mark.parametrize(
    "age,fits", [(None, True), (1, True), (86_400, True), (0, False), (86_401, False)]
)
def test_the_age_of_a_fresh_proof_is_bounded(make_policy, age, fits) -> None:
    assert refused(lambda: make_policy(step_up_seconds=age)) is not fits


@pytest.mark.django_db
def test_the_site_has_one_row() -> None:
    assert refused(lambda: SiteState.objects.create(pk=2))
    SiteState.objects.bump_epoch()
    SiteState.objects.touch_policies()
    assert SiteState.objects.count() == 1


def test_a_digest_of_a_recovery_code_stands_once_for_a_user(user, other) -> None:
    def make(owner):
        return RecoveryCode.objects.create(user=owner, key_id="k", digest="d", created_at=AT)

    make(user)
    assert refused(lambda: make(user))
    assert not refused(lambda: make(other))


def test_a_handle_and_a_ticket_are_nobody_elses(user, make_record) -> None:
    make_record(user, handle="h")
    assert refused(lambda: make_record(user, handle="h"))
    fields = {"user": user, "key_id": "k", "digest": "d", "issued_at": AT, "expires_at": AT}
    EnrolmentTicket.objects.create(**fields)
    assert refused(lambda: EnrolmentTicket.objects.create(**fields))


def test_all_that_is_known_of_an_account_goes_with_it(user, factor, record) -> None:
    testing.recovery_codes(user)
    user.delete()
    for model in (Account, Factor, RecoveryCode, ParkedLogin):
        assert not model.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "row",
    [
        Account(user_id=1),
        Factor(pk=1, kind="totp", name="Ada's phone", secret="sealed-secret"),
        RecoveryCode(pk=1, digest="digest-of-code"),
        EnrolmentTicket(pk=1, digest="digest-of-code"),
        ParkedLogin(pk=1, purpose="login", handle="digest-of-handle", data="sealed-data"),
        SiteState(pk=1),
        RolePolicy(role="staff", strength="any"),
    ],
    ids=lambda row: type(row).__name__,
)
def test_a_row_shows_nothing_secret_of_itself(row) -> None:
    shown = str(row) + repr(row)
    assert not any(word in shown for word in ("sealed", "digest", "Ada"))
