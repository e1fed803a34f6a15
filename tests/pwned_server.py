"""A server that speaks the range API's format over real sockets, and misbehaves as it is told.

    with PwnedServer({"hunter2": 17}) as server:
        server.behave = "slow body"
        … server.url, server.heads, server.connections …

`behave` is a name in `BEHAVIOURS` or a function that takes a `Peer`. Ranges have `ROWS` rows of
chance beside those of the passwords it was given with their counts; nothing in them was leaked.
With `tls`, a server-side `ssl.SSLContext`, it speaks HTTPS.
"""

from __future__ import annotations

import gzip
import random
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from functools import cache
from ssl import SSLContext
from types import MappingProxyType
from typing import Any, Self

from hardening.core.pwned import Candidate

ROWS = 2_000  # about what a range has
PADDING_ROWS = 40
DRIP_SECONDS = 0.05
NOTHING = object()


class Peer:
    """One connection, when a request has come in; `prefix` is what was asked about."""

    def __init__(self, server: PwnedServer, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.prefix = ""
        self._read = sock.makefile("rb")

    def hear(self) -> bool:
        """Read the head of a request; false at the end."""
        lines = []
        while (line := self._read.readline()).strip():
            lines.append(line)
        if not lines:
            return False
        self.server.heads.append(b"".join(lines).decode("latin-1"))
        self.prefix = lines[0].split()[1].rpartition(b"/")[2].decode()
        return True

    def rows(self) -> list[str]:
        """The range that was asked for, as a right server has it."""
        return self.server.rows(self.prefix)

    def say(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes) -> None:
        """Say it a byte at a time, until it is said or the server ends."""
        for byte in data:
            self.say(bytes([byte]))
            if self.server.ended.wait(DRIP_SECONDS):
                return

    def answer(self, body: bytes | list[str], status: str = "200 OK", **headers: object) -> None:
        """Say a whole answer; `body` may be rows; `content_length=None` leaves a header out."""
        data = "\r\n".join(body).encode() if isinstance(body, list) else body
        self.say(self.head(status, **{"content_length": len(data), **headers}) + data)

    @staticmethod
    def head(status: str = "200 OK", **headers: object) -> bytes:
        said = {"content_type": "text/plain", **headers}
        lines = [
            f"{name.replace('_', '-').title()}: {value}"
            for name, value in said.items()
            if value is not None
        ]
        return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()

    def leave(self) -> None:
        """Let go of what reads; the connection is its thread's to close."""
        self._read.close()

    def reset(self) -> None:
        """End the connection with a reset, not with an end."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class PwnedServer:
    """Listens on a port of this machine from `start` (or ``with``) to `stop`."""

    def __init__(
        self,
        passwords: Mapping[str, int] = MappingProxyType({}),
        *,
        behave: str | Callable[[Peer], object] = "right",
        tls: SSLContext | None = None,
    ) -> None:
        self.behave = behave
        self.heads: list[str] = []
        self.connections = 0
        self.ended = threading.Event()
        self._tls = tls
        self._passwords = dict(passwords)
        self._open: list[socket.socket] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        if "bomb" in str(self.behave):
            _packed_bomb()  # packing takes long, and must not look like slowness
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """Stop listening and end every connection."""
        self.ended.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def rows(self, prefix: str, *, rows: int = ROWS) -> list[str]:
        """Return a range: rows of chance, always the same for a prefix, and the passwords'."""
        dice = random.Random(prefix)
        found = [f"{dice.getrandbits(140):035X}:{dice.randint(1, 99)}" for _ in range(rows)]
        found += [f"{dice.getrandbits(140):035X}:0" for _ in range(PADDING_ROWS)]
        for password, count in self._passwords.items():
            one = Candidate(password)
            if one.prefix == prefix:
                found.append(f"{one.suffix.decode()}:{count}")
        return sorted(found)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        behave: Any = BEHAVIOURS[self.behave] if isinstance(self.behave, str) else self.behave
        with suppress(OSError, ValueError), ExitStack() as stack:
            stack.enter_context(sock)
            if self._tls and behave not in AT_ONCE:
                sock = stack.enter_context(self._tls.wrap_socket(sock, server_side=True))
                self._open.append(sock)
            peer = Peer(self, sock)
            stack.callback(peer.leave)
            if behave in AT_ONCE:
                behave(peer)
            else:
                self._converse(peer)

    def _converse(self, peer: Peer) -> None:
        while peer.hear():
            behave: Any = BEHAVIOURS[self.behave] if isinstance(self.behave, str) else self.behave
            if behave(peer) is not NOTHING:  # nothing more is heard from this connection
                continue
            return


def _right(peer: Peer) -> None:
    peer.answer(peer.rows())


def _line_feeds(peer: Peer) -> None:
    peer.answer("\n".join(peer.rows()).encode())


def _packed(peer: Peer) -> None:
    data = gzip.compress("\r\n".join(peer.rows()).encode())
    peer.answer(data, content_encoding="gzip")


def _chunked(peer: Peer) -> None:
    data = "\r\n".join(peer.rows()).encode()
    parts = [data[at : at + 9_000] for at in range(0, len(data), 9_000)]
    framed = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (*parts, b""))
    peer.say(peer.head(transfer_encoding="chunked") + framed)


