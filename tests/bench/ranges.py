"""A server that speaks as the range API does: a process of its own, so that it takes no turns.

``/at-once/range/…`` is answered at once, ``/slow/range/…`` after `SLOW_SECONDS`, each with as many
rows as the real API has, packed; ``/asked`` says how many ranges were asked for. Its port is the
first line of standard output; it ends with standard input.

The trap: a header and a body sent apart wait for each other's acknowledgement (Nagle), 40 ms.
"""

from __future__ import annotations

import gzip
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

ROWS = 2_000  # of two billion in 2^20 ranges
PADDING = 900  # what "Add-Padding" adds, about
SLOW_SECONDS = 2.0
AT_ONCE, SLOW = "at-once", "slow"


def rows(seed: int = 1) -> bytes:
    """Return what one range looks like: sorted suffixes with counts, padding among them."""
    dice = random.Random(seed)
    counts = [dice.randrange(1, 5000) for _ in range(ROWS)] + [0] * PADDING
    listed = sorted(f"{dice.randrange(16**35):035X}:{count}" for count in counts)
    return "\r\n".join(listed).encode()


class Ranges(BaseHTTPRequestHandler):
    """Answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    body = gzip.compress(rows())
    asked = 0

    def do_GET(self) -> None:
        """Answer in the manner that the path begins with."""
        manner = self.path.split("/")[1]
        if manner == "asked":
            self._say(str(Ranges.asked).encode(), {})
            return
        Ranges.asked += 1
        if manner == SLOW:
            time.sleep(SLOW_SECONDS)
        self._say(self.body, {"Content-Encoding": "gzip"})

    def _say(self, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": "text/plain", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        """Take note of nobody who goes away."""
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """Ends without waiting for who still asks."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Let a client that has hung up go."""


@contextmanager
def running() -> Iterator[str]:
    """Run one in a process of its own; yields its address, to which a manner is added."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.ranges"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
    finally:
        child.stdin.close()
        child.wait(timeout=10)
        child.stdout.close()


@contextmanager
def nobody_there() -> Iterator[str]:
    """Lend an address whose port nobody else can take, and where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def asked(address: str) -> int:
    """Return how many ranges the server has been asked for."""
    with urlopen(f"{address}/asked", timeout=10) as answer:  # noqa: S310 - our own server
        return int(answer.read())


def main() -> None:
    """Serve until standard input ends."""
    server = Server(("127.0.0.1", 0), Ranges)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
