"""Sessions that live in the browser: what can be read there, what an older copy opens, how large.

`docs/boxes/signed-cookies.md` says what remains.
"""

from __future__ import annotations

import json

import pytest
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import User
from django.core import signing
from django.test import Client

from hardening import sessions, testing
from hardening.models import Account, Factor, ParkedLogin
from tests.doors.conftest import HTML, PASSWORD, START, is_out, name_shown, sign_in
from tests.host.doors import LEAK
from tests.visitor import STEP, Visitor

pytestmark = pytest.mark.django_db
BROWSERS_KEEP = 4096  # bytes of a cookie, name and attributes included (RFC 6265, 6.1)


@pytest.fixture(autouse=True)
def _signed_cookies(settings) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"


def cookie(client: Client) -> str:
    return client.cookies["sessionid"].value


def replayed(value: str) -> Client:
    browser = Client(headers=HTML)
    browser.cookies["sessionid"] = value
    return browser


def readable(client: Client) -> dict[str, object]:
    """Return what anybody reads in a cookie: its payload is compressed, and not encrypted."""
    salt = "django.contrib.sessions.backends.signed_cookies"
    return signing.loads(cookie(client), salt=salt)


# --- what can be read -----------------------------------------------------------------------------


def test_a_waiting_sign_in_shows_its_handle_and_nothing_else(armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed, next="/members/?page=2")
    assert list(readable(client)) == [sessions.PARKED_KEY]
    assert len(bytes.fromhex(str(readable(client)[sessions.PARKED_KEY]))) == 16


def test_a_live_session_shows_kinds_and_times_of_proofs_and_no_secret(armed, live) -> None:
    client = live(armed)
    stamp = readable(client)[sessions.STAMP_KEY]
    assert set(stamp) == {"user", "id", "epochs", "proofs", "started", "known", "next"}
    assert stamp["proofs"][-1] == ["factor", START, stamp["epochs"][0], Factor.objects.get().pk]
    assert {len(proof) for proof in stamp["proofs"]} == {4}  # kind, time, epoch, id of a factor


def test_neither_the_new_key_nor_the_recovery_codes_are_ever_in_the_cookie(
    staff, clock, mailoutbox
) -> None:
    visitor = Visitor(staff, password=PASSWORD)
    visitor.sign_in()
    mailed = visitor.ask_for_mail()
    seen = [readable(visitor.client)]
    visitor.post("hardening:mailbox", {"code": mailed})
    visitor.start()
    seen.append(readable(visitor.client))
    visitor.confirm()
    seen.append(readable(visitor.client))
    visitor.keep_codes()
    seen.append(readable(visitor.client))
    assert visitor.is_signed_in()
    everything = json.dumps(seen)
    key = testing.secret_of(Factor.objects.get())
    for secret in (mailed, *visitor.codes, key.hex(), PASSWORD):
        assert secret not in everything
    assert all(list(shown) == [sessions.PARKED_KEY] for shown in seen[:-1])


# --- older copies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["completed", "cancelled", "somebody else", "expired"])
def test_a_replayed_waiting_sign_in_opens_nothing_once_it_is_over(end, armed, fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed)
    waiting = cookie(client)
    if end == "completed":
        client.post("/security/verify/", {"code": testing.code_for(armed)})
    elif end == "cancelled":
        client.post("/security/cancel/")
    elif end == "somebody else":
        sign_in(client, fan)
    clock.shift(601 if end == "expired" else STEP)
    thief = replayed(waiting)
    for page in ("verify", "recovery-code", "mailbox", "enrol", "recovery-codes"):
        assert thief.get(f"/security/{page}/").status_code in (302, 410), page
    answer = thief.post("/security/verify/", {"code": testing.code_for(armed)})
    assert answer.status_code == 410
    assert name_shown(thief) == "nobody"
    assert LEAK not in str(thief.get("/remember/").json())


