"""The device cookie at the door: its name and attributes, who is believed, and when it is set."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.test import Client, RequestFactory

from hardening import browser_cookie, devices, sessions, testing
from hardening.core.values import Proof, ProofKind
from hardening.models import Account, Factor
from tests.doors.conftest import HTML, PASSWORD, START, sign_in
from tests.visitor import Visitor

HTTP_NAME = "hardening_device"
HTTPS_NAME = "__Host-hardening_device"
EPOCHS = {"account_epoch": 4, "site_epoch": 2}
BOUND = {"password": "argon2$of today", **EPOCHS}
DAYS_180 = 15_552_000


@pytest.fixture
def ask():
    """Return a function that makes a request, over HTTPS unless told otherwise."""

    def make(*, secure=True, **cookies):
        request = RequestFactory().get("/", secure=secure)
        request.COOKIES.update(cookies)
        return request

    return make


def cookie_of(pk=7, *, proven=True, random=b"n" * 16):
    return devices.issue(None, pk, proven=proven, random=random, now=START, **BOUND)


def remember(request, pk=7, *, proven=True, **more):
    browser_cookie.remember(request, pk, proven=proven, **{**BOUND, **more})


def written(request, response=None):
    """Return what `write` sets on an answer; `None` if nothing."""
    response = response or HttpResponse()
    browser_cookie.write(request, response, now=START)
    assert len(response.cookies) <= 1
    return next(iter(response.cookies.values()), None)


def find(morsel, pk=7, **epochs):
    return devices.find(morsel.value, pk, now=START, **{**BOUND, **epochs})


# ---------------------------------------------------------------- attributes


def test_over_https_only_this_host_can_have_set_it(ask) -> None:
    request = ask()
    remember(request)
    cookie = written(request)
    assert cookie.key == HTTPS_NAME
    assert cookie["secure"] is True
    assert cookie["httponly"] is True
    assert cookie["samesite"] == "Lax"
    assert (cookie["path"], cookie["domain"]) == ("/", "")  # as the prefix demands
    assert cookie["max-age"] == DAYS_180
    assert '"' not in cookie.OutputString()  # nothing in it needs quoting


def test_over_plain_http_it_has_a_plain_name(ask) -> None:
    request = ask(secure=False)
    remember(request)
    cookie = written(request)
    assert cookie.key == HTTP_NAME
    assert cookie["secure"] == ""
    assert cookie["httponly"] is True


def test_a_site_whose_sessions_need_https_is_on_https(ask, settings) -> None:
    """Its proxy may not say so, but without it nobody could sign in."""
    settings.SESSION_COOKIE_SECURE = True
    request = ask(secure=False, **{HTTP_NAME: "planted"})
    remember(request)
    assert browser_cookie.read(request) is None
    assert written(request).key == HTTPS_NAME


def test_it_lasts_as_long_as_the_site_says(ask, settings) -> None:
    settings.HARDENING = {"DEVICE_COOKIE_DAYS": 30}
    request = ask()
    remember(request)
    assert written(request)["max-age"] == 30 * 86_400


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize(
    "secure, sent, read",
    [
        (True, {HTTPS_NAME: "ours"}, "ours"),
        (True, {HTTP_NAME: "planted"}, None),
        (True, {HTTPS_NAME: "ours", HTTP_NAME: "planted"}, "ours"),
        (False, {HTTP_NAME: "ours"}, "ours"),
        (False, {HTTPS_NAME: "leaked"}, None),
        (True, {}, None),
    ],
)
def test_only_the_name_of_the_scheme_is_read(ask, secure, sent, read) -> None:
    assert browser_cookie.read(ask(secure=secure, **sent)) == read


def test_without_a_request_there_is_no_browser() -> None:
    assert browser_cookie.read(None) is None
    remember(None)


def test_a_wrapped_request_is_the_one_underneath(ask) -> None:
    inner = ask(**{HTTPS_NAME: "ours"})
    wrapped = SimpleNamespace(_request=inner)
    assert browser_cookie.read(wrapped) == "ours"
    remember(wrapped)
    assert find(written(inner)).proven


# ---------------------------------------------------------------- writing


def test_nothing_is_set_where_nothing_was_wished(ask) -> None:
    response = HttpResponse()
    assert written(ask(), response) is None
    assert "Cache-Control" not in response.headers


def test_it_is_set_once_a_request(ask) -> None:
    request = ask()
    remember(request)
    assert written(request) is not None
    assert written(request) is None
    assert browser_cookie.WISH not in vars(request)


def test_every_answer_has_a_nonce_of_its_own(ask) -> None:
    nonces = set()
    for _ in range(3):
        request = ask()
        remember(request)
        nonces.add(find(written(request)).nonce)
    assert len(nonces) == 3


@pytest.mark.parametrize(
    "response",
    [HttpResponse(), HttpResponseRedirect("/"), StreamingHttpResponse([b"a"])],
    ids=lambda response: type(response).__name__,
)
def test_it_goes_out_with_any_kind_of_answer(ask, response) -> None:
    request = ask()
    remember(request)
    assert written(request, response) is not None


@pytest.mark.parametrize(
    "before, after",
    [
        (None, {"private"}),
        ("public, max-age=600", {"private", "max-age=600"}),
        ("private", {"private"}),
        ("no-store", {"no-store", "private"}),
    ],
)
def test_no_shared_cache_keeps_the_answer(ask, before, after) -> None:
    request, response = ask(), HttpResponse(headers={"Cache-Control": before} if before else {})
    remember(request)
    written(request, response)
    assert set(response.headers["Cache-Control"].split(", ")) == after


def test_what_the_browser_sent_is_carried_over(ask) -> None:
    request = ask(**{HTTPS_NAME: cookie_of(8)})
    remember(request, 7, proven=False)
    cookie = written(request)
    assert find(cookie, 7) is not None
    assert find(cookie, 8) is not None


def test_a_plain_sign_in_leaves_a_proven_browser_proven(ask) -> None:
    request = ask(**{HTTPS_NAME: cookie_of(proven=True)})
    remember(request, proven=False)
    assert find(written(request)).proven


def test_afresh_nothing_is_carried_over_for_this_account(ask) -> None:
    sent = devices.issue(cookie_of(8), 7, proven=True, random=b"r" * 16, now=START, **BOUND)
    request = ask(**{HTTPS_NAME: sent})
    remember(request, proven=False, afresh=True)
    remember(request, proven=False)
    cookie = written(request)
    assert not find(cookie).proven
    assert find(cookie, 8).proven


def test_said_twice_proofs_add_up_and_the_later_epoch_counts(ask) -> None:
    request = ask()
    remember(request, proven=True)
    remember(request, proven=False, account_epoch=5)
    cookie = written(request)
    assert find(cookie) is None
    assert find(cookie, account_epoch=5).proven


def test_of_two_accounts_in_one_request_the_last_is_remembered(ask) -> None:
    request = ask()
    remember(request, 7, proven=True)
    remember(request, 8, proven=False)
    cookie = written(request)
    assert find(cookie, 7) is None
    assert not find(cookie, 8).proven


@pytest.mark.parametrize(
    "kinds, known, proven",
    [
        ((), False, False),
        ((ProofKind.UNKNOWN,), False, False),
        ((ProofKind.PASSWORD,), True, False),
        ((ProofKind.PASSWORD, ProofKind.MAILBOX), True, True),
        ((ProofKind.PASSWORD, ProofKind.FACTOR), True, True),
        ((ProofKind.UNKNOWN, ProofKind.FACTOR), True, True),
    ],
)
def test_a_sign_in_is_remembered_by_what_it_proved(ask, kinds, known, proven) -> None:
    request = ask()
    proofs = tuple(Proof(kind, START, 4) for kind in kinds)
    request.session = {}
    stamp = sessions.Stamp("7", "id", **EPOCHS, proofs=proofs, known_browser=False)
    sessions.write(request.session, stamp)
    browser_cookie.remember_sign_in(request, SimpleNamespace(pk=7, password=BOUND["password"]))
    cookie = written(request)
    assert (cookie is not None) == known
    assert not known or find(cookie).proven == proven


# ---------------------------------------------------------------- signing in


@pytest.mark.django_db
def test_a_complete_sign_in_is_remembered_and_a_password_proves_no_more(clock, fan) -> None:
    client = Client(headers=HTML)
    answer = sign_in(client, fan)
    assert HTTP_NAME in answer.cookies
    assert not device(client, fan).proven
    assert "private" in answer.headers["Cache-Control"]


@pytest.mark.django_db
def test_a_sign_in_that_waits_is_not_remembered_until_it_is_complete(parked) -> None:
    assert HTTP_NAME not in parked.client.cookies
    parked.prove()
    assert device(parked.client, parked.user).proven


@pytest.mark.django_db
def test_an_ordinary_page_sets_no_cookie(clock, fan) -> None:
    client = Client(headers=HTML)
    sign_in(client, fan)
    for page in ("/reads-user/", "/security/"):
        assert HTTP_NAME not in client.get(page).cookies


# ---------------------------------------------------------------- the owner's own changes


def epoch_of(user) -> int:
    return Account.objects.of(user.pk).epoch


def stored(user) -> str:
    return type(user).objects.get(pk=user.pk).password


def device(client: Client, user):
    """Return what this browser's cookie says now."""
    sent = client.cookies.get(HTTP_NAME)
    return devices.find(
        sent and sent.value,
        user.pk,
        password=stored(user),
        account_epoch=epoch_of(user),
        site_epoch=0,
        now=START,
    )


