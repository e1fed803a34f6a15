"""How the drill talks to the site: as a server would call it, one WSGI handler, over HTTPS.

Requests are made and sent apart, so that the sending alone can be timed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http.cookies import SimpleCookie
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.urls import get_script_prefix, reverse

HOST = "drill.example"
TOKEN = "d" * 32  # both cookie and field: what CSRF protection compares
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
Environ = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `cookies` are those that were set, an empty value for one deleted."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]


class Wire:
    """A line to the site whose settings are in force when it is made."""

    def __init__(self) -> None:
        """Build the handler."""
        self._handler = WSGIHandler()
        self._csrf = f"{settings.CSRF_COOKIE_NAME}={TOKEN}"
        self._csrf_header = settings.CSRF_HEADER_NAME

    def get(self, path: str, address: str, cookies: str) -> Environ:
        """Return a request for a page."""
        return self._environ("GET", path, address, cookies)

    def form(self, path: str, fields: dict[str, str], address: str, cookies: str) -> Environ:
        """Return a post as a browser makes it."""
        body = urlencode({**fields, "csrfmiddlewaretoken": TOKEN}).encode()
        return self._post(path, body, FORM, address, cookies)

    def program(self, path: str, fields: dict[str, str], address: str, cookies: str) -> Environ:
        """Return a post as a program makes it, in JSON."""
        environ = self._post(path, json.dumps(fields).encode(), JSON, address, cookies)
        return {**environ, "HTTP_ACCEPT": JSON}

    def _post(self, path: str, body: bytes, kind: str, address: str, cookies: str) -> Environ:
        return {
            **self._environ("POST", path, address, cookies),
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }

    def _environ(self, method: str, path: str, address: str, cookies: str) -> Environ:
        return {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SCRIPT_NAME": "",
            "SERVER_NAME": HOST,
            "SERVER_PORT": "443",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": address,
            "HTTP_HOST": HOST,
            "HTTP_ORIGIN": f"https://{HOST}",
            "HTTP_ACCEPT": "text/html",
            "HTTP_COOKIE": f"{self._csrf}; {cookies}" if cookies else self._csrf,
            self._csrf_header: TOKEN,
            "wsgi.input": BytesIO(),
            "wsgi.errors": _NOWHERE,
            "wsgi.url_scheme": "https",
        }

    def send(self, environ: Environ) -> Reply:
        """Send a request and take what comes back, to its end."""
        said: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]]) -> None:
            said.append((status, headers))

        response = self._handler(environ, start_response)  # type: ignore[arg-type]
        body = b"".join(response)
        response.close()
        status, headers = said[0]
        return Reply(int(status[:3]), dict(headers), body, _set(headers))


def _set(headers: list[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == "set-cookie":
            jar = SimpleCookie(value)
            found.update({one.key: one.value for one in jar.values()})
    return found


def header(cookies: dict[str, str]) -> str:
    """Return what a browser sends of its cookies."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items() if value)


def path_of(name: str) -> str:
    """Return what a server calls ``PATH_INFO``: a site may live below a path of its host."""
    return "/" + reverse(name).removeprefix(get_script_prefix())


_NOWHERE = BytesIO()
