"""What the demo site takes from its surroundings: a folder, a secret key, a database.

Everything the site writes lives in one folder, `.demo/` beside `manage.py` unless `BACKSTAGE_DATA`
names another; deleting it starts the demo afresh. The database is SQLite in that folder unless
`DATABASE_URL` names a PostgreSQL server.

The trap: an error message about `DATABASE_URL` ends up in terminals and logs, so it never repeats
the value, which holds a password.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

SECRET_KEY_BYTES = 50
OWNER_ONLY_FOLDER = 0o700
OWNER_ONLY_FILE = 0o600
SQLITE_LOCK_WAIT_SECONDS = 20


class EnvironmentMistakeError(ValueError):
    """A variable of the environment cannot be used; the message says which and why."""


def data_folder(root: Path) -> Path:
    """Return the folder that holds whatever the demo writes, readable by its owner only.

    Args:
        root: The folder of `manage.py`; `.demo` inside it is the default.
    """
    folder = Path(os.environ.get("BACKSTAGE_DATA") or root / ".demo").resolve()
    folder.mkdir(mode=OWNER_ONLY_FOLDER, parents=True, exist_ok=True)
    return folder


def secret_key(folder: Path) -> str:
    """Return `SECRET_KEY` from the environment, or the one kept in `folder`, made on first use."""
    from_environment = os.environ.get("SECRET_KEY")
    if from_environment:
        return from_environment
    kept = folder / "secret-key"
    if not kept.exists():
        _keep_new_key(kept)
    return kept.read_text(encoding="ascii").strip()


def _keep_new_key(kept: Path) -> None:
    """Write a fresh key to `kept`; of several processes that start together, one wins.

    The key is complete before it gets its name, so nobody reads half of one.
    """
    draft = kept.with_name(f"{kept.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY_FILE)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(SECRET_KEY_BYTES))
    try:
        os.link(draft, kept)
    except FileExistsError:
        pass  # Another process was first; its key is the key.
    finally:
        draft.unlink()


def database(folder: Path) -> dict[str, Any]:
    """Return Django's `DATABASES["default"]`.

    Raises:
        EnvironmentMistakeError: If `DATABASE_URL` is set and is no PostgreSQL address.
    """
    url = os.environ.get("DATABASE_URL")
    return postgresql(url) if url else sqlite(folder / "db.sqlite3")


def sqlite(file: Path) -> dict[str, Any]:
    """Return the settings of an SQLite database in `file`.

    Readers do not wait for writers (WAL), and a transaction asks for the write lock when it
    begins: one that asks later fails at once instead of waiting.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": file,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": SQLITE_LOCK_WAIT_SECONDS,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }


def postgresql(url: str) -> dict[str, Any]:
    """Return the settings of the PostgreSQL database at `url`.

    Args:
        url: `postgresql://user:password@host:port/name`, percent-encoded where needed; a query
            (`?sslmode=require`) becomes `OPTIONS`.

    Raises:
        EnvironmentMistakeError: If `url` has another scheme, no database name or no valid port.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        message = "DATABASE_URL must begin with postgresql://"
        raise EnvironmentMistakeError(message)
    name = unquote(parts.path.removeprefix("/"))
    if not name:
        message = "DATABASE_URL must end with the name of a database: postgresql://host/name"
        raise EnvironmentMistakeError(message)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": _port(url),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def _port(url: str) -> str:
    """Return the port in `url`, or an empty string for the driver's own default."""
    try:
        port = urlsplit(url).port
    except ValueError:
        message = "DATABASE_URL has a port that is no number between 0 and 65535"
        raise EnvironmentMistakeError(message) from None
    return "" if port is None else str(port)