def test_a_replayed_waiting_sign_in_still_asks_for_the_factor_while_it_waits(armed, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, armed)
    thief = replayed(cookie(client))
    assert thief.get("/members/").url == "/security/verify/"
    for _ in range(3):
        assert thief.post("/security/verify/", {"code": "000000"}).status_code in (400, 429)
    assert ParkedLogin.objects.get().failures == 3  # counted in the row, whoever asks


def test_a_replayed_live_session_is_judged_like_any_other(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    older = cookie(client)
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    for _ in range(2):  # each replay is parked again, whatever became of the one before
        thief = replayed(older)
        assert thief.get("/members/").url == "/security/mailbox/"
        assert name_shown(thief) == "nobody"
        assert SESSION_KEY not in readable(thief)


def test_a_replayed_live_session_is_over_once_the_account_says_so(armed, live) -> None:
    older = cookie(live(armed))
    assert name_shown(replayed(older)) == "armed"
    Account.objects.bump_epoch(armed.pk)
    for _ in range(2):
        assert replayed(older).get("/members/").url.startswith("/security/login/")


def test_a_logout_ends_every_copy_of_the_cookie(armed, live) -> None:
    client, other = live(armed), live(armed)
    older = cookie(client)
    client.post("/accounts/logout/")
    assert name_shown(client) == "nobody"
    for _ in range(2):
        assert is_out(replayed(older))
    assert name_shown(other) == "armed"


def test_so_does_a_sign_in_in_the_place_of_another(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    older = cookie(client)
    sign_in(client, fan)
    assert name_shown(client) == "fan"
    assert is_out(replayed(older))


def test_of_a_session_from_before_the_app_a_copy_lives_on_as_the_box_says(fan, clock) -> None:
    client = Client(headers=HTML)
    client.force_login(fan)
    session = client.session
    del session[sessions.STAMP_KEY]
    session.save()
    client.cookies["sessionid"] = session.session_key
    client.post("/accounts/logout/")
    assert name_shown(replayed(session.session_key)) == "fan"


def test_what_one_copy_proves_later_the_older_copy_does_not_have(armed, live, clock) -> None:
    client = live(armed)
    older = cookie(client)
    clock.shift(400)  # longer than a proof is fresh
    assert client.post("/security/step-up/", {"code": testing.code_for(armed)}).status_code == 302
    assert client.get("/vault/").status_code == 200
    assert replayed(older).get("/vault/").status_code == 302


# --- size -----------------------------------------------------------------------------------------


def header_size(client: Client) -> int:
    return len(client.cookies["sessionid"].OutputString())


def test_the_stamp_adds_less_than_300_bytes_to_the_cookie(armed, live) -> None:
    client = live(armed)
    session = client.session
    del session[sessions.STAMP_KEY]
    session.save()
    assert len(cookie(client)) - len(session.session_key) < 300
    assert header_size(client) < BROWSERS_KEEP / 4


def test_what_a_login_view_wrote_never_makes_the_waiting_cookie_large(fan, clock) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    client.post("/remember/", {str(n): f"record number {n * 7919} of many" for n in range(60)})
    large = header_size(client)
    User.objects.filter(pk=fan.pk).update(is_staff=True)
    assert client.get("/members/").url == "/security/mailbox/"
    assert header_size(client) < 400
    assert large > 1000
    User.objects.filter(pk=fan.pk).update(is_staff=False)
    assert client.get("/security/mailbox/").url == "/members/"
    assert len(client.get("/remember/").json()) > 60


def test_a_copy_made_before_a_proof_does_not_go_on_from_it(staff, clock, mailoutbox) -> None:
    """Who knows the password and copied the cookie waits for the owner to prove her mailbox."""
    visitor = Visitor(staff, password=PASSWORD)
    visitor.sign_in()
    copied = cookie(visitor.client)
    visitor.post("hardening:mailbox", {"code": visitor.ask_for_mail()})
    thief = replayed(copied)
    assert thief.get("/security/enrol/").status_code == 410  # over, for whoever holds the copy
    assert thief.post("/security/enrol/authenticator/", {}).status_code == 410
    assert visitor.client.get("/security/enrol/").status_code == 200  # its owner goes on