def _all_padding(peer: Peer) -> None:
    peer.answer([row.partition(":")[0] + ":0" for row in peer.rows()])


def _commas(peer: Peer) -> None:
    peer.answer([row + ",000,000" for row in peer.rows() if not row.endswith(":0")])


def _lower_case(peer: Peer) -> None:
    peer.answer([row.lower() for row in peer.rows()])


def _no_colon(peer: Peer) -> None:
    peer.answer([row.partition(":")[0] for row in peer.rows()])


def _sets_cookies(peer: Peer) -> None:
    peer.answer(peer.rows(), set_cookie="follow=me; Path=/; Max-Age=3600")


def _html(peer: Peer) -> None:
    peer.answer(b"<!DOCTYPE html><title>One moment</title>", content_type="text/html")


def _html_as_text(peer: Peer) -> None:
    peer.answer(b"<!DOCTYPE html><title>One moment</title>")


def _wrong_type(peer: Peer) -> None:
    peer.answer(peer.rows(), content_type="application/octet-stream")


def _no_type(peer: Peer) -> None:
    peer.answer(peer.rows(), content_type=None)


def _other_packing(peer: Peer) -> None:
    peer.answer(peer.rows(), content_encoding="br")


def _spoilt_packing(peer: Peer) -> None:
    peer.answer(b"\x1f\x8b spoilt", content_encoding="gzip")


