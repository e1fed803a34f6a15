"""People, browsers and times that the tests of doors share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import time_machine
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.sessions.backends.file import SessionStore as FileStore
from django.db import connection
from django.test import Client

from hardening import policies, testing
from hardening.models import ParkedLogin
from tests.visitor import Visitor

PASSWORD = "correct horse battery staple"
# 2026-11-21 12:00 UTC, the start of a TOTP step. Not `NOW`, which lies ahead: the session in a file
# ages by the clock of the file system, which nobody freezes, and would be over already.
START = 1_795_262_400
HTML = {"Accept": "text/html,application/xhtml+xml"}
JSON = {"Accept": "application/json"}
COOKIE = "sessionid"
ENGINES = ("db", "cached_db", "cache", "file", "signed_cookies")
PAGES = (
    "overview",
    "login",
    "unlock",
    "verify",
    "recovery_code",
    "recover",
    "mailbox",
    "ticket",
    "confirm_password",
    "cancel",
    "enrol",
    "enrol_totp",
    "recovery_codes",
    "step_up",
    "change_password",
    "activity",
    "sessions",
    "remembered",
)


@pytest.fixture(autouse=True)
def _more_doors(settings) -> None:
    settings.ROOT_URLCONF = "tests.doors.site"


@pytest.fixture(autouse=True)
def _policies_read_anew() -> Iterator[None]:
    """A rolled-back test must not leave its policies to the next one."""
    policies.forget()
    yield
    policies.forget()


@pytest.fixture
def clock() -> Iterator[Any]:
    """Hold the clock at `START`; `clock.shift(seconds)` moves it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture(params=ENGINES)
def engine(request, settings, tmp_path, monkeypatch) -> str:
    """Each store of sessions that Django has; its short name."""
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{request.param}"
    settings.SESSION_FILE_PATH = str(tmp_path)
    monkeypatch.setattr(FileStore, "_storage_path", str(tmp_path), raising=False)
    return request.param


@pytest.fixture
def atomic_requests() -> Iterator[None]:
    """Make each request one transaction, as many hosts do; mark the test transaction=True."""
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


def person(name: str, **fields: Any) -> User:
    """Make a user with the usual password and an e-mail address."""
    return get_user_model().objects.create_user(name, f"{name}@example.com", PASSWORD, **fields)


@pytest.fixture
def fan(db) -> User:
    """Nothing is asked of a fan."""
    return person("fan")


@pytest.fixture
def staff(db) -> User:
    """Mandated by the floor, without a factor."""
    return person("staff", is_staff=True, is_superuser=True)


@pytest.fixture
def armed(db) -> User:
    """Mandated by the floor, with a factor."""
    user = person("armed", is_staff=True, is_superuser=True)
    testing.enrol(user)
    return user


@dataclass(frozen=True, slots=True)
class Parked:
    """A browser whose sign-in waits for a second factor."""

    client: Client
    user: User

    @property
    def row(self) -> ParkedLogin:
        """The newest record of the user."""
        return ParkedLogin.objects.filter(user=self.user).latest("pk")

    def code(self) -> str:
        """Return a right code."""
        return testing.code_for(self.user)

    def prove(self, **extra: Any) -> Any:
        """Post a right code."""
        return self.client.post("/security/verify/", {"code": self.code()}, **extra)


def sign_in(client: Client, user: User, door: str = "/form-login/", **fields: Any) -> Any:
    """Post name and password to a door."""
    return client.post(
        door, {"username": user.username, "password": PASSWORD, **fields}, headers=HTML
    )


@pytest.fixture
def parked(clock, armed) -> Parked:
    """A browser that knows the right password of somebody with a factor, and no more."""
    client = Client(headers=HTML)
    assert sign_in(client, armed).url == "/security/verify/"
    return Parked(client, armed)


@pytest.fixture
def parked_bare(clock, staff) -> Parked:
    """A browser that knows the right password of a mandated person without a factor."""
    client = Client(headers=HTML)
    assert sign_in(client, staff).url == "/security/mailbox/"
    return Parked(client, staff)


@pytest.fixture
def live(clock) -> Callable[[User], Client]:
    """Return `live(user)`: a browser that is signed in completely."""

    def make(user: User) -> Client:
        client = Client(headers=HTML)
        testing.login(client, user)
        return client

    return make


def key(client: Client) -> str:
    """Return the session key that a browser holds."""
    return client.cookies[COOKIE].value


def with_key(value: str) -> Client:
    """Return another browser that presents a session key, or one request that is late with it."""
    browser = Client(headers=HTML)
    browser.cookies[COOKIE] = value
    return browser


def name_shown(client: Client, **extra: Any) -> str:
    """Return whom a page that reads the user sees."""
    response = client.get("/reads-user/", **extra)
    assert response.status_code == 200, response
    return response.content.decode().removeprefix("Here is ")


def is_out(client: Client) -> bool:
    """Is a browser led to the login page, and nobody there?"""
    led = client.get("/members/").url.startswith("/security/login/")
    return led and name_shown(client) == "nobody"


@pytest.fixture
def owner(person, clock) -> Visitor:
    """Return somebody of whom nothing is asked, at a browser of her own."""
    return person("owner")


@pytest.fixture
def locked(owner) -> Visitor:
    """Return somebody whom strangers have locked out of every new browser."""
    guess(owner)
    assert owner.sign_in().status_code == 429
    return owner


def guess(owner: Visitor) -> Visitor:
    """Try wrong passwords from an address of a stranger's, whom this returns."""
    stranger = Visitor(owner.user)
    stranger.client = Client(REMOTE_ADDR="198.51.100.7", headers={"accept": "text/html"})
    for _ in range(6):
        stranger.sign_in(password="wrong")
    return stranger
