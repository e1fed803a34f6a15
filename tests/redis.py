"""A Redis server of the tests' own (tests/servers.py), with a password that must show nowhere.

Unlike the databases it is started by a fixture, for the tests that want it. `halt()` and `start()`
make an outage: it comes back on the same port, empty.
"""

from __future__ import annotations

import shutil
import signal
import socket
from contextlib import suppress

from tests.servers import Command, DatabaseServer

PASSWORD = "not-to-be-shown-anywhere"


def missing() -> str | None:
    """Return what this machine lacks to run the tests on Redis, or `None`."""
    return None if shutil.which("redis-server") else "Redis"


class Server(DatabaseServer):
    """Redis that keeps nothing on disk."""

    name = "Redis"
    accounts = ("redis", "nobody")
    ends_by = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def making(self) -> Command:
        return ["mkdir", "-p", self.data]

    def serving(self) -> Command:
        options = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "dir": self.data,
            "save": "",
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "requirepass": PASSWORD,
        }
        settings = [part for name, value in options.items() for part in (f"--{name}", value)]
        return [shutil.which("redis-server"), *settings]

    def start_again(self) -> None:
        """End an outage, if there is one."""
        if self._process.poll() is not None:
            self.start()

    def answers(self) -> bool:
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as client:
            client.sendall(f"AUTH {PASSWORD}\r\nPING\r\n".encode())
            return b"+OK" in client.recv(64)
        return False
