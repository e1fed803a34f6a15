"""A PostgreSQL server of the tests' own (tests/servers.py)."""

from __future__ import annotations

import shutil
import signal
import subprocess
from pathlib import Path

from tests.servers import Command, DatabaseServer

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")


def missing() -> str | None:
    """Return what this machine lacks to run the tests on PostgreSQL, or `None`."""
    return None if programs() else "PostgreSQL"


def programs() -> Path | None:
    """Return the directory that holds `initdb` and `postgres`, the newest if several."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent  # a link may stand alone; its siblings do not
    found = sorted(DEBIAN_PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Server(DatabaseServer):
    """PostgreSQL with its own defaults, in UTF-8."""

    name = "PostgreSQL"
    accounts = ("postgres",)
    ends_by = signal.SIGINT

    def __init__(self) -> None:
        super().__init__()
        self._programs = programs()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def making(self) -> Command:
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C.UTF-8"]
        return [self._programs / "initdb", "-D", self.data, *options]

    def serving(self) -> Command:
        options = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.directory,
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": "200",
        }
        settings = [f"-c{name}={value}" for name, value in options.items()]
        return [self._programs / "postgres", "-D", self.data, "-p", str(self.port), *settings]

    def answers(self) -> bool:
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(ready, check=False).returncode == 0
