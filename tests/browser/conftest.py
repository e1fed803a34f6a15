"""Real Chromium on a live server: started, watched, photographed.

Everything runs on `http://localhost:PORT`: to a browser that counts as secure, and a passkey takes
no bare address. The server is a thread of this process, so `time_machine` freezes its clock too;
the browser keeps its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

from tests.harness import MissingPart
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / ".screenshots"  # ignored by git; for people to look at
WIDTHS = {"wide": 1280, "narrow": 360}
SCHEMES = ("light", "dark")
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
START_SECONDS = 60


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


@pytest.fixture
def context(context: BrowserContext) -> Iterator[BrowserContext]:
    """A browser whose pages may ask one origin on this machine, and nobody else.

    Judged at the end of each test, for all its pages.
    """
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context
    assert_own_origin(asked)


def assert_own_origin(urls: list[str]) -> None:
    """Assert that `urls`, all that a browser asked for, stay on one local origin."""
    parts = [urlsplit(url) for url in urls]
    origins = {f"{part.scheme}://{part.netloc}" for part in parts if part.hostname}
    foreign = {part.hostname for part in parts if part.hostname} - {"localhost", "127.0.0.1"}
    assert not foreign, f"asked for something elsewhere: {sorted(foreign)}"
    assert len(origins) <= 1, f"asked several origins: {sorted(origins)}"


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Return `axe(page)`: assert that axe-core finds no violation on the page."""

    def judge(page: Page) -> None:
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()

    return judge


@pytest.fixture
def shoot() -> Callable[[Page, str], dict[str, Path]]:
    """Return `shoot(page, name)`: photograph the page wide and narrow, light and dark.

    The pictures are `.screenshots/NAME-narrow-dark.png` and so on, and are returned by their
    endings (`"narrow-dark"`). A page wider than a narrow screen fails.
    """

    def take(page: Page, name: str) -> dict[str, Path]:
        SCREENSHOTS.mkdir(exist_ok=True)
        before = page.viewport_size
        pictures = {}
        for look, width in WIDTHS.items():
            page.set_viewport_size({"width": width, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                picture = SCREENSHOTS / f"{name}-{look}-{scheme}.png"
                page.screenshot(path=picture, full_page=True)
                pictures[f"{look}-{scheme}"] = picture
            assert wide <= width, f"{name} is {wide} px wide on a screen of {width} px"
        page.set_viewport_size(before)
        page.emulate_media(color_scheme="null")
        return pictures

    return take


@dataclass(frozen=True, slots=True)
class Backstage:
    """The demo site as a newcomer runs it: a process of its own, freshly seeded."""

    url: str  # http://localhost:PORT
    data: Path  # all that it writes


@pytest.fixture
def backstage(tmp_path: Path) -> Iterator[Backstage]:
    """Run the demo site, set up as `make demo` does, until the test ends."""
    port = free_port()
    environment = {**os.environ, "BACKSTAGE_DATA": str(tmp_path / "demo"), "PORT": str(port)}
    environment["DJANGO_SETTINGS_MODULE"] = "project.settings"
    manage = (sys.executable, str(ROOT / "manage.py"))
    for command in (("migrate", "--verbosity", "0"), ("seed_backstage",)):
        subprocess.run(
            (*manage, *command), env=environment, check=True, capture_output=True, text=True
        )
    with (tmp_path / "server.log").open("wb") as log:
        serve = (*manage, "runserver", "--noreload", f"127.0.0.1:{port}")
        process = subprocess.Popen(serve, env=environment, stdout=log, stderr=log)
    try:
        await_answer(f"http://localhost:{port}/", process)
        yield Backstage(f"http://localhost:{port}", tmp_path / "demo")
    finally:
        process.terminate()
        process.wait(10)


def await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return when `url` answers; fail if its process ends or `START_SECONDS` pass."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(url, timeout=5):  # noqa: S310 - our own loopback address
                return
        except ConnectionError:
            time.sleep(0.1)
        except OSError as error:
            if not isinstance(getattr(error, "reason", None), ConnectionError):
                raise
            time.sleep(0.1)
    pytest.fail(f"{url} does not answer")