def know(client: Client, user) -> None:
    """Make a browser one that the account knows, as an earlier sign-in would have."""
    client.cookies[HTTP_NAME] = devices.issue(
        None,
        user.pk,
        password=stored(user),
        account_epoch=epoch_of(user),
        site_epoch=0,
        proven=True,
        random=b"e" * 16,
        now=START,
    )


@pytest.fixture
def browsers(clock, fan):
    """Return two browsers that know a fan with an authenticator, both signed in."""
    testing.enrol(fan)
    pair = Client(headers=HTML), Client(headers=HTML)
    for client in pair:
        testing.login(client, fan)
        know(client, fan)
        assert device(client, fan).proven
    return pair


@pytest.mark.django_db
def test_who_removes_an_authenticator_stays_known_in_this_browser_only(browsers, fan) -> None:
    here, elsewhere = browsers
    path = f"/security/factor/{Factor.objects.get().pk}/"
    assert here.post(path, {"action": "remove"}).url == "/security/"
    assert device(here, fan).proven
    assert device(elsewhere, fan) is None


@pytest.mark.django_db
def test_renaming_one_sets_no_cookie(browsers, fan) -> None:
    here, elsewhere = browsers
    path = f"/security/factor/{Factor.objects.get().pk}/"
    renamed = here.post(path, {"action": "rename", "name": "New phone"})
    assert renamed.url == "/security/"
    assert HTTP_NAME not in renamed.cookies
    assert device(elsewhere, fan).proven


@pytest.mark.django_db(transaction=True)
def test_who_enrols_beside_a_live_session_stays_known_in_this_browser_only(clock, fan) -> None:
    visitor = Visitor(fan, password=PASSWORD)
    visitor.sign_in()
    elsewhere = visitor.again().client
    know(visitor.client, fan)
    know(elsewhere, fan)
    visitor.post("hardening:enrol")
    visitor.post("hardening:confirm_password", {"password": PASSWORD})
    visitor.prove_mailbox()
    visitor.scan()
    assert HTTP_NAME in visitor.confirm().cookies
    assert visitor.is_signed_in()
    assert device(visitor.client, fan).proven
    assert device(elsewhere, fan) is None
