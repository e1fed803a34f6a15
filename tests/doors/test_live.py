"""Live sessions: whatever changes about a person or a policy acts on the next request."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import Group, Permission, User
from django.test import Client, override_settings

from hardening import sessions, testing
from hardening.flows import recover
from hardening.models import Account, Factor, ParkedLogin, RolePolicy, SecurityEvent, SiteState
from hardening.moments import moment
from tests.doors.conftest import HTML, JSON, START, name_shown, person

pytestmark = pytest.mark.django_db
MAILBOX = "/security/mailbox/"
LOGIN = "/security/login/"


def policy(**fields) -> RolePolicy:
    given = {"role": "everyone", "mode": "enforce", "starts_at": moment(START), **fields}
    return RolePolicy.objects.create(**given)


def stopped(client: Client) -> str:
    """Return where a page that merely reads the user leads now."""
    response = client.get("/reads-user/")
    assert response.status_code == 302, response.content
    return response.url


# --- roles -----------------------------------------------------------------------------------


@pytest.mark.parametrize("grant", ["staff", "superuser", "group", "direct", "through", "all"])
def test_a_role_granted_acts_on_the_next_request(grant, fan, live) -> None:
    policy(role="group:editors")
    policy(role="perm:auth.change_user")
    client = live(fan)
    Factor.objects.all().delete()
    Account.objects.filter(user_id=fan.pk).update(factors="")
    assert name_shown(client) == "fan"
    permission = Permission.objects.get(codename="change_user")
    group = Group.objects.create(name="editors" if grant == "group" else "helpers")
    if grant in ("staff", "superuser"):
        User.objects.filter(pk=fan.pk).update(**{f"is_{grant}": True})
    elif grant == "direct":
        fan.user_permissions.add(permission)
    elif grant in ("group", "through"):
        group.permissions.add(*([permission] if grant == "through" else []))
        fan.groups.add(group)
    else:
        RolePolicy.objects.create(role="no-such-role", mode="enforce", starts_at=moment(START))
    assert stopped(client) == MAILBOX
    assert client.get("/members/").url == MAILBOX


@pytest.mark.parametrize(
    "write",
    [
        policy,
        lambda: RolePolicy.objects.bulk_create(
            [RolePolicy(role="everyone", mode="enforce", starts_at=moment(START))]
        ),
        lambda: RolePolicy.objects.filter(role="group:x").update(role="everyone"),
        lambda: RolePolicy.objects.bulk_update(
            [_renamed(RolePolicy.objects.get(role="group:x"))], ["role"]
        ),
        lambda: _renamed(RolePolicy.objects.get(role="group:x")).save(),
        lambda: RolePolicy.objects.get_or_create(
            role="everyone", defaults={"mode": "enforce", "starts_at": moment(START)}
        ),
        lambda: RolePolicy.objects.update_or_create(role="group:x", defaults={"role": "everyone"}),
    ],
    ids=["create", "bulk_create", "update", "bulk_update", "save", "get_or_create", "upsert"],
)
def test_a_policy_written_in_any_way_acts_and_its_deletion_too(write, fan, clock) -> None:
    policy(role="group:x")
    client = Client(headers=HTML)
    client.force_login(fan)
    assert name_shown(client) == "fan"
    write()
    assert stopped(client) == MAILBOX
    RolePolicy.objects.filter(role="everyone").delete()
    assert client.get(MAILBOX).url == "/reads-user/"
    assert name_shown(client) == "fan"


def _renamed(row: RolePolicy) -> RolePolicy:
    row.role = "everyone"
    return row


def test_grace_mode_and_strength_act_at_once(fan, clock) -> None:
    row = policy(grace_days=1)
    client = Client(headers=HTML)
    client.force_login(fan)
    assert name_shown(client) == "fan"
    clock.shift(timedelta(days=1) - timedelta(seconds=1))
    assert name_shown(client) == "fan"
    clock.shift(1)
    assert stopped(client) == MAILBOX
    row.mode = "report"
    row.save()
    assert client.get(MAILBOX).status_code == 302
    assert name_shown(client) == "fan"


def test_a_raised_strength_parks_a_session_that_proved_a_weaker_factor(armed, live, clock) -> None:
    client = live(armed)
    clock.shift(3600)
    policy(strength="phishing-resistant")
    assert stopped(client) == "/security/verify/"


# --- accounts --------------------------------------------------------------------------------


def test_a_factor_removed_acts_on_the_next_request(armed, live) -> None:
    client = live(armed)
    recover.reset_factors(armed, reason="lost", now=START)
    assert stopped(client) == LOGIN
    assert SESSION_KEY not in client.session


def test_a_factor_that_appears_is_asked_for(fan, clock) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    testing.enrol(fan)
    assert stopped(client) == LOGIN  # enrolling ends every other session


def test_a_password_change_demanded_acts_on_the_next_request(fan, armed, live) -> None:
    client, other = live(armed), live(fan)
    recover.demand_password_change([armed], now=START)
    assert stopped(client) == "/security/change-password/"
    assert name_shown(other) == "fan"


@pytest.mark.parametrize("end", ["inactive", "frozen", "account", "site", "gone", "password"])
def test_an_ended_account_or_epoch_acts_on_the_next_request(end, armed, live) -> None:
    client = live(armed)
    client.post("/remember/", {"draft": "mine"})
    if end == "inactive":
        User.objects.filter(pk=armed.pk).update(is_active=False)
    elif end == "frozen":
        Account.objects.filter(user_id=armed.pk).update(frozen=True)
    elif end == "account":
        Account.objects.bump_epoch(armed.pk)
    elif end == "site":
        SiteState.objects.bump_epoch()
    elif end == "gone":
        armed.delete()
    else:
        armed.set_password("another")
        armed.save()
    assert client.get("/members/").status_code == 302
    assert name_shown(client) == "nobody"
    assert client.get("/members/", headers=JSON).status_code in (302, 401)
    if end in ("frozen", "account", "site", "password"):
        assert client.get("/remember/").json() == {}


# --- what a session says of itself -----------------------------------------------------------


def test_a_session_from_before_the_app_signs_nobody_out_who_owes_nothing(fan, armed, live) -> None:
    for user, expected in ((fan, "fan"), (person("plain"), "plain")):
        client = Client(headers=HTML)
        client.force_login(user)
        session = client.session
        del session[sessions.STAMP_KEY]
        session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
        session.save()
        assert name_shown(client) == expected
    client = live(armed)
    session = client.session
    Account.objects.filter(user_id=armed.pk).update(epoch=0)
    del session[sessions.STAMP_KEY]
    session["_auth_user_backend"] = "django.contrib.auth.backends.ModelBackend"
    session.save()
    assert stopped(client) == "/security/verify/"


@pytest.mark.parametrize("stamp", [None, [], "x", 7])
def test_a_stamp_that_is_none_proves_a_password_and_no_more(stamp, armed, live) -> None:
    client = live(armed)
    session = client.session
    session[sessions.STAMP_KEY] = stamp
    session.save()
    assert stopped(client) in (LOGIN, "/security/verify/")
    assert name_shown(client) == "nobody"


def test_somebody_elses_stamp_proves_nothing(armed, fan, live) -> None:
    client = live(fan)
    theirs = live(armed).session[sessions.STAMP_KEY]
    session = client.session
    session[sessions.STAMP_KEY] = theirs
    session.save()
    assert stopped(client) == LOGIN
    assert SESSION_KEY not in client.session


def test_a_slow_writer_cannot_bring_a_stopped_session_back(fan, clock) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    older = client.session
    assert SESSION_KEY in older  # loads it
    policy()
    assert stopped(client) == MAILBOX
    older.save()  # a request that was slow writes its copy
    assert stopped(client) == MAILBOX
    assert name_shown(client) == "nobody"


def test_the_kill_switch_spares_factors_and_not_revocation(armed, staff, live, settings) -> None:
    client, bare = live(armed), Client(headers=HTML)
    settings.HARDENING = {"ENFORCE": False}
    bare.force_login(staff)
    assert name_shown(bare) == "staff"
    Account.objects.bump_epoch(armed.pk)
    assert stopped(client) == LOGIN
    settings.HARDENING = {}
    assert stopped(bare) == MAILBOX


# --- stopped in mid-life ---------------------------------------------------------------------


def test_a_session_stopped_in_mid_life_hides_everything_and_gets_it_back(armed, live) -> None:
    client = live(armed)
    client.post("/remember/", {"draft": "mine", "cart": "3"})
    recover.demand_password_change([armed], now=START)
    assert client.get("/members/?page=2").url == "/security/change-password/"
    assert client.get("/remember/").json() == {}
    assert "mine" not in ParkedLogin.objects.latest("pk").data
    Account.objects.filter(user_id=armed.pk).update(must_change="")
    assert client.get("/security/change-password/").url == "/members/?page=2"
    assert client.get("/remember/").json() == {"draft": "mine", "cart": "3"}
    assert name_shown(client) == "armed"


def test_a_post_stopped_in_mid_life_writes_nothing_and_heads_nowhere(armed, live) -> None:
    client = live(armed)
    recover.demand_password_change([armed], now=START)
    assert client.post("/members/", {"a": "b"}).url == "/security/change-password/"
    assert ParkedLogin.objects.latest("pk").next == ""
    assert SecurityEvent.objects.filter(event="session:park:done").count() == 1


def test_a_stream_that_reads_the_user_too_late_shows_nobody(armed, live) -> None:
    client = live(armed)
    assert b"".join(client.get("/late-stream/")) == b"user: armed"
    recover.demand_password_change([armed], now=START)
    assert b"".join(client.get("/late-stream/")) == b"user: nobody"
    assert stopped(client) == "/security/change-password/"


# --- programs that ask for no JSON ----------------------------------------------------------------


@pytest.mark.parametrize("accept", ["*/*", "text/plain, */*; q=0.01"])
@pytest.mark.parametrize("known", [False, True], ids=["first request", "later request"])
def test_a_view_that_refuses_a_script_gives_it_json_and_logs_no_fault(
    known, accept, staff, clock, caplog
) -> None:
    client = Client(headers={"Accept": accept})
    with override_settings(HARDENING={"POLICIES": []}):
        client.force_login(staff)
    if known:
        client.get("/reads-user/")
    answer = client.get("/staff-or-403/")
    assert (answer.status_code, answer.json()["step"]) == (401, "/security/mailbox/")
    assert "the view failed" not in caplog.text
