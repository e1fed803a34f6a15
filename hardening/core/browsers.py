"""What a browser says it is, in words for its owner: "Firefox on Linux".

From the User-Agent header (RFC 9110 §10.1.5), which anybody may write as he likes: a help for
somebody who looks for the session she does not know, and evidence of nothing. Browsers name each
other in it, so the order of the tables matters: the more special name stands first.
"""

from __future__ import annotations

UNKNOWN = ""
MAX_READ = 512  # characters; no honest header is longer

_BROWSERS = (
    *(("Edg/", "Edge"), ("EdgA/", "Edge"), ("EdgiOS/", "Edge")),
    *(("OPR/", "Opera"), ("Opera", "Opera"), ("Vivaldi", "Vivaldi"), ("YaBrowser", "Yandex")),
    *(("SamsungBrowser", "Samsung Internet"), ("DuckDuckGo", "DuckDuckGo")),
    *(("FxiOS", "Firefox"), ("Firefox/", "Firefox"), ("CriOS", "Chrome")),
    *(("HeadlessChrome", "Chrome"), ("Chrome/", "Chrome"), ("Chromium", "Chrome")),
    *(("Safari/", "Safari"), ("curl/", "curl"), ("Wget", "Wget"), ("okhttp", "an Android app")),
    *(("python-requests", "a Python program"), ("python-httpx", "a Python program")),
    *(("CFNetwork", "an Apple app"), ("Go-http-client", "a Go program")),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("CrOS", "ChromeOS")),
    *(("Windows", "Windows"), ("Macintosh", "macOS"), ("Mac OS X", "macOS"), ("Linux", "Linux")),
)


def label(user_agent: str) -> str:
    """Return the browser and its system in words; empty where neither is known.

    No word of the header itself is returned, so nobody writes into somebody's list of sessions.
    """
    said = user_agent[:MAX_READ]
    browser = _first(_BROWSERS, said)
    system = _first(_SYSTEMS, said)
    if browser and system:
        return f"{browser} on {system}"
    return browser or system


def _first(table: tuple[tuple[str, str], ...], said: str) -> str:
    return next((name for mark, name in table if mark in said), UNKNOWN)
