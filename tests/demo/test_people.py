"""Fans, roles and the seeded accounts of Backstage."""

from __future__ import annotations

from contextlib import nullcontext
from io import StringIO

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command

from hardening import roles
from hardening.models import Account, RolePolicy
from project.backstage import demo_data
from project.backstage.models import Artist, Revision, User

PAGES_TO_TRY = (
    "/admin/",
    "/admin/hardening/throttlecell/",
    "/admin/hardening/rolepolicy/compliance/",
    "/admin/hardening/operatorrequest/",
    "/admin/backstage/user/",
)
COMMANDS_TO_TRY = (
    *("attack_backstage", "hardening_corpus check", "hardening_status", "hardening_report"),
    *("hardening_remind", "hardening_breakglass make"),
)


def seed_by_command(**options):
    printed = StringIO()
    call_command("seed_backstage", stdout=printed, **options)
    return printed.getvalue()


def test_a_fan_signs_in_with_a_password_alone_and_sees_follows(client, seeded):
    fan = demo_data.ACCOUNTS[0]
    sent = {"username": fan.username, "password": fan.password}
    response = client.post("/security/login/", sent, follow=True)
    assert response.redirect_chain[-1][0] == "/my/follows/"
    content = response.content.decode()
    assert "Your follows" in content
    assert "Night Trams" in content


def test_members_of_a_team_are_led_to_their_artists(browser_of):
    assert browser_of("editor").get("/my/").headers["Location"] == "/my/artists/"


def test_a_fan_follows_and_unfollows(browser_of):
    fan, follows = browser_of("fan"), User.objects.get(username="fan").follows
    fan.post("/artists/velvet-aerial/follow/")
    assert follows.filter(slug="velvet-aerial").exists()
    fan.post("/artists/velvet-aerial/unfollow/")
    assert not follows.filter(slug="velvet-aerial").exists()
    assert fan.get("/artists/velvet-aerial/follow/").status_code == 405
    assert fan.post("/artists/nobody/follow/").status_code == 404


def test_signing_out_takes_a_post(browser_of):
    fan = browser_of("fan")
    assert fan.get("/sign-out/").status_code == 405
    assert fan.post("/sign-out/").headers["Location"] == "/"
    assert fan.get("/my/follows/").status_code == 302


@pytest.mark.parametrize(
    "key, members",
    [("artist-page-manager", {"manager", "drummer"}), ("artist-page-editor", {"editor"})],
)
def test_a_role_holds_those_with_that_membership(seeded, key, members):
    role = roles.find(key)
    found = User.objects.filter(role.q).values_list("username", flat=True)
    assert set(found) == members


@pytest.mark.parametrize("key", ["artist-page-manager", "artist-page-editor"])
def test_whoever_publishes_is_covered_by_a_policy_of_the_admin(seeded, key):
    assert roles.find(key).publishes_publicly
    assert RolePolicy.objects.filter(role=key).exists()


def test_seeding_leaves_what_people_changed(seeded):
    fan = User.objects.get(username="fan")
    fan.set_password("something of her own")
    fan.save()
    fan.follows.set(Artist.objects.filter(slug="velvet-aerial"))
    printed = seed_by_command()
    assert "(changed since)" in printed
    fan.refresh_from_db()
    assert fan.check_password("something of her own")
    assert [artist.slug for artist in fan.follows.all()] == ["velvet-aerial"]


def test_seeding_says_what_to_try_at_the_right_port(db):
    printed = seed_by_command(port="8123")
    assert "http://localhost:8123/mailbox/" in printed
    for part in PAGES_TO_TRY:
        assert f"http://localhost:8123{part}" in printed
    for command in COMMANDS_TO_TRY:
        assert f"manage.py {command}" in printed
    assert "make drill" in printed
    for account in demo_data.ACCOUNTS:
        assert account.password in printed


def test_a_site_that_is_not_the_demo_is_not_seeded(db, settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="not the demo"):
        seed_by_command()
    assert not User.objects.exists()


def test_the_passwords_of_the_demo_pass_its_own_validators_but_for_the_breached_one(seeded):
    for account in demo_data.ACCOUNTS:
        user = User.objects.get(username=account.username)
        breached = account == demo_data.BREACHED
        with pytest.raises(ValidationError) if breached else nullcontext():
            validate_password(account.password, user)


def test_staff_are_not_superusers_and_cannot_change_accounts(seeded):
    staff = User.objects.get(username="staff")
    assert staff.is_staff
    assert not staff.is_superuser
    assert staff.has_perm("backstage.change_artist")
    assert not staff.has_perm("backstage.change_user")


def test_staff_change_policies_and_only_a_superuser_adds_them(browser_of):
    policies = "/admin/hardening/rolepolicy/"
    editors = RolePolicy.objects.get(role="artist-page-editor").pk
    staff = browser_of("staff")
    assert staff.get(policies).status_code == 200
    assert b"_save" in staff.get(f"{policies}{editors}/change/").content
    assert staff.get(f"{policies}add/").status_code == 403
    assert browser_of("admin").get(f"{policies}add/").status_code == 200
    operator = browser_of("operator")
    assert operator.get(f"{policies}compliance/").status_code == 200
    assert operator.get(f"{policies}{editors}/change/").status_code == 403


def test_an_operator_demands_a_new_password_in_the_list_of_users(browser_of):
    fan = User.objects.get(username="fan")
    sent = {"action": "demand_password_change", "_selected_action": [fan.pk]}
    assert browser_of("admin").post("/admin/backstage/user/", sent).status_code == 302
    assert Account.objects.get(user_id=fan.pk).must_change


def test_an_artist_made_in_the_admin_has_a_page(browser_of):
    team = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    sent = {"name": "Paper Comet", "slug": "paper-comet", **team}
    assert browser_of("staff").post("/admin/backstage/artist/add/", sent).status_code == 302
    assert browser_of("fan").get("/artists/paper-comet/").status_code == 200


def test_history_is_only_read_in_the_admin(browser_of):
    admin = browser_of("admin")
    number = Revision.objects.first().pk
    assert admin.get(f"/admin/backstage/revision/{number}/change/").status_code == 200
    assert admin.get("/admin/backstage/revision/add/").status_code == 403
    assert admin.post(f"/admin/backstage/revision/{number}/delete/").status_code == 403
