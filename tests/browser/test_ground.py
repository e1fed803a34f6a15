"""The browser is real, and what watches it sees."""

from __future__ import annotations

import pytest
import segno

from tests.browser.watching import assert_own_origin

URI = "otpauth://totp/Host:alba?secret=GEZDGNBVGY3TQOJQ&issuer=Host"


def test_a_page_of_the_host_opens_in_chromium(page, live_server):
    page.goto(f"{live_server.url}/public/")
    assert page.text_content("body") == "Open to everybody"


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
