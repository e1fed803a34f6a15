"""Whom a typed name means, for counting: one account, by name, remembered name or e-mail."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model

from hardening import facts
from hardening.core.names import canonical
from hardening.models import Account
from hardening.throttle import lookup, subjects

pytestmark = pytest.mark.django_db


@pytest.fixture
def make():
    """Return a function that makes a user."""
    return lambda name, email="": get_user_model().objects.create_user(name, email, "pass")


def remember(user):
    """Let the account remember its name, as after a sign-in."""
    digest = subjects.name(canonical(user.get_username()))
    Account.objects.create(user=user, name_key=digest)


@pytest.mark.parametrize(
    "stored, typed",
    [
        ("ada", "ada"),
        ("ada", "  ada\n"),
        ("ada", "ADA"),
        ("ADA", "ada"),
        ("Ada", "aDA"),
        ("Ada Byron", "ADA BYRON"),
        ("ada", "\N{FULLWIDTH LATIN SMALL LETTER A}da"),
        ("ada", "a\N{SOFT HYPHEN}da\N{ZERO WIDTH SPACE}"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "stra\N{LATIN SMALL LETTER SHARP S}e"),
    ],
)
def test_a_spelling_that_an_index_finds_means_its_account(stored, typed, make):
    user = make(stored)
    make("somebody")
    assert lookup.resolve(typed) == (user.pk, user.password)


@pytest.mark.parametrize("typed", ["mcdonald", "MCDONALD", " mcDONALD "])
def test_any_other_spelling_is_found_once_its_owner_has_signed_in(typed, make):
    user = make("McDonald")
    assert lookup.resolve(typed) is None
    remember(user)
    assert lookup.resolve(typed) == (user.pk, user.password)


@pytest.mark.parametrize(
    "typed",
    [
        "ada@example.com",
        "ADA@Example.com",
        " ada@example.com ",
        "ada\N{FULLWIDTH COMMERCIAL AT}example.com",  # the same to many a collation
    ],
)
def test_an_e_mail_address_means_its_account_whatever_the_case(typed, make):
    user = make("countess", "Ada@example.com")
    assert lookup.resolve(typed) == (user.pk, user.password)


@pytest.mark.parametrize(
    "typed", ["nobody", "", "\0", "\ud800", "nobody@example.com", "%", "x" * 5000]
)
def test_what_nobody_bears_means_nobody(typed, make):
    make("ada", "ada@example.com")
    make("bea")
    assert lookup.resolve(typed) is None


def test_an_empty_address_is_nobodys(make):
    make("ada")
    assert lookup.resolve("@") is None


def test_what_two_may_be_meant_by_means_neither(make):
    make("sam")
    make("SAM")
    assert lookup.resolve("Sam") is None
    make("one", "both@example.com")
    make("two", "both@example.com")
    assert lookup.resolve("both@example.com") is None


def test_somebodys_name_that_is_anothers_address_means_neither(make):
    make("ada@example.com")
    make("bea", "ada@example.com")
    assert lookup.resolve("ADA@example.com") is None


def test_one_account_found_in_three_ways_is_one_account(make):
    user = make("ada@example.com", "ada@example.com")
    remember(user)
    assert lookup.resolve("ada@example.com") == (user.pk, user.password)


@pytest.mark.parametrize("typed", ["ada", "nobody", "ada@example.com", "nobody@example.com"])
def test_whatever_it_finds_it_is_one_statement(typed, make, django_assert_num_queries):
    make("ada", "ada@example.com")
    with django_assert_num_queries(1):
        lookup.resolve(typed)


def test_a_user_model_without_an_address_is_asked_for_none(make, monkeypatch):
    user = make("ada@example.com")
    monkeypatch.setattr(get_user_model(), "EMAIL_FIELD", "nowhere")
    assert lookup.resolve("ada@example.com") == (user.pk, user.password)
    assert lookup.resolve("bea@example.com") is None


@pytest.mark.parametrize("typed", ["ada", "ada@example.com", "9" * 40, str(2**63), "1.5", ""])
def test_what_no_number_can_be_is_nobodys_where_names_are_numbers(typed, make, monkeypatch):
    user = make("ada")
    monkeypatch.setattr(get_user_model(), "USERNAME_FIELD", "id")
    assert facts.load_user_by_name(typed) is None
    assert lookup.resolve(typed) is None
    assert lookup.resolve(f" {user.pk} ") == (user.pk, user.password)
    assert facts.load_user_by_name(str(user.pk)) == user


def test_a_name_may_mean_another_where_it_is_anothers_address(make):
    user = make("ada@example.com", "ada@example.com")
    assert not lookup.may_mean_another("ada@example.com", user.pk)
    make("bea", "Ada@example.com")
    assert lookup.may_mean_another("ada@example.com", user.pk)
    assert not lookup.may_mean_another("nobody", user.pk)
