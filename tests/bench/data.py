"""Who lives on the measured site, and how they sign in there.

`CROWD` other people, each with an account row and a session, keep the tables from being trivial.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from hardening import browser_cookie, testing
from hardening.models import Account, Factor, RolePolicy
from hardening.models.factor import NEVER_SPENT
from tests.bench.sides import Answer, Request, Side

PASSWORD = "a pond of orange lanterns"
CROWD = 1000
ROLES = ("group:editors", "perm:auth.change_user", "superuser")
ARGON2 = "django.contrib.auth.hashers.Argon2PasswordHasher"
LOGIN = "/login/"
OUR_LOGIN = "/security/login/"
VERIFY = "/security/verify/"
DEVICE = browser_cookie.NAME  # of plain HTTP


def populate() -> None:
    """Fill the empty tables: the crowd; a fan; `armed`, who is staff and has an authenticator."""
    crowd = [User(username=f"crowd{n}", email=f"crowd{n}@example.com") for n in range(CROWD)]
    User.objects.bulk_create(crowd)
    people = list(User.objects.all())
    Account.objects.bulk_create(Account(user=person) for person in people)
    later = timezone.now() + timedelta(days=14)
    Session.objects.bulk_create(
        Session(session_key=f"crowd{person.pk:027}", session_data="e30", expire_date=later)
        for person in people
    )
    User.objects.create_user("fan", "fan@example.com", PASSWORD)
    with real_hash():
        User.objects.create_user("slow", "slow@example.com", PASSWORD)
    armed = User.objects.create_user("armed", "armed@example.com", PASSWORD, is_staff=True)
    armed.groups.add(Group.objects.create(name="editors"))
    testing.enrol(armed)


def password_of(name: str, *, page: str = LOGIN, cookies: dict[str, str] | None = None) -> Request:
    """Return the request that gives a name and its password."""
    return Request(page, form={"username": name, "password": PASSWORD}, cookies=cookies or {})


def sign_in(side: Side, name: str) -> dict[str, str]:
    """Sign somebody in, completely, and return the session cookie."""
    cookie = session_cookie(side.send(password_of(name)))
    if side.name == "guarded" and name == "armed":
        return session_cookie(side.send(code_of(name, cookie)))
    return cookie


def device_of(side: Side, name: str) -> dict[str, str]:
    """Sign somebody in and return the cookie of a browser that is known from then on."""
    cookies = side.send(password_of(name)).cookies
    return {DEVICE: cookies[DEVICE]} if DEVICE in cookies else {}


def park(side: Side, name: str) -> Request:
    """Leave a login waiting for its code; return the request that types the code."""
    return code_of(name, session_cookie(side.send(password_of(name, page=OUR_LOGIN))))


def code_of(name: str, cookie: dict[str, str]) -> Request:
    """Return the request that types the authenticator's code, which nobody has spent yet."""
    user = User.objects.get(username=name)
    Factor.objects.owned(user.pk).update(last_step=NEVER_SPENT)
    return Request(VERIFY, form={"code": testing.code_for(user)}, cookies=cookie)


def forget_account(name: str) -> None:
    """Make the next sign-in of `name` the first one that the app sees."""
    Account.objects.filter(user__username=name).delete()


def session_cookie(answer: Answer) -> dict[str, str]:
    """Return the session cookie that an answer sets.

    Raises:
        RuntimeError: If it sets none: what was sent did not do what the bench believes.
    """
    name = settings.SESSION_COOKIE_NAME
    if name not in answer.cookies:
        message = f"no session came back ({answer.status}): {answer.body[:200]!r}"
        raise RuntimeError(message)
    return {name: answer.cookies[name]}


@contextmanager
def cheap_hash() -> Iterator[None]:
    """Keep the settings' hasher, which costs next to nothing: only the rest is measured."""
    yield


@contextmanager
def real_hash() -> Iterator[None]:
    """Hash passwords as Django recommends."""
    with override_settings(PASSWORD_HASHERS=[ARGON2]):
        yield


@contextmanager
def atomic_requests() -> Iterator[None]:
    """Run each view in a transaction, which takes back what is written on its connection."""
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    try:
        yield
    finally:
        connection.settings_dict["ATOMIC_REQUESTS"] = False


@contextmanager
def role_policies() -> Iterator[None]:
    """Let the admin have made a policy for each of `ROLES`, beside the floor's two."""
    for role in ROLES:
        RolePolicy.objects.create(role=role, mode="enforce", starts_at=timezone.now())
    try:
        yield
    finally:
        RolePolicy.objects.all().delete()
