"""The pytest plugin below every test: stages, real parts, what is missing.

Loaded by `-p tests.harness` (pyproject.toml), because a server must run before pytest-django reads
the settings, which is before any `conftest.py`.

A run has one **stage**, named by `--stage` or taken from the folders on the command line:

- `plain`: everything else, on SQLite in memory;
- `plain-postgres`, `plain-mariadb`: the same tests on a server that this process starts and stops;
- `postgres`, `mariadb`: `tests/races` likewise (and whatever is marked `postgres`, on that alone);
- `browser`: `tests/browser`, on an SQLite file (a live server's threads need connections of their
  own), with Django's guard against async misuse off, because sync Playwright leaves an event loop
  in the test's thread;
- `demo`: `tests/demo`, on the settings of the demo site;
- `site-NAME`: `tests/sites/NAME`, on the settings of the kind of site that lives in that folder
  (another user model, another login package): one process for each, because what differs is what
  Django reads once.

The trap: the stages cannot share a process; a test of another stage is left out, not skipped.
A test whose real part is missing is skipped *and named at the end*; with `CI=true` that fails the
run.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator
from pathlib import Path
from types import ModuleType

import pytest

from tests import guard, mariadb, postgres

TESTS = Path(__file__).resolve().parent
SITES = sorted(path.parent.name for path in TESTS.glob("sites/*/settings.py"))
SITE_FOLDERS = {f"site-{name}": f"sites/{name}" for name in SITES}
# The first stage of a folder is the one that its path stands for.
STAGE_FOLDERS = {
    "postgres": "races",
    "mariadb": "races",
    "browser": "browser",
    "demo": "demo",
    **SITE_FOLDERS,
}
PLAIN_STAGES = ("plain", "plain-postgres", "plain-mariadb")
STAGES = (*PLAIN_STAGES, *STAGE_FOLDERS)
# Their folders, and nothing beside them.
CLOSED_STAGES = ("browser", "demo", *SITE_FOLDERS)
SERVERS = {
    "postgres": postgres,
    "mariadb": mariadb,
    "plain-postgres": postgres,
    "plain-mariadb": mariadb,
}

stage_key = pytest.StashKey[str]()
missing_key = pytest.StashKey[Counter[str]]()
cleanup_key = pytest.StashKey[list]()
no_server_key = pytest.StashKey[str | None]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--stage",
        choices=STAGES,
        help="which tests to run, on which ground (tests/harness.py); default: from the paths",
    )


@pytest.hookimpl(wrapper=True)  # a wrapper comes before pytest-django, which reads the settings
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None]:
    options = parser.parse_known_args(args)
    stage = options.stage or stage_of(getattr(options, "file_or_dir", []))
    early_config.stash[stage_key] = stage
    early_config.stash[missing_key] = Counter()
    early_config.stash[cleanup_key] = []
    early_config.stash[no_server_key] = None
    try:
        if not (options.help or options.version):
            prepare(early_config, stage)
        return (yield)
    except BaseException:
        clean_up(early_config)  # pytest has not begun, so it will not end either
        raise


def stage_of(paths: list[str]) -> str:
    """Return the stage whose folder holds all of `paths`, else `plain`."""
    files = [Path(path.partition("::")[0]).resolve() for path in paths]
    for stage, folder in STAGE_FOLDERS.items():
        if files and all(file.is_relative_to(TESTS / folder) for file in files):
            return stage
    return "plain"


def prepare(config: pytest.Config, stage: str) -> None:
    """Lay the ground of `stage`; the settings find it through the environment."""
    if stage in SERVERS:
        start_server(config, SERVERS[stage])
    elif stage == "browser":
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        os.environ["HARDENING_TESTS_DATABASE"] = str(scratch(config) / "tests.sqlite3")
    elif stage == "demo":
        os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
        os.environ["BACKSTAGE_DATA"] = str(scratch(config))
        os.environ["BACKSTAGE_BREACH_API"] = "0"
    elif stage in SITE_FOLDERS:
        name = stage.removeprefix("site-")
        os.environ["DJANGO_SETTINGS_MODULE"] = f"tests.sites.{name}.settings"
    guard.raise_it()


def start_server(config: pytest.Config, kind: ModuleType) -> None:
    """Start a server, unless somebody runs one for these tests and names it."""
    if "HARDENING_TESTS_DATABASE" in os.environ:
        return
    config.stash[no_server_key] = kind.missing()
    if config.stash[no_server_key]:
        return
    server = kind.Server()
    # Registered first: a start that fails half-way is cleared away as well.
    config.stash[cleanup_key].append(server.stop)
    server.start()
    os.environ["HARDENING_TESTS_DATABASE"] = server.url


def scratch(config: pytest.Config) -> Path:
    directory = tempfile.mkdtemp(prefix="hardening-tests-")
    config.stash[cleanup_key].append(lambda: shutil.rmtree(directory, ignore_errors=True))
    return Path(directory)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    clean_up(config)


def clean_up(config: pytest.Config) -> None:
    for step in reversed(config.stash.get(cleanup_key, [])):
        step()


def pytest_report_header(config: pytest.Config) -> str:
    return f"stage: {config.stash[stage_key]}"


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out folders that another stage's process cannot even import."""
    stage = config.stash[stage_key]
    if stage in CLOSED_STAGES:
        mine = TESTS / STAGE_FOLDERS[stage]
        related = collection_path.is_relative_to(mine) or mine.is_relative_to(collection_path)
        return None if related else True
    closed = (TESTS / STAGE_FOLDERS[other] for other in CLOSED_STAGES)
    return True if any(collection_path.is_relative_to(folder) for folder in closed) else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    stage = config.stash[stage_key]
    mine, others = [], []
    for item in items:
        (mine if stage in stages_of_item(item) else others).append(item)
    items[:] = mine
    if others:
        config.hook.pytest_deselected(items=others)


def stages_of_item(item: pytest.Item) -> tuple[str, ...]:
    """Return the stages that a test belongs to: races run on two servers."""
    if item.get_closest_marker("postgres"):
        return ("postgres",)
    inside = (
        stage for stage, folder in STAGE_FOLDERS.items() if item.path.is_relative_to(TESTS / folder)
    )
    return tuple(inside) or PLAIN_STAGES


class MissingPart(pytest.skip.Exception):
    """The test cannot run: `part` is not on this machine. Skipped, and named at the end."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} is missing")
        self.part = part


def pytest_runtest_setup(item: pytest.Item) -> None:
    part = item.config.stash[no_server_key]
    if part is not None:
        raise MissingPart(part)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> None:
    # Counted here and not where it is raised: a session's fixture raises once for many tests.
    if call.excinfo is not None and isinstance(call.excinfo.value, MissingPart):
        item.config.stash[missing_key][call.excinfo.value.part] += 1


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    missing = session.config.stash[missing_key]
    if not missing:
        return
    ledger = os.environ.get("HARDENING_TESTS_MISSING")
    if ledger:
        with Path(ledger).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(missing) + "\n")
    if os.environ.get("CI") == "true" and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for part, tests in sorted(config.stash[missing_key].items()):
        terminalreporter.write_line(f"NOT RUN, {part} is missing: {tests}", red=True)
