"""The socket under TLS, with a peer that may speak TLS, and may say anything in the midst of it.

The peer's own TLS is OpenSSL's, so ciphertext is another one each time: what a case comes to is
told by what the connection above is told, not by bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from fake_etcd.testing.tls import Tls, TlsKit
from fake_etcd.transport.tls import Acceptor, ServerTls
from fake_etcd.transport.tls_socket import TlsSocket
from fuzz.case import Case, Do

_LOG = logging.getLogger("fake_etcd.transport")
_HANDSHAKE_SECONDS = 3.0

_OLD, _NO_PROTOCOL, _OTHER_PROTOCOL, _NO_CERTIFICATE, _ONE_FLIGHT = 1, 2, 4, 8, 16
"""Bits of what a peer first has to say: how its TLS is to be, and whether it shakes hands whole."""

_RECORDS = range(20, 24)
_MOST_IN_RECORD = 2**14 + 2**8


@dataclass
class _Loop:
    """A clock, and what waits for it."""

    now: float = 0.0
    timers: list[_Timer] = field(default_factory=list)

    def call_later(self, seconds: float, call: Callable[[], None]) -> _Timer:
        timer = _Timer(self, self.now + seconds, call)
        self.timers.append(timer)
        return timer

    def advance(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.timers if timer.at <= self.now]:
            timer.cancel()
            timer.call()


@dataclass(eq=False)
class _Timer:
    loop: _Loop
    at: float
    call: Callable[[], None]

    def cancel(self) -> None:
        if self in self.loop.timers:
            self.loop.timers.remove(self)


class _Socket(asyncio.Transport):
    """Takes what is written until it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.out = b""
        self.closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closing, "a write behind the close"
        assert data, "a write of nothing"
        self.out += data

    def close(self) -> None:
        self.closing = True

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 1) if name == "peername" else default


class _Host:
    def __init__(self) -> None:
        self.told: list[str] = []

    def shaking(self, socket: TlsSocket) -> bool:
        self.told.append("shaking")
        return True

    def shaken(self, socket: TlsSocket) -> None:
        self.told.append("shaken")


class _Echo(asyncio.Protocol):
    """The connection above: says again what it is told, and holds the socket to its promises."""

    def __init__(self) -> None:
        self.heard = b""
        self.transport: asyncio.Transport | None = None
        self.is_lost = self.is_paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert self.transport is None, "made twice"
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None, "data before the connection"
        assert not self.is_lost, "data behind the end"
        assert data, "data of nothing"
        self.heard += data
        self.transport.write(data)

    def pause_writing(self) -> None:
        assert not self.is_paused, "paused twice"
        self.is_paused = True

    def resume_writing(self) -> None:
        assert self.is_paused, "resumed what was not paused"
        self.is_paused = False

    def connection_lost(self, error: Exception | None) -> None:
        assert self.transport is not None, "lost before it was made"
        assert not self.is_lost, "lost twice"
        self.is_lost = True


class _Peer:
    """OpenSSL's side of the client."""

    def __init__(self, wish: int) -> None:
        kit = _kit()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if wish & _OLD:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if not wish & _NO_PROTOCOL:
            context.set_alpn_protocols(["other" if wish & _OTHER_PROTOCOL else "h2"])
        if not wish & _NO_CERTIFICATE:
            files = kit.files("client")
            context.load_cert_chain(files.client_cert, files.client_key)
        self.out = ssl.MemoryBIO()
        self._in = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._in, self.out)
        self.is_shaken = self.is_over = False
        self.heard = b""

    def shake(self) -> None:
        """Say what comes next in the handshake."""
        try:
            self._session.do_handshake()
            self.is_shaken = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.is_over = True

    def say(self, data: bytes) -> None:
        if data and self.is_shaken and not self.is_over:
            try:
                self._session.write(data)
            except ssl.SSLError:
                self.is_over = True

    def end(self) -> None:
        """Say that nothing follows."""
        if self.is_shaken and not self.is_over:
            with contextlib.suppress(ssl.SSLError):  # it waits for the same from the other side
                self._session.unwrap()

    def hear(self, data: bytes) -> None:
        self._in.write(data)
        if not self.is_shaken or self.is_over:
            return
        try:
            while piece := self._session.read(2**16):
                self.heard += piece
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self.is_over = True


