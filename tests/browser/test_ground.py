"""The browser is real, and what watches it sees."""

from __future__ import annotations

import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import segno
from playwright.sync_api import Page

from tests.browser.people import follow, press
from tests.browser.watching import assert_own_origin

URI = "otpauth://totp/Host:alba?secret=GEZDGNBVGY3TQOJQ&issuer=Host"
PAUSE = 0.4  # s
SLOW_PAGE = b"""<!DOCTYPE html><html lang="en"><link rel="icon" href="data:,"><title>t</title>
<h1>%s</h1><form method="post"><button>Send</button></form><a href="/two">On</a>
<script src="/late.js" defer></script></html>"""


class SlowPages(BaseHTTPRequestHandler):
    """Pages whose first byte comes at once and the rest after a while; so does their script."""

    def do_GET(self) -> None:
        """Answer."""
        script = self.path == "/late.js"
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if script else "text/html")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        time.sleep(PAUSE)
        name = f"{self.command} {self.path}".encode()
        self.wfile.write(b"window.ready = true" if script else SLOW_PAGE % name)

    def do_POST(self) -> None:
        """Answer as to a GET."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow_pages() -> Iterator[str]:
    """Serve `SlowPages` and return their origin."""
    with ThreadingHTTPServer(("localhost", 0), SlowPages) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()


def stands(page: Page) -> list[object]:
    """Return the heading of the page, as it is this moment, and whether its script has run."""
    return page.evaluate("[document.querySelector('h1')?.textContent, window.ready]")


def test_a_page_of_the_host_opens_in_chromium(page, live_server):
    page.goto(f"{live_server.url}/public/")
    assert page.text_content("body") == "Open to everybody"


def test_whoever_goes_on_finds_the_next_page_complete(page, slow_pages):
    page.goto(f"{slow_pages}/one")
    press(page, "Send")
    assert stands(page) == ["POST /one", True]
    follow(page, "On")
    assert stands(page) == ["GET /two", True]


def test_a_page_is_looked_at_when_it_is_complete(page, slow_pages, shoot):
    page.goto(f"{slow_pages}/one", wait_until="commit")
    shoot(page, "ground-slow")
    assert stands(page) == ["GET /one", True]


def test_a_request_to_another_origin_is_noticed():
    with pytest.raises(AssertionError, match="elsewhere"):
        assert_own_origin(["http://localhost:1/", "https://cdn.example/lib.js"])
    with pytest.raises(AssertionError, match="several"):
        assert_own_origin(["http://localhost:1/", "http://localhost:2/"])
    assert_own_origin(["http://localhost:1/", "data:image/png;base64,AA==", "about:blank"])


def test_axe_finds_a_picture_without_words(page, axe):
    page.set_content("<html lang=en><title>t</title><main><h1>h</h1><img src='data:,'></main>")
    with pytest.raises(AssertionError, match="image-alt"):
        axe(page)


def test_a_qr_code_is_read_off_a_dark_screenshot(page, shoot, read_qr):
    picture = segno.make(URI, error="m").svg_inline(scale=4, light="#fff")
    page.set_content(f"<style>:root {{ color-scheme: light dark }}</style>{picture}")
    assert read_qr(shoot(page, "ground-qr")["narrow-dark"]) == URI
