"""Several tabs of one browser, and several people in turn at it."""

from __future__ import annotations

import pytest
from django.test import Client

from hardening import testing
from hardening.factors import totp
from hardening.flows import login
from hardening.models import ParkedLogin
from tests.doors.conftest import HTML, name_shown, person, sign_in
from tests.host.doors import LEAK
from tests.visitor import STEP as SECONDS

pytestmark = pytest.mark.django_db
STEP = "/security/verify/"
DOORS = ("/form-login/", "/security/login/", "/accounts/login/")


def tab_of(client: Client, **more) -> Client:
    """Return a second tab: what the browser's cookies are now, and where they go from here."""
    other = Client(headers=HTML, **more)
    other.cookies = client.cookies
    return other


def ours(client: Client) -> dict[str, str]:
    return client.get("/remember/").json()


@pytest.fixture
def other(db):
    """Somebody else with a factor."""
    user = person("other", is_staff=True)
    testing.enrol(user)
    return user


# --- people in turn -------------------------------------------------------------------------------


@pytest.mark.parametrize("door", DOORS)
def test_whoever_signs_in_while_another_waits_is_in_and_the_other_is_out(
    door, parked, fan, clock
) -> None:
    parked.client.get("/members/?of=armed")
    sign_in(parked.client, fan, door, next="/reads-user/")
    assert name_shown(parked.client) == "fan"
    # The tab that armed left open: his code is right, and signs him in no more.
    assert parked.prove().url == "/reads-user/"
    assert name_shown(parked.client) == "fan"
    assert ParkedLogin.objects.get().finished_at is not None
    assert set(ours(parked.client)) <= {"left_by_login"}


@pytest.mark.parametrize("door", DOORS)
def test_whoever_waits_after_a_live_session_has_ended_it(door, fan, armed, live) -> None:
    client = live(fan)
    client.post("/remember/", {"draft": "of a fan"})
    assert sign_in(client, armed, door).url == STEP
    assert name_shown(client) == "nobody"
    assert ours(client) == {}
    assert client.post("/security/cancel/").status_code == 200
    assert name_shown(client) == "nobody"  # the fan's session does not come back
    assert ours(client) == {}
    assert client.get("/security/").url.startswith("/security/login/")


@pytest.mark.parametrize("door", DOORS)
def test_three_people_in_turn_leave_nothing_to_each_other(door, armed, other, fan, clock) -> None:
    client = Client(headers=HTML)
    for user, path in ((armed, "/members/?of=armed"), (other, "/members/?of=other")):
        assert sign_in(client, user, door, next=path).url == STEP
        client.get(path)
        client.post("/remember/", {f"draft of {user}": LEAK})
        assert name_shown(client) == "nobody"
    sign_in(client, fan, door, next="/reads-user/")
    assert name_shown(client) == "fan"
    assert set(ours(client)) <= {"left_by_login"}
    assert not ParkedLogin.objects.filter(finished_at=None).exists()
    assert sign_in(client, armed, door, next="/reads-user/").url == STEP
    assert client.post(STEP, {"code": testing.code_for(armed)}).url == "/reads-user/"
    assert name_shown(client) == "armed"
    assert set(ours(client)) <= {"left_by_login"}


def test_the_failures_of_one_are_not_the_next_ones(parked, other) -> None:
    for _ in range(2):
        parked.client.post(STEP, {"code": "000000"})
    sign_in(parked.client, other)
    row = ParkedLogin.objects.get(finished_at=None)
    assert (row.user_id, row.failures) == (other.pk, 0)


# --- tabs -----------------------------------------------------------------------------------------


def test_a_second_tab_is_led_on_after_the_first_has_completed(parked) -> None:
    parked.client.get("/members/?page=2")
    second = tab_of(parked.client)
    assert second.get(STEP).status_code == 200
    assert parked.prove().url == "/members/?page=2"
    assert second.post(STEP, {"code": "000000"}).url == "/members/?page=2"
    assert second.post("/security/mailbox/", {"action": "send"}).url == "/members/?page=2"
    assert name_shown(second) == "armed"


def test_a_second_tab_with_the_token_of_the_first_is_led_on_and_never_refused(armed, clock) -> None:
    first = Client(headers=HTML, enforce_csrf_checks=True)
    token = str(first.get("/security/login/").context["csrf_token"])
    second = tab_of(first, enforce_csrf_checks=True)
    sign_in(first, armed, "/security/login/", csrfmiddlewaretoken=token, next="/members/")
    # The second tab still shows the login form, with a token from before.
    stale = sign_in(second, armed, "/security/login/", csrfmiddlewaretoken=token)
    assert (stale.status_code, stale.url) == (302, "/security/login/")
    assert second.get("/security/login/").context["waiting"]["url"] == STEP
    token = str(first.get(STEP).context["csrf_token"])
    older = str(second.get(STEP).context["csrf_token"])
    fields = {"code": testing.code_for(armed), "csrfmiddlewaretoken": token}
    assert first.post(STEP, fields).url == "/members/"
    again = second.post(STEP, {"code": "000000", "csrfmiddlewaretoken": older})
    assert (again.status_code, again.url) == (302, STEP)
    assert second.get(STEP).url == "/members/"
    assert name_shown(second) == "armed"


def test_a_sign_in_cancelled_while_another_tab_posts_its_code_signs_nobody_in(
    parked, monkeypatch
) -> None:
    second = tab_of(parked.client)
    verify = totp.verify

    def cancelled_first(*args, **kwargs):
        assert second.post("/security/cancel/").status_code == 200
        return verify(*args, **kwargs)

    monkeypatch.setattr(totp, "verify", cancelled_first)
    code = parked.code()
    assert parked.client.post(STEP, {"code": code}).status_code == 410
    assert name_shown(parked.client) == name_shown(second) == "nobody"
    monkeypatch.undo()
    sign_in(parked.client, parked.user)
    assert parked.client.post(STEP, {"code": code}).status_code == 400  # and its step is spent


def test_a_code_posted_while_another_tab_cancels_wins_if_it_was_first(parked, monkeypatch) -> None:
    second = tab_of(parked.client)
    cancel = login.cancel

    def proven_first(*args, **kwargs):
        assert second.post(STEP, {"code": parked.code()}).status_code == 302
        return cancel(*args, **kwargs)

    monkeypatch.setattr(login, "cancel", proven_first)
    answer = parked.client.post("/security/cancel/")
    assert answer.status_code == 400  # Django's word for a session that is gone meanwhile
    monkeypatch.undo()
    assert name_shown(second) == "armed"


def test_cancelling_after_completion_leaves_the_session_alone(parked) -> None:
    second = tab_of(parked.client)
    parked.prove()
    assert second.post("/security/cancel/").url == "/security/"
    assert name_shown(second) == "armed"


def test_the_login_page_opened_while_somebody_waits_takes_the_same_or_another_person(
    parked, fan, clock
) -> None:
    first = parked.row
    assert parked.client.get("/security/login/").context["waiting"]["url"] == STEP
    wrong = parked.client.post("/security/login/", {"username": "armed", "password": "no"})
    assert wrong.context["waiting"]["url"] == STEP  # a wrong password ends nothing
    assert sign_in(parked.client, parked.user, "/security/login/").url == STEP
    assert parked.row.pk != first.pk
    first.refresh_from_db()
    assert first.finished_at is not None
    clock.shift(SECONDS)
    sign_in(parked.client, fan, "/security/login/")
    assert name_shown(parked.client) == "fan"
    assert parked.client.get("/security/login/").status_code == 302
