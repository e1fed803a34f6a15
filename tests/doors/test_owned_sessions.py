"""Where somebody is signed in: the page, its JSON, and what becomes of what was ended."""

from __future__ import annotations

import time
from base64 import b32decode

import pytest
from django.test import Client

from hardening import testing
from hardening.core import otp
from hardening.models import Account, Factor, ParkedLogin, SecurityEvent, UserSession
from hardening.sessions import STAMP_KEY, name_of
from tests.doors.conftest import (
    HTML,
    JSON,
    PASSWORD,
    is_out,
    key,
    name_shown,
    person,
    sign_in,
    with_key,
)
from tests.plain_django import statements
from tests.visitor import STEP

pytestmark = pytest.mark.django_db
PAGE = "/security/sessions/"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def pk_of(client: Client) -> int:
    return UserSession.objects.get(sid=client.session[STAMP_KEY]["id"]).pk


# --- on each store ----------------------------------------------------------------------------


def test_a_session_that_was_ended_is_out_with_its_next_request(engine, armed, live) -> None:
    here, other, third = (live(armed) for _ in range(3))
    copy = key(other)
    assert here.post(PAGE, {"action": "end", "session": pk_of(other)}).url == PAGE
    assert is_out(other)
    assert is_out(with_key(copy))
    assert name_shown(third) == name_shown(here) == "armed"


def test_signing_out_everywhere_else_leaves_this_browser(engine, armed, live, mailoutbox) -> None:
    here, other, third = (live(armed) for _ in range(3))
    assert here.post(PAGE, {"action": "end_others"}).url == PAGE
    assert is_out(other)
    assert is_out(third)
    assert name_shown(here) == "armed"
    assert here.get(PAGE).status_code == 200


