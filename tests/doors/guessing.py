"""Somebody who guesses, at each door that takes a password, and what the answers give away."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from django.test import Client

from tests.doors.conftest import HTML, JSON

WRONG = "not the password"
TYPED = "TYPED"


@dataclass(frozen=True)
class Door:
    """A page that takes name and password; `json`: as a JSON body."""

    path: str
    json: bool = False

    def knock(self, name: str, password: str = WRONG, *, client: Any = None, **extra: Any) -> Any:
        """Try a password, at a browser of its own if none is given."""
        client = client or Client(headers=JSON if self.json else HTML)
        body: Any = {"username": name, "password": password}
        if self.json:
            return client.post(self.path, json.dumps(body), "application/json", **extra)
        return client.post(self.path, body, **extra)


DOORS = {
    "ours": Door("/security/login/"),
    "ours, JSON": Door("/security/login/", json=True),
    "Django's": Door("/accounts/login/"),
    "the admin": Door("/admin/login/"),
    "a second admin": Door("/desk/login/"),
    "a form": Door("/form-login/"),
    "a JSON view": Door("/api/login/", json=True),
    "an async view": Door("/async-login/", json=True),
}


def told(answer: Any, name: str) -> tuple[Any, ...]:
    """Return all that an answer tells, but for the name that was typed and fresh tokens."""
    body = answer.content.decode().replace(name, TYPED)
    body = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", body)
    headers = {key: value for key, value in answer.headers.items() if key != "Content-Length"}
    cookies = {key: (len(morsel.value), morsel["path"]) for key, morsel in answer.cookies.items()}
    return answer.status_code, headers, cookies, body


def elsewhere(number: int) -> dict[str, str]:
    """Return one of many addresses that have nothing in common."""
    return {"REMOTE_ADDR": f"198.{18 + number // 250}.{number % 250}.1"}


def crowd(name: str, times: int, *, door: Door = DOORS["ours"], first: int = 0) -> list[Any]:
    """Guess so often, each time from another address."""
    return [door.knock(name, **elsewhere(first + turn)) for turn in range(times)]


def flood(times: int = 5, *, door: Door = DOORS["ours"]) -> list[Any]:
    """Guess so many names at one address."""
    return [door.knock(f"junk-{turn}") for turn in range(times)]
