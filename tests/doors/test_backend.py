"""The backend by itself: what it answers, and what an answer costs."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hardening import facts
from hardening.models import Account
from tests.doors.conftest import PASSWORD

pytestmark = pytest.mark.django_db


@pytest.fixture
def hashed(monkeypatch) -> list[str]:
    """Return the passwords that were hashed, as they come."""
    seen: list[str] = []
    encode = MD5PasswordHasher.encode

    def spy(self, password, salt):
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", spy)
    return seen


def test_a_name_that_nobody_has_costs_one_statement_more_beside_the_same_hash(
    fan, clock, hashed
) -> None:
    assert authenticate(username="fan", password=PASSWORD)  # what a process learns once
    statements = {}
    for name in ("fan", "nobody"):
        authenticate(username=name, password="wrong")  # the row is made
        hashed.clear()
        with CaptureQueriesContext(connection) as asked:
            assert authenticate(username=name, password="wrong") is None
        assert hashed == ["wrong"]
        statements[name] = len(asked)
    assert statements["nobody"] == statements["fan"] + 1  # whom the name may mean


def test_a_call_without_a_name_is_nobody(fan) -> None:
    assert authenticate(username="fan", password=PASSWORD) == fan
    assert authenticate(password=PASSWORD) is None


def test_a_frozen_account_is_told_what_a_wrong_password_is_told(fan, hashed) -> None:
    Account.objects.create(user=fan, frozen=True)
    assert authenticate(username="fan", password=PASSWORD) is None
    assert hashed == [PASSWORD]


def test_before_the_tables_exist_a_password_is_checked_as_django_does(fan, monkeypatch) -> None:
    def missing(*_args: object) -> None:
        raise facts.NotMigratedError

    monkeypatch.setattr(facts, "load_user_by_name", missing)
    assert authenticate(username="fan", password=PASSWORD) == fan
    assert authenticate(username="fan", password="wrong") is None
