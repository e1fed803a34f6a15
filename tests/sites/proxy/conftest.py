"""People in front of the proxy, and the site behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core import mail
from pytest_django.live_server_helper import LiveServer

from tests.sites.browser import PASSWORD, Browser
from tests.sites.proxy.front import in_front_of

HOST = "shop.example.com"


@pytest.fixture
def serve(transactional_db) -> Iterator[Callable[..., str]]:
    """Return `serve(**wrong)`: start the site as its settings are now, behind a proxy.

    It returns where the site begins, as browsers see it. `wrong` is what the proxy gets wrong.
    Not pytest-django's server of the whole run, which keeps the middleware it began with.
    """
    with ExitStack() as running:

        def start(**wrong: object) -> str:
            server = LiveServer("localhost")
            running.callback(server.stop)
            return running.enter_context(in_front_of(server.url, **wrong))

        yield start


@pytest.fixture
def site(serve) -> str:
    """Return where the site begins, with nothing wrong."""
    return serve()


@pytest.fixture
def people(transactional_db) -> dict[str, User]:
    """Return somebody who owes nothing and a member of staff."""
    make = get_user_model().objects.create_user
    return {
        "fan": make("fan", "fan@example.com", PASSWORD),
        "staff": make("staff", "staff@example.com", PASSWORD, is_staff=True),
    }


@pytest.fixture
def browser_of(people) -> Callable[[str], Browser]:
    """Return `browser_of(name)`: that person's browser, on the public host as it believes."""
    return lambda name: Browser(name, host=HOST)


@pytest.fixture
def staff(browser_of) -> Browser:
    """The browser of the member of staff."""
    return browser_of("staff")


@pytest.fixture
def read_mail() -> Callable[[], str]:
    """Return what reads the newest mail."""
    return lambda: mail.outbox[-1].body