class _Reasons(logging.Handler):
    """Why sockets were refused."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = record.__dict__["fields"]
        self.said.append(fields["error"])


@functools.cache
def _kit() -> TlsKit:
    return TlsKit(Tls(client_cert_auth=True), lambda step: step())


@functools.cache
def _acceptor() -> Acceptor:
    kit = _kit()
    return Acceptor(
        ServerTls(
            certificate=lambda: kit.server.certificate,
            key=lambda: kit.server.key,
            trusted_ca=lambda: kit.ca_cert,
            takes_plain=True,
            handshake_seconds=_HANDSHAKE_SECONDS,
        )
    )


class _Run:
    """One case in pieces of a size."""

    def __init__(self, piece: int) -> None:
        self._piece = piece
        self.host, self.loop, self.transport, self.above = _Host(), _Loop(), _Socket(), _Echo()
        self.socket = TlsSocket(
            self.host, _acceptor(), cast(asyncio.AbstractEventLoop, self.loop), lambda: self.above
        )
        self.socket.connection_made(self.transport)
        self.peer: _Peer | None = None
        self.is_plain: bool | None = None
        self.is_told_all = True
        """Nothing came that the peer's TLS did not say."""
        self.is_paused = False

    def step(self, do: Do, data: bytes) -> None:
        if do is Do.RECEIVE:
            self.is_told_all = self.is_told_all and not data
            self._deliver(data)
        elif do is Do.SEND:
            self._send(data)
        elif do is Do.END:
            self._end(data)
        elif do is Do.ADVANCE:
            self.loop.advance(float(len(data)))
        elif do is Do.GO_AWAY:
            above = self.above.transport
            self.socket.abort() if above is None else above.close()
        elif self.is_paused is not (do is Do.PAUSE):
            self.is_paused = do is Do.PAUSE
            (self.socket.pause_writing if self.is_paused else self.socket.resume_writing)()
        self._hear()

    def _deliver(self, data: bytes) -> None:
        if data and self.is_plain is None:
            self.is_plain = data[0] != 0x16
        for start in range(0, len(data), self._piece):
            if not self.transport.closing:
                self.socket.data_received(data[start : start + self._piece])

    def _send(self, data: bytes) -> None:
        wish = data[0] if data else 0
        if self.peer is None and not self.is_told_all:
            self._deliver(data)  # no handshake comes of this
            return
        if self.peer is None:
            self.peer = _Peer(wish)
        peer, flights = self.peer, 1 if wish & _ONE_FLIGHT else 4
        while not peer.is_shaken and not peer.is_over and flights:
            flights -= 1
            peer.shake()
            self._deliver(peer.out.read())
            self._hear()
        peer.say(data)
        self._deliver(peer.out.read())

    def _end(self, data: bytes) -> None:
        if self.peer is not None and len(data) % 2:
            self.peer.end()
            self._deliver(self.peer.out.read())
        elif not self.transport.closing and not self.socket.eof_received():
            self.transport.close()

    def _hear(self) -> None:
        """The peer reads; whoever reads strictly finds whole records."""
        out, self.transport.out = self.transport.out, b""
        if not self.is_plain:
            _check_records(out)
            if self.peer is not None:
                self.peer.hear(out)
                heard = self.peer.heard
                assert self.above.heard.startswith(heard), "the echo is another"
                if self.is_told_all and not self.peer.is_over:
                    assert heard == self.above.heard, "the echo is not whole"

    def finish(self) -> None:
        """The end of every socket."""
        self.socket.connection_lost(None)
        assert not self.loop.timers, "a timer is left"
        assert self.host.told[0] == "shaking"
        assert set(self.host.told[1:]) == {"shaken"}, self.host.told
        assert self.above.is_lost is (self.above.transport is not None), "not told of the end"


def _check_records(out: bytes) -> None:
    position = 0
    while position < len(out):
        kind, size = out[position], int.from_bytes(out[position + 3 : position + 5], "big")
        assert kind in _RECORDS, f"a record of kind {kind}"
        assert size <= _MOST_IN_RECORD, f"a record of {size} bytes"
        position += 5 + size
    assert position == len(out), "half a record was sent"


def _run(case: Case, piece: int) -> tuple[object, ...]:
    reasons = _Reasons()
    before, _LOG.propagate = _LOG.propagate, False
    _LOG.addHandler(reasons)
    try:
        run = _Run(piece)
        for step in case:
            if run.transport.closing:
                break
            run.step(step.do, step.data)
        ended = run.transport.closing
        run.finish()
    finally:
        _LOG.removeHandler(reasons)
        _LOG.propagate = before
    return run.above.transport is not None, run.above.heard, ended, reasons.said


def tls_socket(case: Case) -> None:
    """Whatever comes, it is the same in pieces; what is above is told what the peer said."""
    whole = _run(case, 1 << 20)
    for piece in (1, 7):
        assert _run(case, piece) == whole, f"another end in pieces of {piece}"
