"""Readers of the keys about breached passwords."""

from __future__ import annotations

import os
from urllib.parse import SplitResult, urlsplit

from hardening.conf.readers import MistakeError, dotted_path, each, kind, text_of

SOURCES = ("local", "corpus", "api")
MIN_TIMEOUT_SECONDS = 0.1
MAX_TIMEOUT_SECONDS = 10.0  # somebody waits at the page that sets a password


def sources(value: object) -> tuple[str, ...]:
    """Read the sources in their order; none is asked twice."""
    named: tuple[str, ...] = each(value, "names of sources", _source)
    if len(set(named)) < len(named):
        raise MistakeError(" names a source twice.")
    return named


def _source(value: object) -> str:
    name = text_of(value)
    if name in SOURCES:
        return name
    try:
        return str(dotted_path(name))
    except MistakeError:
        raise MistakeError(
            f" must be one of {', '.join(SOURCES)} or the dotted path of a source."
        ) from None


def base_url(value: object) -> str:
    """Read the address of a range API, without what is added to it: ``/range/`` and a prefix."""
    url = text_of(value).rstrip("/")
    parts = _split(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise MistakeError(" must be an address such as 'https://pwned.example'.")
    if parts.query or parts.fragment or parts.username or parts.password:
        # The last two would stand in whatever shows the settings.
        raise MistakeError(" must have no user, no query and no fragment.")
    return url


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read only to be checked
    except ValueError:  # half an IPv6 address, a port that is no number
        return None
    return parts


def timeout(value: object) -> float:
    """Read a number of seconds, which need not be whole."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise MistakeError(f" must be a number of seconds, not {kind(value)}.")
    if not MIN_TIMEOUT_SECONDS <= value <= MAX_TIMEOUT_SECONDS:
        raise MistakeError(f" must be from {MIN_TIMEOUT_SECONDS} to {MAX_TIMEOUT_SECONDS} seconds.")
    return float(value)


def file_path(value: object) -> str | None:
    """Read the path of a file, absolute, so that it does not hang on where a process was started.

    Whether there is such a file, a system check says.
    """
    if value is None:
        return None
    if not isinstance(value, str | os.PathLike):
        raise MistakeError(f" must be a path, not {kind(value)}.")
    path = text_of(os.fspath(value))
    if not os.path.isabs(path):  # noqa: PTH117 - a path of any type
        raise MistakeError(" must be an absolute path.")
    return path
