"""Wagtail's login views: the admin's, that of private pages, ours in their place."""

from __future__ import annotations

import pytest
from django.test import override_settings
from django.urls import reverse
from wagtail.models import PageViewRestriction

from hardening.conf import conf
from tests.visitor import STEP, leads_to

pytestmark = pytest.mark.django_db
LOGIN = "/admin/login/"
HOME = "/admin/"
PERM = {"POLICIES": [{"role": "perm:wagtailadmin.access_admin"}]}
GROUP = {"POLICIES": [{"role": "group:Editors"}]}


def test_an_editor_is_not_covered_by_the_default_floor(editor):
    with override_settings(HARDENING={}):
        assert {policy.role for policy in conf().POLICIES} == {"staff", "superuser"}
        editor.sign_in(LOGIN)
        assert editor.get(HOME).status_code == 200


@pytest.mark.parametrize("policy", [PERM, GROUP], ids=["permission", "group"])
def test_an_editor_goes_from_the_password_to_the_page_she_asked_for(policy, editor, settings):
    settings.HARDENING = policy
    asked = editor.get("/admin/pages/")
    assert asked.headers["Location"] == f"{LOGIN}?next=/admin/pages/"
    answer = editor.sign_in(f"{LOGIN}?next=/admin/pages/", next="/admin/pages/")
    assert leads_to(answer, "hardening:mailbox")
    assert leads_to(editor.prove_mailbox(), "hardening:enrol")
    assert editor.enrol().headers["Location"] == "/admin/pages/"
    assert editor.get("/admin/pages/").status_code == 200


def test_the_login_view_leaks_nothing(editor):
    answer = editor.sign_in(LOGIN)
    assert (answer.status_code, answer.content) == (302, b"")
    assert set(answer.cookies) <= {"sessionid", "csrftoken"}
    assert set(editor.client.session.keys()) == {"_hardening_parked"}


def test_without_a_page_asked_for_the_dashboard_comes_and_remember_me_is_kept(
    editor, settings, clock
):
    editor.sign_in(LOGIN, remember="on")
    editor.prove_mailbox()
    done = editor.enrol()
    assert done.headers["Location"] == HOME
    assert done.cookies["sessionid"]["max-age"] == settings.SESSION_COOKIE_AGE
    clock.shift(STEP)
    other = editor.again()
    assert leads_to(other.sign_in(LOGIN), "hardening:verify")
    done = other.verify()
    assert done.headers["Location"] == HOME
    assert done.cookies["sessionid"]["max-age"] == ""


def test_somebody_without_access_to_the_admin_is_turned_away_as_ever(person):
    fan = person("fan")
    assert fan.sign_in(LOGIN).headers["Location"] == HOME
    assert fan.get(HOME).headers["Location"] == f"{LOGIN}?next={HOME}"
    assert fan.get(LOGIN).status_code == 200


def test_djangos_admin_beside_it_is_guarded_too(person):
    boss = person("boss", is_staff=True, is_superuser=True)
    answer = boss.sign_in("/django-admin/login/?next=/django-admin/auth/")
    assert leads_to(answer, "hardening:mailbox")
    boss.prove_mailbox()
    assert boss.enrol().headers["Location"] == "/django-admin/auth/"
    assert boss.get(HOME).status_code == 200


def test_our_login_page_in_place_of_wagtails(editor, settings):
    settings.WAGTAILADMIN_LOGIN_URL = "/security/login/"
    asked = editor.get("/admin/reports/locked/")
    assert asked.headers["Location"] == "/security/login/?next=/admin/reports/locked/"
    editor.sign_in(asked.headers["Location"])
    assert leads_to(editor.get(HOME), "hardening:mailbox")
    editor.prove_mailbox()
    assert editor.enrol().headers["Location"] == HOME


@pytest.mark.parametrize("url", [None, "/security/login/"], ids=["wagtails", "ours"])
def test_a_private_page_asks_and_comes_back(url, editor, tram, settings):
    if url:
        settings.WAGTAIL_FRONTEND_LOGIN_URL = url
    PageViewRestriction.objects.create(page=tram, restriction_type=PageViewRestriction.LOGIN)
    asked = editor.get(tram.url)
    assert asked.headers["Location"] == f"{url or '/_util/login/'}?next={tram.url}"
    assert leads_to(editor.sign_in(asked.headers["Location"]), "hardening:mailbox")
    assert leads_to(editor.get(tram.url), "hardening:mailbox")
    editor.prove_mailbox()
    assert editor.enrol().headers["Location"] == tram.url
    assert b"Night tram" in editor.get(tram.url).content


def test_a_group_does_not_open_a_private_page_to_a_waiting_sign_in(waiting, editors, tram):
    restriction = PageViewRestriction.objects.create(
        page=tram, restriction_type=PageViewRestriction.GROUPS
    )
    restriction.groups.add(editors)
    assert leads_to(waiting.get(tram.url), "hardening:mailbox")


def test_a_password_reset_removes_no_factor_and_signs_nobody_in(armed, mailoutbox, clock):
    other = armed.again()
    other.post(reverse("wagtailadmin_password_reset"), {"email": armed.user.email})
    link = next(word for word in mailoutbox[-1].body.split() if "/password_reset/" in word)
    path = other.get(link.partition("testserver")[2]).headers["Location"]
    new = {"new_password1": "a shelf of tin robots", "new_password2": "a shelf of tin robots"}
    done = other.post(path, new)
    assert done.headers["Location"] == reverse("wagtailadmin_password_reset_complete")
    assert other.get(HOME).headers["Location"] == f"{LOGIN}?next={HOME}"
    clock.shift(STEP)
    answer = other.sign_in(LOGIN, password="a shelf of tin robots")
    assert leads_to(answer, "hardening:verify")
    assert leads_to(other.get(HOME), "hardening:verify")
    assert other.verify().headers["Location"] == HOME
