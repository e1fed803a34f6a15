"""Tests reach nothing but this machine.

An audit hook sees every connection and every name look-up that Python makes, whatever library makes
it, and cannot be patched away. It does not see what other processes do (Chromium: `tests/browser`
asserts its requests) nor what C libraries do by themselves (libpq).

The trap: code that survives an unreachable network swallows the refusal too. So each one is also
remembered, and `conftest.py` fails the test that caused it.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

OUTSIDE_EVENTS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
NAME_EVENTS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})

attempts: list[str] = []
_raised: list[bool] = []


class OutsideError(OSError):
    """A test tried to reach something that is not this machine."""


def raise_it() -> None:
    """Put the guard up, once; an audit hook stays until the process ends."""
    if not _raised:
        _raised.append(True)
        sys.addaudithook(_look)


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event in OUTSIDE_EVENTS:
        address = arguments[1]
        if isinstance(address, tuple):  # a path or bytes is a Unix socket
            _judge(address[0])
    elif event in NAME_EVENTS:
        _judge(arguments[0])


def _judge(host: str | bytes | None) -> None:
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not is_local(name):
        attempts.append(str(name))
        message = f"tests reach loopback only, not {name}"
        raise OutsideError(message)


def is_local(name: str | None) -> bool:
    """Return whether `name`, a host name or an address, is this machine."""
    if name is None or name in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    # 0.0.0.0 and :: are what a server listens on.
    return address.is_loopback or address.is_unspecified
