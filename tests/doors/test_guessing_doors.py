"""Guessing passwords at every door: neither a weapon nor an oracle (acceptance row 3)."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import authenticate, login
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path

from hardening import testing
from hardening.audit import Event
from hardening.models import Factor, SecurityEvent, ThrottleCell
from hardening.throttle import hashgate, subjects
from tests.doors import site
from tests.doors.conftest import HTML, PASSWORD, name_shown
from tests.doors.guessing import DOORS, WRONG, crowd, elsewhere, flood, told
from tests.visitor import Visitor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock")]

doors = pytest.mark.parametrize("door", DOORS.values(), ids=DOORS)


@pytest.fixture
def hashes(monkeypatch):
    """Return a list that grows by each password that is hashed."""
    seen = []
    encode = MD5PasswordHasher.encode

    def spy(self, password, salt):
        seen.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", spy)
    return seen


def key_of(user):
    return subjects.password(user.pk, user.password)


def count_of(user):
    """Return how many failures in a row are counted for an account."""
    cell = ThrottleCell.objects.filter(key=key_of(user)).first()
    return cell.total if cell else 0


# --- the same answers --------------------------------------------------------------------------


@doors
def test_a_known_and_an_unknown_name_are_answered_alike_at_each_stage(door, fan):
    said = {}
    for name in ("fan", "fon"):
        testing.no_throttle()
        stages = [told(answer, name) for answer in crowd(name, 8, door=door)]
        testing.no_throttle()
        flood()
        stages.append(told(door.knock(name), name))  # by address
        testing.no_throttle()
        crowd(name, 1, door=door)
        key = key_of(fan) if name == "fan" else subjects.nobody("fon")
        ThrottleCell.objects.filter(key=key).update(total=100)
        stages.append(told(door.knock(name), name))  # at the cap
        said[name] = stages
    assert said["fan"] == said["fon"]
    statuses = [stage[0] for stage in said["fan"]]
    assert statuses[5:] == [429] * 5
    assert 429 not in statuses[:5]


@doors
def test_a_right_password_while_throttled_is_answered_like_a_wrong_one(door, fan, armed, staff):
    for name in ("fan", "armed", "staff"):
        testing.no_throttle()
        crowd(name, 5, door=door)
        answers = [told(door.knock(name, given), name) for given in (WRONG, PASSWORD, "")]
        assert answers[0] == answers[1]
        assert answers[0][0] == 429
        client = Client(headers=HTML)
        door.knock(name, PASSWORD, client=client)
        assert name_shown(client) == "nobody"


@doors
def test_a_refusal_says_how_long_and_is_kept_by_no_cache(door, fan):
    crowd("fan", 5, door=door)
    answer = door.knock("fan")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "30"
    assert "no-store" in answer.headers["Cache-Control"]
    if door.json:
        assert answer.json() == {"code": "throttled", "retry_after": 30}
    else:
        page = answer.content.decode()
        assert "fan" not in page
        assert "Too many tries" in page
        assert "30" in page


@doors
def test_a_refused_try_computes_no_hash_writes_no_row_and_lengthens_no_wait(
    door, fan, hashes, clock
):
    for name in ("fan", "fon"):
        crowd(name, 5, door=door)
        door.knock(name)  # the first of a flood is recorded
        before = sorted(ThrottleCell.objects.values_list())
        hashes.clear()
        for turn in range(10):
            with CaptureQueriesContext(connection) as asked:
                answer = door.knock(name, **elsewhere(500 + turn))
            assert answer.status_code == 429
            assert [one for one in asked if not one["sql"].lstrip("(").startswith("SELECT")] == []
        assert hashes == []
        assert sorted(ThrottleCell.objects.values_list()) == before
    clock.shift(30)
    assert door.knock("fan").status_code != 429


@doors
def test_each_judged_try_computes_one_hash_whoever_is_named(door, fan, hashes):
    for name in ("fan", "fon"):
        crowd(name, 3, door=door)
    assert hashes == [WRONG] * 6


def test_all_doors_draw_on_one_budget(fan):
    answers = [
        door.knock("fan", **elsewhere(turn)).status_code for turn, door in enumerate(DOORS.values())
    ]
    assert answers[5:] == [429] * (len(DOORS) - 5)
    assert count_of(fan) == 5


@pytest.mark.parametrize(
    "typed", ["fan ", "\tfan", "FAN", "\N{FULLWIDTH LATIN SMALL LETTER F}an", "Fan@Example.com"]
)
def test_a_name_spelled_otherwise_shares_the_counter(typed, fan):
    crowd(typed, 3)
    crowd("fan", 2, first=10)
    for name in ("fan", typed):
        assert DOORS["ours"].knock(name).status_code == 429
    assert count_of(fan) == 5


def test_a_name_in_mixed_case_shares_it_from_its_first_sign_in_on(db):
    from tests.doors.conftest import person  # noqa: PLC0415 - a function there, a fixture elsewhere

    owner = person("camelCase")
    DOORS["ours"].knock("camelCase", PASSWORD)
    crowd("CAMELcase", 3)
    crowd("camelcase", 2, first=10)
    assert count_of(owner) == 5
    assert DOORS["ours"].knock("camelCase").status_code == 429


@pytest.mark.parametrize(
    "other", ["::ffff:192.0.2.7", "::ffff:c000:207", "0:0:0:0:0:ffff:192.0.2.7"]
)
def test_an_ipv4_address_written_as_ipv6_is_the_same_address(other, fan):
    door = DOORS["ours"]
    for turn in range(5):
        door.knock(f"junk-{turn}", REMOTE_ADDR="192.0.2.7" if turn % 2 else other)
    for near in ("192.0.2.7", other):
        assert door.knock("fan", REMOTE_ADDR=near).status_code == 429
    assert door.knock("fan", REMOTE_ADDR="::ffff:192.0.2.8").status_code != 429


def test_a_forged_forwarded_for_and_an_empty_cache_give_no_more(fan, hashes):
    for turn in range(30):
        cache.clear()
        DOORS["ours"].knock(f"junk-{turn}", HTTP_X_FORWARDED_FOR=f"203.0.113.{turn}")
    assert len(hashes) == 5


def test_a_new_session_and_another_user_agent_give_no_more(fan, hashes):
    for turn in range(30):
        DOORS["ours"].knock("fan", HTTP_USER_AGENT=f"agent {turn}", **elsewhere(turn))
    assert len(hashes) == 5


@pytest.mark.parametrize(
    "body",
    [
        {"username": "fan\0", "password": WRONG},
        {"username": "\ud800", "password": WRONG},
        {"username": ["fan"], "password": [WRONG]},
        {"username": {"fan": 1}, "password": 5},
        {"username": "x" * 100_000, "password": "y" * 100_000},
        {"username": None, "password": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("page", ["/security/login/", "/async-login/"])
def test_strange_input_is_refused_and_is_no_fault(page, body, fan):
    if page == "/async-login/" and not isinstance(body["password"], str):
        body = {**body, "username": str(body["username"]), "password": WRONG}  # Django raises
    client = Client(headers={"Accept": "application/json"})
    seen = {
        client.post(page, json.dumps(body), "application/json", **elsewhere(turn)).status_code
        for turn in range(7)
    }
    assert seen <= {400, 403, 429}


# --- what a success is good for -----------------------------------------------------------------


def test_signing_in_to_ones_own_account_after_every_four_tries_gives_nothing(fan, staff, hashes):
    thief = Visitor(fan, password=PASSWORD)
    tried = 0
    for turn in range(60):
        tried += DOORS["ours"].knock(f"junk-{turn % 4}").status_code != 429
        if turn % 4 == 3:
            thief.sign_in()
    assert tried == 5
    assert thief.is_signed_in()


def test_a_right_password_costs_nothing_and_zeroes_its_own_account_only(fan, staff):
    crowd("fan", 4)
    crowd("staff", 4, first=10)
    for _ in range(20):
        assert Visitor(fan, password=PASSWORD).sign_in().status_code == 302
    assert (count_of(fan), count_of(staff)) == (0, 4)


def test_a_right_password_of_a_sign_in_that_waits_zeroes_nothing_yet(armed):
    visitor = Visitor(armed, password=PASSWORD)
    visitor.secret = testing.secret_of(Factor.objects.get())
    crowd("armed", 4)
    visitor.sign_in()
    assert count_of(armed) == 4
    visitor.verify()
    assert visitor.is_signed_in()
    assert count_of(armed) == 0


# --- known browsers ------------------------------------------------------------------------------


@pytest.fixture
def at_home(armed, clock):
    """Return somebody with an authenticator at a browser that has proven it once."""
    visitor = Visitor(armed, password=PASSWORD)
    visitor.secret = testing.secret_of(Factor.objects.get())
    visitor.sign_in_fully()
    visitor.client.post("/accounts/logout/")
    clock.shift(60)
    return visitor


def test_a_thousand_wrong_passwords_from_elsewhere_keep_the_owner_out_of_nothing(at_home, clock):
    for turn in range(1000):
        DOORS["ours"].knock("armed", **elsewhere(turn))
        clock.shift(3600)
    stranger = DOORS["ours"].knock("armed", PASSWORD, REMOTE_ADDR="203.0.113.9")
    assert stranger.status_code == 429
    factor = Factor.objects.get()
    assert (factor.failures_known, factor.failures_unknown) == (0, 0)
    assert at_home.sign_in().url == "/security/verify/"
    at_home.verify()
    assert at_home.is_signed_in()


@doors
def test_the_owner_of_a_device_known_by_a_password_gets_in_at_every_door(door, fan):
    client = Client(headers=HTML)
    DOORS["ours"].knock("fan", PASSWORD, client=client)
    client.post("/accounts/logout/")
    crowd("fan", 20)
    for _ in range(10):
        DOORS["ours"].knock("fon")  # the address is used up, too
    answer = door.knock("fan", PASSWORD, client=client)
    assert answer.status_code != 429
    if door.path not in ("/admin/login/", "/desk/login/"):
        assert name_shown(client) == "fan"


def test_a_device_over_its_hourly_budget_counts_as_unknown_and_keeps_its_cookie(at_home, armed):
    for _ in range(5):
        assert at_home.sign_in(password=WRONG).status_code == 400
    assert count_of(armed) == 0
    for _ in range(5):
        at_home.sign_in(password=WRONG)
    assert count_of(armed) == 5
    assert at_home.sign_in().status_code == 429


def test_somebody_elses_device_cookie_is_worth_nothing(at_home, fan):
    crowd("fan", 5)
    at_home.user = fan
    assert at_home.sign_in().status_code == 429


# --- without a request, twice in one, with other backends ----------------------------------------


def test_without_a_request_a_wrong_password_counts(fan, hashes):
    client = Client()
    for _ in range(5):
        assert not client.login(username="fan", password=WRONG)
    hashes.clear()
    assert not client.login(username="fan", password=PASSWORD)
    assert authenticate(username="fan", password=PASSWORD) is None
    assert hashes == []


def test_without_a_request_a_right_password_costs_nothing(fan):
    for _ in range(20):
        assert Client().login(username="fan", password=PASSWORD)
        assert authenticate(username="fan", password=PASSWORD) == fan
    assert count_of(fan) == 0


def test_from_a_coroutine_it_is_the_same(fan):
    async def tries():
        client = AsyncClient()
        answers = []
        for turn in range(7):
            body = json.dumps({"username": "fan", "password": WRONG})
            answer = await client.post("/async-login/", body, "application/json", **elsewhere(turn))
            answers.append(answer.status_code)
        return answers

    assert async_to_sync(tries)() == [403] * 5 + [429] * 2


@pytest.fixture
def directory(settings):
    """Let another backend behind ours know a password of its own for everybody."""
    settings.AUTHENTICATION_BACKENDS = [
        "hardening.backends.HardeningBackend",
        "tests.host.backends.Directory",
    ]


THEIRS = "of the directory"


@doors
def test_what_another_backend_finds_right_costs_nothing(door, fan, directory):
    for _ in range(20):
        client = Client(headers=HTML)
        assert door.knock("fan", THEIRS, client=client).status_code != 429
        assert not [cell.total for cell in ThrottleCell.objects.all() if cell.total]
    if door.path not in ("/admin/login/", "/desk/login/"):
        assert name_shown(client) == "fan"


def test_what_every_backend_finds_wrong_is_charged_once(fan, directory):
    crowd("fan", 4)
    assert count_of(fan) == 4


def test_a_refused_try_is_shown_to_no_other_backend(fan, directory):
    crowd("fan", 5)
    assert DOORS["ours"].knock("fan", THEIRS).status_code == 429
    assert authenticate(username="fan", password=THEIRS) is None


def test_another_backends_kind_of_name_is_charged_to_the_same_account(fan, directory):
    ask = RequestFactory()
    for turn in range(5):
        request = ask.post("/", **elsewhere(turn))
        assert authenticate(request, email="fan@example.com", password=WRONG) is None
    assert count_of(fan) == 5
    assert authenticate(ask.post("/"), email="fan@example.com", password=THEIRS) is None


@pytest.mark.parametrize("kind", ["email", "login", "identifier"])
def test_what_is_said_beside_another_kind_of_name_is_not_charged_for_it(kind, fan, directory):
    credentials = {kind: "fan@example.com", "password": WRONG}
    if kind != "identifier":  # of unknown kinds the first is taken
        credentials = {"organisation": "shop", **credentials}
    for turn in range(5):
        request = RequestFactory().post("/", **elsewhere(turn))
        assert authenticate(request, **credentials) is None
    assert count_of(fan) == 5


def test_without_a_request_another_backend_is_given_its_due_too(fan, directory):
    for _ in range(20):
        assert authenticate(username="fan", password=THEIRS) == fan
    for _ in range(3):
        assert authenticate(username="fan", password=WRONG) is None
    assert count_of(fan) == 3
    authenticate(username="fan", password=THEIRS)
    Client().get("/reads-user/")  # where a request ends, so does what was left open
    assert count_of(fan) == 3


def without_a_request(request):
    """Sign in as older code does."""
    user = authenticate(username=request.POST["username"], password=request.POST["password"])
    if user is not None:
        login(request, user)
    return HttpResponse(user and user.get_username())


def twice(request):
    """Try what was typed as one name and then as another; sign in if either is right."""
    for name in request.POST["usernames"].split(","):
        user = authenticate(request, username=name, password=request.POST["password"])
        if user is not None:
            login(request, user)
            return HttpResponse("in")
    return HttpResponse("out")


def asks_and_fails(request):
    """Check a password, and fail."""
    authenticate(request, username=request.POST["username"], password=request.POST["password"])
    raise RuntimeError


class Urls:
    """Some views more."""

    urlpatterns = [
        *site.urlpatterns,
        path("without-a-request/", without_a_request),
        path("twice/", twice),
        path("asks-and-fails/", asks_and_fails),
    ]


@pytest.fixture
def odd_views(settings):
    settings.ROOT_URLCONF = Urls


def test_a_login_view_that_hands_no_request_on_is_charged_and_given_back(odd_views, fan, directory):
    for password in (PASSWORD, THEIRS) * 10:
        client = Client(headers=HTML)
        client.post("/without-a-request/", {"username": "fan", "password": password})
        assert name_shown(client) == "fan"
        assert count_of(fan) == 0
    for _ in range(6):
        client.post("/without-a-request/", {"username": "fan", "password": WRONG})
    assert count_of(fan) == 5


def test_two_tries_of_one_request_are_two_charges(odd_views, fan, staff):
    client = Client(headers=HTML)
    given = {"usernames": "fan,staff", "password": WRONG}
    assert client.post("/twice/", given).content == b"out"
    assert (count_of(fan), count_of(staff)) == (1, 1)


def test_the_second_try_of_a_request_may_be_right_and_is_given_back_alone(odd_views, fan):
    client = Client(headers=HTML)
    given = {"usernames": "fon,fan", "password": PASSWORD}
    assert client.post("/twice/", given).content == b"in"
    assert name_shown(client) == "fan"
    assert ThrottleCell.objects.get(key=subjects.nobody("fon")).total == 1
    assert count_of(fan) == 0


def test_a_sign_in_after_a_refused_try_stands(odd_views, fan):
    crowd("fon", 5)
    client = Client(headers=HTML)
    given = {"usernames": "fon,fan", "password": PASSWORD}
    assert client.post("/twice/", given).content == b"in"
    assert name_shown(client) == "fan"


def test_a_sign_in_that_waits_is_said_before_a_refused_try(odd_views, armed):
    crowd("fon", 5)
    client = Client(headers=HTML)
    given = {"usernames": "fon,armed", "password": PASSWORD}
    assert client.post("/twice/", given).url == "/security/verify/"
    assert name_shown(client) == "nobody"


def test_refused_tries_of_one_request_are_one_refusal(odd_views, fan):
    crowd("fan", 5)
    crowd("fon", 5, first=10)
    client = Client(headers=HTML)
    given = {"usernames": "fan,fon", "password": PASSWORD}
    assert client.post("/twice/", given).status_code == 429


def test_a_view_that_fails_after_a_wrong_password_has_it_charged(odd_views, fan):
    client = Client(headers=HTML, raise_request_exception=False)
    seen = [
        client.post("/asks-and-fails/", {"username": "fan", "password": WRONG}, **elsewhere(turn))
        for turn in range(7)
    ]
    assert [answer.status_code for answer in seen] == [500] * 5 + [429] * 2
    assert count_of(fan) == 5


def test_a_view_that_fails_after_a_right_password_costs_nothing(odd_views, fan):
    client = Client(headers=HTML, raise_request_exception=False)
    for _ in range(10):
        given = {"username": "fan", "password": PASSWORD}
        assert client.post("/asks-and-fails/", given).status_code == 500
    assert count_of(fan) == 0


# --- a full gate ----------------------------------------------------------------------------------


@pytest.fixture
def full_gate():
    """Let every place be taken, and nobody wait."""
    gate = hashgate.configure(places=1)
    gate.wait_seconds = 0.01
    with gate(known=True):
        yield
    hashgate.configure()


@doors
def test_where_every_hash_is_busy_nothing_is_charged_and_all_are_told_alike(door, fan, full_gate):
    answers = {}
    for name, password in (("fan", PASSWORD), ("fan", WRONG), ("fon", WRONG)):
        for _ in range(6):
            answer = door.knock(name, password)
        answers[name, password] = told(answer, name)
    assert len({repr(answer) for answer in answers.values()}) == 1
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    if door.json:
        assert answer.json() == {"code": "busy", "retry_after": 5}
    assert count_of(fan) == 0


def test_without_a_request_a_full_gate_is_no_success(fan, full_gate):
    assert authenticate(username="fan", password=PASSWORD) is None
    assert count_of(fan) == 0


# --- evidence -------------------------------------------------------------------------------------


def test_a_flood_of_refusals_is_one_event(fan):
    crowd("fan", 5)
    for _ in range(30):
        DOORS["Django's"].knock("fan")
    refused = SecurityEvent.objects.get(event=Event.LOGIN_THROTTLED.value)
    assert (refused.target_name, refused.reason, refused.address) == ("fan", "account", "127.0.0.1")
