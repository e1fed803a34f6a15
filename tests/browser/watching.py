"""What watches the browser and judges a page: origins, console, axe, targets, pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

ROOT = Path(__file__).resolve().parent.parent.parent
SCREENSHOTS = ROOT / ".screenshots"  # ignored by git; for people to look at
WIDTHS = {"wide": 1280, "narrow": 360}
SCHEMES = ("light", "dark")
SCHEME_IS = "scheme => matchMedia(`(prefers-color-scheme: ${scheme})`).matches"
AT_REST = "() => document.getAnimations().length === 0"  # Django's admin fades its colours
# Else axe writes styles into the page to know those that it imports, which a strict policy forbids.
AXE_OPTIONS = {"preload": False}


@contextmanager
def watched(context: BrowserContext) -> Iterator[None]:
    """Assert that the pages of `context` ask one origin, fail nowhere and keep to the policy."""
    asked: list[str] = []
    said: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    context.on("console", lambda message: said.extend(complaints(message)))
    context.on("weberror", lambda error: said.append(str(error.error)))
    context.add_init_script(
        "document.addEventListener('securitypolicyviolation', (event) => console.error("
        "'policy breached:', event.violatedDirective, event.blockedURI, event.sample))"
    )
    yield
    assert_own_origin(asked)
    assert not said, f"the console says: {said}"


def complaints(message: ConsoleMessage) -> list[str]:
    """Return what a console message complains of.

    That a page was answered with 4xx or 503 is none: these are our pages with an error on them.
    """
    if message.type not in {"error", "warning"}:
        return []
    told = message.text.startswith("Failed to load resource")
    if told and "/static/" not in message.location.get("url", ""):
        return []
    return [message.text]


def assert_own_origin(urls: list[str]) -> None:
    """Assert that `urls`, all that a browser asked for, stay on one local origin."""
    parts = [urlsplit(url) for url in urls]
    origins = {f"{part.scheme}://{part.netloc}" for part in parts if part.hostname}
    foreign = {part.hostname for part in parts if part.hostname} - {"localhost", "127.0.0.1"}
    assert not foreign, f"asked for something elsewhere: {sorted(foreign)}"
    assert len(origins) <= 1, f"asked several origins: {sorted(origins)}"


def judge(page: Page, beside: Sequence[str] = ()) -> None:
    """Assert that axe-core finds no violation on the page; `beside` are selectors it leaves out."""
    found = Axe().run(page, context={"exclude": [*beside]} if beside else None, options=AXE_OPTIONS)
    assert found.violations_count == 0, found.generate_report()


def looks(page: Page, name: str) -> Iterator[str]:
    """Make the page look wide and narrow, light and dark, one after the other."""
    page.wait_for_load_state()
    before = page.viewport_size
    for look, width in WIDTHS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function("width => innerWidth === width", arg=width)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, f"{name} is {wide} px wide on a screen of {width} px"
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(SCHEME_IS, arg=scheme)
            page.wait_for_function(AT_REST)
            yield f"{look}-{scheme}"
    page.set_viewport_size(before)
    page.emulate_media(color_scheme="null")


def photograph(page: Page, name: str) -> Path:
    """Take a picture of the whole page."""
    SCREENSHOTS.mkdir(exist_ok=True)
    picture = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=picture, full_page=True)
    return picture


SMALL_TARGETS = """
least => [...document.querySelectorAll(".hardening :is(a, button, summary, input)")]
  .filter(each => each.getClientRects().length)
  .filter(each => !(each.tagName === "A" && each.closest("[role=alert]")))
  .map(each => each.closest("label") || each)
  .filter(each => each.getBoundingClientRect().height < least)
  .map(each => each.outerHTML.slice(0, 120))
"""


def assert_targets_are_large(page: Page, name: str) -> None:
    """Assert that whatever one presses on our pages is 44 px high; links in an error summary not.

    They stand in running text, which WCAG 2.2 (2.5.8) leaves out, and the field is near.
    """
    small = page.evaluate(SMALL_TARGETS, 44)
    assert not small, f"{name}: less than 44 px high: {small}"
