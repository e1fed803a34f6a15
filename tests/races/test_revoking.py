"""Revocations of many beside each other, beside sign-ins and beside changes of factors."""

from __future__ import annotations

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password

from hardening import facts, testing
from hardening.core.values import Verdict
from hardening.flows import live, password, recover, revoking
from hardening.flows.revoking import Order
from hardening.models import Account, SiteState
from hardening.tokens import EpochTokenGenerator
from tests.actors import HERE, NOW, signed_in
from tests.races.runner import race, race_all
from tests.visitor import PASSWORD

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 60
ROUNDS = 10
ORDER = Order(NOW, mail=False)


@pytest.fixture
def crowd(clock):
    """Return so many people; every third has a row for her account."""
    model = get_user_model()
    hashed = make_password(PASSWORD)
    made = [model(username=f"user-{number}", password=hashed) for number in range(PEOPLE)]
    model.objects.bulk_create(made)
    people = list(model.objects.order_by("pk"))
    for one in people[::3]:
        Account.objects.of(one.pk)
    return people


def epochs(people):
    """Return the epochs, 0 for an account without a row."""
    known = dict(Account.objects.values_list("user_id", "epoch"))
    return [known.get(one.pk, 0) for one in people]


def is_out(session, user):
    """Return whether the next request of a session is sent to the login page."""
    return live.judge(session, facts.load_user(user.pk), now=NOW).verdict is Verdict.LOGIN


def test_no_revocation_is_lost(crowd):
    model = get_user_model()
    orders = ("pk", "-pk", "username")
    for _ in range(ROUNDS):
        before = epochs(crowd)
        race(
            *(lambda by=by: revoking.users(model.objects.order_by(by), ORDER) for by in orders),
            lambda: Account.objects.bump_epoch(crowd[5].pk),
            lambda: Account.objects.bump_epoch(crowd[-5].pk),
        )
        grown = [now - then for then, now in zip(before, epochs(crowd), strict=True)]
        own = {5: 1, PEOPLE - 5: 1}
        assert grown == [len(orders) + own.get(place, 0) for place in range(PEOPLE)]


def test_every_session_from_before_is_out(crowd):
    model = get_user_model()
    somebody = crowd[7]
    for _ in range(ROUNDS):
        before = signed_in(somebody)
        _, during = race(
            lambda: revoking.users(model.objects.all(), ORDER),
            lambda: signed_in(somebody),
        )
        after = signed_in(somebody)
        assert is_out(before, somebody)
        assert not is_out(after, somebody)
        revoking.users(model.objects.filter(pk=somebody.pk), ORDER)
        assert is_out(during, somebody)


def test_a_change_of_factors_at_the_same_time_counts_too(crowd):
    model = get_user_model()
    for one in crowd[:ROUNDS]:
        testing.enrol(one)
        (before,) = epochs([one])
        race(
            lambda: revoking.users(model.objects.all(), ORDER),
            lambda one=one: recover.reset_factors(one, reason="lost", now=NOW),
        )
        assert epochs([one]) == [before + 2]


def test_everybody_twice_is_twice(crowd):
    race(*([lambda: revoking.everybody(ORDER)] * 8))
    assert SiteState.objects.get().epoch == 8


def test_a_link_to_a_new_password_works_once(crowd):
    for one in crowd[::3][:ROUNDS]:
        token = EpochTokenGenerator().make_token(one)
        set_by = race_all(
            lambda new, one=one, token=token: password.reset(one, token, new, now=NOW, where=HERE),
            [f"{number} quiet harbours" for number in range(8)],
        )
        assert sum(set_by) == 1
        one.refresh_from_db()
        assert one.check_password(f"{set_by.index(True)} quiet harbours")


def test_a_link_and_a_revocation_at_the_same_time(crowd):
    for one in crowd[::3][:ROUNDS]:
        token = EpochTokenGenerator().make_token(one)
        done, _ = race(
            lambda one=one, token=token: password.reset(
                one, token, "quiet harbours", now=NOW, where=HERE
            ),
            lambda one=one: revoking.listed([one.pk], ORDER),
        )
        one.refresh_from_db()
        assert one.check_password("quiet harbours") == done


def test_people_who_are_deleted_meanwhile_stop_nothing(crowd):
    model = get_user_model()
    race(
        lambda: revoking.users(model.objects.all(), ORDER),
        lambda: [one.delete() for one in crowd[: PEOPLE // 2]],
    )
    assert epochs(crowd[PEOPLE // 2 :]) == [1] * (PEOPLE // 2)
