"""Every way in that we know of, and what comes of it: the rows of the table.

A `Door` says how to walk through it. What is expected follows from its `Way`: who calls
`login()`, and when. `expected` is the whole claim; `test_matrix` compares it with what happens,
and `docs/doors.md` shows it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from django.contrib.auth import get_user_model
from django.contrib.auth.tokens import default_token_generator
from django.utils.encoding import force_bytes
from django.utils.http import urlencode, urlsafe_base64_encode
from rest_framework.authtoken.models import Token

from hardening import testing
from tests.host.middleware import HEADER
from tests.sites.doors.people_table import FAN, GRACE, REPORT, Person
from tests.sites.doors.visit import Visit
from tests.visitor import PASSWORD

REMOTE_USER = "django.contrib.auth.middleware.RemoteUserMiddleware"
PERSISTENT = "django.contrib.auth.middleware.PersistentRemoteUserMiddleware"
EACH_REQUEST = "tests.host.middleware.LoginEachRequest"
BASIC_EACH_REQUEST = "tests.sites.doors.middleware.BasicEachRequest"
ACT_AS = "tests.sites.doors.middleware.ActAs"


class Way(Enum):
    """Who calls `login()`; the value is the column "signs in by" of the docs."""

    VIEW = "a view that calls `login()`"
    OURS = "our own page"
    TEST_CLIENT = "Django's test client"
    MIDDLEWARE = "a middleware"
    NO_SESSION = "nobody; each request proves itself"


@dataclass(frozen=True, slots=True)
class Door:
    """One way in."""

    name: str
    knock: Callable  # (visit, heading) -> the answer, or None where there is none
    way: Way = Way.VIEW
    json: bool = False  # the client speaks JSON
    takes_next: bool = True  # the knock says where the person is heading
    takes_password: bool = False
    own_next: str = ""  # the door leads there, whatever anybody wants
    staff_only: bool = False  # the door itself turns others away
    middleware: str = ""  # installed directly behind ours
    carried: Callable = field(default=lambda user: {})  # what each request brings along

    def leads_to(self, person: Person) -> str | None:
        """Return where a sign-in ends: `next` is kept, through every step."""
        if self.own_next:
            return self.own_next
        if self.json and not self.takes_next:
            return "/reads-user/"  # LOGIN_REDIRECT_URL: nobody said anything else
        return person.heading


# --- what is expected ------------------------------------------------------------------------

STEPS_OWED = {False: "mailbox → enrol", True: "code"}  # by whether there is a factor
OPENS = {GRACE: "opens, with a deadline", REPORT: "opens, and is reported"}
REFUSED = {False: "401 `mailbox_required`", True: "401 `verification_required`"}
TURNED_AWAY = "turned away by the door"


def expected(door: Door, person: Person) -> str:
    """Return what happens, in the words of the table."""
    if door.staff_only and person is FAN:
        return TURNED_AWAY
    if door.way is Way.NO_SESSION:
        return REFUSED[person.factor] if person.mandated else "opens this request, and no other"
    if person.mandated:
        return f"parked → {STEPS_OWED[person.factor]} → opens"
    return OPENS.get(person, "opens")


def expected_signals(door: Door, person: Person) -> tuple[dict[str, int], dict[str, int]]:
    """Return how often each signal fired: when the door has answered, and in the end.

    Where somebody signs in anew on each request, `user_logged_in` fires each time: "at least".
    """
    if expected(door, person) == TURNED_AWAY or door.way is Way.NO_SESSION:
        return {}, {}
    if not person.mandated:
        once = {"user_logged_in": 1, "login_completed": 1}
        return once, once
    at_password = {"login_parked": 1}
    if door.way is not Way.OURS:
        at_password["user_logged_in"] = 1
    return at_password, {"login_parked": 1, "user_logged_in": 1, "login_completed": 1}


# --- how to walk through -----------------------------------------------------------------------


def form(path: str, *, name: str = "username") -> Callable:
    """Post name and password, as JSON if the client speaks it."""

    def knock(visit: Visit, heading: str):
        given = {
            name: visit.user.get_username(),
            "password": visit.visitor.password,
            "next": heading,
        }
        return visit.visitor.post(path, given)

    return knock


def api(path: str) -> Callable:
    """Post name and password to an API that takes nothing else."""

    def knock(visit: Visit, heading: str):
        given = {"username": visit.user.get_username(), "password": visit.visitor.password}
        return visit.visitor.post(path, given)

    return knock


def admin(path: str) -> Callable:
    """Be led to an admin's own login page, with `next` in its address."""

    def knock(visit: Visit, heading: str):
        page = f"{path}login/?{urlencode({'next': heading})}"
        given = {"username": visit.user.get_username(), "password": visit.visitor.password}
        return visit.visitor.post(page, {**given, "next": heading})

    return knock


