"""Real Chromium on a live server: started, watched, photographed.

Watched means, at the end of each test and for all its pages: one origin was asked and nobody else,
and the console is silent: no script error, no breach of a strict Content-Security-Policy.

Everything runs on `http://localhost:PORT`: to a browser that counts as secure, and a passkey takes
no bare address. The server is a thread of this process, so `time_machine` freezes its clock too;
the browser keeps its own.

The trap: `live_server` is started by whoever asks first and keeps the middleware of that moment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client, override_settings
from playwright.sync_api import Browser, BrowserContext, Page, expect

from hardening import testing
from tests import settings as host
from tests.browser.people import NOW, PASSWORD, Phone, give_session, press
from tests.browser.watching import (
    ROOT,
    SCREENSHOTS,
    WIDTHS,
    assert_targets_are_large,
    judge,
    looks,
    photograph,
    watched,
)
from tests.harness import MissingPart
from tests.servers import free_port

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_SECONDS = 60
EXPECT_MS = 20_000  # shared machines have slow moments; Playwright's own is 5 s
NOT_YET = (ConnectionError, TimeoutError)
ACCOUNT_LINE = re.compile(r"^  (\w+)  +(\S+)  +\S", re.MULTILINE)  # printed by seed_backstage


expect.set_options(timeout=EXPECT_MS)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """Use the machine's own Chromium, and keep it from talking to anybody."""
    program = next((path for path in CHROMIUM if Path(path).exists()), None)
    if program is None:
        part = "chromium"
        raise MissingPart(part)
    switches = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    switches += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    return {**browser_type_launch_args, "executable_path": program, "args": switches}


@pytest.fixture(scope="session")
def browser_context_args(browser_context_args):
    """Speak the tests' language, and look as wide as a desk."""
    size = {"width": WIDTHS["wide"], "height": 900}
    return {**browser_context_args, "locale": "en-GB", "viewport": size}


@pytest.fixture(scope="session", autouse=True)
def _strict_policy() -> Iterator[None]:
    """Put the policy of the demo on every page of the live server as well."""
    policy = "tests.browser.policy.StrictPolicyMiddleware"
    with override_settings(MIDDLEWARE=[policy, *host.MIDDLEWARE]):
        yield


@pytest.fixture
def context(context: BrowserContext) -> Iterator[BrowserContext]:
    """A browser that is watched."""
    with watched(context):
        yield context


@pytest.fixture
def without_script(
    browser: Browser, browser_context_args: dict[str, object]
) -> Iterator[BrowserContext]:
    """A watched browser that runs no JavaScript."""
    context = browser.new_context(**browser_context_args, java_script_enabled=False)
    with watched(context):
        yield context
    context.close()


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Return `axe(page)`: assert that axe-core finds no violation on the page."""
    return judge


@pytest.fixture
def shoot() -> Callable[[Page, str], dict[str, Path]]:
    """Return `shoot(page, name)`: photograph the page wide and narrow, light and dark.

    The pictures are `.screenshots/NAME-narrow-dark.png` and so on, and are returned by their
    endings (`"narrow-dark"`). A page wider than a narrow screen fails.
    """

    def take(page: Page, name: str) -> dict[str, Path]:
        return {look: photograph(page, f"{name}-{look}") for look in looks(page, name)}

    return take


@pytest.fixture
def look_over() -> Callable[..., dict[str, Path]]:
    """Return `look_over(page, name)`: `shoot`, and axe and the size of targets in each look.

    `beside` are selectors of what is not ours to mend.
    """

    def look(page: Page, name: str, *, beside: Sequence[str] = ()) -> dict[str, Path]:
        pictures = {}
        for each in looks(page, name):
            judge(page, beside)
            assert_targets_are_large(page, name)
            pictures[each] = photograph(page, f"{name}-{each}")
        return pictures

    return look


@dataclass(frozen=True, slots=True)
class Backstage:
    """The demo site as a newcomer runs it: a process of its own, freshly seeded.

    Attributes:
        url: `http://localhost:PORT`.
        data: The folder for all that it writes.
        passwords: By user name, as the terminal shows them.
    """

    url: str
    data: Path
    passwords: dict[str, str]


@pytest.fixture(scope="session")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Backstage:
    """Return the demo site as `make demo` sets it up, for copying; it does not run."""
    folder = tmp_path_factory.mktemp("seeded") / "demo"
    manage(folder, "migrate", "--verbosity", "0")
    printed = manage(folder, "seed_backstage")
    return Backstage("", folder, dict(ACCOUNT_LINE.findall(printed)))


def manage(data: Path, *command: str) -> str:
    """Run a command of the demo site on the folder `data` and return what it prints."""
    run = (sys.executable, str(ROOT / "manage.py"), *command)
    surroundings = demo_environment(data)
    return subprocess.run(run, env=surroundings, check=True, capture_output=True, text=True).stdout


def demo_environment(data: Path) -> dict[str, str]:
    """Return the environment of the demo site's processes, which ask nobody beyond this machine."""
    ours = {"BACKSTAGE_DATA": str(data), "BACKSTAGE_BREACH_API": "0"}
    return {**os.environ, **ours, "DJANGO_SETTINGS_MODULE": "project.settings"}


