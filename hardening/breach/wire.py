"""One question to a range API over HTTP, and the end of it at its deadline.

What leaves: ``GET …/range/`` and five hexadecimal digits, ``Add-Padding: true``, our name and
version. No cookie is kept, no redirect followed, no password of a ``.netrc`` used; proxies and
certificate authorities come from the environment, as `requests` reads them.

Source: breach.md, "The API client". Moments are seconds of `time.monotonic`.

The traps: a timeout of `requests` is for one read, so that a byte now and then holds it for ever,
in the headers as in the body. The deadline is kept from outside instead: `Line` holds the socket,
and cutting it wakes whoever reads. A cut may look like the end of an answer; who reads one asks
whether it was cut. And urllib3 logs paths: see `_Hush`.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
import zlib
from contextlib import contextmanager, suppress
from enum import StrEnum
from http import HTTPStatus
from http.client import HTTPException
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import requests
from django.views.decorators.debug import sensitive_variables
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from hardening import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from urllib3 import PoolManager

CONNECT_SECONDS = 0.3  # breach.md
MAX_BYTES = 1 << 20  # before and after decompression; a range has some 80,000
MAX_DIGITS = 7  # of a length: more of them are more than `MAX_BYTES`
GZIP = 16 + zlib.MAX_WBITS
HEADERS = {
    "User-Agent": f"django-hardening/{__version__} (checks passwords by k-anonymity)",
    "Accept": "text/plain",
    "Accept-Encoding": "gzip",
    "Add-Padding": "true",
}
LOGGERS = ("urllib3.connection", "urllib3.connectionpool", "urllib3.response", "urllib3.util.retry")


class Fault(StrEnum):
    """Why there is no answer."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"  # none was made, or it broke
    STATUS = "status"  # anything but 200
    TYPE = "type"  # no text/plain, or packed in a way that was not asked for
    SHAPE = "shape"  # no range
    TOO_LONG = "too_long"
    BUSY = "busy"  # too many are asked already
    OPEN = "open"  # it failed too often: not asked
    RAISED = "raised"  # by a mistake of ours


class WireError(Exception):
    """There is no answer; `fault` says why, and nothing else is said."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Line:
    """What one question has open, so that another thread can cut it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self.is_cut = False

    def hold(self, sock: Any) -> None:
        """Keep a second handle on a connected socket; cut it at once if the line is cut."""
        held = socket.socket(fileno=socket.dup(sock.fileno()))
        with self._lock:
            self._held.append(held)
            if self.is_cut:
                _shut(held)

    def cut(self) -> None:
        """End every connection of this question; whoever reads from one wakes up."""
        with self._lock:
            self.is_cut = True
            for held in self._held:
                _shut(held)

    def drop(self) -> None:
        """Let go; the connection itself stays as it is."""
        with self._lock:
            while self._held:
                self._held.pop().close()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):  # it has ended by itself
        sock.shutdown(socket.SHUT_RDWR)


class _Asking(threading.local):
    """What the current thread asks, if anything."""

    line: Line | None = None
    deadline = 0.0


_asking = _Asking()


class _Hush(logging.Filter):
    """Drops what is logged while we ask: paths, and reprs that hold paths."""

    def filter(self, record: logging.LogRecord) -> bool:
        del record
        return _asking.line is None


for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_Hush())


def _held(sock: socket.socket) -> socket.socket:
    if _asking.line is not None:
        _asking.line.hold(sock)
        # From the connection's own timeout to what is left: for TLS and a proxy's greeting.
        sock.settimeout(max(0.001, _asking.deadline - time.monotonic()))
    return sock


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _held(super()._new_conn())

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # kept from an earlier question
            _held(self.sock)
        super().request(*args, **kwargs)


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _held(super()._new_conn())

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            _held(self.sock)
        super().request(*args, **kwargs)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    """Makes connections that can be cut, also those through a proxy (but not through SOCKS)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        _own_connections(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            _own_connections(manager)
        return manager


def _own_connections(manager: PoolManager) -> None:
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Know none: even unfollowed, `requests` would read all that came with it."""
        del resp


def session() -> requests.Session:
    """Return a session that sends what is ours to send and keeps nothing."""
    made = _Session()
    adapter = _Adapter(max_retries=0, pool_maxsize=8)
    made.mount("http://", adapter)
    made.mount("https://", adapter)
    made.headers.clear()
    made.headers.update(HEADERS)
    made.auth = _nobody  # none at all would have `requests` look into ~/.netrc
    made.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return made


def _nobody(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


@sensitive_variables()
def fetch(through: requests.Session, url: str, *, line: Line, deadline: float) -> bytes:
    """Return what is at `url`, unpacked.

    Raises:
        WireError: If it is not there, not plain text, too long or not there in time. No other
            error's text or traceback comes with it.
    """
    try:
        with _at_work(line, deadline):
            return _asked(through, url, deadline)
    except WireError as error:
        fault = error.fault
    except requests.Timeout:
        fault = Fault.TIMEOUT
    except (requests.RequestException, HTTPError, HTTPException, OSError):
        fault = Fault.CONNECTION
    except Exception:  # what libraries raise whose socket is taken from them
        if not line.is_cut:
            raise
        fault = Fault.TIMEOUT
    raise WireError(Fault.TIMEOUT if line.is_cut else fault) from None


@contextmanager
def _at_work(line: Line, deadline: float) -> Iterator[None]:
    _asking.line, _asking.deadline = line, deadline
    try:
        yield
        if line.is_cut:
            raise WireError(Fault.TIMEOUT)
    finally:
        _asking.line = None
        line.drop()


@sensitive_variables()
def _asked(through: requests.Session, url: str, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise WireError(Fault.TIMEOUT)
    times = (min(CONNECT_SECONDS, left), left)
    with through.get(url, timeout=times, stream=True, allow_redirects=False) as response:
        if response.status_code != HTTPStatus.OK:
            raise WireError(Fault.STATUS)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind != "text/plain":
            raise WireError(Fault.TYPE)
        packed = _whole(response)
        return _unpacked(packed, response.headers.get("Content-Encoding", "").strip().lower())


def _whole(response: requests.Response) -> bytes:
    """Return the body as it came; one that ends before its time is no body."""
    said = response.headers.get("Content-Length", "").lstrip("0") or "0"
    is_said = "Content-Length" in response.headers and said.isdecimal()
    if is_said and (len(said) > MAX_DIGITS or int(said) > MAX_BYTES):
        raise WireError(Fault.TOO_LONG)
    packed: bytes = response.raw.read(MAX_BYTES + 1, decode_content=False)
    if len(packed) > MAX_BYTES:
        raise WireError(Fault.TOO_LONG)
    if is_said and int(said) != len(packed):
        raise WireError(Fault.CONNECTION)
    return packed


def _unpacked(packed: bytes, encoding: str) -> bytes:
    """Unpack no more than what a range may have, however small it was packed."""
    if encoding in {"", "identity"}:
        return packed
    if encoding != "gzip":
        raise WireError(Fault.TYPE)
    unpacker = zlib.decompressobj(GZIP)
    try:
        body = unpacker.decompress(packed, MAX_BYTES + 1)
    except zlib.error:
        raise WireError(Fault.SHAPE) from None
    if len(body) > MAX_BYTES:
        raise WireError(Fault.TOO_LONG)
    if not unpacker.eof or unpacker.unused_data:
        raise WireError(Fault.SHAPE)
    return body
