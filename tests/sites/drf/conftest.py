"""People of the API: whom a policy covers, and what she sends along."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from django.test import Client
from rest_framework.authtoken.models import Token

from hardening import facts
from tests.visitor import PASSWORD


@pytest.fixture
def asking() -> Callable[..., Client]:
    """Return `asking(user, scheme)`: a JSON client that sends her password or her token along."""

    def make(user, scheme: str, *, password: str = PASSWORD) -> Client:
        return Client(headers={"accept": "application/json", **credentials(user, scheme, password)})

    return make


def credentials(user, scheme: str, password: str = PASSWORD) -> dict[str, str]:
    """Return the header of a scheme; none for a session."""
    if scheme == "basic":
        pair = f"{user.get_username()}:{password}".encode()
        return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}
    if scheme == "token":
        return {"authorization": f"Token {Token.objects.get_or_create(user=user)[0].key}"}
    return {}


@pytest.fixture
def facts_out(monkeypatch) -> Callable[[], None]:
    """Return a function after which no facts can be read."""

    def go_out() -> None:
        def broken(*_args: object, **_kwargs: object) -> None:
            raise facts.FactsError("out of order")

        for name in ("fresh", "load_user", "load_user_by_name"):
            monkeypatch.setattr(facts, name, broken)

    return go_out
