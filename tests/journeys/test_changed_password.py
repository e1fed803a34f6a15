"""Browsers that an account knows, when its password changes or is only hashed anew."""

from __future__ import annotations

import os

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher

from hardening import browser_cookie, devices, facts
from hardening.core.throttle import SECOND_US
from hardening.flows import attempts
from hardening.models import Account, SiteState
from tests.visitor import NOW, PASSWORD, STEP, leads_to

pytestmark = pytest.mark.django_db(transaction=True)

NEW = "seven violet umbrellas"
HALF_AN_HOUR = 30 * 60


class Newer(MD5PasswordHasher):
    """What the site hashes with from today."""

    algorithm = "newer"


def change(visitor, new=NEW):
    """Choose another password on our own page."""
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    answer = visitor.post("hardening:change_password", fields)
    visitor.password = new
    return answer


def cookie_of(visitor):
    return visitor.client.cookies[browser_cookie.NAME].value


def device(visitor):
    """Return what this browser's cookie says under the password that is stored now."""
    user = type(visitor.user).objects.get(pk=visitor.user.pk)
    who = facts.fresh(user).who()
    return devices.find(
        cookie_of(visitor),
        user.pk,
        password=user.password,
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        now=NOW,
    )


def has_own_budget(visitor):
    """Return whether a guess with this browser's cookie is charged to the browser alone."""
    name = visitor.user.get_username()
    trial = attempts.start(name, address=None, cookie=cookie_of(visitor), now_us=NOW * SECOND_US)
    attempts.abandon(trial)
    return trial.known


def make_proven(visitor):
    """Let this browser's cookie say that a mailbox was proven with it."""
    user = visitor.user
    who = facts.fresh(user).who()
    visitor.client.cookies[browser_cookie.NAME] = devices.issue(
        None,
        user.pk,
        password=user.password,
        account_epoch=who.account_epoch,
        site_epoch=who.site_epoch,
        proven=True,
        random=os.urandom(devices.NONCE_BYTES),
        now=NOW,
    )


@pytest.fixture
def attack(clock):
    """Put the site into attack mode."""
    SiteState.objects.begin_attack(until=NOW + HALF_AN_HOUR, now=NOW)


@pytest.fixture
def thieves(fan):
    """Return ten browsers that were signed in completely with the old password."""
    collected = [fan.again() for _ in range(10)]
    for thief in collected:
        thief.sign_in()
        assert has_own_budget(thief)
    return collected


# --- another password -----------------------------------------------------------------------------


@pytest.mark.parametrize("proven", [True, False])
def test_only_the_browser_that_changed_the_password_stays_known(proven, fan, thieves):
    fan.sign_in()
    if proven:
        make_proven(fan)
        make_proven(thieves[0])
    change(fan)
    assert fan.is_signed_in()
    assert has_own_budget(fan)
    assert device(fan).proven is proven
    assert [has_own_budget(thief) for thief in thieves] == [False] * 10
    assert [device(thief) for thief in thieves] == [None] * 10


def test_a_refused_change_leaves_every_browser_known(fan, thieves):
    fan.sign_in()
    change(fan, new=PASSWORD)
    assert has_own_budget(fan)
    assert [has_own_budget(thief) for thief in thieves] == [True] * 10


def test_a_change_of_which_no_page_of_ours_knows_makes_all_of_them_unknown(fan, thieves):
    fan.user.set_password(NEW)
    fan.user.save()
    assert [has_own_budget(thief) for thief in thieves] == [False] * 10


def test_who_changes_it_in_a_stolen_browser_inherits_no_proof(fan, thieves):
    """What an older password's cookie had proven is not found under the new one."""
    make_proven(fan)
    collected = cookie_of(fan)
    fan.sign_in()
    change(fan)
    thieves[0].client.cookies[browser_cookie.NAME] = collected
    thieves[0].sign_in(password=NEW)
    assert thieves[0].is_signed_in()
    assert not device(thieves[0]).proven


def test_the_browser_of_a_demanded_change_stays_known(careful_fan, clock):
    careful_fan.sign_in_fully()
    elsewhere = careful_fan.again()
    elsewhere.client.cookies[browser_cookie.NAME] = cookie_of(careful_fan)
    careful_fan.post("host_logout")
    Account.objects.filter(user_id=careful_fan.user.pk).update(must_change="operator")
    careful_fan.sign_in()
    clock.shift(STEP)
    assert leads_to(careful_fan.verify(), "hardening:change_password")
    change(careful_fan)
    assert careful_fan.is_signed_in()
    assert device(careful_fan).proven
    assert device(elsewhere) is None


# --- the same password, hashed anew ---------------------------------------------------------------


@pytest.mark.parametrize("door", ["host_login", "hardening:login"])
def test_a_hash_that_is_upgraded_at_a_sign_in_leaves_this_browser_known(
    door, fan, attack, settings
):
    make_proven(fan)
    elsewhere = fan.again()
    make_proven(elsewhere)
    settings.PASSWORD_HASHERS = [f"{__name__}.Newer", *settings.PASSWORD_HASHERS]
    for _ in range(2):
        fan.sign_in(door)
        assert fan.is_signed_in()
        assert device(fan).proven
        fan.post("host_logout")
    assert device(elsewhere) is None
    assert leads_to(elsewhere.sign_in(door), "hardening:mailbox")


def test_so_does_one_that_another_backend_upgrades(fan, attack, settings):
    settings.AUTHENTICATION_BACKENDS = [
        "hardening.backends.HardeningBackend",
        "tests.host.backends.ByAddress",
    ]
    settings.PASSWORD_HASHERS = [f"{__name__}.Newer", *settings.PASSWORD_HASHERS]
    make_proven(fan)
    fan.post("host_login", {"username": fan.user.email, "password": PASSWORD})
    assert fan.is_signed_in()
    assert device(fan).proven


def test_a_cookie_of_an_older_hash_is_worth_nothing_to_a_stranger(fan, attack, settings):
    make_proven(fan)
    other = fan.again()
    other.client.cookies[browser_cookie.NAME] = cookie_of(fan)
    settings.PASSWORD_HASHERS = [f"{__name__}.Newer", *settings.PASSWORD_HASHERS]
    fan.sign_in()
    assert not has_own_budget(other)
    assert leads_to(other.sign_in(), "hardening:mailbox")


# --- a fresh proof -----------------------------------------------------------------------------


def test_whoever_has_a_factor_proves_it_before_the_password_is_changed(careful_fan, clock):
    careful_fan.sign_in_fully()
    clock.shift(301)
    assert leads_to(careful_fan.get("hardening:change_password"), "hardening:step_up")
    assert leads_to(change(careful_fan), "hardening:step_up")
    careful_fan.user.refresh_from_db()
    assert careful_fan.user.check_password(PASSWORD)
    careful_fan.step_up()
    assert leads_to(change(careful_fan), "hardening:overview")
    careful_fan.user.refresh_from_db()
    assert careful_fan.user.check_password(NEW)


def test_whoever_has_none_gives_the_present_password(fan, clock):
    fan.sign_in()
    clock.shift(301)
    assert leads_to(change(fan), "hardening:overview")
