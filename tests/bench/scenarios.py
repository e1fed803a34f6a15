"""What is measured: one request each, with the limit that it must keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.bench import data
from tests.bench.sides import Answer, Request, Side

REDIRECT = 302


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request, and what it may cost.

    Attributes:
        name: Its key in the JSON.
        label: What the table calls it.
        start: Called once a side; returns what the side needs for `ask`.
        ask: Returns the next request and is not timed; it may prepare the database.
        proof: Tells whether an answer is the one that was meant to be measured.
        limits: Database vendor → the highest ratio to plain Django that is acceptable.
        queries: The most queries that the guarded side may run.
        extra: The most queries that it may run beyond plain Django's.
        alone: Plain Django has no such request; `yardstick` names the scenario compared with.
        batch: Requests in a batch.
        share: Rounds of this one, of all rounds.
        phase: What the site is like meanwhile.
    """

    name: str
    label: str
    start: Callable[[Side], dict[str, str]]
    ask: Callable[[Side, dict[str, str]], Request]
    proof: Callable[[Answer], bool]
    limits: dict[str, float] = field(default_factory=dict)
    queries: int | None = None
    extra: int | None = None
    alone: bool = False
    yardstick: str = ""
    batch: int = 10
    share: float = 1.0
    phase: Callable[[], AbstractContextManager[None]] = data.cheap_hash


def nothing(_side: Side) -> dict[str, str]:
    """Bring no cookie."""
    return {}


def session_of(name: str) -> Callable[[Side], dict[str, str]]:
    """Bring the session of somebody who is signed in."""
    return lambda side: data.sign_in(side, name)


def open_page(path: str) -> Callable[[Side, dict[str, str]], Request]:
    """Open a page."""
    return lambda _side, cookies: Request(path, cookies=cookies)


def give_password(
    name: str, *, page: str = data.LOGIN
) -> Callable[[Side, dict[str, str]], Request]:
    """Give name and password."""
    return lambda _side, _cookies: data.password_of(name, page=page)


def give_password_first(_side: Side, _cookies: dict[str, str]) -> Request:
    """Give name and password of somebody whom the app has not seen before."""
    data.forget_account("fan")
    return data.password_of("fan")


def type_code(side: Side, _cookies: dict[str, str]) -> Request:
    """Type the code that a login waits for."""
    return data.park(side, "armed")


def shows(text: str) -> Callable[[Answer], bool]:
    """Accept a page that says `text`."""
    return lambda answer: answer.status == 200 and text.encode() in answer.body


def leads_to(path: str) -> Callable[[Answer], bool]:
    """Accept a redirect to `path`."""
    return lambda answer: (answer.status, answer.location) == (REDIRECT, path)


def leads_on(answer: Answer) -> bool:
    """Accept a sign-in, complete or parked."""
    return answer.status == REDIRECT and answer.location in ("/", data.VERIFY)


READ_LIMITS = {"sqlite": 1.03, "postgresql": 1.05}
BOTH = ("sqlite", "postgresql")
PAGE_BATCH = 20

SCENARIOS = (
    Scenario(
        "authenticated_page",
        "Authenticated page",
        session_of("fan"),
        open_page("/"),
        shows("Here is fan"),
        limits=READ_LIMITS,
        extra=0,
        batch=PAGE_BATCH,
    ),
    Scenario(
        "authenticated_page_factor",
        "Authenticated page, staff with a factor",
        session_of("armed"),
        open_page("/"),
        shows("Here is armed"),
        limits=READ_LIMITS,
        extra=0,
        batch=PAGE_BATCH,
    ),
    Scenario(
        "anonymous_page",
        "Anonymous page",
        nothing,
        open_page("/"),
        shows("Here is nobody"),
        limits=dict.fromkeys(BOTH, 1.03),
        extra=0,
        batch=PAGE_BATCH,
    ),
    Scenario(
        "ignoring_page",
        "Page that ignores the user",
        session_of("fan"),
        open_page("/public/"),
        shows("Here is everybody"),
        extra=0,
        batch=PAGE_BATCH,
    ),
    Scenario(
        "login",
        "Login of a fan, beside the hash",
        nothing,
        give_password("fan"),
        leads_to("/"),
        limits=dict.fromkeys(BOTH, 1.3),
        batch=5,
    ),
    Scenario(
        "login_first",
        "The same, the first that the app sees",
        nothing,
        give_password_first,
        leads_to("/"),
        batch=5,
    ),
    Scenario(
        "login_parked",
        "Password step of a parked login, Django's page",
        nothing,
        give_password("armed"),
        leads_on,
        limits=dict.fromkeys(BOTH, 1.3),
        batch=5,
    ),
    Scenario(
        "login_parked_ours",
        "Password step of a parked login, our page",
        nothing,
        give_password("armed", page=data.OUR_LOGIN),
        leads_to(data.VERIFY),
        limits=dict.fromkeys(BOTH, 1.3),
        alone=True,
        yardstick="login",
        batch=5,
    ),
    Scenario(
        "second_factor",
        "Second-factor step",
        nothing,
        type_code,
        leads_to("/"),
        queries=8,
        alone=True,
        yardstick="login",
        batch=5,
    ),
    Scenario(
        "authenticated_page_roles",
        "Authenticated page, policies on three more roles",
        session_of("armed"),
        open_page("/"),
        shows("Here is armed"),
        extra=0,
        batch=PAGE_BATCH,
        phase=data.role_policies,
    ),
    Scenario(
        "login_hash",
        "Login of a fan, Argon2 and all",
        nothing,
        give_password("slow"),
        leads_to("/"),
        batch=1,
        share=0.1,
        phase=data.real_hash,
    ),
)
