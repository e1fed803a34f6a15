"""The verdict on a password, on the account's row: one statement where there is a row."""

from __future__ import annotations

import pytest

from hardening.models import Account

pytestmark = pytest.mark.django_db

MARK = "0" * 32


def note(user, verdict: str, mark: str = MARK) -> bool:
    return Account.objects.note_verdict(
        user.pk, verdict=verdict, mark=mark, checked_at=1_000, source="corpus", corpus=""
    )


@pytest.mark.parametrize("verdict", ["clean", "hit"])
def test_a_verdict_on_an_account_that_has_a_row_is_one_statement(
    user, verdict, django_assert_num_queries
) -> None:
    Account.objects.of(user.pk)
    with django_assert_num_queries(1):
        assert note(user, verdict)
    assert Account.objects.get(user=user).password_verdict == verdict


@pytest.mark.parametrize("verdict", ["clean", "hit"])
def test_a_row_that_is_missing_is_made_for_it(user, verdict) -> None:
    Account.objects.all().delete()
    assert note(user, verdict)
    account = Account.objects.get(user=user)
    assert (account.password_verdict, account.password_mark) == (verdict, MARK)


def test_of_the_same_hit_one_caller_is_told_and_of_another_one_again(user) -> None:
    assert [note(user, "hit"), note(user, "hit")] == [True, False]
    assert note(user, "hit", "1" * 32)
    assert [note(user, "clean"), note(user, "clean")] == [True, True]


def test_a_source_with_a_long_name_is_stored_as_far_as_there_is_room(user) -> None:
    Account.objects.note_verdict(
        user.pk, verdict="hit", mark=MARK, checked_at=1_000, source="s" * 151, corpus="e" * 65
    )
    account = Account.objects.get(user=user)
    account.full_clean()  # for the databases that do not mind a text that is too long
    assert (account.password_source, account.password_corpus) == ("s" * 150, "e" * 64)
