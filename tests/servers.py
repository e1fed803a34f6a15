"""A database server of the tests' own: a child process, a free port, an empty directory.

`tests/postgres.py`, `tests/mariadb.py` and `tests/redis.py` say what is special about each.
Servers refuse to run as root, so a root process hands them to another user. Nothing they hold is
worth keeping: they never wait for the disk, and `stop()` removes it all.
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
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, ClassVar

START_SECONDS = 30
STOP_SECONDS = 20
PR_SET_PDEATHSIG = 1  # prctl(2)

Command = list[str | Path]


class DatabaseServer(ABC):
    """One server; `start()` it, give `url` to Django, `stop()` it."""

    name: ClassVar[str]
    accounts: ClassVar[tuple[str, ...]]  # the first of them that this machine has runs it
    ends_by: ClassVar[signal.Signals]  # without waiting for its clients, which are the tests

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix=f"hardening-{self.name.lower()}-"))
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Return what `HARDENING_TESTS_DATABASE` takes."""

    @abstractmethod
    def making(self) -> Command:
        """Return the command that makes an empty data directory, and ends."""

    @abstractmethod
    def serving(self) -> Command:
        """Return the command that serves it."""

    @abstractmethod
    def answers(self) -> bool:
        """Return whether it takes connections."""

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def log(self) -> Path:
        return self.directory / "log"

    def start(self) -> None:
        """Make an empty data directory and serve it.

        Raises:
            RuntimeError: If it does not answer within `START_SECONDS`; the message is its log.
        """
        if os.geteuid() == 0:
            account = self._account()
            os.chown(self.directory, account.pw_uid, account.pw_gid)
        with self.log.open("wb") as log:
            self._run(self.making(), log).wait()
            self._process = self._run(self.serving(), log)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.answers():
                return
            time.sleep(0.1)
        message = f"{self.name} did not start:\n{self.log.read_text(errors='replace')}"
        raise RuntimeError(message)

    def stop(self) -> None:
        """Stop it and remove what it held."""
        self.halt()
        shutil.rmtree(self.directory, ignore_errors=True)

    def halt(self) -> None:
        """Stop it, as an outage does."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.ends_by)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()

    def _account(self) -> pwd.struct_passwd:
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        return next(known[name] for name in self.accounts if name in known)

    def _run(self, command: Command, log: IO[bytes]) -> subprocess.Popen[bytes]:
        options = {}
        if os.geteuid() == 0:
            account = self._account()
            options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        # A group of its own: Ctrl-C in the terminal ends the tests, which then stop the server.
        return subprocess.Popen(
            command,
            cwd=self.directory,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=partial(end_with_parent, self.ends_by),  # noqa: PLW1509 - no thread runs yet
            **options,
        )


def end_with_parent(how: signal.Signals) -> None:
    """Ask Linux to stop this child when the tests are killed and can stop nothing themselves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, how)


def free_port() -> int:
    """Return a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
