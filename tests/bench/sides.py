"""The two sides: the site with the app, and the same site in plain Django.

Both live in one process. Two processes would each have a memory layout, a hash seed and a place
on the processor of their own, which alone moves a page by a few per cent either way: more than
what is to be measured. What a side consists of is switched between batches:

- the handler, built once a side with or without `HardeningMiddleware`;
- ``AUTHENTICATION_BACKENDS``: ours, or ``ModelBackend``;
- the receivers of the app, connected or not.

That the app's modules stay imported costs plain Django nothing while it answers. How much noise is
left, the bench says itself: it measures plain Django against plain Django as well.

The trap: the first request after a switch finds caches empty (signals, settings). `Side.enter`
is followed by an untimed request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from io import BytesIO
from time import perf_counter_ns, process_time_ns
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.handlers.wsgi import WSGIHandler
from django.db.models.signals import post_save

from hardening import receivers
from hardening.models import RolePolicy

MIDDLEWARE = "hardening.middleware.HardeningMiddleware"
BACKENDS = {
    "plain": "django.contrib.auth.backends.ModelBackend",
    "guarded": "hardening.backends.HardeningBackend",
}
TOKEN = "t" * 32  # both cookie and form field: what CSRF protection compares


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser sends. A form makes it a POST."""

    path: str
    form: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    address: str = "192.0.2.7"

    def environ(self) -> dict[str, object]:
        """Return it as a server hands it to Django."""
        body = urlencode({**self.form, "csrfmiddlewaretoken": TOKEN}).encode() if self.form else b""
        cookies = {**self.cookies, "csrftoken": TOKEN} if self.form else self.cookies
        environ: dict[str, object] = {
            "REQUEST_METHOD": "POST" if self.form else "GET",
            "PATH_INFO": self.path,
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
            "SERVER_NAME": "testserver",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": self.address,
            "HTTP_HOST": "testserver",
            "HTTP_ACCEPT": "text/html,application/xhtml+xml",
            "HTTP_SEC_FETCH_MODE": "navigate",
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if self.form else "",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
            "wsgi.errors": BytesIO(),
            "wsgi.url_scheme": "http",
        }
        if cookies:
            pairs = (f"{name}={value}" for name, value in cookies.items())
            environ["HTTP_COOKIE"] = "; ".join(pairs)
        return environ


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and after how many nanoseconds.

    `cpu` is what all threads of this process spent meanwhile: Argon2 hashes with several. What a
    database server spends is not among it.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    took: int
    cpu: int

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return dict(self.headers).get("Location", "")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies it sets."""
        jar = SimpleCookie()
        for name, value in self.headers:
            if name == "Set-Cookie":
                jar.load(value)
        return {name: morsel.value for name, morsel in jar.items()}


class Side:
    """One of the two sites. `enter()` it, then `send()` requests."""

    def __init__(self, name: str) -> None:
        """Build the handler; `name` is ``plain`` or ``guarded``."""
        self.name = name
        self.backend = BACKENDS[name]
        everything = settings.MIDDLEWARE
        try:
            if name == "plain":
                settings.MIDDLEWARE = [path for path in everything if path != MIDDLEWARE]
            self._handler: Callable[..., object] = WSGIHandler()
        finally:
            settings.MIDDLEWARE = everything

    def enter(self) -> None:
        """Make the process this side's, for every request until the other side is entered."""
        settings.AUTHENTICATION_BACKENDS = [self.backend]
        user_logged_in.disconnect(dispatch_uid="hardening.judge_login")
        user_login_failed.disconnect(dispatch_uid="hardening.forget_password")
        post_save.disconnect(sender=RolePolicy, dispatch_uid="hardening.tell_of_raw_policies")
        if self.name == "guarded":
            receivers.connect()

    def send(self, request: Request) -> Answer:
        """Send a request and time it, from the server's call to the end of the response."""
        environ = request.environ()
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            said.append((status, headers))

        cpu, began = process_time_ns(), perf_counter_ns()
        response = self._handler(environ, start_response)
        body = b"".join(response)
        response.close()
        took, cpu = perf_counter_ns() - began, process_time_ns() - cpu
        status, headers = said[0]
        return Answer(int(status[:3]), tuple(headers), body, took, cpu)
