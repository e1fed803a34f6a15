"""A MariaDB server of the tests' own (tests/servers.py).

It reads no settings files: what the machine's own server is told says nothing about this one.

The trap: a transaction that MariaDB breaks off as a deadlock fails the test that ran into it; how
it came about stands in the server's log, which `Server.log` names and `stop()` removes.
"""

from __future__ import annotations

import os
import shutil
import signal
from importlib.util import find_spec

from tests.servers import Command, DatabaseServer

SYSTEM_PROGRAMS = "/usr/local/sbin:/usr/sbin:/sbin"  # not on everybody's path
DRIVER = "MySQLdb"


def missing() -> str | None:
    """Return what this machine lacks to run the tests on MariaDB, or `None`."""
    if program("mariadbd") is None or program("mariadb-install-db") is None:
        return "MariaDB"
    return None if find_spec(DRIVER) else "MariaDB's driver (mysqlclient)"


def program(name: str) -> str | None:
    """Return the path of a program of the server."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SYSTEM_PROGRAMS}")


class Server(DatabaseServer):
    """MariaDB with its own defaults, in Debian's character set."""

    name = "MariaDB"
    accounts = ("mysql", "nobody")  # the latter where only the bare programs are installed
    ends_by = signal.SIGTERM

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/hardening"

    def making(self) -> Command:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        options += [f"--datadir={self.data}", f"--tmpdir={self.directory}"]
        return [program("mariadb-install-db"), "--no-defaults", *options]

    def serving(self) -> Command:
        options = {
            "datadir": self.data,
            "bind-address": "127.0.0.1",
            "port": self.port,
            "socket": self.directory / "socket",
            "pid-file": self.directory / "pid",
            "tmpdir": self.directory,
            "character-set-server": "utf8mb4",
            "collation-server": "utf8mb4_general_ci",  # Debian's own default
            "innodb-buffer-pool-size": "64M",
            "innodb-log-file-size": "16M",
            "innodb-flush-log-at-trx-commit": "0",
            "innodb-flush-method": "nosync",
            "innodb-doublewrite": "OFF",
            "innodb-lock-wait-timeout": "20",
            "innodb-print-all-deadlocks": "ON",
            "max-connections": "200",
            "performance-schema": "OFF",
        }
        settings = [f"--{name}={value}" for name, value in options.items()]
        return [
            *(program("mariadbd"), "--no-defaults"),
            *("--skip-log-bin", "--skip-name-resolve"),
            *settings,
        ]

    def answers(self) -> bool:
        # It says so once it takes connections; the socket listens a moment before that.
        return b"ready for connections" in self.log.read_bytes()