@pytest.fixture
def backstage(tmp_path: Path, seeded: Backstage) -> Iterator[Backstage]:
    """Run the demo site, set up as `make demo` does, until the test ends."""
    port = free_port()
    data = tmp_path / "demo"
    shutil.copytree(seeded.data, data)
    serve = (sys.executable, str(ROOT / "manage.py"), "runserver", "--noreload")
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            (*serve, f"127.0.0.1:{port}"), env=demo_environment(data), stdout=log, stderr=log
        )
    try:
        await_answer(f"http://localhost:{port}/", process)
        yield replace(seeded, url=f"http://localhost:{port}", data=data)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def phone(oathtool: Callable[..., str]) -> Phone:
    """A phone with an authenticator app that is not of our making."""
    return Phone(oathtool)


@pytest.fixture
def clock():
    with time_machine.travel(NOW, tick=False) as frozen:
        yield frozen


@pytest.fixture
def open_page(page, live_server, clock) -> Callable[[str], None]:
    """Return `open_page(path)`."""
    return lambda path: page.goto(live_server.url + path)


@pytest.fixture
def alba(clock, transactional_db) -> User:
    """Somebody of the staff: the floor asks her for a second factor."""
    return User.objects.create_user("alba", "alba@example.com", PASSWORD, is_staff=True)


@pytest.fixture
def noor(clock, transactional_db) -> User:
    """Somebody of whom nothing is asked."""
    return User.objects.create_user("noor", "noor@example.com", PASSWORD)


@pytest.fixture
def put_in(page, live_server) -> Callable[[User], None]:
    """Return `put_in(user)`: the browser is signed in completely, a factor just proven."""

    def put(user: User) -> None:
        client = Client()
        testing.login(client, user)
        give_session(page, live_server.url, client)

    return put


@pytest.fixture
def sign_in_as(page, open_page) -> Callable[[User], None]:
    """Return `sign_in_as(user)`: user name and password on our own login page."""

    def typed(user: User) -> None:
        open_page("/security/login/")
        page.get_by_label("Username").fill(user.get_username())
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        press(page, "Sign in")

    return typed


@pytest.fixture
def record(record_property: Callable[[str, object], None]) -> Callable[[str, object], None]:
    """Return `record(what, value)`: keep a measurement with the report, and in a file."""

    def keep(what: str, value: object) -> None:
        record_property(what, value)
        SCREENSHOTS.mkdir(exist_ok=True)
        with (SCREENSHOTS / "measured.txt").open("a", encoding="utf-8") as lines:
            lines.write(f"{what}: {value}\n")

    return keep


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when `url` answers; fail if its process ends or `START_SECONDS` pass."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own loopback address
                return
        except OSError as error:  # a URLError wraps what kept it from connecting
            if not isinstance(getattr(error, "reason", error), NOT_YET):
                raise
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")
