"""Throwaway databases, one for each alias of the site's, and each attack gets one as new.

By default SQLite files in a folder: made once, copied for each attack, so attacks can run side by
side. Or a test database on the server of one alias, by Django's own mechanism; there what an
attack wrote is deleted after it.

The trap: an alias that is left alone is the real database. So all of them are replaced, and
before anything is written it is looked at which database answers.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management import call_command
from django.db import connections

from hardening.models import Account, Factor, SiteState
from hardening.models.account import SITE_PK, UNCHECKED
from hardening.models.database import alias as account_alias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SQLITE = "django.db.backends.sqlite3"
# Writers queue for the lock when they begin; what a power cut would lose is thrown away anyway.
OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 30,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY;",
}


class NotThrowawayError(Exception):
    """A connection leads somewhere else than to the throwaway database."""


class Throwaway:
    """The databases of a stage."""

    def __init__(self, files: dict[str, Path], server: str | None) -> None:
        """`files`: by alias, where the SQLite ones lie; `server`: the alias that is on a server."""
        self.files = files
        self.server = server

    @property
    def side_by_side(self) -> bool:
        """Whether attacks may run at the same time, each on a copy of its own."""
        return self.server is None

    def keep(self) -> None:
        """Take what is in the databases now as what each attack finds."""
        connections.close_all()

    @contextmanager
    def fresh(self) -> Iterator[None]:
        """Lend the databases as they were kept."""
        copies = {name: path.with_suffix(f".{os.getpid()}") for name, path in self.files.items()}
        for name, path in self.files.items():
            shutil.copyfile(path, copies[name])
            _use(name, _sqlite(copies[name]))
        try:
            yield
        finally:
            connections.close_all()
            for name, path in self.files.items():
                _use(name, _sqlite(path))
                for left in copies[name].parent.glob(f"{copies[name].name}*"):
                    left.unlink()
            if self.server is not None:
                _sweep()


@contextmanager
def throwaway(folder: Path, server: str | None) -> Iterator[Throwaway]:
    """Put throwaway databases in place of all of the site's, migrated and empty.

    Args:
        folder: Where SQLite files go.
        server: The alias whose server gets a test database; `None`: none.

    Raises:
        NotThrowawayError: If a connection leads elsewhere all the same.
    """
    before = dict(connections.settings)
    files = {name: folder / f"{name}.sqlite3" for name in before if name != server}
    kept = _set_aside()
    made = ""
    try:
        for name, path in files.items():
            _use(name, _sqlite(path))
        if server is not None:
            made = _on_server(server, before[server])
        for name in before:
            _look(name, files, server, made)
            call_command("migrate", database=name, verbosity=0, interactive=False, run_syncdb=True)
        yield Throwaway(files, server)
    finally:
        connections.close_all()
        if server is not None and made:
            connections[server].creation.destroy_test_db(before[server]["NAME"], verbosity=0)
            connections.close_all()
        for name, given in before.items():
            _use(name, given)
        for name, connection in kept.items():
            connections[name] = connection


def _set_aside() -> dict[str, Any]:
    """Close this thread's connections and keep the objects: one in memory is its own database."""
    connections.close_all()
    opened: Any = connections
    kept = {one.alias: one for one in connections.all(initialized_only=True)}
    for name in kept:
        delattr(opened._connections, name)  # noqa: SLF001 - `del` is for those that may go
    return kept


def _on_server(name: str, given: dict[str, Any]) -> str:
    """Make a test database under a name that nobody has; return the name."""
    if given["ENGINE"] == SQLITE:
        raise NotThrowawayError(f"{name!r} is SQLite, which needs no server: leave the option out")
    made = f"hardening_drill_{os.getpid()}"
    _use(name, {**given, "TEST": {**given["TEST"], "NAME": made}, "CONN_MAX_AGE": None})
    connections[name].creation.create_test_db(verbosity=0, autoclobber=False, serialize=False)
    return made


def _look(name: str, files: dict[str, Path], server: str | None, made: str) -> None:
    wanted = made if name == server else str(files[name])
    if str(connections[name].settings_dict["NAME"]) != wanted:
        raise NotThrowawayError(f"{name!r} does not lead to the throwaway database")


def _use(name: str, given: dict[str, Any]) -> None:
    """Let an alias mean another database, in this thread and in those to come."""
    opened: Any = connections
    if hasattr(opened._connections, name):  # noqa: SLF001 - `in` asks the settings
        connections[name].close()
        del connections[name]
    connections.settings[name] = given


def _sqlite(path: Path) -> dict[str, Any]:
    one = {"ENGINE": SQLITE, "NAME": str(path), "OPTIONS": OPTIONS, "CONN_MAX_AGE": None}
    configured: dict[str, Any] = connections.configure_settings({"default": one})["default"]
    return configured


def _sweep() -> None:
    """Delete what an attack has written, but for the people and their factors."""
    using = account_alias()
    for model in apps.get_app_config("hardening").get_models():
        if model not in (Account, Factor, SiteState):
            model._base_manager.using(using).all().delete()  # noqa: SLF001
    asked = {"must_change": "", "must_change_since": None}
    Account.objects.using(using).update(**UNCHECKED, **asked)
    SiteState.objects.using(using).filter(pk=SITE_PK).update(attack_until=0)
    if apps.is_installed("django.contrib.sessions"):
        apps.get_model("sessions", "Session")._base_manager.using(using).all().delete()  # noqa: SLF001
