"""A site on a SQLite file as `startproject` leaves it: Django's own waiting times and journal."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from tests.settings import *  # noqa: F403 - the smallest site, with one thing changed

FOLDER = tempfile.mkdtemp(prefix="hardening-tests-")
atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
FILE = str(Path(FOLDER) / "db.sqlite3")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FILE,
        "TEST": {"NAME": FILE},
        # Nothing here is worth waiting for the disk; who waits for whom stays as it is.
        "OPTIONS": {"init_command": "PRAGMA synchronous=OFF;"},
    }
}
