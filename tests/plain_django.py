"""The yardstick: the same site without the app, and how many statements a page runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext, modify_settings, override_settings

from hardening import receivers

PLAIN_BACKEND = "django.contrib.auth.backends.ModelBackend"


def statements(client: Client, path: str) -> list[str]:
    """Return the statements that a page runs."""
    client.get(path)  # what a process learns once is not a page's cost
    with CaptureQueriesContext(connection) as caught:
        assert client.get(path).status_code in (200, 302)
    return [query["sql"] for query in caught.captured_queries]


@contextmanager
def plain_django() -> Iterator[None]:
    """Take the app's middleware, backend and receiver out."""
    without = {"remove": ["hardening.middleware.HardeningMiddleware"]}
    user_logged_in.disconnect(dispatch_uid="hardening.judge_login")
    user_logged_out.disconnect(dispatch_uid="hardening.note_logout")
    try:
        with (
            modify_settings(MIDDLEWARE=without),
            override_settings(AUTHENTICATION_BACKENDS=[PLAIN_BACKEND]),
        ):
            yield
    finally:
        receivers.connect()
