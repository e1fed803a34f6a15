"""A reverse proxy that does what the nginx lines of the how-to say, and nothing else.

It takes the prefix off, sets the headers, adds the headers, and believes itself behind HTTPS.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests import howto

PREFIX = "/app"
CLIENT = "203.0.113.9"  # whose connection the proxy believes to see
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding"}


def rules() -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers that the how-to's lines set on requests, and add to answers."""
    text = howto.block("reverse-proxy", "nginx", "nginx")
    sets = dict(re.findall(r"proxy_set_header (\S+) (.+);", text))
    adds = dict(re.findall(r'add_header (\S+) "(.+)" always;', text))
    assert sets
    assert adds
    return sets, adds


class Front(ThreadingHTTPServer):
    """Passes on to `target`, an ``http://host:port``.

    Args:
        target: The server behind.
        strip: Whether the path of the site is taken off.
        without: A header that is forgotten to be set.
        scheme: What browsers speak with the proxy.
    """

    daemon_threads = True

    def __init__(
        self, target: str, *, strip: bool = True, without: str = "", scheme: str = "https"
    ) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urlsplit(target).netloc
        self.strip = strip
        self.scheme = scheme
        self.sets, self.adds = rules()
        self.sets.pop(without, None)

    @property
    def url(self) -> str:
        """Where the site begins."""
        return f"http://127.0.0.1:{self.server_port}{PREFIX}"


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    def do_GET(self) -> None:
        path = self.path.removeprefix(PREFIX) if self.server.strip else self.path
        if not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        length = int(self.headers.get("Content-Length", 0))
        connection = HTTPConnection(self.server.target, timeout=30)
        connection.request(self.command, path, self.rfile.read(length), self._passed_on())
        answer = connection.getresponse()
        body = answer.read()
        self.send_response_only(answer.status)
        for name, value in [*answer.getheaders(), *self.server.adds.items()]:
            if name.lower() not in HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def _passed_on(self) -> dict[str, str]:
        server = self.server
        variables = {"$host": self.headers["Host"], "$scheme": server.scheme}
        variables["$remote_addr"] = CLIENT
        passed = {name.lower(): value for name, value in self.headers.items()}
        del passed["host"]  # nginx sends the server's own, unless a line says otherwise
        for name, value in server.sets.items():
            passed[name.lower()] = variables.get(value, value.strip('"'))
        return {name: value for name, value in passed.items() if value and name not in HOP_BY_HOP}

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def in_front_of(target: str, **options: object) -> Iterator[str]:
    """Run a proxy in front of a server; yield where the site begins."""
    front = Front(target, **options)
    thread = threading.Thread(target=front.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield front.url
    finally:
        front.shutdown()
        thread.join()
        front.server_close()
