"""The same journeys on each store of sessions that Django has."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from hardening import sessions, testing
from hardening.models import Account, ParkedLogin, SiteState
from tests.doors.conftest import (
    COOKIE,
    HTML,
    PASSWORD,
    START,
    is_out,
    key,
    name_shown,
    person,
    sign_in,
    with_key,
)
from tests.host.doors import LEAK
from tests.visitor import Visitor

pytestmark = pytest.mark.django_db
STEP = "/security/verify/"
PAGES = ("/public/", "/reads-user/", "/async-reads-user/", "/members/", "/remember/", STEP)


def ours(client: Client) -> dict[str, str]:
    return client.get("/remember/").json()


# --- signing in -----------------------------------------------------------------------------------


def test_a_foreign_login_waits_and_completes_with_what_it_wrote_under_a_new_key(
    engine, armed, clock
) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    keys = [key(client)]
    assert sign_in(client, armed, next="/members/?page=2").url == STEP
    keys.append(key(client))
    assert LEAK not in str(dict(client.session))
    assert name_shown(client) == "nobody"
    assert client.get("/async-reads-user/").content == b"Here is nobody"
    assert ours(client) == {"cart": "3 records"}
    client.post("/remember/", {"looked_at": "posters"})
    assert client.get("/favicon.ico").status_code == 200
    done = client.post(STEP, {"code": testing.code_for(armed)})
    assert done.url == "/members/?page=2"
    assert name_shown(client) == "armed"
    assert client.get("/async-reads-user/").content == b"Here is armed"
    assert ours(client) == {"cart": "3 records", "looked_at": "posters", "left_by_login": LEAK}
    assert client.get("/notes/").json() == {"messages": []}
    assert len({*keys, key(client)}) == 3
    for old in keys:
        assert name_shown(with_key(old)) == "nobody"
        assert with_key(old).post(STEP, {"code": "123456"}).status_code == 410


@pytest.mark.parametrize("door", ["/security/login/", "/accounts/login/", "/admin/login/"])
def test_a_page_tried_while_waiting_is_where_the_sign_in_leads(engine, door, armed, clock) -> None:
    client = Client(headers=HTML)
    assert sign_in(client, armed, door, next="/reads-user/").url == STEP
    assert client.get("/members/?page=3").url == STEP
    assert client.post(STEP, {"code": testing.code_for(armed)}).url == "/members/?page=3"


def test_a_fan_signs_in_and_out(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    inside = key(client)
    assert name_shown(client) == "fan"
    assert ours(client) == {"left_by_login": LEAK}
    client.post("/accounts/logout/")
    assert name_shown(client) == "nobody"
    assert is_out(with_key(inside))


def test_cancelling_ends_what_waits_and_keeps_what_was_there_before(engine, armed, clock) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    sign_in(client, armed)
    waiting = key(client)
    assert client.post("/security/cancel/").status_code == 200
    for browser in (client, with_key(waiting)):
        assert browser.post(STEP, {"code": testing.code_for(armed)}).status_code == 410
        assert name_shown(browser) == "nobody"
    assert ours(client) == {"cart": "3 records"}
    assert ParkedLogin.objects.get().data == ""


def test_a_logout_while_waiting_takes_everything(engine, armed, clock) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    sign_in(client, armed)
    client.post("/accounts/logout/")
    assert client.post(STEP, {"code": testing.code_for(armed)}).status_code == 410
    assert ours(client) == {}


@pytest.mark.parametrize("door", ["/form-login/", "/security/login/"])
@pytest.mark.parametrize("state", ["live", "waiting"])
def test_the_next_person_at_that_browser_inherits_nothing(
    engine, door, state, armed, clock, settings
) -> None:
    settings.MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
    other = person("other", is_staff=True)
    testing.enrol(other)
    client = Client(headers=HTML)
    sign_in(client, armed)
    if state == "live":
        client.post(STEP, {"code": testing.code_for(armed)})
    client.post("/say/", {"text": "armed, your order was shipped"})
    client.post("/remember/", {"draft": "of armed"})
    sign_in(client, other, door)
    assert client.get("/notes/").json() == {"messages": []}
    assert client.post(STEP, {"code": testing.code_for(armed)}).status_code == 400
    testing.no_throttle()
    clock.shift(30)
    assert client.post(STEP, {"code": testing.code_for(other)}).status_code == 302
    assert name_shown(client) == "other"
    assert set(ours(client)) <= {"left_by_login"}
    assert client.session[sessions.STAMP_KEY]["user"] == str(other.pk)


# --- live sessions --------------------------------------------------------------------------------


def test_a_role_granted_in_mid_life_parks_enrols_and_gives_everything_back(
    engine, fan, clock, mailoutbox
) -> None:
    visitor = Visitor(fan, password=PASSWORD)
    visitor.sign_in()
    visitor.post("/remember/", {"draft": "mine", "cart": "3 records"})
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert visitor.get("/members/?page=2").url == "/security/mailbox/"
    assert ours(visitor.client) == {}
    assert "mine" not in str(dict(visitor.client.session))
    visitor.prove_mailbox()
    assert visitor.enrol().url == "/members/?page=2"
    assert visitor.is_signed_in()
    assert ours(visitor.client) == {"draft": "mine", "cart": "3 records"}


def test_an_older_copy_of_a_live_session_is_judged_again(engine, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    copy, data = key(client), dict(client.session)
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert client.get("/members/").url == "/security/mailbox/"
    slow = client.session  # a request that was slow saves what it had read before
    slow.update(data)
    slow.save()
    late = with_key(copy if engine == "signed_cookies" else slow.session_key)
    assert late.get("/members/").url == "/security/mailbox/"
    assert name_shown(late) == "nobody"
    assert SESSION_KEY not in late.session


@pytest.mark.parametrize("state", ["live", "waiting"])
def test_a_frozen_account_is_out_on_the_next_request(engine, state, armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed)
    if state == "live":
        client.post(STEP, {"code": testing.code_for(armed)})
        client.post("/remember/", {"draft": "mine"})
    before = key(client)
    Account.objects.filter(user_id=armed.pk).update(frozen=True)
    for browser in (client, with_key(before)):
        assert (
            browser.get("/members/", follow=True)
            .redirect_chain[-1][0]
            .startswith("/security/login/")
        )
        assert name_shown(browser) == "nobody"
        assert browser.post(STEP, {"code": testing.code_for(armed)}).status_code == 410
    assert state == "waiting" or ours(client) == {}


REVOCATIONS = {
    "one": lambda user: Account.objects.bump_epoch(user.pk),
    "everybody": lambda user: SiteState.objects.bump_epoch(),
}


@pytest.mark.parametrize("revoke", REVOCATIONS.values(), ids=REVOCATIONS)
@pytest.mark.parametrize("state", ["live", "waiting"])
def test_a_revocation_ends_sessions_and_sign_ins_that_wait(
    engine, state, revoke, armed, clock
) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed)
    if state == "live":
        client.post(STEP, {"code": testing.code_for(armed)})
        assert name_shown(client) == "armed"
        testing.no_throttle()
        clock.shift(30)
    before = key(client)
    revoke(armed)
    for browser in (client, with_key(before)):
        assert browser.get("/members/").url.startswith("/security/login/")
        assert name_shown(browser) == "nobody"
        assert browser.post(STEP, {"code": testing.code_for(armed)}).status_code == 410


def test_revoking_everybody_ends_a_session_from_before_the_app_too(engine, fan) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    session = client.session
    del session[sessions.STAMP_KEY]
    session.save()
    client.cookies[COOKIE] = session.session_key
    Account.objects.all().delete()  # nor has the account ever had a row
    assert name_shown(client) == "fan"
    SiteState.objects.bump_epoch()
    assert client.get("/members/").url.startswith("/security/login/")
    assert name_shown(client) == "nobody"


# --- what cannot be read --------------------------------------------------------------------------


def spoil(engine: str, client: Client, folder: Path) -> None:
    """Make the stored session unreadable, as another key, a full disk or an old version would."""
    if engine == "signed_cookies":
        client.cookies[COOKIE] = key(client)[:-3] + "aaa"
    elif engine == "file":
        for stored in folder.glob("sessionid*"):
            stored.write_text("no session at all", encoding="ascii")
    cache.clear()
    Session.objects.update(session_data="no session at all")


@pytest.mark.parametrize("state", ["live", "waiting"])
def test_a_session_that_cannot_be_read_signs_nobody_in_and_breaks_nothing(
    engine, state, armed, clock, tmp_path
) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed)
    if state == "live":
        client.post(STEP, {"code": testing.code_for(armed)})
    spoil(engine, client, tmp_path)
    unreadable = key(client)
    for path in PAGES:
        client.cookies[COOKIE] = unreadable
        assert client.get(path).status_code in (200, 302, 410), path
        assert client.post(path, {"code": "123456"}).status_code in (200, 302, 410), path
    assert name_shown(client) == "nobody"
    assert sign_in(client, armed).url == STEP


@pytest.mark.parametrize(
    "value", ["x", "../../../etc/passwd", "a" * 32, "a:b:c", "0" * 5000, "%00"]
)
def test_a_cookie_that_names_no_session_is_nobody(engine, value, db) -> None:
    for path in PAGES:
        browser = with_key(value)
        assert browser.get(path).status_code in (200, 302, 410), path


@pytest.mark.parametrize("handle", ["", "0" * 32, 7, None, ["a"], {"a": 1}])
def test_a_handle_that_names_nothing_is_no_sign_in(engine, handle, clock, db) -> None:
    client = Client(headers=HTML)
    client.post("/remember/", {"cart": "3 records"})
    session = client.session
    session[sessions.PARKED_KEY] = handle
    session.save()
    client.cookies[COOKIE] = session.session_key
    for path in PAGES:
        assert client.get(path).status_code in (200, 302, 410), path
    assert client.get("/members/").url.startswith("/security/login/")
    assert name_shown(client) == "nobody"


def test_a_stamp_that_cannot_be_read_is_over(engine, armed, live) -> None:
    client = live(armed)
    session = client.session
    session[sessions.STAMP_KEY] = {"user": str(armed.pk), "proofs": START}
    session.save()
    client.cookies[COOKIE] = session.session_key
    assert client.get("/members/").url.startswith("/security/login/")
    assert name_shown(client) == "nobody"
