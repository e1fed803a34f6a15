from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardening.core import browsers

KHTML = "AppleWebKit/537.36 (KHTML, like Gecko)"
SAID = {
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0": "Firefox on Linux",
    f"Mozilla/5.0 (X11; Linux x86_64) {KHTML} Chrome/131.0.0.0 Safari/537.36": "Chrome on Linux",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0": "Edge on Windows",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {KHTML} Chrome/131.0.0.0 Safari/537.36 "
    "OPR/116.0.0.0": "Opera on Windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15": "Safari on macOS",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1": "Safari on iPhone",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) CriOS/131.0.0.0 Mobile/15E148 Safari/604.1": "Chrome on iPhone",
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {KHTML} Chrome/131.0.0.0 Mobile Safari/537.36": (
        "Chrome on Android"
    ),
    f"Mozilla/5.0 (Linux; Android 14; SM-S911B) {KHTML} SamsungBrowser/26.0 Chrome/122.0.0.0 "
    "Mobile Safari/537.36": "Samsung Internet on Android",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {KHTML} Chrome/131.0.0.0 Safari/537.36": (
        "Chrome on ChromeOS"
    ),
    "curl/8.9.1": "curl",
    "python-requests/2.32.3": "a Python program",
    "Something/1.0 (Windows NT 10.0)": "Windows",
    "": "",
    "of no known make": "",
}


@pytest.mark.parametrize("said, label", SAID.items(), ids=[*(SAID.values())])
def test_a_browser_is_named_in_words(said, label):
    assert browsers.label(said) == label


@given(st.text(max_size=300))
def test_no_word_of_a_strangers_header_is_ever_repeated(said):
    parts = [part for table in (browsers._BROWSERS, browsers._SYSTEMS) for _, part in table]
    words = browsers.label(said).split(" on ")

    assert all(word in {"", *parts} for word in words)


def test_a_header_without_end_is_read_to_a_point():
    assert browsers.label("x" * browsers.MAX_READ + "Firefox/1") == ""
