"""What those who serve meet of TLS: a transport once the handshake is over, or an error before.

This is apart from `tls` and `tls_socket` so that a server without TLS starts without these.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import NamedTuple

from fake_etcd.transport.tls_suites import is_fit_for_http2

_READ_BYTES = 2**18
"""What is asked of OpenSSL at once; it gives a record, of 16 KiB, at most."""


class TlsError(Exception):
    """There can be no TLS with what was given: one line, in Go's words where it has some."""


def peer_of(transport: asyncio.BaseTransport) -> str:
    """The other end, "127.0.0.1:51812" or "unix:"."""
    peer = transport.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "unix:"


class Received(NamedTuple):
    """What a read gave, and whether nothing comes behind it."""

    data: bytes
    is_over: bool


class TlsTransport(asyncio.Transport):
    """What a connection sees of its encrypted socket."""

    def __init__(self, socket: asyncio.Transport, session: ssl.SSLObject, out: ssl.MemoryBIO):
        super().__init__()
        self._socket = socket
        self.session = session
        self._out = out
        self.common_name: str | None = None
        """That of the client's certificate, "" where it has none; None without a certificate."""

    @property
    def prohibited_suite(self) -> int | None:
        """The number of its cipher suite, where HTTP/2 is not to be spoken over that."""
        cipher = self.session.cipher()
        if self.session.version() != "TLSv1.2" or cipher is None or is_fit_for_http2(cipher[0]):
            return None
        numbers = {each["name"]: each["id"] for each in self.session.context.get_ciphers()}
        return numbers[cipher[0]] & 0xFFFF  # OpenSSL writes the protocol before it

    @property
    def protocol(self) -> str | None:
        """What client and server agreed to speak; None where the client did not ask."""
        return self.session.selected_alpn_protocol()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        left = memoryview(data)
        try:
            while left and not self._socket.is_closing():
                left = left[self.session.write(left) :]
        except ssl.SSLError:  # after bytes that were no TLS, it says nothing any more
            self._socket.abort()
        self.flush()

    def read_all(self) -> Received:
        """What has come."""
        pieces: list[bytes] = []
        is_over = False
        read = self.session.read
        try:
            while piece := read(_READ_BYTES):
                pieces.append(piece)
            is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            is_over = True  # it said that it closes, or what came was no TLS
        return Received(pieces[0] if len(pieces) == 1 else b"".join(pieces), is_over)

    def flush(self) -> None:
        """Send what OpenSSL has to say."""
        out = self._out.read()
        if out and not self._socket.is_closing():
            self._socket.write(out)

    def close(self) -> None:
        if self._socket.is_closing():
            return
        with contextlib.suppress(ssl.SSLError):  # nobody waits for the peer to say so, too
            self.session.unwrap()
        self.flush()
        self._socket.close()

    def abort(self) -> None:
        self._socket.abort()

    def is_closing(self) -> bool:
        return self._socket.is_closing()

    def pause_reading(self) -> None:
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        self._socket.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._socket.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self._socket.get_extra_info(name, default)