def _half_packed(peer: Peer) -> None:
    data = gzip.compress("\r\n".join(peer.rows()).encode())
    peer.answer(data[: len(data) // 2], content_encoding="gzip")


def _empty(peer: Peer) -> None:
    peer.answer(b"")


def _whole_digests(peer: Peer) -> None:
    peer.answer([peer.prefix + row for row in peer.rows()])


def _status(status: str, **headers: object) -> Callable[[Peer], None]:
    def behave(peer: Peer) -> None:
        peer.answer(peer.rows(), status, **headers)

    return behave


def _redirect(peer: Peer) -> None:
    where = f"{peer.server.url}/elsewhere/{peer.prefix}"
    peer.answer(peer.rows(), "302 Found", location=where)


@cache
def _packed_bomb() -> bytes:
    """Rows, 36 MB of them, in some 100 kB."""
    return gzip.compress((b"%035X:1\r\n" % 7) * 900_000)


def _redirect_with_bomb(peer: Peer) -> None:
    headers = {"location": peer.server.url, "content_encoding": "gzip"}
    peer.answer(_packed_bomb(), "302 Found", **headers)


def _five_megabytes(peer: Peer) -> object:
    peer.answer((b"%035X:1\r\n" % 7) * 125_000)
    return NOTHING


def _five_megabytes_in_chunks(peer: Peer) -> object:
    peer.say(peer.head(transfer_encoding="chunked"))
    for _ in range(100):
        peer.say(b"c800\r\n" + b"A" * 0xC800 + b"\r\n")
    return NOTHING


def _boasts(peer: Peer) -> object:
    peer.say(peer.head(content_length="9" * 5_000))
    return NOTHING


def _bomb(peer: Peer) -> None:
    peer.answer(_packed_bomb(), content_encoding="gzip")


def _slow_body(peer: Peer) -> object:
    rows = "\r\n".join(peer.rows()).encode()
    peer.say(peer.head(content_length=len(rows)))
    peer.drip(rows)
    return NOTHING


def _slow_body_without_length(peer: Peer) -> object:
    peer.say(peer.head(connection="close"))
    peer.drip("\r\n".join(peer.rows()).encode())
    return NOTHING


def _slow_headers(peer: Peer) -> object:
    peer.drip(peer.head() * 100)
    return NOTHING


def _endless_headers(peer: Peer) -> object:
    peer.say(b"HTTP/1.1 200 OK\r\n")
    while not peer.server.ended.wait(DRIP_SECONDS):
        peer.say(b"X-More: 1\r\n")
    return NOTHING


def _continues(peer: Peer) -> object:
    while not peer.server.ended.wait(DRIP_SECONDS):
        peer.say(b"HTTP/1.1 100 Continue\r\n\r\n")
    return NOTHING


def _hangs(peer: Peer) -> object:
    peer.server.ended.wait()
    return NOTHING


def _half(peer: Peer) -> bytes:
    rows = "\r\n".join(peer.rows()).encode()
    return peer.head(content_length=len(rows)) + rows[: len(rows) // 2]


def _resets(peer: Peer) -> object:
    peer.say(_half(peer))
    peer.reset()
    return NOTHING


def _breaks_off(peer: Peer) -> object:
    rows = peer.rows()
    whole, half = "\r\n".join(rows), "\r\n".join(rows[:1000])  # at a row's end: looks complete
    peer.say(peer.head(content_length=len(whole)) + half.encode())
    return NOTHING


def _leaves(peer: Peer) -> object:
    return NOTHING


def _spoilt_headers(peer: Peer) -> None:
    rows = "\r\n".join(peer.rows()).encode()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n%sContent-Length: %d\r\n\r\n"
    peer.say(head % (b"spoilt header\r\n", len(rows)) + rows)


def _mute(peer: Peer) -> None:
    peer.server.ended.wait()


def _garbage(peer: Peer) -> None:
    peer.sock.recv(65_536)
    peer.say(b"\x00\xffSSH-2.0-what is this\r\n" * 20)


AT_ONCE = (_mute, _garbage)  # not a word of HTTP, nor of TLS
BEHAVIOURS: dict[str, Callable[[Peer], object]] = {
    "right": _right,
    "line feeds": _line_feeds,
    "gzip": _packed,
    "chunked": _chunked,
    "all padding": _all_padding,
    "commas": _commas,
    "lower case": _lower_case,
    "no colon": _no_colon,
    "sets cookies": _sets_cookies,
    "html": _html,
    "html as text": _html_as_text,
    "wrong type": _wrong_type,
    "no type": _no_type,
    "other packing": _other_packing,
    "spoilt packing": _spoilt_packing,
    "half packed": _half_packed,
    "empty": _empty,
    "whole digests": _whole_digests,
    "206": _status("206 Partial Content"),
    "400": _status("400 Bad Request"),
    "429": _status("429 Too Many Requests", retry_after=3600),
    "503": _status("503 Service Unavailable", retry_after=3600),
    "redirect": _redirect,
    "redirect with a bomb": _redirect_with_bomb,
    "5 MB": _five_megabytes,
    "5 MB in chunks": _five_megabytes_in_chunks,
    "boasts of its length": _boasts,
    "bomb": _bomb,
    "slow body": _slow_body,
    "slow body without length": _slow_body_without_length,
    "slow headers": _slow_headers,
    "endless headers": _endless_headers,
    "continues for ever": _continues,
    "hangs": _hangs,
    "resets in mid-body": _resets,
    "breaks off in mid-body": _breaks_off,
    "leaves without a word": _leaves,
    "spoilt headers": _spoilt_headers,
    "mute": _mute,
    "garbage": _garbage,
}