def reset(visit: Visit, heading: str):
    """Follow a password reset's link and set a new password, which signs in."""
    uid = urlsafe_base64_encode(force_bytes(visit.user.pk))
    link = f"/reset/{uid}/{default_token_generator.make_token(visit.user)}/"
    new = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    return visit.client.post(visit.client.get(link).url, new)


def callback(visit: Visit, heading: str):
    """Come back from another sign-in service."""
    return visit.client.get("/callback/", {"email": visit.user.email, "next": heading})


def arrive(visit: Visit, heading: str):
    """Just ask for a page: the server in front of Django has said who asks."""
    return visit.client.get(heading)


def arrive_once(visit: Visit, heading: str):
    """Be named by the server in front once; later requests bring the session only."""
    return visit.client.get(heading, REMOTE_USER=visit.user.get_username())


def client_login(visit: Visit, heading: str) -> None:
    visit.client.login(username=visit.user.get_username(), password=visit.visitor.password)


def force_login(visit: Visit, heading: str) -> None:
    visit.client.force_login(visit.user)


def hijack(visit: Visit, heading: str):
    """Be an operator, with a factor proven, who takes the person's place by django-hijack."""
    users = get_user_model().objects
    operator = users.create_user("operator", "op@example.com", is_superuser=True, is_staff=True)
    testing.login(visit.client, operator)
    visit.counts.clear()  # the operator's own sign-in
    return visit.client.post("/hijack/acquire/", {"user_pk": visit.user.pk, "next": heading})


def act_as(visit: Visit, heading: str):
    """Sign in and act as a colleague, whom a later middleware puts into `request.user`."""
    colleague = get_user_model().objects.get(pk=visit.user.pk)
    colleague.pk, colleague.username = None, "colleague"
    colleague.save()
    visit.shown_as = "colleague"
    given = {"username": visit.user.get_username(), "password": visit.visitor.password}
    return visit.client.post("/act-as/", {**given, "acts_as": "colleague", "next": heading})


def call(visit: Visit, heading: str):
    """Call the API with what each request carries."""
    return visit.client.get("/api/call/")


def basic(user) -> dict[str, str]:
    """Return the header of HTTP Basic."""
    pair = f"{user.get_username()}:{PASSWORD}"
    return {"HTTP_AUTHORIZATION": f"Basic {b64encode(pair.encode()).decode()}"}


def token(user) -> dict[str, str]:
    """Return the header with a token that was made for the user."""
    return {"HTTP_AUTHORIZATION": f"Token {Token.objects.create(user=user).key}"}


DOORS = (
    Door("admin login", admin("/admin/"), staff_only=True, takes_password=True),
    Door("second AdminSite", admin("/desk/"), staff_only=True, takes_password=True),
    Door("Django's LoginView", form("/accounts/login/"), takes_password=True),
    Door("our login page", form("hardening:login"), way=Way.OURS, takes_password=True),
    Door(
        "our login page, JSON",
        form("hardening:login"),
        way=Way.OURS,
        json=True,
        takes_password=True,
    ),
    Door("JSON view", api("/api/login/"), json=True, takes_next=False, takes_password=True),
    Door(
        "async view with alogin",
        api("/api/async-login/"),
        json=True,
        takes_next=False,
        takes_password=True,
    ),
    Door(
        "password reset with auto-login",
        reset,
        own_next="/members/?page=2&of=3",
    ),
    Door(
        "RemoteUser",
        arrive,
        way=Way.MIDDLEWARE,
        middleware=REMOTE_USER,
        carried=lambda user: {"REMOTE_USER": user.get_username()},
    ),
    Door("persistent RemoteUser", arrive_once, way=Way.MIDDLEWARE, middleware=PERSISTENT),
    Door(
        "login in a middleware",
        arrive,
        way=Way.MIDDLEWARE,
        middleware=EACH_REQUEST,
        carried=lambda user: {f"HTTP_{HEADER.upper().replace('-', '_')}": user.get_username()},
    ),
    Door(
        "HTTP Basic in a middleware",
        arrive,
        way=Way.MIDDLEWARE,
        middleware=BASIC_EACH_REQUEST,
        carried=basic,
    ),
    Door("allauth login", form("/allauth/login/", name="login"), takes_password=True),
    Door(
        "DRF view that calls login()",
        api("/api/session-login/"),
        json=True,
        takes_next=False,
        takes_password=True,
    ),
    Door("DRF Basic", call, way=Way.NO_SESSION, json=True, takes_next=False, carried=basic),
    Door("DRF token", call, way=Way.NO_SESSION, json=True, takes_next=False, carried=token),
    Door("OpenID Connect callback", callback),
    Door("Client.login", client_login, way=Way.TEST_CLIENT, takes_next=False),
    Door("force_login", force_login, way=Way.TEST_CLIENT, takes_next=False),
    Door("django-hijack, as the hijacked", hijack),
    Door("impersonation by a swapped user", act_as, middleware=ACT_AS),
)
