"""Releases of the running site: its settings, and what the how-to adds to them.

Each release is a folder of two files, a settings module and a URLconf. Servers of different
releases run side by side on the same data, as they do while a deployment rolls.

The trap: these are real processes on the real clock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import requests

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
HERE = Path(__file__).resolve().parent
START_SECONDS = 30
PLAIN_SETTINGS = "from tests.sites.existing.settings import *\n"
PLAIN_URLS = "from shop.urls import *\n"


@dataclass(frozen=True, slots=True)
class Release:
    """The code of one release, on the data of one site."""

    code: Path
    data: Path

    @classmethod
    def write(cls, folder: Path, data: Path, *added: str, urls: str = "") -> Release:
        """Write the code of a release: the plain site, and what is `added` to its settings."""
        folder.mkdir(exist_ok=True)
        lines = [PLAIN_SETTINGS, *added]
        if urls:
            (folder / "release_urls.py").write_text(PLAIN_URLS + urls, encoding="utf-8")
            lines.append('ROOT_URLCONF = "release_urls"\n')
        (folder / "release.py").write_text("\n".join(lines), encoding="utf-8")
        return cls(folder, data)

    @property
    def log(self) -> str:
        """What its processes, and those of every other release, have logged."""
        return (self.data / "log").read_text(encoding="utf-8")

    def newest_mail(self) -> str:
        """Return the mail that any of its processes sent last."""
        return max((self.data / "mails").iterdir(), key=os.path.getmtime).read_text("utf-8")

    def manage(self, *arguments: str) -> str:
        """Run a command as ``manage.py`` would; return what it printed on standard output.

        Raises:
            AssertionError: If it failed; the message is all it printed.
        """
        done = self.try_to(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command that may fail."""
        return subprocess.run(
            [sys.executable, "-W", "error", "-m", "django", *arguments],
            env=self._surroundings(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve it on a free port; yield its address."""
        address = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "gunicorn", "--bind", address, "--threads", "2"]
        with (self.data / "gunicorn").open("ab") as output:
            server = subprocess.Popen(
                [*command, "django.core.wsgi:get_wsgi_application()"],
                cwd=self.code,
                env=self._surroundings(),
                stdout=output,
                stderr=output,
            )
            try:
                await_answer(server, f"http://{address}/basket/")
                yield f"http://{address}"
            finally:
                server.terminate()
                server.wait(timeout=START_SECONDS)

    def _surroundings(self) -> dict[str, str]:
        dropped = {"DJANGO_SETTINGS_MODULE", "PYTHONPATH", "HARDENING_TESTS_DATABASE"}
        kept = {name: value for name, value in os.environ.items() if name not in dropped}
        path = os.pathsep.join(map(str, (self.code, HERE, ROOT)))
        here = {"DJANGO_SETTINGS_MODULE": "release", "PYTHONPATH": path}
        return {**kept, **here, "SHOP_DATA": str(self.data), "PYTHONDONTWRITEBYTECODE": "1"}


def await_answer(server: subprocess.Popen[bytes], url: str) -> None:
    """Return once a server answers.

    Raises:
        AssertionError: If it ended, or does not answer within `START_SECONDS`.
    """
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server ended"
        with suppress(requests.ConnectionError):
            requests.get(url, timeout=START_SECONDS)
            return
        time.sleep(0.05)
    raise AssertionError(url)