def test_a_copy_of_a_session_is_dead_once_its_owner_has_signed_out(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    copy = key(client)
    client.post("/accounts/logout/")
    assert is_out(with_key(copy))
    assert SecurityEvent.objects.filter(event="session:sign_out:done").count() == 1
    assert UserSession.objects.get().ended_why == "signed_out"
    sign_in(client, fan)  # another session
    assert name_shown(client) == "fan"


def test_a_copy_is_dead_once_somebody_else_has_signed_in_there(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    copy = key(client)
    sign_in(client, person("somebody"))
    assert is_out(with_key(copy))
    assert UserSession.objects.get(user=fan).ended_why == "replaced"


def test_who_was_deleted_meanwhile_stands_in_nobodys_way(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    fan.delete()
    assert sign_in(client, person("somebody")).status_code == 302
    assert name_shown(client) == "somebody"


def test_the_parallel_limit_ends_the_browser_unused_for_longest(engine, fan, clock, settings):
    settings.HARDENING = {**getattr(settings, "HARDENING", {}), "SESSION_PARALLEL": 2}
    browsers = []
    for _ in range(3):
        clock.shift(60)
        browsers.append(Client(headers=HTML))
        sign_in(browsers[-1], fan)
    assert is_out(browsers[0])
    assert [name_shown(browser) for browser in browsers[1:]] == ["fan", "fan"]


# --- the page ---------------------------------------------------------------------------------


def test_the_page_names_browsers_and_the_one_at_hand(armed, live, client) -> None:
    here = live(armed)
    other = Client(headers={**HTML, "User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.9")
    sign_in(other, armed)
    testing.no_throttle()
    other.post("/security/verify/", {"code": testing.code_for(armed)})
    page = here.get(PAGE)
    text = page.content.decode()
    assert [one["device"] for one in page.context["sessions"]] == [
        "Unknown browser",
        "Firefox on Linux",
    ]
    assert text.count("This browser") == 1
    assert text.count('name="session"') == 1
    assert "192.0.2.9" in text
    assert "<time datetime=" in text
    assert "nowhere else" not in text
    assert key(here) not in text


def test_of_very_many_the_last_used_are_listed(armed, live, monkeypatch) -> None:
    monkeypatch.setattr("hardening.flows.sessions.MAX_LISTED", 2)
    here, _first, _second = (live(armed) for _ in range(3))
    shown = here.get(PAGE)
    assert len(shown.context["sessions"]) == 3  # the one at hand, however long ago it was seen
    assert "only the last used are listed" in shown.content.decode()
    assert here.post(PAGE, {"action": "end_others"}).url == PAGE
    assert "only the last used" not in here.get(PAGE).content.decode()


def test_who_is_signed_in_nowhere_else_reads_so(armed, live) -> None:
    text = live(armed).get(PAGE).content.decode()
    assert "You are signed in nowhere else" in text
    assert 'name="session"' not in text


def test_who_has_no_factor_looks_and_is_told_what_helps(fan, clock) -> None:
    here, other = Client(headers=HTML), Client(headers=HTML)
    for browser in (here, other):
        sign_in(browser, fan)
    page = here.get(PAGE).content.decode()
    assert "A new password ends all other sessions too" in page
    assert 'name="session"' not in page
    assert here.post(PAGE, {"action": "end_others"}).url.startswith("/security/enrol/")
    assert name_shown(other) == "fan"


def test_the_overview_shows_the_first_three_and_leads_to_the_list(armed, live) -> None:
    here, *_ = [live(armed) for _ in range(5)]
    page = here.get("/security/")
    assert len(page.context["sessions"]) == 3
    assert "And 2 more" in page.content.decode()
    assert f'href="{PAGE}"' in page.content.decode()


@pytest.mark.parametrize("form", [{"action": "end"}, {"action": "end_others"}])
def test_ending_takes_a_fresh_proof(form, armed, live, clock) -> None:
    here, other = live(armed), live(armed)
    clock.shift(301)
    answer = here.post(PAGE, {**form, "session": pk_of(other)})
    assert answer.url.startswith("/security/step-up/")
    assert name_shown(other) == "armed"
    refused = here.post(PAGE, form, headers=JSON)
    assert (refused.status_code, refused.json()["code"]) == (403, "step_up_required")


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "1" * 5000, "²", "9" * 19])
def test_what_names_no_session_is_404(number, armed, live) -> None:
    here = live(armed)
    assert here.post(PAGE, {"action": "end", "session": number}).status_code == 404


def test_a_form_that_asks_for_nothing_changes_nothing(armed, live) -> None:
    here, other = live(armed), live(armed)
    answer = here.post(PAGE, {"session": pk_of(other)})
    assert answer.status_code == 400
    assert "could not be read" in answer.content.decode()
    assert name_shown(other) == "armed"


def test_somebody_elses_session_is_404_and_goes_on(armed, live, clock) -> None:
    here, stranger = live(armed), live(person("stranger"))
    answer = here.post(PAGE, {"action": "end", "session": pk_of(stranger)})
    assert answer.status_code == 404
    assert name_shown(stranger) == "stranger"
    assert SecurityEvent.objects.filter(event="session:open:foreign").count() == 1


def test_ending_the_session_at_hand_signs_out(armed, live) -> None:
    here = live(armed)
    answer = here.post(PAGE, {"action": "end", "session": pk_of(here)})
    assert answer.url.startswith("/security/login/")
    assert is_out(here)


def test_whoever_lost_a_race_for_the_account_gets_404(armed, live, monkeypatch) -> None:
    here = live(armed)
    bumped = type(Account.objects.all()).bump_epoch

    def twice(rows, user_pk):
        bumped(rows, user_pk)
        return bumped(rows, user_pk)

    monkeypatch.setattr(type(Account.objects.all()), "bump_epoch", twice)
    assert here.post(PAGE, {"action": "end_others"}).status_code == 404


def test_this_browser_stays_known(armed, live) -> None:
    here = live(armed)
    here.post(PAGE, {"action": "end_others"})
    here.post("/accounts/logout/")
    sign_in(here, armed)
    testing.no_throttle()
    assert SecurityEvent.objects.filter(event="session:end_others:done").exists()
    assert here.get("/security/verify/").status_code == 200
    assert '"known_browser": true' in ParkedLogin.objects.latest("pk").circumstances


def test_nobody_is_led_to_the_login_page(client, db) -> None:
    assert client.get(PAGE, headers=HTML).url == "/security/login/?next=%2Fsecurity%2Fsessions%2F"
    assert client.post(PAGE, headers=JSON).json()["code"] == "login_required"


def step_up(client, user, clock):
    clock.shift(STEP)
    chosen = Factor.objects.owned(user.pk).latest("pk").pk
    client.post("/security/step-up/", {"code": testing.code_for(user), "authenticator": chosen})


def remove(client, user, clock):
    pk = Factor.objects.owned(user.pk).confirmed().earliest("pk").pk
    client.post(f"/security/factor/{pk}/", {"action": "remove"})


def change_password(client, user, clock):
    new = "a kite above the harbour"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    client.post("/security/change-password/", fields)


def enrol(client, user, clock):
    client.post("/security/enrol/", {"kind": "totp"})
    key = client.get("/security/enrol/authenticator/", headers=JSON).json()["key"]
    code = otp.code_at(b32decode(key.replace(" ", "")), now=int(time.time()))
    client.post("/security/enrol/authenticator/", {"code": code, "name": "Tablet"})


@pytest.mark.parametrize("act", [step_up, remove, change_password, enrol])
def test_the_list_follows_what_its_owner_does(act, armed, live, clock) -> None:
    testing.enrol(armed)
    here, other = live(armed), live(armed)
    pk, before = pk_of(here), key(here)
    act(here, armed, clock)
    assert key(here) != before
    row = UserSession.objects.get(pk=pk)
    assert row.key_digest == name_of(here.session)
    found = here.get(PAGE).context["sessions"]
    assert [one["pk"] for one in found] == [pk, *([pk_of(other)] if act is step_up else [])]


# --- programs ---------------------------------------------------------------------------------


def test_a_json_client_lists_and_ends(armed, live) -> None:
    here, other = live(armed), live(armed)
    body = here.get(PAGE, headers=JSON).json()
    assert body["code"] == "ok"
    mine, its = body["sessions"]
    assert (mine["current"], its["current"]) == (True, False)
    assert its["id"] == pk_of(other)
    assert set(its) == {"id", "device", "address", "current", "started", "seen"}
    assert its["started"] == "2026-11-21T12:00:00+00:00"
    done = here.post(
        PAGE,
        {"action": "end", "session": its["id"]},
        content_type="application/json",
        headers=JSON,
    )
    assert done.json() == {"code": "ok", "next": PAGE}
    assert is_out(other)


# --- cost -------------------------------------------------------------------------------------


def test_a_page_writes_to_the_list_at_most_once_in_five_minutes(armed, live, clock) -> None:
    client = live(armed)
    written = []
    for _ in range(4):
        clock.shift(100)
        written += [sql for sql in statements(client, "/reads-user/") if "usersession" in sql]
    assert written == []  # `statements` asks twice: the first request of the two may write
    assert UserSession.objects.get().seen_at == UserSession.objects.get().started_at + 300
