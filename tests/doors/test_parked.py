"""A sign-in that waits: what it keeps, what it hides, what ends it."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from hardening import testing
from hardening.flows import recover
from hardening.models import Account, ParkedLogin, RolePolicy, SecurityEvent, SiteState
from hardening.moments import moment
from tests.doors import conftest
from tests.doors.conftest import HTML, JSON, PASSWORD, START, name_shown, sign_in
from tests.host.doors import LEAK, closed

pytestmark = pytest.mark.django_db


def ours(client: Client) -> dict[str, str]:
    return client.get("/remember/").json()


# --- what the login view left ------------------------------------------------------------------


def test_data_and_messages_of_the_login_view_wait_for_completion(parked) -> None:
    assert ours(parked.client) == {}
    assert parked.client.get("/notes/").json() == {"messages": []}
    assert LEAK not in str(dict(parked.client.session))
    assert LEAK not in parked.row.data
    parked.prove()
    assert ours(parked.client) == {"left_by_login": LEAK}
    assert parked.client.get("/notes/").json() == {"messages": []}


@pytest.mark.parametrize("storage", ["cookie", "session", "fallback"])
def test_no_storage_of_messages_tells_who_signed_in(storage, armed, clock, settings) -> None:
    name = {"cookie": "CookieStorage", "session": "SessionStorage", "fallback": "FallbackStorage"}
    settings.MESSAGE_STORAGE = f"django.contrib.messages.storage.{storage}.{name[storage]}"
    client = Client(headers=HTML)
    client.post("/say/", {"text": "before"})
    sign_in(client, armed)
    assert client.get("/notes/").json() == {"messages": ["before"]}
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert client.get("/notes/").json() == {"messages": []}


def test_what_the_visitor_had_before_stays_at_hand(armed, clock) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    sign_in(client, armed)
    assert ours(client) == {"cart": "3 records"}
    client.post("/remember/", {"looked_at": "posters"})
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert ours(client) == {"cart": "3 records", "looked_at": "posters", "left_by_login": LEAK}


@pytest.mark.parametrize("door", ["/form-login/", "/security/login/", "/accounts/login/"])
@pytest.mark.parametrize("completes", [True, False])
def test_nothing_reaches_another_person_who_signs_in_on_that_browser(
    parked, fan, staff, door, completes
) -> None:
    parked.client.post("/remember/", {"draft": "while waiting"})
    other = fan if completes else staff
    sign_in(parked.client, other, door)
    assert name_shown(parked.client) == ("fan" if completes else "nobody")
    seen = ours(parked.client)
    assert "draft" not in seen
    assert set(seen) <= ({"left_by_login"} if door == "/form-login/" and completes else set())
    assert parked.row.finished_at is not None
    assert parked.row.data == ""


def test_data_of_a_live_session_reaches_nobody_else(live, fan, armed, clock) -> None:
    client = live(fan)
    client.post("/remember/", {"draft": "of a fan"})
    Account.objects.of(fan.pk)
    Account.objects.filter(user_id=fan.pk).update(must_change="operator")
    sign_in(client, fan)  # the same person again, who now owes something
    assert ours(client) == {}
    sign_in(client, armed)
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert name_shown(client) == "armed"
    assert "draft" not in ours(client)


@pytest.mark.parametrize("door", ["/form-login/", "/security/login/"])
def test_messages_of_a_live_session_reach_nobody_else(live, fan, armed, settings, door) -> None:
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    client = live(fan)
    client.post("/say/", {"text": "fan, your order was shipped"})
    sign_in(client, armed, door)
    assert client.get("/notes/").json() == {"messages": []}


def test_a_repeated_callback_keeps_what_the_first_one_left(armed, clock) -> None:
    client = Client(headers=HTML)
    client.post("/trusting-login/", {"username": "armed", "keep": "from the first"})
    client.post("/trusting-login/", {"username": "armed"})
    assert ParkedLogin.objects.count() == 1
    assert ours(client) == {}
    client.post("/security/verify/", {"code": testing.code_for(armed)})
    assert ours(client) == {"kept": "from the first"}


def test_two_logins_in_one_request_are_told_apart(armed, fan, clock) -> None:
    client = Client(headers=HTML)
    client.post("/login-twice/", {"usernames": "armed,fan"})
    assert name_shown(client) == "fan"
    assert ours(client) == {"about_fan": LEAK}
    client.post("/login-twice/", {"usernames": "fan,armed"})
    assert name_shown(client) == "nobody"
    assert ours(client) == {}


def test_a_login_that_the_view_takes_back_leaves_nobody(armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed, "/login-logout/")
    assert name_shown(client) == "nobody"
    assert client.get("/security/verify/").status_code == 410


# --- the request that signs in -----------------------------------------------------------------


def test_the_view_that_signs_in_sees_its_user_and_nobody_after_it(armed, clock) -> None:
    closed.clear()
    response = sign_in(Client(headers=HTML), armed, "/page-login/")
    assert closed == ["in the view: armed"]
    assert not response.wsgi_request.user.is_authenticated
    assert response.wsgi_request.user.get_username() == ""


def test_a_streaming_answer_is_closed_unread(armed, clock) -> None:
    closed.clear()
    sign_in(Client(headers=HTML), armed, "/stream-login/")
    assert closed == ["response"]


def test_the_session_key_and_the_token_rotate_at_parking_and_at_completion(armed, clock) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"a": "b"})
    client.get("/security/login/")
    keys = [client.session.session_key]
    tokens = [client.cookies["csrftoken"].value]
    for step in (
        lambda: sign_in(client, armed),
        lambda: client.post("/security/verify/", {"code": testing.code_for(armed)}),
    ):
        step()
        keys.append(client.session.session_key)
        tokens.append(client.cookies["csrftoken"].value)
    assert len(set(keys)) == 3
    assert len(set(tokens)) == 3
    fixed = Client(headers=HTML)
    for key in keys[:2]:
        fixed.cookies["sessionid"] = key
        assert name_shown(fixed) == "nobody"
        assert fixed.get("/security/verify/").status_code == 410


# --- what leads to the step, and what does not ---------------------------------------------------


def test_walls_lead_to_the_step_and_become_next(parked) -> None:
    for wall in ("/members/?page=3", "/admin/auth/user/", "/other-wall/"):
        assert parked.client.get(wall).url == "/security/verify/"
        assert parked.row.next == wall


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "*/*"},
        JSON,
        {**HTML, "Sec-Fetch-Mode": "cors"},
        {**HTML, "Sec-Fetch-Mode": "no-cors"},
    ],
)
def test_polls_do_not_change_next(parked, headers) -> None:
    parked.client.get("/members/")
    poll = Client(headers=headers)
    poll.cookies = parked.client.cookies
    assert poll.get("/api/me/").status_code in (302, 401)
    assert poll.get("/api/refusing/").status_code in (403, 401)
    parked.client.post("/members/")
    assert parked.row.next == "/members/"


def test_a_refusal_to_a_script_names_the_step(parked) -> None:
    for path in ("/api/me/", "/api/refusing/"):
        answer = parked.client.get(path, headers=JSON)
        assert answer.status_code == 401
        assert answer.json()["code"] == "verification_required"
    assert parked.client.get("/api/refusing/").status_code == 403  # a person keeps the host's page


def test_wandering_about_ends_nothing(parked) -> None:
    for path in ("/favicon.ico", "/static/hardening/hardening.css", "/public/", "/reads-user/"):
        parked.client.get(path)
    assert parked.prove().status_code == 302
    assert name_shown(parked.client) == "armed"


def test_a_login_page_opened_meanwhile_says_so(parked) -> None:
    page = parked.client.get("/security/login/").content.decode()
    assert "A sign-in is waiting" in page
    assert 'href="/security/verify/"' in page
    assert "armed@example.com" not in page


# --- what ends it --------------------------------------------------------------------------------


def assert_over(parked: conftest.Parked) -> None:
    answer = parked.prove()
    assert answer.status_code == 410
    assert "No sign-in is waiting here" in answer.content.decode()
    assert name_shown(parked.client) == "nobody"
    assert parked.client.get("/members/").url == "/security/login/?next=/members/"


def test_cancelling_ends_it_and_a_link_cannot(parked) -> None:
    assert parked.client.get("/security/cancel/").url == "/security/verify/"
    done = parked.client.post("/security/cancel/")
    assert "Sign-in cancelled" in done.content.decode()
    assert SecurityEvent.objects.filter(event="login:cancel:done").count() == 1
    assert parked.row.data == ""
    assert_over(parked)


def test_it_dies_after_ten_minutes(parked, clock) -> None:
    clock.shift(599)
    assert parked.client.get("/security/verify/").status_code == 200
    clock.shift(1)
    assert_over(parked)


def test_five_wrong_codes_kill_it(parked) -> None:
    for number in range(5):
        testing.no_throttle()
        answer = parked.client.post("/security/verify/", {"code": f"00000{number}"})
        assert answer.status_code == (400 if number < 4 else 410)
    testing.no_throttle()
    assert_over(parked)


@pytest.mark.parametrize("kill", ["password", "account", "site", "inactive", "frozen", "reset"])
def test_it_dies_with_what_it_was_opened_for(parked, kill) -> None:
    user: User = parked.user
    code = parked.code()
    if kill == "password":
        user.set_password("another")
        user.save()
    elif kill == "account":
        Account.objects.bump_epoch(user.pk)
    elif kill == "site":
        SiteState.objects.bump_epoch()
    elif kill == "inactive":
        User.objects.filter(pk=user.pk).update(is_active=False)
    elif kill == "frozen":
        Account.objects.filter(user_id=user.pk).update(frozen=True)
    else:
        recover.reset_factors(user, reason="lost", now=START)
    assert parked.client.post("/security/verify/", {"code": code}).status_code == 410
    assert parked.client.get("/members/").url == "/security/login/?next=/members/"
    assert parked.row.finished_at is not None


def test_it_completes_when_nothing_is_owed_any_more(parked_bare) -> None:
    User.objects.filter(pk=parked_bare.user.pk).update(is_staff=False, is_superuser=False)
    assert parked_bare.client.get("/security/mailbox/").url == "/reads-user/"
    assert name_shown(parked_bare.client) == "staff"


def test_a_policy_raised_meanwhile_is_asked_at_completion(parked) -> None:
    RolePolicy.objects.create(
        role="staff", mode="enforce", strength="phishing-resistant", starts_at=moment(START)
    )
    assert parked.prove().url == "/security/enrol/"
    assert name_shown(parked.client) == "nobody"


def test_signing_in_again_starts_anew(parked) -> None:
    parked.client.post("/security/verify/", {"code": "000000"})
    first = parked.row
    again = {"username": "armed", "password": PASSWORD}
    parked.client.post("/security/login/", again)
    assert parked.row.pk != first.pk
    assert ParkedLogin.objects.filter(finished_at=None).count() == 1
    assert parked.prove().status_code == 302
