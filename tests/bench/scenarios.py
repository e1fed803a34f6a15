"""What is measured: one request each, with the limit that it must keep."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from tests.bench import data, guessing
from tests.bench.guessing import Guess
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
        queries: Store of the throttle → the most queries that the guarded side may run.
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
    queries: dict[str, int] = field(default_factory=dict)
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


def device_of(name: str) -> Callable[[Side], dict[str, str]]:
    """Bring the cookie of a browser that somebody has signed in with."""
    return lambda side: data.device_of(side, name)


def guess(who: Guess, state: Callable[[Guess], None]) -> Callable[[Side, dict[str, str]], Request]:
    """Try a wrong password, with the counters in that state."""

    def ask(_side: Side, _cookies: dict[str, str]) -> Request:
        state(who)
        return who.request()

    return ask


def open_page(path: str) -> Callable[[Side, dict[str, str]], Request]:
    """Open a page."""
    return lambda _side, cookies: Request(path, cookies=cookies)


def give_password(
    name: str, *, page: str = data.LOGIN
) -> Callable[[Side, dict[str, str]], Request]:
    """Give name and password."""
    return lambda _side, cookies: data.password_of(name, page=page, cookies=cookies)


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


def asks_again(answer: Answer) -> bool:
    """Accept the login page, shown once more."""
    return answer.status == 200 and b"Here is" in answer.body


def refuses(answer: Answer) -> bool:
    """Accept a try that was not judged."""
    return answer.status == 429


def leads_to(path: str) -> Callable[[Answer], bool]:
    """Accept a redirect to `path`."""
    return lambda answer: (answer.status, answer.location) == (REDIRECT, path)


def leads_on(answer: Answer) -> bool:
    """Accept a sign-in, complete or parked."""
    return answer.status == REDIRECT and answer.location in ("/", data.VERIFY)


def tries(
    name: str,
    label: str,
    pair: tuple[Guess, Guess],
    state: Callable[[Guess], None],
    *,
    yardstick: str = "",
    queries: dict[str, int] | None = None,
    batch: int = 5,
    share: float = 1.0,
    phase: Callable[[], AbstractContextManager[None]] = data.cheap_hash,
) -> tuple[Scenario, ...]:
    """Return a try at a name that somebody has and one at a name that nobody has.

    With a `yardstick` it is one that is refused.
    """
    return tuple(
        Scenario(
            f"{name}_{word}",
            f"{label}, {word} name",
            nothing,
            guess(who, state),
            refuses if yardstick else asks_again,
            queries=queries or {},
            alone=bool(yardstick),
            yardstick=yardstick and f"{yardstick}_{word}",
            batch=batch,
            share=share,
            phase=phase,
        )
        for word, who in zip(BOTH_NAMES, pair, strict=True)
    )


BOTH_NAMES = ("known", "unknown")
READ_LIMITS = {"sqlite": 1.03, "postgresql": 1.05}
BOTH = ("sqlite", "postgresql")
STORES = ("database", "redis")
HASHED_SHARE = 0.3
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
        "login_known",
        "The same, from a known browser",
        device_of("fan"),
        give_password("fan"),
        leads_to("/"),
        limits=dict.fromkeys(BOTH, 1.3),
        batch=5,
    ),
    Scenario(
        "login_first",
        "Login of a fan, the first that the app sees",
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
        queries=dict.fromkeys(STORES, 8),
        alone=True,
        yardstick="login",
        batch=5,
    ),
    *tries("failed", "Failed try, beside the hash", guessing.WRONG_PAIR, guessing.rested),
    *tries("failed_first", "The first one that fails", guessing.FIRST_PAIR, guessing.unheard_of),
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
    *tries(
        "failed_hash",
        "Failed try, Argon2 and all",
        guessing.HASHED_PAIR,
        guessing.rested,
        batch=1,
        share=HASHED_SHARE,
        phase=data.real_hash,
    ),
    *tries(
        "refused_account",
        "Refused try, by account",
        guessing.LOCKED_PAIR,
        guessing.locked,
        yardstick="failed_hash",
        share=HASHED_SHARE,
        phase=data.real_hash,
    ),
    *tries(
        "refused_address",
        "Refused try, by address",
        guessing.CROWDED_PAIR,
        guessing.crowded,
        yardstick="failed_hash",
        queries={"database": 3, "redis": 0},
        share=HASHED_SHARE,
        phase=data.real_hash,
    ),
    *tries(
        "atomic_failed",
        "Failed try under ATOMIC_REQUESTS",
        guessing.ATOMIC_PAIR,
        guessing.rested,
        phase=data.atomic_requests,
    )[:1],
    *tries(
        "atomic_refused",
        "Refused try under ATOMIC_REQUESTS",
        guessing.CROWDED_PAIR,
        guessing.crowded,
        yardstick="atomic_failed",
        phase=data.atomic_requests,
    )[:1],
)

# What must take as long for a name that nobody has: by the hundredth, within ten.
ALIKE = ("failed_hash", "refused_account", "refused_address")
ALIKE_WITHIN = 0.10
# How many times less of the processor a refused try must take than one that is hashed.
CHEAPER = 20
