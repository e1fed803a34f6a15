"""A PostgreSQL server of the tests' own: a child process, a free port, an empty directory.

The server refuses to run as root, so a root process hands it to the user `postgres`. Nothing it
holds is worth keeping: it never waits for the disk.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

DEBIAN_PROGRAMS = Path("/usr/lib/postgresql")
START_SECONDS = 30
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1  # prctl(2)


def programs() -> Path | None:
    """Return the directory that holds `initdb` and `postgres`, the newest if several."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent  # a link may stand alone; its siblings do not
    found = sorted(DEBIAN_PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


class Server:
    """One server; `start()` it, give `url` to Django, `stop()` it."""

    def __init__(self) -> None:
        self._programs = programs()
        self._directory = Path(tempfile.mkdtemp(prefix="hardening-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/postgres"

    @property
    def log(self) -> Path:
        return self._directory / "log"

    def start(self) -> None:
        """Make an empty cluster and serve it.

        Raises:
            RuntimeError: If it does not answer within `START_SECONDS`; the message is its log.
        """
        if os.geteuid() == 0:
            shutil.chown(self._directory, "postgres", "postgres")
        data = self._directory / "data"
        init = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
        init += ["--no-sync", "--locale=C.UTF-8"]
        with self.log.open("wb") as log:
            self._run("initdb", *init, stdout=log, stderr=log).wait()
            options = {
                "listen_addresses": "127.0.0.1",
                "unix_socket_directories": self._directory,
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "max_connections": "200",
            }
            settings = [f"-c{name}={value}" for name, value in options.items()]
            arguments = ["-D", data, "-p", str(self._port), *settings]
            self._process = self._run("postgres", *arguments, stdout=log, stderr=log)
        self._await_answer()

    def stop(self) -> None:
        """Stop it without waiting for its clients, and remove what it held."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _run(self, program: str, *arguments: str | Path, **options: Any) -> subprocess.Popen[bytes]:
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        # A group of its own: Ctrl-C in the terminal ends the tests, which then stop the server.
        return subprocess.Popen(
            [self._programs / program, *arguments],
            cwd=self._directory,
            start_new_session=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no thread runs yet
            **options,
        )

    def _await_answer(self) -> None:
        ready = [self._programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self._port)]
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if subprocess.run(ready, check=False).returncode == 0:
                return
            time.sleep(0.1)
        message = f"PostgreSQL did not start:\n{self.log.read_text(errors='replace')}"
        raise RuntimeError(message)


def end_with_parent() -> None:
    """Ask Linux to stop this child when the tests are killed and can stop nothing themselves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
