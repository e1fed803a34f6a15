"""A small range API on this machine, for building a corpus from; well behaved unless told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests import lists

Answer = tuple[int, dict[str, str], bytes]


class Ranges:
    """What is served.

    Attributes:
        digests: The list.
        planned: For a range, what is answered first, one after the other.
        unchanged: Ranges that have not changed since anything.
        headers: Of every whole answer.
        asked: Each request: when (monotonic), which range, its headers.
    """

    def __init__(self, digests: list[bytes]) -> None:
        self.digests = digests
        self.planned: dict[int, list[Answer]] = {}
        self.unchanged: set[int] = set()
        self.headers = {"Content-Type": "text/plain"}
        self.asked: list[tuple[float, int, dict[str, str]]] = []
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, number: int, headers: dict[str, str]) -> Answer:
        with self._lock:
            self.asked.append((time.monotonic(), number, headers))
            if self.planned.get(number):
                return self.planned[number].pop(0)
        if number in self.unchanged and "If-Modified-Since" in headers:
            return 304, {}, b""
        return 200, self.headers, lists.range_of(self.digests, number)

    def numbers(self) -> list[int]:
        """Return which ranges were asked for, in order of number."""
        return sorted(number for _, number, _ in self.asked)


@contextmanager
def served(digests: list[bytes]) -> Iterator[Ranges]:
    """Serve a list on a port of its own."""
    ranges = Ranges(digests)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            status, headers, body = ranges.answer(
                int(self.path.rpartition("/")[2], 16), dict(self.headers)
            )
            self.send_response_only(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    ranges.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield ranges
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
